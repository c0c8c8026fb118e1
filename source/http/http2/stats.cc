#include "source/http/http2/stats.h"

namespace baton::http {

Http2Stats::Http2Stats(const stats::Scope& scope)
    : dropped_headers_with_underscores(scope.counter("dropped_headers_with_underscores")),
      requests_rejected_with_underscores_in_headers(scope.counter("requests_rejected_with_underscores_in_headers")),
      header_overflow(scope.counter("header_overflow")),
      headers_cb_no_stream(scope.counter("headers_cb_no_stream")),
      inbound_empty_frames_flood(scope.counter("inbound_empty_frames_flood")),
      inbound_priority_frames_flood(scope.counter("inbound_priority_frames_flood")),
      inbound_window_update_frames_flood(scope.counter("inbound_window_update_frames_flood")),
      inbound_continuation_flood(scope.counter("inbound_continuation_flood")),
      outbound_flood(scope.counter("outbound_flood")),
      outbound_control_flood(scope.counter("outbound_control_flood")),
      premature_resets_flood(scope.counter("premature_resets_flood")),
      glitches_flood(scope.counter("glitches_flood")),
      overhead_flood(scope.counter("overhead_flood")),
      rx_messaging_error(scope.counter("rx_messaging_error")),
      rx_reset(scope.counter("rx_reset")),
      tx_reset(scope.counter("tx_reset")),
      stream_refused_errors(scope.counter("stream_refused_errors")),
      trailers(scope.counter("trailers")),
      tx_flush_timeout(scope.counter("tx_flush_timeout")),
      keepalive_timeout(scope.counter("keepalive_timeout")),
      streams_active(scope.gauge("streams_active")),
      pending_send_bytes(scope.gauge("pending_send_bytes")),
      deferred_stream_close(scope.gauge("deferred_stream_close")) {}

}  // namespace baton::http
