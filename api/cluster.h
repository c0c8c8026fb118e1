// Clusters: groups of endpoints that do the same. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/address.h"
#include "api/dns.h"
#include "api/dns_cluster.h"
#include "api/endpoint.h"
#include "api/health_check.h"
#include "api/load_balancing_policy.h"
#include "api/metadata.h"
#include "api/outlier_detection.h"
#include "api/protocol_options.h"
#include "api/retry_policy.h"
#include "api/runtime.h"
#include "api/tls.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Concurrent retries as a share of requests.
struct RetryBudget {
  std::optional<Percent> budget_percent;  // The share; 20 % when not set.
  uint32_t min_retry_concurrency = 3;
};

// Limits of a cluster.
struct CircuitBreakerThresholds {
  RoutingPriority priority = RoutingPriority::kDefault;
  uint32_t max_connections = 1024;
  uint32_t max_pending_requests = 1024;
  uint32_t max_requests = 1024;
  uint32_t max_retries = 3;
  std::optional<RetryBudget> retry_budget;
  bool track_remaining = false;
};

// Limits of a cluster.
struct CircuitBreakers {
  std::vector<CircuitBreakerThresholds> thresholds;
};

// Names and checks that follow the request.
struct UpstreamHttpProtocolOptions {
  bool auto_sni = false;
  bool auto_san_validation = false;
  std::string override_auto_sni_header;  // Request header that names the host instead, when it has a value.
};

// One version of HTTP.
struct ExplicitHttpConfig {
  std::optional<Http1ProtocolOptions> http_protocol_options;
  std::optional<Http2ProtocolOptions> http2_protocol_options;
};

// The version that the client speaks.
struct UseDownstreamHttpConfig {
  Http1ProtocolOptions http_protocol_options;
  std::optional<Http2ProtocolOptions> http2_protocol_options;
};

// The version that the endpoint chooses by ALPN.
struct AutoHttpConfig {
  Http1ProtocolOptions http_protocol_options;
  Http2ProtocolOptions http2_protocol_options;
};

// How requests are sent to a cluster.
struct UpstreamHttpOptions {
  HttpProtocolOptions common_http_protocol_options;
  std::optional<UpstreamHttpProtocolOptions> upstream_http_protocol_options;
  std::optional<ExplicitHttpConfig> explicit_http_config;
  std::optional<UseDownstreamHttpConfig> use_downstream_protocol_config;
  std::optional<AutoHttpConfig> auto_config;
};

// Settings of RING_HASH.
struct RingHashLbConfig {
  enum class HashFunction { kXxHash = 0, kMurmurHash2 = 1 };

  uint32_t minimum_ring_size = 1024;
  uint32_t maximum_ring_size = 8388608;
  HashFunction hash_function = HashFunction::kXxHash;
};

// Settings of MAGLEV.
struct MaglevLbConfig {
  uint32_t table_size = 65537;
};

// Settings of LEAST_REQUEST.
struct LeastRequestLbConfig {
  uint32_t choice_count = 2;
  // How much requests under way count against weights; 1 when not set.
  std::optional<RuntimeDouble> active_request_bias;
};

// What all load balancers share.
struct CommonLbConfig {
  // Below this share of healthy endpoints all are used; 50 % when not set.
  std::optional<Percent> healthy_panic_threshold;
  bool ignore_new_hosts_until_first_hc = false;
  bool close_connections_on_host_set_change = false;
};

// Settings of connections to endpoints.
struct UpstreamConnectionOptions {
  std::optional<TcpKeepalive> tcp_keepalive;
};

// A group of endpoints that do the same.
struct Cluster {
  enum class DiscoveryType { kStatic = 0, kStrictDns = 1, kLogicalDns = 2, kEds = 3, kOriginalDst = 4 };
  enum class LbPolicy {
    kRoundRobin = 0,
    kLeastRequest = 1,
    kRingHash = 2,
    kRandom = 3,
    kMaglev = 5,
    kClusterProvided = 6,
    kLoadBalancingPolicyConfig = 7
  };
  enum class DnsLookupFamily { kAuto = 0, kV4Only = 1, kV6Only = 2, kV4Preferred = 3, kAll = 4 };
  enum class ClusterProtocolSelection { kUseConfiguredProtocol = 0, kUseDownstreamProtocol = 1 };

