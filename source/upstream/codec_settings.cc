#include "source/upstream/codec_settings.h"

#include <algorithm>
#include <cmath>

namespace baton::upstream {

namespace {

constexpr size_t kDefaultResponseHeadersKb = 60;
constexpr double kDefaultKeepaliveJitterPercent = 15;

size_t responseHeadBytes(const api::HttpProtocolOptions& common) {
  return size_t{common.max_response_headers_kb.value_or(kDefaultResponseHeadersKb)} * 1024;
}

}  // namespace

http::Http1Settings http1ClientSettings(const api::Http1ProtocolOptions& options,
                                        const api::HttpProtocolOptions& common) {
  http::Http1Settings settings;
  settings.max_head_bytes = responseHeadBytes(common);
  settings.max_headers_count = common.max_headers_count;
  // Underscores are the request's matter; responses pass.
  settings.underscores = http::UnderscoreAction::kAllow;
  settings.enable_trailers = options.enable_trailers;
  settings.allow_chunked_length = options.allow_chunked_length;
  settings.allow_custom_methods = options.allow_custom_methods;
  settings.proper_case_header_keys = options.header_key_format && options.header_key_format->proper_case_words;
  settings.send_fully_qualified_url = options.send_fully_qualified_url;
  return settings;
}

http::Http2Settings http2ClientSettings(const api::Http2ProtocolOptions& options,
                                        const api::HttpProtocolOptions& common, size_t buffer_limit_bytes) {
  http::Http2Settings settings;
  settings.hpack_table_size = options.hpack_table_size;
  settings.max_concurrent_streams = options.max_concurrent_streams;
  settings.initial_stream_window_size = options.initial_stream_window_size;
  settings.initial_connection_window_size = options.initial_connection_window_size;
  settings.allow_connect = options.allow_connect;
  settings.max_headers_bytes = responseHeadBytes(common);
  settings.max_headers_count = common.max_headers_count;
  settings.stream_error_on_invalid_http_message = options.override_stream_error_on_invalid_http_message.value_or(true);
  if (buffer_limit_bytes > 0) settings.stream_buffer_bytes = buffer_limit_bytes;
  settings.max_outbound_frames = options.max_outbound_frames;
  settings.max_outbound_control_frames = options.max_outbound_control_frames;
  settings.max_consecutive_inbound_frames_with_empty_payload =
      options.max_consecutive_inbound_frames_with_empty_payload;
  settings.max_inbound_priority_frames_per_stream = options.max_inbound_priority_frames_per_stream;
  settings.max_inbound_window_update_frames_per_data_frame_sent =
      options.max_inbound_window_update_frames_per_data_frame_sent;
  settings.max_glitches = options.max_glitches;
  // Endpoints are not pinged unless asked for.
  settings.keepalive_interval = settings.connection_idle_interval = std::chrono::milliseconds(0);
  if (const auto& keepalive = options.connection_keepalive) {
    settings.keepalive_interval = keepalive->interval.value_or(std::chrono::milliseconds(0));
    if (keepalive->timeout) settings.keepalive_timeout = *keepalive->timeout;
    const double jitter =
        keepalive->interval_jitter ? keepalive->interval_jitter->value : kDefaultKeepaliveJitterPercent;
    settings.keepalive_interval_jitter_percent = static_cast<uint32_t>(std::lround(std::clamp(jitter, 0.0, 100.0)));
    settings.connection_idle_interval = keepalive->connection_idle_interval.value_or(std::chrono::milliseconds(0));
  }
  return settings;
}

}  // namespace baton::upstream
