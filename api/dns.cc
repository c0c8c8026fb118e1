#include "api/dns.h"

#include <utility>

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const DnsResolverOptions*) {
  static const MessageDescription description = message<DnsResolverOptions>(
      "DnsResolverOptions", "", "Options of look-ups.", {},
      {
          field<&DnsResolverOptions::use_tcp_for_dns_lookups>("use_tcp_for_dns_lookups", "Ask by TCP, not by UDP."),
          field<&DnsResolverOptions::no_default_search_domain>("no_default_search_domain",
                                                               "Do not try the system's search domains."),
      });
  return description;
}

const MessageDescription& describe(const DnsResolutionConfig*) {
  static const MessageDescription description = message<DnsResolutionConfig>(
      "DnsResolutionConfig", "", "Name servers and options, as they used to be written.", {},
      {
          field<&DnsResolutionConfig::resolvers>("resolvers", "Name servers; the system's when empty."),
          field<&DnsResolutionConfig::dns_resolver_options>("dns_resolver_options", "Options of look-ups."),
      });
  return description;
}

const MessageDescription& describe(const CaresDnsResolverConfig*) {
  static const MessageDescription description = message<CaresDnsResolverConfig>(
      "CaresDnsResolverConfig", "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
      "Settings of the resolver.", {},
      {
          field<&CaresDnsResolverConfig::resolvers>("resolvers", "Name servers; the system's when empty."),
          field<&CaresDnsResolverConfig::use_resolvers_as_fallback>("use_resolvers_as_fallback",
                                                                    "Use them only where the system has none."),
          field<&CaresDnsResolverConfig::filter_unroutable_families>(
              "filter_unroutable_families", "Leave out addresses of a family that this machine has none of."),
          field<&CaresDnsResolverConfig::dns_resolver_options>("dns_resolver_options", "Options of look-ups."),
          field<&CaresDnsResolverConfig::query_timeout_seconds>(
              "query_timeout_seconds", "Wait for a server's answer; 5 when not set.", {.min = 1, .max = 600}),
          field<&CaresDnsResolverConfig::query_tries>(
              "query_tries", "Times that a server is asked; 2 when not set (Envoy: 4).", {.min = 1, .max = 10}),
          field<&CaresDnsResolverConfig::rotate_nameservers>("rotate_nameservers",
                                                             "Begin with another server each time."),
          field<&CaresDnsResolverConfig::edns0_max_payload_size>(
              "edns0_max_payload_size", "Bytes of the largest answer by UDP.", {.min = 512, .max = 4096}),
          ignored("udp_max_queries"),
          ignored("reinit_channel_on_timeout"),
          ignored("max_udp_channel_duration"),
      });
  return description;
}

const MessageDescription& describe(const DnsResolverExtension*) {
  static const MessageDescription description = message<DnsResolverExtension>(
      "DnsResolverExtension", "", "The resolver.", {},
      {
          field<&DnsResolverExtension::name>("name", "Any name.", {.required = true, .nonempty = true}),
          field<&DnsResolverExtension::typed_config>("typed_config", "Its settings.",
                                                     {.required = true, .category = "dnsresolver"}),
      });
  return description;
}

std::optional<DnsResolverExtension> DnsResolverExtension::of(std::vector<Address> resolvers,
                                                             const DnsResolverOptions& options) {
  if (resolvers.empty() && !options.use_tcp_for_dns_lookups && !options.no_default_search_domain) return std::nullopt;
  return DnsResolverExtension{.name = "envoy.network.dns_resolver.cares",
                              .typed_config = TypedConfig::of(CaresDnsResolverConfig{.resolvers = std::move(resolvers),
                                                                                     .dns_resolver_options = options})};
}

}  // namespace baton::api
