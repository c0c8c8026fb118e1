// What can be configured about HTTP/2 (http2_protocol_options and the limits around it), for either side. Immutable
// once built; shared by all connections of a listener or cluster, and must outlive their codecs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "api/protocol_options.h"

namespace baton::http {

struct Http2Settings {
  // What the options say for either side. Limits of messages and buffers are configured elsewhere.
  static Http2Settings of(const api::Http2ProtocolOptions& options);
  size_t mostContinuationFrames() const;

  // What we announce.
  uint32_t hpack_table_size = 4096;
  uint32_t max_concurrent_streams = 100;  // server: announced; client: also a limit of ours on what we open
  uint32_t initial_stream_window_size = 64 * 1024;
  uint32_t initial_connection_window_size = 1024 * 1024;
  bool allow_connect = false;  // server: announces extended CONNECT (RFC 8441)
  std::vector<std::pair<uint16_t, uint32_t>> custom_settings;

  // Messages.
  size_t max_headers_bytes = 60 * 1024;  // names, values and 32 for each field, as RFC 9113 6.5.2 counts
  uint32_t max_headers_count = 100;
  size_t max_trailers_bytes = 16 * 1024;
  uint32_t max_trailers_count = 100;
  uint32_t max_informational_responses = 16;
  // A malformed message resets its stream (RFC 9113 8.1.1); false: it ends the connection.
  bool stream_error_on_invalid_http_message = true;

  // Buffers. High watermark of what is accepted for a stream and not sent; the low one is half of it.
  size_t stream_buffer_bytes = 64 * 1024;

  // Floods.
  uint32_t max_outbound_frames = 10'000;
  uint32_t max_outbound_control_frames = 1'000;
  uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
  uint32_t max_inbound_priority_frames_per_stream = 100;
  uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
  // 8, or as many as a header section of max_headers_bytes fills, when not set.
  std::optional<uint32_t> max_continuation_frames;
  // PINGs and the like that are answered and read: an eighth of what is received may exceed the payload by this.
  uint32_t max_overhead_bytes = 1024 * 1024;
  // Requests that the client resets within `premature_reset_lifetime`, before they were answered: a token bucket, and
  // a share of all streams once there were enough of them to judge by.
  uint32_t premature_reset_burst = 200;
  uint32_t premature_resets_per_second = 20;
  uint32_t premature_reset_total_stream_count = 500;
  uint32_t premature_reset_percent = 50;
  std::chrono::milliseconds premature_reset_lifetime{1000};
  // Anything a well-behaved peer has no reason to send often: invalid frames, frames that make us reset a stream,
  // unknown frames, SETTINGS after the first. A token bucket.
  uint32_t max_glitches = 100;
  uint32_t glitches_per_second = 10;

  // Time. 0 turns a limit off.
  std::chrono::milliseconds keepalive_interval{30'000};  // quiet time after which a PING is sent
  std::chrono::milliseconds keepalive_timeout{10'000};   // for its answer
  uint32_t keepalive_interval_jitter_percent = 15;
  std::chrono::milliseconds connection_idle_interval{0};  // client: PING before a stream after this much quiet
  std::chrono::milliseconds settings_ack_timeout{10'000};
  std::chrono::milliseconds header_block_timeout{10'000};  // from HEADERS to the last CONTINUATION
  // A stream that the proxy is done with but whose peer opens no window for the rest of the message.
  std::chrono::milliseconds stream_flush_timeout{60'000};
};

}  // namespace baton::http
