// The newer way to describe a cluster whose endpoints are looked up: an extension in place of type: STRICT_DNS or
// LOGICAL_DNS. Reading a cluster turns it into these. Plain values with their defaults; any thread may read them.
#pragma once

#include <optional>
#include <string>

#include "api/dns.h"
#include "api/retry_policy.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// How endpoints are looked up.
struct DnsCluster {
  enum class DnsLookupFamily { kUnspecified = 0, kAuto = 1, kV4Only = 2, kV6Only = 3, kV4Preferred = 4, kAll = 5 };
  enum class DiscoveryType { kUnspecified = 0, kStrict = 1, kLogical = 2 };

  Milliseconds dns_refresh_rate{5000};
  std::optional<BackOff> dns_failure_refresh_rate;
  bool respect_dns_ttl = false;
  Milliseconds dns_jitter{0};
  std::optional<DnsResolverExtension> typed_dns_resolver_config;
  DnsLookupFamily dns_lookup_family = DnsLookupFamily::kUnspecified;
  // LOGICAL_DNS; STRICT_DNS when not set.
  bool all_addresses_in_single_endpoint = false;
  DiscoveryType dns_discovery_type = DiscoveryType::kUnspecified;
};

// What kind of cluster it is, when `type` does not say it.
struct ClusterTypeExtension {
  std::string name;
  TypedConfig typed_config;
};

const MessageDescription& describe(const DnsCluster*);
const EnumDescription& describeEnum(const DnsCluster::DnsLookupFamily*);
const EnumDescription& describeEnum(const DnsCluster::DiscoveryType*);
const MessageDescription& describe(const ClusterTypeExtension*);

}  // namespace baton::api
