// All clusters of the process. Owned by the server; main thread but for makeWorkerClusters(). Building reads files and
// makes stats; start() begins to look names up and to check hosts. Workers get immutable snapshots, posted to their
// loops.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/bootstrap.h"

#include "source/base/random.h"
#include "source/base/result.h"
#include "source/event/loop.h"
#include "source/stats/store.h"
#include "source/upstream/cares_resolver.h"
#include "source/upstream/cluster.h"
#include "source/upstream/dns_resolver.h"
#include "source/upstream/health_export.h"
#include "source/upstream/worker_clusters.h"

namespace baton::upstream {

// For the admin's /clusters.
struct HostReport {
  HostPtr host;
  std::string health_flags;  // "healthy", or the reasons why not: "/failed_active_hc/failed_outlier_check"
};
struct ClusterReport {
  std::shared_ptr<const ClusterInfo> info;
  const api::Cluster* config = nullptr;
  std::vector<HostReport> hosts;
};

class ClusterManager final : private Cluster::Owner {
 public:
  struct Dependencies {
    event::Loop& loop;  // of the main thread
    base::Random& random;
    stats::Store& store;
    std::unique_ptr<DnsResolver> resolver;  // null: c-ares, as configured
    const ClientCodecs* codecs = nullptr;   // null: the real ones
  };

  static base::Result<std::unique_ptr<ClusterManager>> make(std::shared_ptr<const api::Bootstrap> bootstrap,
                                                            Dependencies dependencies);
  // Whether make() would succeed; leaves no stats behind. For --mode validate.
  static base::Result<void> check(const api::Bootstrap& bootstrap);
  ~ClusterManager();

  // `initialized` is called once, from the loop or from inside, when every cluster that should be waited for has found
  // and checked its hosts once.
  void start(std::function<void()> initialized);
  bool initialized() const { return started_ && waited_for_ == 0; }

  // On the thread of `loop`, any time after make(). The result is destroyed on that thread before the loop ends and
  // before this manager.
  std::unique_ptr<WorkerClusters> makeWorkerClusters(event::Loop& loop);

  std::vector<ClusterReport> report() const;
  // For hot restart. Import before start().
  std::vector<ExportedHealth> exportHealth() const;
  void importHealth(const std::vector<ExportedHealth>& health);

 private:
  struct Workers;

  ClusterManager(std::shared_ptr<const api::Bootstrap> bootstrap, Dependencies dependencies);

  void onClusterChanged(Cluster& cluster) override;
  void onClusterInitialized(Cluster& cluster) override;
  void toldInitialized();

  // The one that the cluster asks; made when it is the first to ask it.
  base::Result<DnsResolver*> resolverFor(const api::Cluster& config);

  const std::shared_ptr<const api::Bootstrap> bootstrap_;
  const std::unique_ptr<DnsResolver> given_resolver_;  // null: by configuration
  std::vector<std::pair<CaresResolver::Settings, std::unique_ptr<DnsResolver>>> resolvers_;
  PoolContext context_;
  std::vector<std::unique_ptr<Cluster>> clusters_;
  const std::shared_ptr<Workers> workers_;
  std::function<void()> initialized_;
  size_t waited_for_ = 0;
  size_t warming_ = 0;
  bool started_ = false;
  stats::Gauge active_clusters_, warming_clusters_;
};

}  // namespace baton::upstream
