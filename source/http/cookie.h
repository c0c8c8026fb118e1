// Cookies (RFC 6265): finding one in a request, making one for a response.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/header_map.h"

namespace baton::http {

// The value of the first cookie of that name, without its double quotes; nothing when there is none.
std::optional<std::string_view> findCookie(const HeaderMap& request, std::string_view name);

struct CookieAttributes {
  std::string path;                             // none when empty
  std::optional<std::chrono::seconds> max_age;  // a session cookie when not set
  bool http_only = true;
  std::vector<std::pair<std::string, std::string>> others;  // SameSite=Lax; a value may be empty
};
// The value of a set-cookie field.
std::string makeSetCookie(std::string_view name, std::string_view value, const CookieAttributes& attributes);

}  // namespace baton::http
