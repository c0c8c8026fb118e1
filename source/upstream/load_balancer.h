// Chooses the host of a request from a snapshot. One per cluster and worker, made anew for each snapshot, so its state
// (whose turn it is) belongs to one thread and needs no lock.
#pragma once

#include <memory>
#include <vector>

#include "source/base/random.h"
#include "source/upstream/cluster_info.h"
#include "source/upstream/host_snapshot.h"
#include "source/upstream/worker_clusters.h"

namespace baton::upstream {

class LoadBalancer {
 public:
  // What `info` and `random` refer to outlives the balancer.
  static std::unique_ptr<LoadBalancer> make(const ClusterInfo& info, std::shared_ptr<const HostSnapshot> snapshot,
                                            base::Random& random);
  virtual ~LoadBalancer() = default;

  // Null when no host can be used. Asks context.refuses() for up to context.hostSelectionAttempts() further choices;
  // the last choice is taken whatever it says.
  HostPtr choose(const LoadBalancerContext& context);

 protected:
  LoadBalancer(const ClusterInfo& info, std::shared_ptr<const HostSnapshot> snapshot, base::Random& random)
      : info_(info), snapshot_(std::move(snapshot)), random_(random) {}

  // Which list of which priority; the state of a policy is kept per list.
  struct Choice {
    const PriorityHosts* priority = nullptr;
    const HostList* list = nullptr;
    size_t index = 0;  // running number of the list
  };
  virtual HostPtr pick(const Choice& choice, uint64_t hash, uint32_t attempt) = 0;

  static constexpr size_t kListsPerPriority = 3;
  size_t listCount() const { return snapshot_->priorities.size() * kListsPerPriority; }

  const ClusterInfo& info_;
  const std::shared_ptr<const HostSnapshot> snapshot_;
  base::Random& random_;

 private:
  Choice chooseList(uint64_t hash) const;
};

}  // namespace baton::upstream
