// From the configuration of a cluster to what it is made of. Building reads certificate files and makes stats; it
// opens nothing and connects nowhere. Main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/cluster.h"

#include "source/base/result.h"
#include "source/stats/store.h"
#include "source/upstream/cluster_info.h"
#include "source/upstream/host.h"

namespace baton::upstream {

// An endpoint as configured: an address, or a name that is still to be resolved.
struct Endpoint {
  std::string hostname;      // as configured for SNI and host rewriting
  std::string dns_name;      // to be looked up; empty: `address` is it
  network::Address address;  // with dns_name only its port counts
  uint32_t weight = 1;
  uint32_t priority = 0;
  Locality locality;
  api::LbEndpoint::HealthStatus status = api::LbEndpoint::HealthStatus::kUnknown;
  std::shared_ptr<const api::Metadata> metadata;
  // health_check_config
  std::optional<network::Address> health_check_address;
  uint32_t health_check_port = 0;
  std::string health_check_hostname;
  bool health_check_disabled = false;
  bool canary = false;

  // A host of it at an address of its own or one that was found.
  HostPtr makeHost(const network::Address& at) const;
};

struct BuiltCluster {
  std::shared_ptr<ClusterInfo> info;
  std::vector<Endpoint> endpoints;
};

base::Result<BuiltCluster> buildCluster(const api::Cluster& config, stats::Store& store);

}  // namespace baton::upstream
