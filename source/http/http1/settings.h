// How an HTTP/1.1 codec is to behave: limits and options, both sides. Values from the configuration; the defaults are
// those of the configuration. One per listener's connection manager or cluster, immutable, shared by its codecs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "source/stats/handles.h"

namespace baton::stats {
class Scope;
}

namespace baton::http {

enum class UnderscoreAction : uint8_t { kAllow, kRejectRequest, kDropHeader };

struct Http1Settings {
  // Start line and header section together, in bytes as they are on the wire.
  size_t max_head_bytes = 60 * 1024;
  // Server: the request target alone; more is 414.
  size_t max_target_bytes = 16 * 1024;
  size_t max_headers_count = 100;
  UnderscoreAction underscores = UnderscoreAction::kRejectRequest;

  // Without it trailers are read, checked and dropped in both directions.
  bool enable_trailers = false;
  // Server: without it HTTP/1.0 gets 426.
  bool accept_http_10 = false;
  // Server: what :authority is when a HTTP/1.0 request has no Host; with none such a request gets 400.
  std::string default_host_for_http_10;
  // Server: accept `GET http://host/path`.
  bool allow_absolute_url = true;
  // Accept content-length beside transfer-encoding: chunked (the length is then ignored and removed).
  bool allow_chunked_length = false;
  // Server: methods other than the registered ones. Without it they get 501.
  bool allow_custom_methods = false;
  // Write Content-Type rather than content-type.
  bool proper_case_header_keys = false;
  // Client: write `GET http://host/path` rather than `GET /path`.
  bool send_fully_qualified_url = false;
};

// `http1.` of the server and `cluster.<name>.http1.`. A default-constructed one counts nothing.
struct Http1Stats {
  Http1Stats() = default;
  // `scope` with the prefix "http1." or "cluster.<name>.http1.".
  explicit Http1Stats(const stats::Scope& scope);

  stats::Counter dropped_headers_with_underscores;
  stats::Counter requests_rejected_with_underscores_in_headers;
  stats::Counter response_flood;
  stats::Counter metadata_not_supported_error;
};

}  // namespace baton::http
