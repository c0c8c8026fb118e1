#include "source/proxy/http/http_stats.h"

#include <string>

namespace baton::proxy {

ResponseClassStats::ResponseClassStats(const stats::Scope& scope)
    : completed(scope.counter("downstream_rq_completed")) {
  for (size_t i = 0; i < classes.size(); ++i) {
    classes[i] = scope.counter("downstream_rq_" + std::to_string(i + 1) + "xx");
  }
}

void ResponseClassStats::charge(int status) const {
  completed.add();
  if (status >= 100 && status < 600) classes[static_cast<size_t>(status / 100 - 1)].add();
}

HttpStats::HttpStats(const stats::Scope& scope, const stats::Scope& listener_scope)
    : downstream_cx_length_ms(scope.histogram("downstream_cx_length_ms")),
      downstream_rq_time(scope.histogram("downstream_rq_time")),
      responses(scope),
      listener_responses(listener_scope) {
#define BATON_HTTP_COUNTER(name) name = scope.counter(#name);
#define BATON_HTTP_GAUGE(name) name = scope.gauge(#name);
  BATON_HTTP_COUNTERS(BATON_HTTP_COUNTER)
  BATON_HTTP_GAUGES(BATON_HTTP_GAUGE)
#undef BATON_HTTP_COUNTER
#undef BATON_HTTP_GAUGE
}

}  // namespace baton::proxy
