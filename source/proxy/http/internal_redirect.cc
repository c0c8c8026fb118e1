#include "source/proxy/http/internal_redirect.h"

#include <algorithm>
#include <string>

#include "source/base/strings.h"
#include "source/http/field_syntax.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

namespace {

struct Url {
  std::string scheme;
  std::string authority;
  std::string path;  // with its query, without its fragment
};

// RFC 3986 3, as far as it names something that a request can be sent to.
std::optional<Url> parseUrl(std::string_view text) {
  // What could end a request line early has no place in a URL.
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; })) return std::nullopt;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url{.scheme = base::lower(text.substr(0, colon))};
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  text.remove_prefix(colon + 3);
  const size_t end = text.find_first_of("/?#");
  const std::string_view authority = text.substr(0, end);
  if (!http::isAuthority(authority)) return std::nullopt;
  url.authority = authority;
  std::string_view path = end == std::string_view::npos ? std::string_view() : text.substr(end);
  path = path.substr(0, path.find('#'));
  url.path = path.starts_with('/') ? std::string(path) : "/" + std::string(path);
  return url;
}

}  // namespace

FollowedRedirect FollowedRedirect::follow(const HeaderMap& request, const HeaderMap& response,
                                          const InternalRedirectPolicy& policy) {
  FollowedRedirect followed;
  const auto url = parseUrl(response.get("location"));
  if (!url) {
    followed.refusal = RedirectRefusal::kBadLocation;
    return followed;
  }
  const std::string_view scheme = request.scheme() == "https" ? "https" : "http";
  if (!policy.allow_cross_scheme && url->scheme != scheme) {
    followed.refusal = RedirectRefusal::kUnsafeScheme;
    return followed;
  }
  followed.headers = request.clone();
  HeaderMap& headers = followed.headers;
  for (const std::string& name : policy.headers_to_copy) {
    headers.remove(name);
    std::string storage;
    if (response.has(name)) headers.add(name, response.getJoined(name, storage));
  }
  std::string original(scheme);
  original.append("://").append(request.authority()).append(request.path());
  headers.set("x-envoy-original-url", original);
  headers.set(HeaderName::kScheme, url->scheme);
  headers.set(HeaderName::kAuthority, url->authority);
  headers.set(HeaderName::kPath, url->path);
  // RFC 9110 15.4.4: what is to be seen elsewhere is fetched, not sent there.
  if (response.status() == 303 && request.method() != "GET" && request.method() != "HEAD") {
    headers.set(HeaderName::kMethod, "GET");
    headers.remove(HeaderName::kContentLength);
    followed.drops_body = true;
  }
  return followed;
}

}  // namespace baton::proxy
