#include "source/http/cookie.h"

#include "source/base/strings.h"

namespace baton::http {

std::optional<std::string_view> findCookie(const HeaderMap& request, std::string_view name) {
  std::optional<std::string_view> found;
  request.forEach([&](HeaderName id, std::string_view, std::string_view value) {
    if (id != HeaderName::kCookie) return;
    while (!value.empty() && !found.has_value()) {
      const size_t end = value.find(';');
      const std::string_view pair = base::trim(value.substr(0, end));
      value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      std::string_view content = pair.substr(equals + 1);
      if (content.size() >= 2 && content.front() == '"' && content.back() == '"') {
        content = content.substr(1, content.size() - 2);
      }
      found = content;
    }
  });
  return found;
}

std::string makeSetCookie(std::string_view name, std::string_view value, const CookieAttributes& attributes) {
  std::string cookie;
  cookie.append(name).append("=\"").append(value).append("\"");
  if (attributes.max_age.has_value()) {
    cookie.append("; Max-Age=").append(std::to_string(attributes.max_age->count()));
  }
  if (!attributes.path.empty()) cookie.append("; Path=").append(attributes.path);
  for (const auto& [attribute, content] : attributes.others) {
    cookie.append("; ").append(attribute);
    if (!content.empty()) cookie.append("=").append(content);
  }
  if (attributes.http_only) cookie.append("; HttpOnly");
  return cookie;
}

}  // namespace baton::http
