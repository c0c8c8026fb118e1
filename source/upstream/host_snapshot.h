// The hosts of a cluster at one moment, with their health and how load is spread over priorities. Made by the main
// thread at each change of members or health, immutable, shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "source/upstream/cluster_info.h"
#include "source/upstream/hash_table.h"
#include "source/upstream/host.h"

namespace baton::upstream {

struct HostList {
  std::vector<HostPtr> hosts;
  bool equal_weights = true;

  void add(const HostPtr& host);
};

struct PriorityHosts {
  HostList all;
  HostList healthy;
  HostList degraded;
  // Too few hosts are healthy: load goes to all of them.
  bool panic = false;
  // Percent of the cluster's load; they sum up to 100 over all priorities when any host can be used.
  uint32_t healthy_load = 0;
  uint32_t degraded_load = 0;
  // For RING_HASH and MAGLEV: over the hosts that take load.
  std::shared_ptr<const HashTable> table;
};

struct HostSnapshot {
  uint64_t version = 0;
  std::vector<PriorityHosts> priorities;  // by priority; may be empty

  size_t total() const;
  size_t healthy() const;
  size_t degraded() const;
};

std::shared_ptr<const HostSnapshot> makeHostSnapshot(const std::vector<HostPtr>& hosts, const LbSettings& settings,
                                                     uint64_t version);

}  // namespace baton::upstream
