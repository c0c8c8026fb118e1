// The endpoints of a cluster. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/address.h"
#include "api/metadata.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Where something runs.
struct Locality {
  std::string region;
  std::string zone;
  std::string sub_zone;
};

// How this endpoint is checked.
struct EndpointHealthCheckConfig {
  uint32_t port_value = 0;  // Another port; 0 is the endpoint's own.
  std::string hostname;
  std::optional<Address> address;
  bool disable_active_health_check = false;
};

// Where an endpoint listens.
struct Endpoint {
  std::optional<Address> address;
  std::string hostname;
  std::optional<EndpointHealthCheckConfig> health_check_config;
};

// An endpoint with its weight.
struct LbEndpoint {
  enum class HealthStatus { kUnknown = 0, kHealthy = 1, kUnhealthy = 2, kDraining = 3, kTimeout = 4, kDegraded = 5 };

  std::optional<Endpoint> endpoint;
  HealthStatus health_status = HealthStatus::kUnknown;
  uint32_t load_balancing_weight = 1;
  std::shared_ptr<Metadata> metadata;
};

// The endpoints of one locality and priority.
struct LocalityLbEndpoints {
  std::optional<Locality> locality;
  std::vector<LbEndpoint> lb_endpoints;
  uint32_t priority = 0;  // 0 is used first.
};

// How load is spread over priorities.
struct ClusterLoadAssignmentPolicy {
  uint32_t overprovisioning_factor = 140;
};

// The endpoints of a cluster.
struct ClusterLoadAssignment {
  std::string cluster_name;
  std::vector<LocalityLbEndpoints> endpoints;
  ClusterLoadAssignmentPolicy policy;
};

const MessageDescription& describe(const Locality*);
const MessageDescription& describe(const EndpointHealthCheckConfig*);
const MessageDescription& describe(const Endpoint*);
const MessageDescription& describe(const LbEndpoint*);
const EnumDescription& describeEnum(const LbEndpoint::HealthStatus*);
const MessageDescription& describe(const LocalityLbEndpoints*);
const MessageDescription& describe(const ClusterLoadAssignmentPolicy*);
const MessageDescription& describe(const ClusterLoadAssignment*);

}  // namespace baton::api
