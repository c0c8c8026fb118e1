#include "api/network_filters.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const ConnectionLimit*) {
  static const MessageDescription description = message<ConnectionLimit>(
      "ConnectionLimit", "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
      "Ends connections beyond a number of open ones.", {},
      {
          field<&ConnectionLimit::stat_prefix>("stat_prefix", "Its statistics are connection_limit.<this>.",
                                               {.required = true, .nonempty = true}),
          field<&ConnectionLimit::max_connections>("max_connections", "Open connections, of all workers.",
                                                   {.required = true, .min = 1}),
          field<&ConnectionLimit::delay>("delay", "How long a connection too many is held before it is closed."),
          field<&ConnectionLimit::runtime_enabled>("runtime_enabled",
                                                   "Whether it does anything; it does when not set."),
      });
  return description;
}

const MessageDescription& describe(const NetworkLocalRateLimit*) {
  static const MessageDescription description = message<NetworkLocalRateLimit>(
      "NetworkLocalRateLimit", "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
      "Ends connections that come faster than a token bucket fills.", {},
      {
          field<&NetworkLocalRateLimit::stat_prefix>("stat_prefix", "Its statistics are local_rate_limit.<this>.",
                                                     {.required = true, .nonempty = true}),
          field<&NetworkLocalRateLimit::token_bucket>("token_bucket", "A token for each connection, of all workers.",
                                                      {.required = true}),
          field<&NetworkLocalRateLimit::runtime_enabled>("runtime_enabled",
                                                         "Whether it does anything; it does when not set."),
          unsupported("share_key", "token buckets that filter chains share"),
      });
  return description;
}

const MessageDescription& describe(const SniCluster*) {
  static const MessageDescription description = message<SniCluster>(
      "SniCluster", "envoy.extensions.filters.network.sni_cluster.v3.SniCluster",
      "Makes tcp_proxy take the server name that the client asks for as the name of the cluster.", {}, {});
  return description;
}

const MessageDescription& describe(const PortRange*) {
  static const MessageDescription description = message<PortRange>(
      "PortRange", "", "A range of ports with its start and without its end.", {},
      {
          field<&PortRange::start>("start", "The first.", {.max = 65535}),
          field<&PortRange::end>("end", "The one after the last.", {.required = true, .min = 1, .max = 65536}),
      });
  return description;
}

const MessageDescription& describe(const RbacPermissionSet*) {
  static const MessageDescription description =
      message<RbacPermissionSet>("RbacPermissionSet", "", "Several tests of what a client wants.", {},
                                 {
                                     field<&RbacPermissionSet::rules>("rules", "The tests.", {.min_items = 1}),
                                 });
  return description;
}

const MessageDescription& describe(const RbacPermission*) {
  static const MessageDescription description = message<RbacPermission>(
      "RbacPermission", "", "A test of what a client wants.", {{"rule", true}},
      {
          field<&RbacPermission::and_rules>("and_rules", "All of these.", {.oneof = "rule"}),
          field<&RbacPermission::or_rules>("or_rules", "Any of these.", {.oneof = "rule"}),
          field<&RbacPermission::not_rule>("not_rule", "Not this.", {.oneof = "rule"}),
          field<&RbacPermission::any>("any", "Everything.", {.oneof = "rule"}),
          field<&RbacPermission::destination_ip>("destination_ip", "The address that the client connected to.",
                                                 {.oneof = "rule"}),
          field<&RbacPermission::destination_port>("destination_port", "The port that the client connected to.",
                                                   {.max = 65535, .oneof = "rule"}),
          field<&RbacPermission::destination_port_range>("destination_port_range",
                                                         "Ports that the client connected to.", {.oneof = "rule"}),
          field<&RbacPermission::requested_server_name>("requested_server_name", "What the client asks for by SNI.",
                                                        {.oneof = "rule"}),
          unsupported("header", "request headers in a network filter", "rule"),
          unsupported("url_path", "paths in a network filter", "rule"),
          unsupported("uri_template", "paths in a network filter", "rule"),
          unsupported("metadata", "dynamic metadata", "rule"),
          unsupported("sourced_metadata", "dynamic metadata", "rule"),
          unsupported("matcher", "matcher extensions", "rule"),
      });
  return description;
}

const MessageDescription& describe(const RbacAuthenticated*) {
  static const MessageDescription description = message<RbacAuthenticated>(
      "RbacAuthenticated", "", "What a client proved by its certificate.", {},
      {
          field<&RbacAuthenticated::principal_name>(
              "principal_name", "A URI name of the certificate, else a DNS name, else the subject; any when not set."),
      });
  return description;
}

