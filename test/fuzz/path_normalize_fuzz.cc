// Paths: a second normalization changes nothing, and the result has no dot segments, empty segments or backslashes
// left.
#include <string>
#include <string_view>

#include "source/http/path.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {

BATON_FUZZ_TARGET(path_normalize, input) {
  FuzzInput from(input);
  const uint8_t bits = from.byte();
  http::PathSettings settings;
  settings.normalize = (bits & 1) == 0;
  settings.merge_slashes = (bits & 2) == 0;
  settings.escaped_slashes = static_cast<http::EscapedSlashes>((bits >> 2) & 3);
  std::string path;
  const http::PathResult result = http::normalizePath(from.rest(), settings, path);
  using Outcome = http::PathResult::Outcome;
  if (result.outcome == Outcome::kReject) {
    fuzzCheck(!result.details.empty(), "a rejection without a reason");
    return;
  }
  if (result.outcome == Outcome::kUnchanged) path = from.rest();
  if (path.empty() || path == "*") return;
  fuzzCheck(path.front() == '/', "a path without a slash");
  fuzzCheck(path.size() <= from.rest().size() + 1, "the path grew");
  fuzzCheck(http::queryOf(path) == http::queryOf(from.rest()), "the query changed");
  const std::string_view plain = http::pathOf(path);
  if (settings.merge_slashes) fuzzCheck(plain.find("//") == std::string_view::npos, "an empty segment is left");
  if (settings.normalize) {
    const std::string closed = std::string(plain) + "/";
    fuzzCheck(closed.find("/./") == std::string::npos && closed.find("/../") == std::string::npos,
              "a dot segment is left");
    fuzzCheck(plain.find('\\') == std::string_view::npos, "a backslash is left");
    std::string again;
    const http::PathResult second = http::normalizePath(path, settings, again);
    fuzzCheck(second.outcome == Outcome::kUnchanged, "a second normalization changes the path");
  }
  if (result.outcome == Outcome::kRedirect) {
    fuzzCheck(path.substr(0, 2) != "//" && path.substr(0, 2) != "/\\", "a redirect to another host");
  }
}

}  // namespace baton::test
