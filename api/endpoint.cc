#include "api/endpoint.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const Locality*) {
  static const MessageDescription description =
      message<Locality>("Locality", "", "Where something runs.", {},
                        {
                            field<&Locality::region>("region", "The region."),
                            field<&Locality::zone>("zone", "The zone."),
                            field<&Locality::sub_zone>("sub_zone", "The part of the zone."),
                        });
  return description;
}

const MessageDescription& describe(const EndpointHealthCheckConfig*) {
  static const MessageDescription description = message<EndpointHealthCheckConfig>(
      "EndpointHealthCheckConfig", "", "How this endpoint is checked.", {},
      {
          field<&EndpointHealthCheckConfig::port_value>("port_value", "Another port; 0 is the endpoint's own.",
                                                        {.max = 65535}),
          field<&EndpointHealthCheckConfig::hostname>("hostname", "Host header of HTTP checks."),
          field<&EndpointHealthCheckConfig::address>("address", "Another address."),
          field<&EndpointHealthCheckConfig::disable_active_health_check>("disable_active_health_check",
                                                                         "Do not check it."),
      });
  return description;
}

const MessageDescription& describe(const Endpoint*) {
  static const MessageDescription description = message<Endpoint>(
      "Endpoint", "envoy.config.endpoint.v3.Endpoint", "Where an endpoint listens.", {},
      {
          field<&Endpoint::address>("address", "Its address.", {.required = true}),
          field<&Endpoint::hostname>("hostname", "Its name, for auto_host_rewrite and auto_host_sni."),
          field<&Endpoint::health_check_config>("health_check_config", "How it is checked."),
          unsupported("additional_addresses", "several addresses of an endpoint"),
      });
  return description;
}

const EnumDescription& describeEnum(const LbEndpoint::HealthStatus*) {
  static const EnumDescription description{
      "LbEndpoint.HealthStatus",
      {{"UNKNOWN", 0}, {"HEALTHY", 1}, {"UNHEALTHY", 2}, {"DRAINING", 3}, {"TIMEOUT", 4}, {"DEGRADED", 5}}};
  return description;
}

const MessageDescription& describe(const LbEndpoint*) {
  static const MessageDescription description = message<LbEndpoint>(
      "LbEndpoint", "", "An endpoint with its weight.", {},
      {
          field<&LbEndpoint::endpoint>("endpoint", "The endpoint.", {.required = true}),
          field<&LbEndpoint::health_status>("health_status", "What is known of its health."),
          field<&LbEndpoint::load_balancing_weight>("load_balancing_weight", "Its share of the load.", {.min = 1}),
          field<&LbEndpoint::metadata>("metadata",
                                       "Facts for %UPSTREAM_METADATA%; canary of envoy.lb says whether it is one."),
          unsupported("endpoint_name", "named endpoints"),
      });
  return description;
}

const MessageDescription& describe(const LocalityLbEndpoints*) {
  static const MessageDescription description = message<LocalityLbEndpoints>(
      "LocalityLbEndpoints", "", "The endpoints of one locality and priority.", {},
      {
          field<&LocalityLbEndpoints::locality>("locality", "The locality."),
          field<&LocalityLbEndpoints::lb_endpoints>("lb_endpoints", "The endpoints."),
          field<&LocalityLbEndpoints::priority>("priority", "0 is used first.", {.max = 128}),
          ignored("metadata"),
          ignored("load_balancing_weight"),
          unsupported("proximity", "proximity"),
          unsupported("load_balancer_endpoints", "endpoint discovery"),
          unsupported("leds_cluster_locality_config", "endpoint discovery"),
      });
  return description;
}

const MessageDescription& describe(const ClusterLoadAssignmentPolicy*) {
  static const MessageDescription description = message<ClusterLoadAssignmentPolicy>(
      "ClusterLoadAssignmentPolicy", "", "How load is spread over priorities.", {},
      {
          field<&ClusterLoadAssignmentPolicy::overprovisioning_factor>(
              "overprovisioning_factor", "Percent; at 140 a priority takes all load while 72 % of it is healthy.",
              {.min = 1}),
          unsupported("endpoint_stale_after", "endpoint discovery"),
          unsupported("weighted_priority_health", "weighted priority health"),
          unsupported("drop_overloads", "drop overloads"),
      });
  return description;
}

const MessageDescription& describe(const ClusterLoadAssignment*) {
  static const MessageDescription description = message<ClusterLoadAssignment>(
      "ClusterLoadAssignment", "envoy.config.endpoint.v3.ClusterLoadAssignment", "The endpoints of a cluster.", {},
      {
          field<&ClusterLoadAssignment::cluster_name>("cluster_name",
                                                      "Name of the assignment; need not be the cluster's.",
                                                      {.required = true, .nonempty = true}),
          field<&ClusterLoadAssignment::endpoints>("endpoints", "The endpoints by locality."),
          field<&ClusterLoadAssignment::policy>("policy", "How load is spread over priorities."),
          unsupported("named_endpoints", "named endpoints"),
      });
  return description;
}

}  // namespace baton::api
