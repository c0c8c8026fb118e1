// What connection managers count: `http.<stat_prefix>.` and `listener.<address>.http.<stat_prefix>.`. Made on the main
// thread with the configuration, used by all workers.
#pragma once

#include <array>

#include "source/stats/store.h"

namespace baton::proxy {

#define BATON_HTTP_COUNTERS(X)                        \
  X(downstream_cx_total)                              \
  X(downstream_cx_ssl_total)                          \
  X(downstream_cx_http1_total)                        \
  X(downstream_cx_http2_total)                        \
  X(downstream_cx_upgrades_total)                     \
  X(downstream_cx_destroy)                            \
  X(downstream_cx_destroy_remote)                     \
  X(downstream_cx_destroy_local)                      \
  X(downstream_cx_destroy_active_rq)                  \
  X(downstream_cx_destroy_local_active_rq)            \
  X(downstream_cx_destroy_remote_active_rq)           \
  X(downstream_cx_protocol_error)                     \
  X(downstream_cx_rx_bytes_total)                     \
  X(downstream_cx_tx_bytes_total)                     \
  X(downstream_cx_drain_close)                        \
  X(downstream_cx_idle_timeout)                       \
  X(downstream_cx_max_duration_reached)               \
  X(downstream_cx_max_requests_reached)               \
  X(downstream_cx_overload_disable_keepalive)         \
  X(downstream_cx_delayed_close_timeout)              \
  X(downstream_flow_control_paused_reading_total)     \
  X(downstream_flow_control_resumed_reading_total)    \
  X(downstream_rq_total)                              \
  X(downstream_rq_http1_total)                        \
  X(downstream_rq_http2_total)                        \
  X(downstream_rq_rejected_via_ip_detection)          \
  X(downstream_rq_response_before_rq_complete)        \
  X(downstream_rq_rx_reset)                           \
  X(downstream_rq_tx_reset)                           \
  X(downstream_rq_non_relative_path)                  \
  X(downstream_rq_too_large)                          \
  X(downstream_rq_failed_path_normalization)          \
  X(downstream_rq_redirected_with_normalized_path)    \
  X(downstream_rq_ws_on_non_ws_route)                 \
  X(downstream_rq_idle_timeout)                       \
  X(downstream_rq_timeout)                            \
  X(downstream_rq_header_timeout)                     \
  X(downstream_rq_max_duration_reached)               \
  X(downstream_rq_overload_close)                     \
  X(downstream_rq_too_many_premature_resets)          \
  X(rs_too_large)                                     \
  X(no_route)                                         \
  X(no_cluster)                                       \
  X(rq_redirect)                                      \
  X(rq_direct_response)                               \
  X(rq_total)                                         \
  X(passthrough_internal_redirect_bad_location)       \
  X(passthrough_internal_redirect_unsafe_scheme)      \
  X(passthrough_internal_redirect_too_many_redirects) \
  X(passthrough_internal_redirect_no_route)           \
  X(passthrough_internal_redirect_predicate)          \
  X(rq_reset_after_downstream_response_started)

#define BATON_HTTP_GAUGES(X)         \
  X(downstream_cx_active)            \
  X(downstream_cx_ssl_active)        \
  X(downstream_cx_http1_active)      \
  X(downstream_cx_http2_active)      \
  X(downstream_cx_upgrades_active)   \
  X(downstream_cx_rx_bytes_buffered) \
  X(downstream_cx_tx_bytes_buffered) \
  X(downstream_rq_active)

// downstream_rq_completed and downstream_rq_1xx to 5xx.
struct ResponseClassStats {
  ResponseClassStats() = default;
  explicit ResponseClassStats(const stats::Scope& scope);
  void charge(int status) const;

  stats::Counter completed;
  std::array<stats::Counter, 5> classes;
};

struct HttpStats {
  HttpStats() = default;
  // `scope`: "http.<stat_prefix>."; `listener_scope`: "listener.<address>.http.<stat_prefix>.".
  HttpStats(const stats::Scope& scope, const stats::Scope& listener_scope);

#define BATON_HTTP_COUNTER(name) stats::Counter name;
#define BATON_HTTP_GAUGE(name) stats::Gauge name;
  BATON_HTTP_COUNTERS(BATON_HTTP_COUNTER)
  BATON_HTTP_GAUGES(BATON_HTTP_GAUGE)
#undef BATON_HTTP_COUNTER
#undef BATON_HTTP_GAUGE
  stats::Histogram downstream_cx_length_ms;
  stats::Histogram downstream_rq_time;
  ResponseClassStats responses;
  ResponseClassStats listener_responses;
};

}  // namespace baton::proxy
