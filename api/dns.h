// How host names are looked up. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/address.h"
#include "api/typed_config.h"

namespace baton::api {

struct MessageDescription;

// Options of look-ups.
struct DnsResolverOptions {
  bool use_tcp_for_dns_lookups = false;
  bool no_default_search_domain = false;
};

// Name servers and options, as they used to be written.
struct DnsResolutionConfig {
  std::vector<Address> resolvers;
  DnsResolverOptions dns_resolver_options;
};

// Settings of the resolver.
struct CaresDnsResolverConfig {
  std::vector<Address> resolvers;           // Name servers; the system's when empty.
  bool use_resolvers_as_fallback = false;   // Use them only where the system has none.
  bool filter_unroutable_families = false;  // Leave out addresses of a family that this machine has none of.
  DnsResolverOptions dns_resolver_options;
  std::optional<uint32_t> query_timeout_seconds;  // Wait for a server's answer; 5 when not set.
  std::optional<uint32_t> query_tries;            // Times that a server is asked; 2 when not set (Envoy: 4).
  bool rotate_nameservers = false;
  std::optional<uint32_t> edns0_max_payload_size;  // Bytes of the largest answer by UDP.
};

// The resolver.
struct DnsResolverExtension {
  std::string name;
  TypedConfig typed_config;

  // What the older fields say, or nothing when none of them is set.
  static std::optional<DnsResolverExtension> of(std::vector<Address> resolvers, const DnsResolverOptions& options);
};

const MessageDescription& describe(const DnsResolverOptions*);
const MessageDescription& describe(const DnsResolutionConfig*);
const MessageDescription& describe(const CaresDnsResolverConfig*);
const MessageDescription& describe(const DnsResolverExtension*);

}  // namespace baton::api
