// Settings of the HTTP codecs, for either side. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/runtime.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// What all versions of HTTP share.
struct HttpProtocolOptions {
  enum class HeadersWithUnderscoresAction { kAllow = 0, kRejectRequest = 1, kDropHeader = 2 };

  // A connection without streams is closed after this; 1 hour when not set, 60 s for a downstream HTTP/1.1
  // connection; 0 is never.
  std::optional<Milliseconds> idle_timeout;
  std::optional<Milliseconds> max_connection_duration;  // A connection is drained after this; never when not set.
  uint32_t max_headers_count = 100;
  std::optional<uint32_t> max_response_headers_kb;  // Largest header block of a response; 60 KiB when not set.
  std::optional<Milliseconds> max_stream_duration;  // A stream is reset after this; never when not set.
  HeadersWithUnderscoresAction headers_with_underscores_action = HeadersWithUnderscoresAction::kRejectRequest;
  // A connection is drained after this many requests; 10000 downstream and unlimited upstream when not set; 0 is
  // unlimited.
  std::optional<uint32_t> max_requests_per_connection;
};

// How header names are written in HTTP/1.1.
struct HeaderKeyFormat {
  std::optional<Empty> proper_case_words;
};

// Settings of HTTP/1.
struct Http1ProtocolOptions {
  bool allow_absolute_url = true;
  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  std::optional<HeaderKeyFormat> header_key_format;  // How header names are written; in lower case when not set.
  bool enable_trailers = false;
  bool allow_chunked_length = false;
  std::optional<bool> override_stream_error_on_invalid_http_message;
  bool send_fully_qualified_url = false;
  bool allow_custom_methods = false;
};

// PINGs over HTTP/2.
struct KeepaliveSettings {
  std::optional<Milliseconds> interval;  // Time between PINGs; none are sent when not set.
  std::optional<Milliseconds> timeout;
  std::optional<Percent> interval_jitter;  // Random addition to the interval, 15 % when not set.
  std::optional<Milliseconds> connection_idle_interval;
};

// Settings of HTTP/2.
struct Http2ProtocolOptions {
  uint32_t hpack_table_size = 4096;
  uint32_t max_concurrent_streams = 100;
  uint32_t initial_stream_window_size = 65536;
  uint32_t initial_connection_window_size = 1048576;
  bool allow_connect = false;
  uint32_t max_outbound_frames = 10000;
  uint32_t max_outbound_control_frames = 1000;
  uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
  uint32_t max_inbound_priority_frames_per_stream = 100;
  uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
  // CONTINUATION frames of one header block; 8, or as many as the largest allowed block fills, when not set.
  std::optional<uint32_t> max_inbound_continuation_frames;
  // An eighth of the bytes received may exceed the header fields and bodies of both directions by this.
  uint32_t max_inbound_overhead_bytes = 1048576;
  std::optional<bool> override_stream_error_on_invalid_http_message;
  bool stream_error_on_invalid_http_messaging = false;
  // PINGs to find dead peers; 30 s and 10 s downstream when not set.
  std::optional<KeepaliveSettings> connection_keepalive;
  uint32_t premature_reset_burst = 200;
  uint32_t premature_reset_rate = 20;
  uint32_t premature_reset_total_stream_count = 500;
  Milliseconds premature_reset_min_stream_lifetime{1000};
  uint32_t max_glitches = 100;
};

const MessageDescription& describe(const HttpProtocolOptions*);
const EnumDescription& describeEnum(const HttpProtocolOptions::HeadersWithUnderscoresAction*);
const MessageDescription& describe(const HeaderKeyFormat*);
const MessageDescription& describe(const Http1ProtocolOptions*);
const MessageDescription& describe(const KeepaliveSettings*);
const MessageDescription& describe(const Http2ProtocolOptions*);

}  // namespace baton::api
