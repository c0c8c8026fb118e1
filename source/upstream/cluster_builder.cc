#include "source/upstream/cluster_builder.h"

#include <algorithm>

#include "source/base/strings.h"
#include "source/tls/upstream_context.h"
#include "source/upstream/codec_settings.h"

namespace baton::upstream {

namespace {

using std::chrono::milliseconds;

base::Error problem(const api::Cluster& config, std::string_view what) {
  return {base::ErrorCode::kInvalidArgument, "cluster '" + config.name + "': " + std::string(what)};
}

base::Result<LbSettings> lbSettings(const api::Cluster& config) {
  LbSettings lb;
  switch (config.lb_policy) {
    case api::Cluster::LbPolicy::kRoundRobin:
      lb.policy = LbPolicy::kRoundRobin;
      break;
    case api::Cluster::LbPolicy::kLeastRequest:
      lb.policy = LbPolicy::kLeastRequest;
      break;
    case api::Cluster::LbPolicy::kRingHash:
      lb.policy = LbPolicy::kRingHash;
      break;
    case api::Cluster::LbPolicy::kRandom:
      lb.policy = LbPolicy::kRandom;
      break;
    case api::Cluster::LbPolicy::kMaglev:
      lb.policy = LbPolicy::kMaglev;
      break;
    case api::Cluster::LbPolicy::kClusterProvided:
    case api::Cluster::LbPolicy::kLoadBalancingPolicyConfig:
      return problem(config, "lb_policy: not implemented; use ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH or MAGLEV");
  }
  if (config.common_lb_config.healthy_panic_threshold) {
    lb.healthy_panic_threshold = config.common_lb_config.healthy_panic_threshold->value;
  }
  if (config.load_assignment) lb.overprovisioning_factor = config.load_assignment->policy.overprovisioning_factor;
  if (const auto& ring = config.ring_hash_lb_config) {
    lb.minimum_ring_size = ring->minimum_ring_size;
    lb.maximum_ring_size = ring->maximum_ring_size;
    lb.hash_function = ring->hash_function == api::RingHashLbConfig::HashFunction::kMurmurHash2
                           ? HashFunction::kMurmurHash2
                           : HashFunction::kXxHash;
    if (lb.minimum_ring_size > lb.maximum_ring_size) {
      return problem(config, "ring_hash_lb_config: minimum_ring_size is above maximum_ring_size");
    }
  }
  if (config.maglev_lb_config) lb.maglev_table_size = config.maglev_lb_config->table_size;
  if (const auto& least = config.least_request_lb_config) {
    lb.choice_count = std::max(2u, least->choice_count);
    if (least->active_request_bias) lb.active_request_bias = least->active_request_bias->default_value;
  }
  return lb;
}

std::array<BreakerLimits, kPriorities> breakerLimits(const api::Cluster& config) {
  std::array<BreakerLimits, kPriorities> limits;
  if (!config.circuit_breakers) return limits;
  for (const api::CircuitBreakerThresholds& of : config.circuit_breakers->thresholds) {
    BreakerLimits& to = limits[of.priority == api::RoutingPriority::kHigh ? 1 : 0];
    to.max_connections = of.max_connections;
    to.max_pending_requests = of.max_pending_requests;
    to.max_requests = of.max_requests;
    to.max_retries = of.max_retries;
    to.track_remaining = of.track_remaining;
    if (of.retry_budget) {
      RetryBudget budget;
      if (of.retry_budget->budget_percent) budget.budget_percent = of.retry_budget->budget_percent->value;
      budget.min_retry_concurrency = of.retry_budget->min_retry_concurrency;
      to.retry_budget = budget;
    }
  }
  return limits;
}

const api::UpstreamHttpOptions* typedHttpOptions(const api::Cluster& config) {
  for (const auto& [name, options] : config.typed_extension_protocol_options) {
    if (const auto* http = options.as<api::UpstreamHttpOptions>()) return http;
  }
  return nullptr;
}

// What the options say, whether they are written the current way or directly in the cluster, as they used to be.
void setHttpOptions(const api::Cluster& config, ClusterInfo& info) {
  api::HttpProtocolOptions common;
  api::Http1ProtocolOptions http1;
  api::Http2ProtocolOptions http2;
  std::optional<api::UpstreamHttpProtocolOptions> names;
  if (const api::UpstreamHttpOptions* typed = typedHttpOptions(config)) {
    common = typed->common_http_protocol_options;
    names = typed->upstream_http_protocol_options;
    if (typed->auto_config) {
      info.protocol = UpstreamProtocol::kAuto;
      http1 = typed->auto_config->http_protocol_options;
      http2 = typed->auto_config->http2_protocol_options;
    } else if (typed->use_downstream_protocol_config) {
      info.protocol = UpstreamProtocol::kUseDownstream;
      http1 = typed->use_downstream_protocol_config->http_protocol_options;
      http2 = typed->use_downstream_protocol_config->http2_protocol_options.value_or(api::Http2ProtocolOptions{});
    } else if (typed->explicit_http_config && typed->explicit_http_config->http2_protocol_options) {
      info.protocol = UpstreamProtocol::kHttp2;
      http2 = *typed->explicit_http_config->http2_protocol_options;
    } else if (typed->explicit_http_config && typed->explicit_http_config->http_protocol_options) {
      http1 = *typed->explicit_http_config->http_protocol_options;
    }
  } else {
    common = config.common_http_protocol_options.value_or(common);
    names = config.upstream_http_protocol_options;
    http1 = config.http_protocol_options.value_or(http1);
    if (config.protocol_selection == api::Cluster::ClusterProtocolSelection::kUseDownstreamProtocol) {
      info.protocol = UpstreamProtocol::kUseDownstream;
    } else if (config.http2_protocol_options) {
      info.protocol = UpstreamProtocol::kHttp2;
    }
    http2 = config.http2_protocol_options.value_or(http2);
  }
  info.http1 = http1ClientSettings(http1, common);
  info.http2 = http2ClientSettings(http2, common, info.buffer_limit_bytes);
  if (common.idle_timeout) info.idle_timeout = *common.idle_timeout;
  if (common.max_connection_duration) info.max_connection_duration = *common.max_connection_duration;
  info.max_stream_duration = common.max_stream_duration;
  info.max_requests_per_connection =
      common.max_requests_per_connection.value_or(config.max_requests_per_connection.value_or(0));
  if (names) {
    info.auto_sni = names->auto_sni;
    info.auto_san_validation = names->auto_san_validation;
    info.auto_sni_header = base::lower(names->override_auto_sni_header);
  }
}

base::Result<void> setTransport(const api::Cluster& config, ClusterInfo& info) {
  info.transport = std::make_shared<network::PlainTransportFactory>();
  if (!config.transport_socket) return {};
  const auto* tls = config.transport_socket->typed_config.as<api::UpstreamTlsContext>();
  if (tls == nullptr) return {};
  auto context = tls::UpstreamContext::build(*tls, *info.scope);
  if (!context) return problem(config, "transport_socket: " + context.error().message);
  info.transport = std::move(context).value();
  info.transport_has_alpn = !tls->common_tls_context.alpn_protocols.empty();
  return {};
}

const api::Value* memberOf(const api::Value* value, std::string_view name) {
  if (value == nullptr || value->object() == nullptr) return nullptr;
  for (const auto& [key, member] : *value->object()) {
    if (key == name) return &member;
  }
  return nullptr;
}

bool isCanary(const api::LbEndpoint& lb) {
  if (lb.metadata == nullptr) return false;
  const auto facts = lb.metadata->filter_metadata.find("envoy.lb");
  if (facts == lb.metadata->filter_metadata.end()) return false;
  const api::Value* canary = memberOf(&facts->second, "canary");
  return canary != nullptr && canary->boolean() != nullptr && *canary->boolean();
}

base::Result<Endpoint> endpointOf(const api::Cluster& config, const api::LocalityLbEndpoints& group,
                                  const api::LbEndpoint& lb) {
  if (!lb.endpoint || !lb.endpoint->address) return problem(config, "an endpoint has no address");
  const api::Endpoint& from = *lb.endpoint;
  Endpoint endpoint;
  endpoint.hostname = from.hostname;
  endpoint.weight = std::max(1u, lb.load_balancing_weight);
  endpoint.priority = group.priority;
  endpoint.status = lb.health_status;
  endpoint.canary = isCanary(lb);
  endpoint.metadata = lb.metadata;
  if (group.locality) {
    endpoint.locality = {group.locality->region, group.locality->zone, group.locality->sub_zone};
  }
  if (auto address = network::addressOf(*from.address)) {
    endpoint.address = *address;
  } else if (config.type == api::Cluster::DiscoveryType::kStatic || !from.address->socket_address) {
    return problem(config,
                   address.error().message + (config.type == api::Cluster::DiscoveryType::kStatic
                                                  ? "; a STATIC cluster needs IP addresses, STRICT_DNS takes names"
                                                  : ""));
  } else {
    endpoint.dns_name = from.address->socket_address->address;
    endpoint.address.setPort(static_cast<uint16_t>(from.address->socket_address->port_value.value_or(0)));
  }
  if (const auto& check = from.health_check_config) {
    endpoint.health_check_port = check->port_value;
    endpoint.health_check_hostname = check->hostname;
    endpoint.health_check_disabled = check->disable_active_health_check;
    if (check->address) {
      auto address = network::addressOf(*check->address);
      if (!address) return problem(config, "health_check_config: " + address.error().message);
      endpoint.health_check_address = *address;
    }
  }
  return endpoint;
}

}  // namespace

HostPtr Endpoint::makeHost(const network::Address& at) const {
  using Status = api::LbEndpoint::HealthStatus;
  // A name is what SNI and host rewriting use when nothing else is configured.
  auto host = std::make_shared<Host>(hostname.empty() ? dns_name : hostname, at, weight, locality, priority);
  host->health_check_address = health_check_address.value_or(at);
  if (health_check_port != 0) host->health_check_address.setPort(static_cast<uint16_t>(health_check_port));
  host->health_check_hostname = health_check_hostname;
  host->health_check_disabled = health_check_disabled;
  host->canary = canary;
  host->draining = status == Status::kUnhealthy || status == Status::kDraining || status == Status::kTimeout;
  host->degraded = status == Status::kDegraded;
  host->metadata = metadata;
  return host;
}

base::Result<BuiltCluster> buildCluster(const api::Cluster& config, stats::Store& store) {
  BuiltCluster built;
  built.info = std::make_shared<ClusterInfo>(config.name, config.alt_stat_name, store);
  ClusterInfo& info = *built.info;
  info.metadata = config.metadata;
  info.connect_timeout = config.connect_timeout;
  info.buffer_limit_bytes = config.per_connection_buffer_limit_bytes;
  auto lb = lbSettings(config);
  if (!lb) return lb.error();
  info.lb = *lb;
  info.breakers.configure(breakerLimits(config), info.scope->scope("circuit_breakers."));
  info.close_connections_on_host_health_failure = config.close_connections_on_host_health_failure;
  info.close_connections_on_host_set_change = config.common_lb_config.close_connections_on_host_set_change;
  setHttpOptions(config, info);
  if (auto done = setTransport(config, info); !done) return done.error();

  const auto& options = config.upstream_connection_options;
  const api::TcpKeepalive* keepalive = options && options->tcp_keepalive ? &*options->tcp_keepalive : nullptr;
  auto socket = network::UpstreamSocketSettings::of(
      config.upstream_bind_config ? &*config.upstream_bind_config : nullptr, keepalive);
  if (!socket) return problem(config, "upstream_bind_config: " + socket.error().message);
  info.socket = std::move(socket).value();

  if (config.load_assignment) {
    for (const api::LocalityLbEndpoints& group : config.load_assignment->endpoints) {
      for (const api::LbEndpoint& lb_endpoint : group.lb_endpoints) {
        auto endpoint = endpointOf(config, group, lb_endpoint);
        if (!endpoint) return endpoint.error();
        built.endpoints.push_back(std::move(endpoint).value());
      }
    }
  }
  if (config.type == api::Cluster::DiscoveryType::kLogicalDns && built.endpoints.size() != 1) {
    return problem(config, "LOGICAL_DNS needs exactly one endpoint");
  }
  return built;
}

}  // namespace baton::upstream
