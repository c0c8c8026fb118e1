#include "api/dns_cluster.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const EnumDescription& describeEnum(const DnsCluster::DnsLookupFamily*) {
  static const EnumDescription description{
      "DnsCluster.DnsLookupFamily",
      {{"UNSPECIFIED", 0}, {"AUTO", 1}, {"V4_ONLY", 2}, {"V6_ONLY", 3}, {"V4_PREFERRED", 4}, {"ALL", 5}}};
  return description;
}

const EnumDescription& describeEnum(const DnsCluster::DiscoveryType*) {
  static const EnumDescription description{"DnsCluster.DiscoveryType",
                                           {{"UNSPECIFIED", 0}, {"STRICT", 1}, {"LOGICAL", 2}}};
  return description;
}

const MessageDescription& describe(const DnsCluster*) {
  static const MessageDescription description = message<DnsCluster>(
      "DnsCluster", "envoy.extensions.clusters.dns.v3.DnsCluster", "A cluster whose endpoints are looked up.", {},
      {
          field<&DnsCluster::dns_refresh_rate>("dns_refresh_rate", "Time between DNS lookups.", {.min = 2}),
          field<&DnsCluster::dns_failure_refresh_rate>(
              "dns_failure_refresh_rate", "Time between DNS lookups after a failure; dns_refresh_rate when not set."),
          field<&DnsCluster::respect_dns_ttl>("respect_dns_ttl", "Take the time between DNS lookups from the answer."),
          field<&DnsCluster::dns_jitter>("dns_jitter", "Up to this much is added to the time between DNS lookups."),
          field<&DnsCluster::typed_dns_resolver_config>("typed_dns_resolver_config",
                                                        "The resolver; the bootstrap's when not set."),
          field<&DnsCluster::dns_lookup_family>("dns_lookup_family", "Addresses to look up; AUTO prefers IPv6."),
          field<&DnsCluster::all_addresses_in_single_endpoint>(
              "all_addresses_in_single_endpoint",
              "The name is one endpoint, as with LOGICAL_DNS, not one per address."),
          field<&DnsCluster::dns_discovery_type>("dns_discovery_type", "The same by its name."),
      });
  return description;
}

const MessageDescription& describe(const ClusterTypeExtension*) {
  static const MessageDescription description = message<ClusterTypeExtension>(
      "ClusterTypeExtension", "", "What kind of cluster it is.", {},
      {
          field<&ClusterTypeExtension::name>("name", "Any name.", {.required = true, .nonempty = true}),
          field<&ClusterTypeExtension::typed_config>("typed_config", "The kind and its settings.",
                                                     {.required = true, .category = "clustertype"}),
      });
  return description;
}

}  // namespace baton::api
