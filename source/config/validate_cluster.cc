#include <fmt/format.h>

#include "api/cluster.h"

#include "source/base/strings.h"
#include "source/config/validation.h"
#include "source/network/address.h"
#include "source/tls/upstream_context.h"

namespace baton::config {
namespace {

using Type = api::Cluster::DiscoveryType;

void validateEndpoint(Validation& v, const api::Endpoint& endpoint, Type type) {
  if (!endpoint.address) return;
  const Path::In in(v.path, "address");
  if (endpoint.address->pipe) {
    const Path::In kind(v.path, "pipe");
    if (type != Type::kStatic) v.error("a Unix socket has no name to look up; it needs type: STATIC");
    v.pipe(*endpoint.address->pipe);
    return;
  }
  if (!endpoint.address->socket_address) return;
  const Path::In kind(v.path, "socket_address");
  const api::SocketAddress& address = *endpoint.address->socket_address;
  if (address.port_value == 0U) {
    const Path::In port(v.path, "port_value");
    v.warning("nothing listens on port 0");
  }
  if (type != Type::kStatic || address.address.empty() || network::Address::parseIp(address.address, 0)) return;
  const Path::In field(v.path, "address");
  v.error(fmt::format("a STATIC cluster needs an IPv4 or IPv6 address, found \"{}\"; type: STRICT_DNS looks names up",
                      address.address));
}

void validateEndpoints(Validation& v, const api::Cluster& cluster) {
  if (!cluster.load_assignment) {
    if (cluster.type != Type::kStatic) v.error("required field 'load_assignment' is missing");
    return;
  }
  const Path::In in(v.path, "load_assignment");
  size_t count = 0;
  const auto& localities = cluster.load_assignment->endpoints;
  for (size_t i = 0; i < localities.size(); ++i) {
    const Path::In locality(v.path, "endpoints", i);
    for (size_t j = 0; j < localities[i].lb_endpoints.size(); ++j, ++count) {
      const Path::In step(v.path, "lb_endpoints", j);
      if (!localities[i].lb_endpoints[j].endpoint) continue;
      const Path::In endpoint(v.path, "endpoint");
      validateEndpoint(v, *localities[i].lb_endpoints[j].endpoint, cluster.type);
    }
  }
  if (cluster.type == Type::kLogicalDns && count != 1) {
    v.error(fmt::format("a LOGICAL_DNS cluster needs exactly one endpoint, found {}", count));
  }
}

bool isPrime(uint32_t number) {
  for (uint64_t i = 2; i * i <= number; ++i) {
    if (number % i == 0) return false;
  }
  return number > 1;
}

void validateLoadBalancing(Validation& v, const api::Cluster& cluster) {
  if (cluster.lb_policy == api::Cluster::LbPolicy::kLoadBalancingPolicyConfig) {
    const Path::In in(v.path, "lb_policy");
    v.error("LOAD_BALANCING_POLICY_CONFIG needs load_balancing_policy");
  }
  if (const auto& ring = cluster.ring_hash_lb_config; ring && ring->minimum_ring_size > ring->maximum_ring_size) {
    const Path::In in(v.path, "ring_hash_lb_config");
    const Path::In field(v.path, "minimum_ring_size");
    v.error(fmt::format("expected at most maximum_ring_size, {}, found {}", ring->maximum_ring_size,
                        ring->minimum_ring_size));
  }
  if (const auto& maglev = cluster.maglev_lb_config; maglev && !isPrime(maglev->table_size)) {
    const Path::In in(v.path, "maglev_lb_config");
    const Path::In field(v.path, "table_size");
    v.error(fmt::format("expected a prime number, found {}", maglev->table_size));
  }
  if (const auto& back_off = cluster.dns_failure_refresh_rate; back_off && back_off->max_interval &&
                                                               back_off->base_interval &&
                                                               *back_off->max_interval < *back_off->base_interval) {
    const Path::In in(v.path, "dns_failure_refresh_rate");
    const Path::In field(v.path, "max_interval");
    v.error("must not be below base_interval");
  }
  if (!cluster.circuit_breakers) return;
  const Path::In in(v.path, "circuit_breakers");
  std::map<std::string, std::string> seen;
  const auto& thresholds = cluster.circuit_breakers->thresholds;
  for (size_t i = 0; i < thresholds.size(); ++i) {
    const Path::In step(v.path, "thresholds", i);
    v.unique("priority", thresholds[i].priority == api::RoutingPriority::kHigh ? "HIGH" : "DEFAULT", seen);
  }
}

void validateStatuses(Validation& v, std::string_view field, const std::vector<api::Int64Range>& ranges) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].start >= 100 && ranges[i].start < ranges[i].end && ranges[i].end <= 600) continue;
    const Path::In in(v.path, field, i);
    v.error(fmt::format("expected a start below its end, both from 100 to 600, found {} to {}", ranges[i].start,
                        ranges[i].end));
  }
}

