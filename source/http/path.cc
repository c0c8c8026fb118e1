#include "source/http/path.h"

#include <algorithm>

#include "source/base/strings.h"
#include "source/http/field_syntax.h"

namespace baton::http {
namespace {

// Nothing that any of the steps would look at: most paths. "/." covers dot segments, "//" empty ones.
bool isPlain(std::string_view path) {
  char before = 0;
  for (const char c : path) {
    if (c == '%' || c == '\\' || (before == '/' && (c == '/' || c == '.'))) return false;
    before = c;
  }
  return true;
}

struct Unescaped {
  bool escaped_slash = false;
  bool zero = false;
  bool bad_escape = false;
};

// Escapes of unreserved characters lose their escape, and those of slashes as well if `slashes` says so. Everything
// else is copied: to unescape more would change what the path means (RFC 3986 6.2.2.2).
Unescaped unescape(std::string_view path, bool unreserved, bool slashes, std::string& out) {
  Unescaped seen;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    if (i + 2 >= path.size() || !isHexDigit(path[i + 1]) || !isHexDigit(path[i + 2])) {
      seen.bad_escape = true;
      out += '%';
      continue;
    }
    const char c = static_cast<char>(hexValue(path[i + 1]) << 4 | hexValue(path[i + 2]));
    const bool slash = c == '/' || c == '\\';
    seen.zero |= c == 0;
    seen.escaped_slash |= slash;
    if ((slash && slashes) || (unreserved && isUnreservedChar(c))) {
      out += c;
    } else {
      out.append(path.substr(i, 3));
    }
    i += 2;
  }
  return seen;
}

// RFC 3986 5.2.4. Segments above the root are dropped; a last "." or ".." leaves a slash.
void removeDotSegments(std::string& path) {
  size_t read = 0;
  size_t written = 0;
  while (read < path.size()) {
    const size_t end = std::min(path.find('/', read + 1), path.size());
    const std::string_view segment = std::string_view(path).substr(read + 1, end - read - 1);
    const bool last = end == path.size();
    if (segment == "." || segment == "..") {
      if (segment == "..") {
        while (written > 0 && path[--written] != '/') {
        }
      }
      if (last) path[written++] = '/';
    } else {
      std::copy(path.begin() + static_cast<std::ptrdiff_t>(read), path.begin() + static_cast<std::ptrdiff_t>(end),
                path.begin() + static_cast<std::ptrdiff_t>(written));
      written += end - read;
    }
    read = end;
  }
  path.resize(written);
}

void mergeSlashes(std::string& path) {
  path.erase(std::unique(path.begin(), path.end(), [](char a, char b) { return a == '/' && b == '/'; }), path.end());
}

}  // namespace

std::string_view pathOf(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::string_view queryOf(std::string_view target) {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

PathResult normalizePath(std::string_view target, const PathSettings& settings, std::string& path) {
  using Outcome = PathResult::Outcome;
  if (target.empty() || target == "*") return {};
  if (target.find('#') != std::string_view::npos) return {Outcome::kReject, "path_with_fragment"};
  if (target.front() != '/') return {Outcome::kReject, "path_normalization_failed"};
  const std::string_view raw = pathOf(target);
  if (isPlain(raw)) return {};

  path.clear();
  const bool unescape_slashes =
      settings.escaped_slashes == EscapedSlashes::kRedirect || settings.escaped_slashes == EscapedSlashes::kForward;
  const Unescaped seen = unescape(raw, settings.normalize, unescape_slashes, path);
  if (seen.zero) return {Outcome::kReject, "path_with_escaped_nul"};
  if (seen.bad_escape && settings.normalize) return {Outcome::kReject, "path_normalization_failed"};
  if (seen.escaped_slash && settings.escaped_slashes == EscapedSlashes::kReject) {
    return {Outcome::kReject, "path_with_escaped_slashes"};
  }
  if (settings.normalize) {
    std::replace(path.begin(), path.end(), '\\', '/');
    removeDotSegments(path);
    if (path.empty()) path += '/';
  }
  if (settings.merge_slashes) mergeSlashes(path);
  if (seen.escaped_slash && settings.escaped_slashes == EscapedSlashes::kRedirect) {
    // "//host" in a location would lead away from here.
    if (path.size() > 1 && (path[1] == '/' || path[1] == '\\')) mergeSlashes(path);
    if (path.size() > 1 && path[1] == '\\') return {Outcome::kReject, "path_normalization_failed"};
    path.append(target.substr(raw.size()));
    return {Outcome::kRedirect, "path_normalization_redirect"};
  }
  if (path == raw) return {};
  path.append(target.substr(raw.size()));
  return {Outcome::kChanged, {}};
}

}  // namespace baton::http
