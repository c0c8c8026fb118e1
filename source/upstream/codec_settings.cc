#include "source/upstream/codec_settings.h"

namespace baton::upstream {

namespace {

constexpr size_t kDefaultResponseHeadersKb = 60;

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
  http::Http2Settings settings = http::Http2Settings::of(options);
  settings.max_headers_bytes = responseHeadBytes(common);
  settings.max_headers_count = common.max_headers_count;
  if (buffer_limit_bytes > 0) settings.stream_buffer_bytes = buffer_limit_bytes;
  // Endpoints are not pinged unless asked for.
  if (!options.connection_keepalive) settings.keepalive_interval = std::chrono::milliseconds(0);
  return settings;
}

}  // namespace baton::upstream
