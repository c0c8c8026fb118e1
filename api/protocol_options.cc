#include "api/protocol_options.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const EnumDescription& describeEnum(const HttpProtocolOptions::HeadersWithUnderscoresAction*) {
  static const EnumDescription description{"HttpProtocolOptions.HeadersWithUnderscoresAction",
                                           {{"ALLOW", 0}, {"REJECT_REQUEST", 1}, {"DROP_HEADER", 2}}};
  return description;
}

const MessageDescription& describe(const HttpProtocolOptions*) {
  static const MessageDescription description = message<HttpProtocolOptions>(
      "HttpProtocolOptions", "", "What all versions of HTTP share.", {},
      {
          field<&HttpProtocolOptions::idle_timeout>("idle_timeout",
                                                    "A connection without streams is closed after this; 1 hour when "
                                                    "not set, 60 s for a downstream HTTP/1.1 connection; 0 is never."),
          field<&HttpProtocolOptions::max_connection_duration>(
              "max_connection_duration", "A connection is drained after this; never when not set."),
          field<&HttpProtocolOptions::max_headers_count>("max_headers_count", "Most headers of a message.", {.min = 1}),
          field<&HttpProtocolOptions::max_response_headers_kb>(
              "max_response_headers_kb", "Largest header block of a response; 60 KiB when not set.",
              {.min = 1, .max = 8192}),
          field<&HttpProtocolOptions::max_stream_duration>("max_stream_duration",
                                                           "A stream is reset after this; never when not set."),
          field<&HttpProtocolOptions::headers_with_underscores_action>(
              "headers_with_underscores_action",
              "What happens to a request with an underscore in a header name (Envoy: ALLOW)."),
          field<&HttpProtocolOptions::max_requests_per_connection>(
              "max_requests_per_connection",
              "A connection is drained after this many requests; unlimited when not set or 0."),
          unsupported("max_connection_duration_jitter", "jitter of connection durations"),
      });
  return description;
}

const MessageDescription& describe(const HeaderKeyFormat*) {
  static const MessageDescription description = message<HeaderKeyFormat>(
      "HeaderKeyFormat", "", "How header names are written in HTTP/1.1.", {{"header_format", true}},
      {
          field<&HeaderKeyFormat::proper_case_words>("proper_case_words", "Capital letter at the start of each word.",
                                                     {.oneof = "header_format"}),
          unsupported("stateful_formatter", "header formatters that keep the peer's spelling", "header_format"),
      });
  return description;
}

const MessageDescription& describe(const Http1ProtocolOptions*) {
  static const MessageDescription description = message<Http1ProtocolOptions>(
      "Http1ProtocolOptions", "", "Settings of HTTP/1.", {},
      {
          field<&Http1ProtocolOptions::allow_absolute_url>("allow_absolute_url", "Accept absolute URLs in requests."),
          field<&Http1ProtocolOptions::accept_http_10>("accept_http_10", "Accept HTTP/1.0."),
          field<&Http1ProtocolOptions::default_host_for_http_10>("default_host_for_http_10",
                                                                 "Host of an HTTP/1.0 request without one."),
          field<&Http1ProtocolOptions::header_key_format>("header_key_format",
                                                          "How header names are written; in lower case when not set."),
          field<&Http1ProtocolOptions::enable_trailers>("enable_trailers",
                                                        "Pass trailers on; they are dropped otherwise."),
          field<&Http1ProtocolOptions::allow_chunked_length>(
              "allow_chunked_length", "Accept content-length together with chunked, and drop the length."),
          field<&Http1ProtocolOptions::override_stream_error_on_invalid_http_message>(
              "override_stream_error_on_invalid_http_message", "Without effect: an invalid message closes a connection of HTTP/1."),
          field<&Http1ProtocolOptions::send_fully_qualified_url>("send_fully_qualified_url",
                                                                 "Send absolute URLs upstream."),
          field<&Http1ProtocolOptions::allow_custom_methods>("allow_custom_methods",
                                                             "Accept methods that are not registered."),
          ignored("use_balsa_parser"),
          unsupported("ignore_http_11_upgrade", "ignoring some upgrades"),
      });
  return description;
}

const MessageDescription& describe(const KeepaliveSettings*) {
  static const MessageDescription description = message<KeepaliveSettings>(
      "KeepaliveSettings", "", "PINGs over HTTP/2.", {},
      {
          field<&KeepaliveSettings::interval>("interval", "Time between PINGs; none are sent when not set.",
                                              {.min = 1}),
          field<&KeepaliveSettings::timeout>("timeout",
                                             "The connection is closed when a PING is not answered within this.",
                                             {.required = true, .min = 1}),
          field<&KeepaliveSettings::interval_jitter>("interval_jitter",
                                                     "Random addition to the interval, 15 % when not set."),
          field<&KeepaliveSettings::connection_idle_interval>(
              "connection_idle_interval", "Send a PING before a request when the connection was idle this long.",
              {.min = 1}),
      });
  return description;
}

