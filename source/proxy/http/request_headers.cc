#include "source/proxy/http/request_headers.h"

#include <algorithm>

#include "source/base/strings.h"
#include "source/http/field_syntax.h"
#include "source/network/connection_info.h"
#include "source/proxy/http/client_certificate_header.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

namespace {

using Api = api::HttpConnectionManager;

// What a client from outside must not tell the router.
constexpr HeaderName kInternalHeaders[] = {
    HeaderName::kXEnvoyRetriableStatusCodes,
    HeaderName::kXEnvoyRetriableHeaderNames,
    HeaderName::kXEnvoyRetryOn,
    HeaderName::kXEnvoyRetryGrpcOn,
    HeaderName::kXEnvoyMaxRetries,
    HeaderName::kXEnvoyUpstreamAltStatName,
    HeaderName::kXEnvoyUpstreamRqTimeoutMs,
    HeaderName::kXEnvoyUpstreamRqPerTryTimeoutMs,
    HeaderName::kXEnvoyUpstreamRqTimeoutAltResponse,
    HeaderName::kXEnvoyUpstreamStreamDurationMs,
    HeaderName::kXEnvoyExpectedRqTimeoutMs,
    HeaderName::kXEnvoyForceTrace,
    HeaderName::kXEnvoyIpTags,
    HeaderName::kXEnvoyOriginalUrl,
    HeaderName::kXEnvoyHedgeOnPerTryTimeout,
};
constexpr HeaderName kEdgeHeaders[] = {HeaderName::kXEnvoyDownstreamServiceCluster,
                                       HeaderName::kXEnvoyDownstreamServiceNode, HeaderName::kXEnvoyDecoratorOperation};

void removeInternalHeaders(HeaderMap& headers, const HttpConfig& config, bool edge) {
  if (edge) {
    for (const HeaderName name : kEdgeHeaders) headers.remove(name);
  }
  for (const HeaderName name : kInternalHeaders) headers.remove(name);
  if (config.routes == nullptr) return;
  for (const std::string& name : config.routes->internalOnlyHeaders()) headers.remove(name);
}

std::string addressText(const network::Address& address, const HttpConfig& config) {
  const bool mapped = config.api.represent_ipv4_remote_address_as_ipv4_mapped_ipv6 &&
                      address.family() == network::Address::Family::kIpv4;
  return mapped ? "::ffff:" + address.ip() : address.ip();
}

std::string_view connectionScheme(const http::StreamInfo& info) {
  return info.connection != nullptr && info.connection->tls != nullptr ? "https" : "http";
}

bool isIn(const network::Address& address, const std::vector<network::CidrRange>& ranges) {
  return std::ranges::any_of(ranges, [&](const network::CidrRange& range) { return range.contains(address); });
}

void noteHop(HeaderMap& headers, const HttpConfig& config, const network::Address& peer) {
  if (peer.isIp()) headers.appendToList(HeaderName::kXForwardedFor, addressText(peer, config), ",");
}

// Who the client is by the extensions; nobody when none of them knows.
ForwardedAddress detectClient(HeaderMap& headers, const HttpConfig& config, const network::Address& peer) {
  for (const HttpConfig::XffDetection& detection : config.detections) {
    if (!detection.trusted.empty() && !isIn(peer, detection.trusted)) continue;
    const bool recurse = detection.recurse && !detection.trusted.empty();
    ForwardedAddress found =
        recurse ? forwardedAddress(headers, detection.trusted) : forwardedAddress(headers, detection.skip);
    if (!found.address) continue;
    if (detection.append) noteHop(headers, config, peer);
    return found;
  }
  return {};
}

// Decides who the client is and notes our hop. Returns whether x-forwarded-for named at most one client.
bool noteClient(HeaderMap& headers, const HttpConfig& config, http::StreamInfo& info) {
  const network::Address& peer = info.connection->remote_address;
  info.remote_address = peer;
  if (!config.usesRemoteAddress()) {
    const ForwardedAddress forwarded = config.detections.empty()
                                           ? forwardedAddress(headers, config.api.xff_num_trusted_hops)
                                           : detectClient(headers, config, peer);
    if (forwarded.address) info.remote_address = *forwarded.address;
    if (!headers.has(HeaderName::kXForwardedProto)) headers.set(HeaderName::kXForwardedProto, connectionScheme(info));
    return forwarded.single;
  }
  const bool alone = !headers.has(HeaderName::kXForwardedFor);
  const uint32_t hops = config.api.xff_num_trusted_hops;
  if (hops > 0) {
    if (const auto forwarded = forwardedAddress(headers, hops - 1); forwarded.address) {
      info.remote_address = *forwarded.address;
    }
  }
  if (!config.api.skip_xff_append) noteHop(headers, config, peer);
  if (hops == 0 || !headers.has(HeaderName::kXForwardedProto)) {
    headers.set(HeaderName::kXForwardedProto, connectionScheme(info));
  }
  if (config.api.append_x_forwarded_port && (hops == 0 || !headers.has(HeaderName::kXForwardedPort))) {
    headers.set(HeaderName::kXForwardedPort, static_cast<uint64_t>(info.connection->local_address.port()));
  }
  return alone;
}

void setRequestId(HeaderMap& headers, const HttpConfig& config, http::StreamInfo& info, bool edge,
                  base::Random& random) {
  const bool present = headers.has(HeaderName::kXRequestId);
  const bool replace = edge && !config.api.preserve_external_request_id;
  if (config.api.generate_request_id && (replace || !present)) {
    info.request_id = base::uuid4(random);
    headers.set(HeaderName::kXRequestId, info.request_id);
  } else if (present) {
    info.request_id = headers.get(HeaderName::kXRequestId);
  }
}

}  // namespace

