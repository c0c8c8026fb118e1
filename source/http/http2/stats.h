// The counters of HTTP/2 codecs: `http2.` for downstream, `cluster.<name>.http2.` for upstream. Made once per scope and
// shared by its codecs.
#pragma once

#include "source/stats/store.h"

namespace baton::http {

struct Http2Stats {
  // Handles that count nothing.
  Http2Stats() = default;
  // `scope` ends in "http2.".
  explicit Http2Stats(const stats::Scope& scope);

  stats::Counter dropped_headers_with_underscores;
  stats::Counter requests_rejected_with_underscores_in_headers;
  stats::Counter header_overflow;
  stats::Counter headers_cb_no_stream;
  stats::Counter inbound_empty_frames_flood;
  stats::Counter inbound_priority_frames_flood;
  stats::Counter inbound_window_update_frames_flood;
  stats::Counter inbound_continuation_flood;
  stats::Counter outbound_flood;
  stats::Counter outbound_control_flood;
  stats::Counter premature_resets_flood;
  stats::Counter glitches_flood;
  stats::Counter overhead_flood;
  stats::Counter rx_messaging_error;
  stats::Counter rx_reset;
  stats::Counter tx_reset;
  stats::Counter stream_refused_errors;
  stats::Counter trailers;
  stats::Counter tx_flush_timeout;
  stats::Counter keepalive_timeout;
  stats::Gauge streams_active;
  stats::Gauge pending_send_bytes;
  stats::Gauge deferred_stream_close;
};

}  // namespace baton::http
