#include "source/http/http1/parse_error.h"

namespace baton::http {

RequestError requestError(Http1Error error) {
  static constexpr RequestError kTable[] = {
#define BATON_HTTP1_ERROR_ROW(enumerator, status, details) {status, details},
      BATON_HTTP1_ERRORS(BATON_HTTP1_ERROR_ROW)
#undef BATON_HTTP1_ERROR_ROW
  };
  return kTable[static_cast<size_t>(error)];
}

}  // namespace baton::http