const MessageDescription& describe(const Http2ProtocolOptions*) {
  static const MessageDescription description = message<Http2ProtocolOptions>(
      "Http2ProtocolOptions", "", "Settings of HTTP/2.", {},
      {
          field<&Http2ProtocolOptions::hpack_table_size>("hpack_table_size",
                                                         "Largest dynamic table of the header decoder."),
          field<&Http2ProtocolOptions::max_concurrent_streams>("max_concurrent_streams",
                                                               "Streams that the peer may have open (Envoy: 1024).",
                                                               {.min = 1, .max = 2147483647}),
          field<&Http2ProtocolOptions::initial_stream_window_size>(
              "initial_stream_window_size", "Window of a stream (Envoy: 16 MiB).", {.min = 65535, .max = 2147483647}),
          field<&Http2ProtocolOptions::initial_connection_window_size>("initial_connection_window_size",
                                                                       "Window of a connection (Envoy: 24 MiB).",
                                                                       {.min = 65535, .max = 2147483647}),
          field<&Http2ProtocolOptions::allow_connect>("allow_connect", "Accept extended CONNECT (RFC 8441)."),
          field<&Http2ProtocolOptions::max_outbound_frames>("max_outbound_frames",
                                                            "Frames that may wait for the peer to read.", {.min = 1}),
          field<&Http2ProtocolOptions::max_outbound_control_frames>(
              "max_outbound_control_frames", "Control frames that may wait for the peer to read.", {.min = 1}),
          field<&Http2ProtocolOptions::max_consecutive_inbound_frames_with_empty_payload>(
              "max_consecutive_inbound_frames_with_empty_payload", "Empty frames in a row."),
          field<&Http2ProtocolOptions::max_inbound_priority_frames_per_stream>("max_inbound_priority_frames_per_stream",
                                                                               "PRIORITY frames for each stream."),
          field<&Http2ProtocolOptions::max_inbound_window_update_frames_per_data_frame_sent>(
              "max_inbound_window_update_frames_per_data_frame_sent",
              "WINDOW_UPDATE frames for each DATA frame that we sent.", {.min = 1}),
          field<&Http2ProtocolOptions::max_inbound_continuation_frames>(
              "max_inbound_continuation_frames",
              "CONTINUATION frames of one header block; 8, or as many as the largest allowed block fills, when not "
              "set.",
              {.ours = true}),
          field<&Http2ProtocolOptions::max_inbound_overhead_bytes>(
              "max_inbound_overhead_bytes",
              "An eighth of the bytes received may exceed the header fields and bodies of both directions by this.",
              {.ours = true}),
          field<&Http2ProtocolOptions::override_stream_error_on_invalid_http_message>(
              "override_stream_error_on_invalid_http_message",
              "Reset the stream after an invalid message, in place of closing the connection."),
          field<&Http2ProtocolOptions::stream_error_on_invalid_http_messaging>(
              "stream_error_on_invalid_http_messaging",
              "Reset the stream after an invalid message, in place of closing the connection.",
              {.deprecated = "override_stream_error_on_invalid_http_message"}),
          field<&Http2ProtocolOptions::connection_keepalive>(
              "connection_keepalive", "PINGs to find dead peers; 30 s and 10 s downstream when not set."),
          field<&Http2ProtocolOptions::premature_reset_burst>(
              "premature_reset_burst", "Streams that the peer may reset at once before their response.",
              {.ours = true, .min = 1}),
          field<&Http2ProtocolOptions::premature_reset_rate>(
              "premature_reset_rate", "Such resets for each second after the burst.", {.ours = true, .min = 1}),
          field<&Http2ProtocolOptions::premature_reset_total_stream_count>(
              "premature_reset_total_stream_count",
              "From this many streams on, the share of streams that were reset early counts; half of them is too many.",
              {.ours = true, .min = 1}),
          field<&Http2ProtocolOptions::premature_reset_min_stream_lifetime>(
              "premature_reset_min_stream_lifetime", "A stream that lived shorter than this was reset early.",
              {.ours = true}),
          field<&Http2ProtocolOptions::max_glitches>(
              "max_glitches", "Protocol oddities that the peer may show at once; ten more are forgiven each second.",
              {.ours = true, .min = 1}),
          ignored("use_oghttp2_codec"),
          unsupported("custom_settings_parameters", "custom HTTP/2 settings"),
          unsupported("max_header_field_size_kb", "a limit for single HTTP/2 headers"),
          unsupported("allow_metadata", "HTTP/2 METADATA frames"),
          unsupported("max_metadata_size", "HTTP/2 METADATA frames"),
      },
      [](void* object) {
        auto& options = *static_cast<Http2ProtocolOptions*>(object);

        if (options.stream_error_on_invalid_http_messaging && !options.override_stream_error_on_invalid_http_message) {
          options.override_stream_error_on_invalid_http_message = true;
        }
        options.stream_error_on_invalid_http_messaging = false;
      });
  return description;
}

}  // namespace baton::api
