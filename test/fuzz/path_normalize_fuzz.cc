// Paths: a second normalization changes nothing, the result has no dot segments, empty segments or backslashes left,
// and it is what RFC 3986 makes of the path, read step by step.
#include <string>
#include <string_view>

#include "source/http/field_syntax.h"
#include "source/http/path.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

void replaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// RFC 3986 6.2.2.2.
std::string withoutEscapes(std::string_view path, bool slashes) {
  std::string text(path);
  for (int c = 0; c < 256; ++c) {
    const char decoded = static_cast<char>(c);
    const bool slash = slashes && (decoded == '/' || decoded == '\\');
    if (!slash && !http::isUnreservedChar(decoded)) continue;
    // A zero byte, which a target does not have, keeps what was decoded from being decoded again.
    for (const char* digits : {"0123456789ABCDEF", "0123456789abcdef"}) {
      for (const char* more : {"0123456789ABCDEF", "0123456789abcdef"}) {
        replaceAll(text, {std::string("%") + digits[c >> 4] + more[c & 15]}, std::string("\0", 1) + decoded);
      }
    }
  }
  replaceAll(text, std::string_view("\0", 1), "");
  return text;
}

// RFC 3986 5.2.4, to the letter.
std::string withoutDotSegments(std::string input) {
  std::string output;
  const auto begins = [&input](std::string_view text) { return input.starts_with(text); };
  const auto dropLast = [&output] { output.resize(output.rfind('/') == std::string::npos ? 0 : output.rfind('/')); };
  while (!input.empty()) {
    if (begins("../")) {
      input.erase(0, 3);
    } else if (begins("./") || begins("/./")) {
      input.erase(0, 2);
    } else if (input == "/.") {
      input = "/";
    } else if (begins("/../")) {
      input.erase(0, 3);
      dropLast();
    } else if (input == "/..") {
      input = "/";
      dropLast();
    } else if (input == "." || input == "..") {
      input.clear();
    } else {
      const size_t end = input.find('/', 1);
      output += input.substr(0, end);
      input.erase(0, end);
    }
  }
  return output;
}

std::string byTheBook(std::string_view path, const http::PathSettings& settings) {
  std::string text = withoutEscapes(path, settings.escaped_slashes == http::EscapedSlashes::kForward ||
                                              settings.escaped_slashes == http::EscapedSlashes::kRedirect);
  replaceAll(text, "\\", "/");
  text = withoutDotSegments(text);
  for (size_t at = 0; settings.merge_slashes && (at = text.find("//", at)) != std::string::npos;) text.erase(at, 1);
  return text;
}

}  // namespace

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
    if (from.rest().find('\0') == std::string_view::npos && result.outcome != Outcome::kRedirect) {
      fuzzCheck(plain == byTheBook(http::pathOf(from.rest()), settings), "it is not what RFC 3986 makes of it");
    }
    std::string again;
    const http::PathResult second = http::normalizePath(path, settings, again);
    fuzzCheck(second.outcome == Outcome::kUnchanged, "a second normalization changes the path");
  }
  if (result.outcome == Outcome::kRedirect) {
    fuzzCheck(path.substr(0, 2) != "//" && path.substr(0, 2) != "/\\", "a redirect to another host");
  }
}

}  // namespace baton::test
