// All clusters on one thread. Made by ClusterManager::makeWorkerClusters() on that thread, owned by its worker, and
// destroyed there before its loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "source/base/strings.h"
#include "source/upstream/pooled_cluster.h"

namespace baton::upstream {

class PooledClusters final : public WorkerClusters {
 public:
  // `random` belongs to the thread. `gone` is called when this is destroyed.
  PooledClusters(event::Loop& loop, base::Random& random, const ClientCodecs& codecs, std::function<void()> gone);
  ~PooledClusters() override;

  WorkerCluster* find(std::string_view name) override;
  void forEach(const std::function<void(WorkerCluster&)>& visit) override;
  void drainConnections() override;
  size_t openConnections() const override;

  // New, or with other hosts.
  void set(const std::shared_ptr<const ClusterInfo>& info, std::shared_ptr<const HostSnapshot> snapshot);

 private:
  PoolContext context_;
  std::function<void()> gone_;
  std::unordered_map<std::string, std::unique_ptr<PooledCluster>, base::StringHash, std::equal_to<>> clusters_;
};

}  // namespace baton::upstream
