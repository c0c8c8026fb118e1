// Makes one spelling out of the many that a path can have, before routes look at it (RFC 3986 6.2.2), so that what a
// route allows and what the upstream serves are the same thing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baton::http {

// What %2F and %5C in a path mean.
enum class EscapedSlashes : uint8_t { kKeep, kReject, kRedirect, kForward };

struct PathSettings {
  bool normalize = true;      // dot segments, escaped unreserved characters, backslashes
  bool merge_slashes = true;  // "//" to "/"
  EscapedSlashes escaped_slashes = EscapedSlashes::kRedirect;
};

struct PathResult {
  enum class Outcome : uint8_t {
    kUnchanged,
    kChanged,   // `path` is to be used
    kRedirect,  // answer 307 with `path` as the location
    kReject,    // answer 400; `details` says why
  };
  Outcome outcome = Outcome::kUnchanged;
  std::string_view details;  // static text, for RESPONSE_CODE_DETAILS
};

// `target`: a path with or without a query. `path` is written only with kChanged and kRedirect. A fragment, %00, a
// path that does not start with '/', and (with normalize) a '%' without two hexadecimal digits are rejected; the query
// is left as it is. "*" and an empty target are left alone.
PathResult normalizePath(std::string_view target, const PathSettings& settings, std::string& path);

// Without query.
std::string_view pathOf(std::string_view target);
// After '?'; empty when there is none.
std::string_view queryOf(std::string_view target);

}  // namespace baton::http
