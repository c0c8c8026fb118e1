// What a configuration file holds. Plain values with their defaults; any thread may read them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/access_log.h"
#include "api/address.h"
#include "api/cluster.h"
#include "api/dns.h"
#include "api/endpoint.h"
#include "api/listener.h"
#include "api/runtime.h"
#include "api/string_matcher.h"
#include "api/tls.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// What this process is called.
struct Node {
  std::string id;
  std::string cluster;
  std::optional<Locality> locality;
};

// Listeners and clusters.
struct StaticResources {
  std::vector<Listener> listeners;
  std::vector<Cluster> clusters;
  std::vector<Secret> secrets;
};

// Settings of all clusters.
struct ClusterManager {};

// The admin interface.
struct Admin {
  std::optional<Address> address;  // Where it listens; nowhere when not set.
  std::vector<AccessLog> access_log;
  std::string access_log_path;
  bool ignore_global_conn_limit = false;
  std::vector<StringMatcher> allow_paths;  // The paths that are answered; all when empty.
};

// The whole configuration.
struct Bootstrap {
  Node node;
  StaticResources static_resources;
  ClusterManager cluster_manager;
  std::optional<Admin> admin;                     // The admin interface; none when not set.
  std::optional<LayeredRuntime> layered_runtime;  // The runtime; without any layer when not set.
  Milliseconds stats_flush_interval{5000};
  bool stats_flush_on_admin = false;
  bool use_tcp_for_dns_lookups = false;
  std::optional<DnsResolutionConfig> dns_resolution_config;
  std::optional<DnsResolverExtension> typed_dns_resolver_config;  // The resolver of clusters that have none.
};

const MessageDescription& describe(const Node*);
const MessageDescription& describe(const StaticResources*);
const MessageDescription& describe(const ClusterManager*);
const MessageDescription& describe(const Admin*);
const MessageDescription& describe(const Bootstrap*);

}  // namespace baton::api