  std::string name;
  std::string alt_stat_name;
  DiscoveryType type = DiscoveryType::kStatic;
  std::optional<ClusterTypeExtension> cluster_type;  // read into type and the dns_ fields
  Milliseconds connect_timeout{5000};
  uint32_t per_connection_buffer_limit_bytes = 32768;
  LbPolicy lb_policy = LbPolicy::kRoundRobin;
  std::optional<LoadBalancingPolicy> load_balancing_policy;  // read into lb_policy and its settings
  std::optional<ClusterLoadAssignment> load_assignment;
  std::vector<HealthCheck> health_checks;
  std::optional<uint32_t> max_requests_per_connection;
  std::optional<CircuitBreakers> circuit_breakers;
  std::optional<UpstreamHttpProtocolOptions> upstream_http_protocol_options;
  std::optional<HttpProtocolOptions> common_http_protocol_options;
  std::optional<Http1ProtocolOptions> http_protocol_options;
  std::optional<Http2ProtocolOptions> http2_protocol_options;
  std::map<std::string, TypedConfig> typed_extension_protocol_options;
  ClusterProtocolSelection protocol_selection = ClusterProtocolSelection::kUseConfiguredProtocol;
  Milliseconds dns_refresh_rate{5000};
  // Time between DNS lookups after a failure; dns_refresh_rate when not set.
  std::optional<BackOff> dns_failure_refresh_rate;
  bool respect_dns_ttl = false;
  DnsLookupFamily dns_lookup_family = DnsLookupFamily::kAuto;
  Milliseconds dns_jitter{0};
  std::vector<Address> dns_resolvers;
  bool use_tcp_for_dns_lookups = false;
  std::optional<DnsResolverOptions> dns_resolver_options;
  std::optional<DnsResolutionConfig> dns_resolution_config;
  std::optional<DnsResolverExtension> typed_dns_resolver_config;  // The resolver; the bootstrap's when not set.
  bool wait_for_warm_on_init = true;
  std::optional<OutlierDetection> outlier_detection;
  std::optional<BindConfig> upstream_bind_config;
  std::optional<RingHashLbConfig> ring_hash_lb_config;
  std::optional<MaglevLbConfig> maglev_lb_config;
  std::optional<LeastRequestLbConfig> least_request_lb_config;
  CommonLbConfig common_lb_config;
  std::optional<TransportSocket> transport_socket;  // TLS or plain text; plain text when not set.
  std::optional<UpstreamConnectionOptions> upstream_connection_options;
  bool close_connections_on_host_health_failure = false;
  bool ignore_health_on_host_removal = false;
  std::shared_ptr<Metadata> metadata;
};

const MessageDescription& describe(const RetryBudget*);
const MessageDescription& describe(const CircuitBreakerThresholds*);
const MessageDescription& describe(const CircuitBreakers*);
const MessageDescription& describe(const UpstreamHttpProtocolOptions*);
const MessageDescription& describe(const ExplicitHttpConfig*);
const MessageDescription& describe(const UseDownstreamHttpConfig*);
const MessageDescription& describe(const AutoHttpConfig*);
const MessageDescription& describe(const UpstreamHttpOptions*);
const MessageDescription& describe(const RingHashLbConfig*);
const EnumDescription& describeEnum(const RingHashLbConfig::HashFunction*);
const MessageDescription& describe(const MaglevLbConfig*);
const MessageDescription& describe(const LeastRequestLbConfig*);
const MessageDescription& describe(const CommonLbConfig*);
const MessageDescription& describe(const UpstreamConnectionOptions*);
const MessageDescription& describe(const Cluster*);
const EnumDescription& describeEnum(const Cluster::DiscoveryType*);
const EnumDescription& describeEnum(const Cluster::LbPolicy*);
const EnumDescription& describeEnum(const Cluster::DnsLookupFamily*);
const EnumDescription& describeEnum(const Cluster::ClusterProtocolSelection*);

}  // namespace baton::api
