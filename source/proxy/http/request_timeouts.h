// How long a request may take: from its route, from x-envoy- headers and from grpc-timeout. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "source/http/header_map.h"
#include "source/proxy/http/http_config.h"
#include "source/proxy/http/route/route_entry.h"

namespace baton::proxy {

struct RequestTimeouts {
  Milliseconds route{0};         // from the end of the request to the end of the response, retries included; 0: none
  Milliseconds per_try{0};       // 0: none
  Milliseconds per_try_idle{0};  // 0: none
  std::optional<Milliseconds> stream;  // since the first try; 0: none, not set: as the cluster says

  // Takes the headers that set timeouts out of the request, and tells upstream what it has
  // (x-envoy-expected-rq-timeout-ms). `elapsed`: since the request began.
  static RequestTimeouts take(http::HeaderMap& headers, const ForwardAction& action, const RouterSettings& settings,
                              Milliseconds elapsed);
};

// A stream's whole life, as the route limits it; nothing when it does not.
std::optional<Milliseconds> routeStreamDuration(const http::HeaderMap& headers, const ForwardAction& action);

}  // namespace baton::proxy
