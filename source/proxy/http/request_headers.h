// What the connection manager does to the headers of every request and response, whatever their route: who the client
// is, request ids, x-forwarded-*, x-envoy-*, via, server, hop-by-hop fields. Pure functions but for random numbers.
#pragma once

#include <string_view>
#include <vector>

#include "source/base/random.h"
#include "source/http/header_map.h"
#include "source/http/stream_info.h"
#include "source/proxy/http/http_config.h"

namespace baton::proxy {

// Sets info.remote_address and info.request_id as well. Returns whether the client is internal.
bool prepareRequestHeaders(http::HeaderMap& headers, const HttpConfig& config, http::StreamInfo& info,
                           base::Random& random);

// `from_upstream`: the response is not our own. `date`: the value of a date field for now.
void finishResponseHeaders(http::HeaderMap& headers, const HttpConfig& config, const http::StreamInfo& info,
                           bool from_upstream, std::string_view date);

// Host rules of the configuration: ports and the trailing dot.
void normalizeHost(http::HeaderMap& headers, const HttpConfig& config, uint16_t local_port, bool tls);

// The entry of x-forwarded-for that is `skip` entries from its right end.
struct ForwardedAddress {
  std::optional<network::Address> address;
  bool single = false;  // x-forwarded-for has just one entry
};
ForwardedAddress forwardedAddress(const http::HeaderMap& headers, uint32_t skip);
// The first entry from the right end that no proxy of ours has; the leftmost that is an address when all are theirs.
ForwardedAddress forwardedAddress(const http::HeaderMap& headers, const std::vector<network::CidrRange>& trusted);

}  // namespace baton::proxy