void validatePayload(Validation& v, const api::HealthCheckPayload& payload) {
  if (!payload.text) return;
  const bool hex =
      payload.text->size() % 2 == 0 && payload.text->find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  const Path::In in(v.path, "text");
  if (!hex) v.error(fmt::format("expected bytes in hex, found \"{}\"", *payload.text));
}

void validateHealthCheck(Validation& v, const api::HealthCheck& check) {
  if (check.http_health_check) {
    const Path::In in(v.path, "http_health_check");
    if (!check.http_health_check->path.empty() && !check.http_health_check->path.starts_with('/')) {
      const Path::In field(v.path, "path");
      v.error(fmt::format("expected a path that begins with /, found \"{}\"", check.http_health_check->path));
    }
    validateStatuses(v, "expected_statuses", check.http_health_check->expected_statuses);
    validateStatuses(v, "retriable_statuses", check.http_health_check->retriable_statuses);
  }
  if (check.tcp_health_check) {
    const Path::In in(v.path, "tcp_health_check");
    if (check.tcp_health_check->send) {
      const Path::In field(v.path, "send");
      validatePayload(v, *check.tcp_health_check->send);
    }
    for (size_t i = 0; i < check.tcp_health_check->receive.size(); ++i) {
      const Path::In field(v.path, "receive", i);
      validatePayload(v, check.tcp_health_check->receive[i]);
    }
  }
}

void validateTransport(Validation& v, const api::TransportSocket& socket) {
  const Path::In in(v.path, "transport_socket");
  const Path::In config(v.path, "typed_config");
  if (socket.typed_config.as<api::DownstreamTlsContext>() != nullptr) {
    v.error("DownstreamTlsContext is for listeners; a cluster needs UpstreamTlsContext");
    return;
  }
  const auto* tls = socket.typed_config.as<api::UpstreamTlsContext>();
  if (tls == nullptr || v.problems.hasErrorBelow(v.path)) return;
  if (const auto checked = tls::UpstreamContext::check(*tls); !checked) v.errorBelow(checked.error().message);
}

void validateHttpOptions(Validation& v, const api::Cluster& cluster) {
  constexpr std::string_view kName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  for (const auto& [name, config] : cluster.typed_extension_protocol_options) {
    const Path::In in(v.path, "typed_extension_protocol_options");
    const Path::In entry(v.path, Path::In::Key{name});
    if (name != kName) {
      v.error(fmt::format("expected the key {}", kName));
      continue;
    }
    const auto* options = config.as<api::UpstreamHttpOptions>();
    if (options == nullptr || !options->auto_config) continue;
    const bool tls =
        cluster.transport_socket && cluster.transport_socket->typed_config.as<api::UpstreamTlsContext>() != nullptr;
    const Path::In field(v.path, "auto_config");
    if (!tls) v.error("the version of HTTP is chosen by ALPN, which needs a transport_socket with TLS");
  }
}

}  // namespace

void validateCluster(Validation& v, const api::Cluster& cluster) {
  validateEndpoints(v, cluster);
  validateLoadBalancing(v, cluster);
  for (size_t i = 0; i < cluster.health_checks.size(); ++i) {
    const Path::In in(v.path, "health_checks", i);
    validateHealthCheck(v, cluster.health_checks[i]);
  }
  if (cluster.upstream_bind_config && cluster.upstream_bind_config->source_address) {
    const Path::In in(v.path, "upstream_bind_config");
    const Path::In field(v.path, "source_address");
    v.ipAddress(*cluster.upstream_bind_config->source_address, "the local side");
  }
  v.dnsResolver(cluster.typed_dns_resolver_config);
  if (cluster.transport_socket) validateTransport(v, *cluster.transport_socket);
  validateHttpOptions(v, cluster);
}

}  // namespace baton::config
