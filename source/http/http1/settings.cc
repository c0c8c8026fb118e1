#include "source/http/http1/settings.h"

#include "source/stats/store.h"

namespace baton::http {

Http1Stats::Http1Stats(const stats::Scope& scope)
    : dropped_headers_with_underscores(scope.counter("dropped_headers_with_underscores")),
      requests_rejected_with_underscores_in_headers(scope.counter("requests_rejected_with_underscores_in_headers")),
      response_flood(scope.counter("response_flood")),
      metadata_not_supported_error(scope.counter("metadata_not_supported_error")) {}

}  // namespace baton::http