ForwardedAddress forwardedAddress(const HeaderMap& headers, uint32_t skip) {
  ForwardedAddress result;
  std::string storage;
  std::string_view list = headers.getJoined("x-forwarded-for", storage);
  if (list.empty()) return result;
  result.single = list.find(',') == std::string_view::npos;
  for (uint32_t i = 0; i < skip; ++i) {
    const size_t comma = list.rfind(',');
    if (comma == std::string_view::npos) return result;
    list = list.substr(0, comma);
  }
  const size_t comma = list.rfind(',');
  if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
  if (auto address = network::Address::parseIp(base::trim(list), 0)) result.address = std::move(*address);
  return result;
}

ForwardedAddress forwardedAddress(const HeaderMap& headers, const std::vector<network::CidrRange>& trusted) {
  ForwardedAddress result;
  std::string storage;
  std::string_view list = headers.getJoined("x-forwarded-for", storage);
  result.single = !list.empty() && list.find(',') == std::string_view::npos;
  while (!list.empty()) {
    const size_t comma = list.rfind(',');
    const std::string_view entry = comma == std::string_view::npos ? list : list.substr(comma + 1);
    auto address = network::Address::parseIp(base::trim(entry), 0);
    if (!address) break;
    result.address = std::move(*address);
    if (!isIn(*result.address, trusted)) break;
    list = list.substr(0, comma == std::string_view::npos ? 0 : comma);
  }
  return result;
}

bool prepareRequestHeaders(HeaderMap& headers, const HttpConfig& config, http::StreamInfo& info, base::Random& random) {
  const bool single = noteClient(headers, config, info);
  const auto& scheme = config.api.scheme_header_transformation;
  if (scheme && scheme->scheme_to_overwrite) {
    headers.set(HeaderName::kScheme, *scheme->scheme_to_overwrite);
    headers.set(HeaderName::kXForwardedProto, *scheme->scheme_to_overwrite);
  } else if (!headers.has(HeaderName::kScheme) && headers.method() != "CONNECT") {
    const std::string_view proto = headers.get(HeaderName::kXForwardedProto);
    headers.set(HeaderName::kScheme, proto == "https" ? "https" : "http");
  }

  const bool internal = single && config.isInternalAddress(info.remote_address);
  const bool edge = !internal && config.usesRemoteAddress();
  if (internal) {
    headers.set(HeaderName::kXEnvoyInternal, "true");
  } else {
    headers.remove(HeaderName::kXEnvoyInternal);
    removeInternalHeaders(headers, config, edge);
  }
  if (config.api.add_user_agent && !config.service_cluster.empty()) {
    headers.set(HeaderName::kXEnvoyDownstreamServiceCluster, config.service_cluster);
    if (!headers.has(HeaderName::kUserAgent)) headers.set(HeaderName::kUserAgent, config.service_cluster);
  }
  if (!config.api.via.empty()) headers.appendToList(HeaderName::kVia, config.api.via);
  if (edge && info.remote_address.isIp()) {
    headers.set(HeaderName::kXEnvoyExternalAddress, addressText(info.remote_address, config));
  }
  setRequestId(headers, config, info, edge, random);
  setClientCertificateHeader(headers, config.api, *info.connection);
  return internal;
}

void finishResponseHeaders(HeaderMap& headers, const HttpConfig& config, const http::StreamInfo& info,
                           bool from_upstream, std::string_view date) {
  switch (config.api.server_header_transformation) {
    case Api::ServerHeaderTransformation::kOverwrite:
      headers.set(HeaderName::kServer, config.api.server_name);
      break;
    case Api::ServerHeaderTransformation::kAppendIfAbsent:
      if (!headers.has(HeaderName::kServer)) headers.set(HeaderName::kServer, config.api.server_name);
      break;
    case Api::ServerHeaderTransformation::kPassThrough:
      if (!from_upstream) headers.set(HeaderName::kServer, config.api.server_name);
      break;
  }
  if (!headers.has(HeaderName::kDate)) headers.set(HeaderName::kDate, date);
  if (!config.api.via.empty()) headers.appendToList(HeaderName::kVia, config.api.via);
  if (config.api.always_set_request_id_in_response && !info.request_id.empty()) {
    headers.set(HeaderName::kXRequestId, info.request_id);
  }
}

void normalizeHost(HeaderMap& headers, const HttpConfig& config, uint16_t local_port, bool tls) {
  const bool strip_any = config.api.strip_any_host_port.value_or(false);
  if (!strip_any && !config.api.strip_matching_host_port && !config.api.strip_trailing_host_dot) return;
  const std::string_view authority = headers.authority();
  if (authority.empty()) return;
  std::string_view host = http::hostOf(authority);
  const std::string_view port = http::portOf(authority);
  const bool port_matches = base::parseNumber<uint32_t>(port) == (local_port != 0 ? local_port : tls ? 443u : 80u);
  // CONNECT needs its port to say where to.
  const bool drop_port = !port.empty() && headers.method() != "CONNECT" &&
                         (strip_any || (config.api.strip_matching_host_port && port_matches));
  const bool drop_dot = config.api.strip_trailing_host_dot && host.size() > 1 && host.back() == '.';
  if (!drop_port && !drop_dot) return;
  std::string edited(drop_dot ? host.substr(0, host.size() - 1) : host);
  if (!drop_port && !port.empty()) edited.append(":").append(port);
  headers.set(HeaderName::kAuthority, edited);
}

}  // namespace baton::proxy
