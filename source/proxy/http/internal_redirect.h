// A redirect of the upstream that is followed here: the request as it goes on. No state; any thread.
#pragma once

#include <optional>

#include "source/http/header_map.h"
#include "source/proxy/http/route/route_entry.h"

namespace baton::proxy {

enum class RedirectRefusal { kBadLocation, kUnsafeScheme };

// `request`: as it came to the router, before its route edited it. The result goes through all filters as a request of
// its own. Only an absolute http or https URL is followed, by which a client could be sent there too.
struct FollowedRedirect {
  static FollowedRedirect follow(const http::HeaderMap& request, const http::HeaderMap& response,
                                 const InternalRedirectPolicy& policy);

  std::optional<RedirectRefusal> refusal;  // then nothing else counts
  http::HeaderMap headers;
  bool drops_body = false;  // 303 makes a GET of it
};

}  // namespace baton::proxy
