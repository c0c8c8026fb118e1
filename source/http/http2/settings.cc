#include "source/http/http2/settings.h"

#include <algorithm>
#include <cmath>

namespace baton::http {

Http2Settings Http2Settings::of(const api::Http2ProtocolOptions& options) {
  Http2Settings settings;
  settings.hpack_table_size = options.hpack_table_size;
  settings.max_concurrent_streams = options.max_concurrent_streams;
  settings.initial_stream_window_size = options.initial_stream_window_size;
  settings.initial_connection_window_size = options.initial_connection_window_size;
  settings.allow_connect = options.allow_connect;
  settings.stream_error_on_invalid_http_message = options.override_stream_error_on_invalid_http_message.value_or(true);
  settings.max_outbound_frames = options.max_outbound_frames;
  settings.max_outbound_control_frames = options.max_outbound_control_frames;
  settings.max_consecutive_inbound_frames_with_empty_payload =
      options.max_consecutive_inbound_frames_with_empty_payload;
  settings.max_inbound_priority_frames_per_stream = options.max_inbound_priority_frames_per_stream;
  settings.max_inbound_window_update_frames_per_data_frame_sent =
      options.max_inbound_window_update_frames_per_data_frame_sent;
  settings.max_continuation_frames = options.max_inbound_continuation_frames;
  settings.max_overhead_bytes = options.max_inbound_overhead_bytes;
  settings.premature_reset_burst = options.premature_reset_burst;
  settings.premature_resets_per_second = options.premature_reset_rate;
  settings.premature_reset_total_stream_count = options.premature_reset_total_stream_count;
  settings.premature_reset_lifetime = options.premature_reset_min_stream_lifetime;
  settings.max_glitches = options.max_glitches;
  if (const auto& keepalive = options.connection_keepalive) {
    settings.keepalive_interval = keepalive->interval.value_or(std::chrono::milliseconds(0));
    if (keepalive->timeout) settings.keepalive_timeout = *keepalive->timeout;
    if (keepalive->interval_jitter) {
      settings.keepalive_interval_jitter_percent =
          static_cast<uint32_t>(std::lround(std::clamp(keepalive->interval_jitter->value, 0.0, 100.0)));
    }
    settings.connection_idle_interval = keepalive->connection_idle_interval.value_or(std::chrono::milliseconds(0));
  }
  return settings;
}

size_t Http2Settings::mostContinuationFrames() const {
  constexpr size_t kMostBytesOfFrame = 16 * 1024;  // SETTINGS_MAX_FRAME_SIZE, which we leave as it is
  constexpr size_t kDefault = 8;
  return max_continuation_frames.value_or(std::max(kDefault, max_headers_bytes / kMostBytesOfFrame + 1));
}

}  // namespace baton::http
