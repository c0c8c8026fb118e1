#include "api/cluster_extensions.h"

#include "api/cluster.h"

namespace baton::api {
namespace {

Cluster::DnsLookupFamily lookupFamily(DnsCluster::DnsLookupFamily family) {
  using From = DnsCluster::DnsLookupFamily;
  using To = Cluster::DnsLookupFamily;
  switch (family) {
    case From::kUnspecified:
    case From::kAuto:
      return To::kAuto;
    case From::kV4Only:
      return To::kV4Only;
    case From::kV6Only:
      return To::kV6Only;
    case From::kV4Preferred:
      return To::kV4Preferred;
    case From::kAll:
      return To::kAll;
  }
  return To::kAuto;
}

void readClusterType(Cluster& cluster) {
  if (!cluster.cluster_type) return;
  if (const auto* dns = cluster.cluster_type->typed_config.as<DnsCluster>()) {
    const bool logical =
        dns->all_addresses_in_single_endpoint || dns->dns_discovery_type == DnsCluster::DiscoveryType::kLogical;
    cluster.type = logical ? Cluster::DiscoveryType::kLogicalDns : Cluster::DiscoveryType::kStrictDns;
    cluster.dns_refresh_rate = dns->dns_refresh_rate;
    cluster.dns_failure_refresh_rate = dns->dns_failure_refresh_rate;
    cluster.respect_dns_ttl = dns->respect_dns_ttl;
    cluster.dns_jitter = dns->dns_jitter;
    if (dns->typed_dns_resolver_config) cluster.typed_dns_resolver_config = dns->typed_dns_resolver_config;
    cluster.dns_lookup_family = lookupFamily(dns->dns_lookup_family);
  }
  cluster.cluster_type.reset();
}

void readLoadBalancingPolicy(Cluster& cluster) {
  if (!cluster.load_balancing_policy || cluster.load_balancing_policy->policies.empty()) return;
  const TypedConfig& policy = cluster.load_balancing_policy->policies.front().typed_extension_config.typed_config;
  if (policy.as<RoundRobinPolicy>() != nullptr) {
    cluster.lb_policy = Cluster::LbPolicy::kRoundRobin;
  } else if (policy.as<RandomPolicy>() != nullptr) {
    cluster.lb_policy = Cluster::LbPolicy::kRandom;
  } else if (const auto* least = policy.as<LeastRequestPolicy>()) {
    cluster.lb_policy = Cluster::LbPolicy::kLeastRequest;
    cluster.least_request_lb_config = LeastRequestLbConfig{least->choice_count, least->active_request_bias};
  } else if (const auto* ring = policy.as<RingHashPolicy>()) {
    cluster.lb_policy = Cluster::LbPolicy::kRingHash;
    const bool murmur = ring->hash_function == RingHashPolicy::HashFunction::kMurmurHash2;
    cluster.ring_hash_lb_config = RingHashLbConfig{
        ring->minimum_ring_size, ring->maximum_ring_size,
        murmur ? RingHashLbConfig::HashFunction::kMurmurHash2 : RingHashLbConfig::HashFunction::kXxHash};
  } else if (const auto* maglev = policy.as<MaglevPolicy>()) {
    cluster.lb_policy = Cluster::LbPolicy::kMaglev;
    cluster.maglev_lb_config = MaglevLbConfig{maglev->table_size};
  }
  cluster.load_balancing_policy.reset();
}

}  // namespace

void readExtensions(Cluster& cluster) {
  readClusterType(cluster);
  readLoadBalancingPolicy(cluster);
}

}  // namespace baton::api
