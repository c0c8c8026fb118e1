// A cluster on one thread: its load balancer, and the pools to each of its hosts. Owned by the thread's PooledClusters;
// takes new host snapshots as the main thread posts them.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/upstream/host_snapshot.h"
#include "source/upstream/http_pool.h"
#include "source/upstream/load_balancer.h"
#include "source/upstream/pool_context.h"
#include "source/upstream/worker_clusters.h"

namespace baton::upstream {

class PooledCluster final : public WorkerCluster, public HttpPool::Owner {
 public:
  PooledCluster(PoolContext& context, std::shared_ptr<const ClusterInfo> info,
                std::shared_ptr<const HostSnapshot> snapshot);
  ~PooledCluster() override;

  const ClusterInfo& info() const override { return *info_; }
  HostPtr chooseHost(const LoadBalancerContext& context) override;
  HostCounts hostCounts() const override;
  PendingStream* newStream(const StreamOptions& options, const LoadBalancerContext& context,
                           http::StreamReceiver& receiver, StreamWaiter& waiter) override;
  PendingConnection* newConnection(Priority priority, const LoadBalancerContext& context,
                                   ConnectionWaiter& waiter) override;
  void connectionEnded(const Host& host) override;
  void report(Host& host, HostOutcome outcome, int status) override;
  bool tryStartRetry(Priority priority) override;
  void retryEnded(Priority priority) override;

  // New members or new health. Pools to hosts that are gone drain.
  void update(std::shared_ptr<const HostSnapshot> snapshot);
  void drainConnections();
  size_t openConnections() const;
  const HostSnapshot& snapshot() const { return *snapshot_; }

  void onPoolDrained(HttpPool& pool) override;

 private:
  class TcpAttempt;
  struct HostPools {
    HostPtr host;
    bool was_healthy = true;
    std::vector<std::unique_ptr<HttpPool>> pools;
  };

  HttpPool& poolFor(const HostPtr& host, const StreamOptions& options, const LoadBalancerContext& context);
  std::unique_ptr<HttpPool> take(HttpPool& pool);

  PoolContext& context_;
  const std::shared_ptr<const ClusterInfo> info_;
  std::shared_ptr<const HostSnapshot> snapshot_;
  std::unique_ptr<LoadBalancer> balancer_;
  std::unordered_map<const Host*, HostPools> pools_;
  std::vector<std::unique_ptr<HttpPool>> retired_;  // of hosts that are gone, until their last stream ends
  base::IntrusiveList<TcpAttempt> attempts_;
  size_t tcp_connections_ = 0;
};

}  // namespace baton::upstream