const MessageDescription& describe(const RbacPrincipalSet*) {
  static const MessageDescription description =
      message<RbacPrincipalSet>("RbacPrincipalSet", "", "Several tests of who a client is.", {},
                                {
                                    field<&RbacPrincipalSet::ids>("ids", "The tests.", {.min_items = 1}),
                                });
  return description;
}

const MessageDescription& describe(const RbacPrincipal*) {
  static const MessageDescription description = message<RbacPrincipal>(
      "RbacPrincipal", "", "A test of who a client is.", {{"identifier", true}},
      {
          field<&RbacPrincipal::and_ids>("and_ids", "All of these.", {.oneof = "identifier"}),
          field<&RbacPrincipal::or_ids>("or_ids", "Any of these.", {.oneof = "identifier"}),
          field<&RbacPrincipal::not_id>("not_id", "Not this.", {.oneof = "identifier"}),
          field<&RbacPrincipal::any>("any", "Everybody.", {.oneof = "identifier"}),
          field<&RbacPrincipal::authenticated>("authenticated", "Who has a certificate.", {.oneof = "identifier"}),
          field<&RbacPrincipal::source_ip>("source_ip", "The client's address.",
                                           {.oneof = "identifier", .deprecated = "direct_remote_ip or remote_ip"}),
          field<&RbacPrincipal::direct_remote_ip>("direct_remote_ip", "The address of the socket's peer.",
                                                  {.oneof = "identifier"}),
          field<&RbacPrincipal::remote_ip>("remote_ip", "The client's address, as PROXY protocol says.",
                                           {.oneof = "identifier"}),
          unsupported("header", "request headers in a network filter", "identifier"),
          unsupported("url_path", "paths in a network filter", "identifier"),
          unsupported("metadata", "dynamic metadata", "identifier"),
          unsupported("sourced_metadata", "dynamic metadata", "identifier"),
          unsupported("filter_state", "filter state", "identifier"),
          unsupported("custom", "principal extensions", "identifier"),
      });
  return description;
}

const MessageDescription& describe(const RbacPolicy*) {
  static const MessageDescription description =
      message<RbacPolicy>("RbacPolicy", "", "Matches when one of the permissions and one of the principals do.", {},
                          {
                              field<&RbacPolicy::permissions>("permissions", "What clients want.", {.min_items = 1}),
                              field<&RbacPolicy::principals>("principals", "Who they are.", {.min_items = 1}),
                              unsupported("condition", "CEL conditions"),
                              unsupported("checked_condition", "CEL conditions"),
                              unsupported("cel_config", "CEL conditions"),
                          });
  return description;
}

const EnumDescription& describeEnum(const RbacRules::Action*) {
  static const EnumDescription description{"RbacRules.Action", {{"ALLOW", 0}, {"DENY", 1}, {"LOG", 2}}};
  return description;
}

const MessageDescription& describe(const RbacRules*) {
  static const MessageDescription description = message<RbacRules>(
      "RbacRules", "", "Policies, and what follows from a match.", {},
      {
          field<&RbacRules::action>("action", "What happens to connections that match: ALLOW ends all others."),
          field<&RbacRules::policies>("policies", "By name; one match is enough."),
          unsupported("audit_logging_options", "audit logging"),
      });
  return description;
}

const MessageDescription& describe(const NetworkRbac*) {
  static const MessageDescription description = message<NetworkRbac>(
      "NetworkRbac", "envoy.extensions.filters.network.rbac.v3.RBAC", "Ends connections that the rules do not allow.",
      {},
      {
          field<&NetworkRbac::stat_prefix>("stat_prefix", "Its statistics are <this>.rbac.",
                                           {.required = true, .nonempty = true}),
          field<&NetworkRbac::rules>("rules", "The rules; all is allowed when not set."),
          field<&NetworkRbac::shadow_rules>("shadow_rules", "Rules that are only counted."),
          field<&NetworkRbac::shadow_rules_stat_prefix>("shadow_rules_stat_prefix",
                                                        "Prefix of the counters of shadow rules."),
          field<&NetworkRbac::delay_deny>("delay_deny", "How long a refused connection is held before it is closed."),
          unsupported("matcher", "matcher trees"),
          unsupported("shadow_matcher", "matcher trees"),
          unsupported("enforcement_type", "checks of more than the beginning of a connection"),
          unsupported("track_per_rule_stats", "statistics of single policies"),
      });
  return description;
}

}  // namespace baton::api
