// Query parameters of a request target: `a=1&b` after the '?'.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace baton::http {

// Calls `visit(name, value)` for each parameter, as they are written, until it returns false.
template <typename Visit>
void forEachQueryParameter(std::string_view query, Visit&& visit) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (parameter.empty()) continue;
    const size_t equals = parameter.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
    if (!visit(parameter.substr(0, equals), value)) return;
  }
}

// The first value of a parameter of a path with query, as it is written; nothing when it is not there.
std::optional<std::string_view> findQueryParameter(std::string_view target, std::string_view name);

// Percent-decoding; escapes that are none stay. Encoding leaves unreserved characters of RFC 3986.
std::string percentDecode(std::string_view text);
std::string percentEncode(std::string_view text);

}  // namespace baton::http
