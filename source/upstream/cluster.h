// A cluster as the main thread keeps it: finds its hosts (as configured, or by DNS), checks them, ejects outliers, and
// makes a new snapshot for the workers whenever any of that changes. Owned by the ClusterManager.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/cluster.h"

#include "source/upstream/cluster_builder.h"
#include "source/upstream/dns_target.h"
#include "source/upstream/health_checker.h"
#include "source/upstream/health_export.h"
#include "source/upstream/host_snapshot.h"
#include "source/upstream/outlier_detector.h"

namespace baton::upstream {

class Cluster final : private HealthChecker::Listener {
 public:
  struct Owner {
    // There is a new snapshot.
    virtual void onClusterChanged(Cluster& cluster) = 0;
    // Its hosts have been looked up and checked once, whatever came out. Said once.
    virtual void onClusterInitialized(Cluster& cluster) = 0;

   protected:
    ~Owner() = default;
  };

  // `config`, `context`, `resolver` and `owner` outlive the cluster. Nothing happens before start().
  static base::Result<std::unique_ptr<Cluster>> make(const api::Cluster& config, stats::Store& store,
                                                     PoolContext& context, DnsResolver& resolver, Owner& owner);
  ~Cluster();

  // What another process knew of the hosts: applied to each when it appears. Before start().
  void importHealth(const std::vector<ExportedHost>& hosts);
  std::vector<ExportedHost> exportHealth() const;

  void start();
  bool initialized() const { return initialized_; }

  const std::shared_ptr<const ClusterInfo>& info() const { return info_; }
  const std::shared_ptr<const HostSnapshot>& snapshot() const { return snapshot_; }
  const std::vector<HostPtr>& hosts() const { return hosts_; }
  const api::Cluster& config() const { return config_; }

 private:
  // Where hosts come from: one configured endpoint.
  struct Source {
    Endpoint endpoint;
    std::unique_ptr<DnsTarget> target;  // null: the address is known
    std::vector<HostPtr> hosts;
    bool answered = false;
  };

  Cluster(const api::Cluster& config, BuiltCluster built, PoolContext& context, DnsResolver& resolver, Owner& owner);

  void onHealthChanged(const HostPtr& host) override;
  void onFirstCheck(const HostPtr& host) override;
  void onCheckSucceeded(const HostPtr& host) override;

  void onResolved(Source& source, const base::Result<DnsAnswer>& answer);
  // True when the source's hosts are others than before.
  bool takeAddresses(Source& source, std::vector<network::Address> addresses);
  void collectHosts();
  void addHost(const HostPtr& host);
  void removeHost(const HostPtr& host);
  bool healthyByChecks(const Host& host) const;
  void publish();
  void initializedIfSo();
  void armSweep();

  const api::Cluster& config_;
  const std::shared_ptr<ClusterInfo> info_built_;
  const std::shared_ptr<const ClusterInfo> info_;
  PoolContext& context_;
  DnsResolver& resolver_;
  Owner& owner_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<HostPtr> hosts_;
  std::vector<std::unique_ptr<HealthChecker>> checkers_;
  std::unique_ptr<OutlierDetector> outlier_;
  std::unique_ptr<event::Timer> sweep_timer_;
  std::map<std::string, ExportedHost> imported_;            // by address
  std::unordered_map<const Host*, size_t> awaited_checks_;  // first checks that are still to come
  std::shared_ptr<const HostSnapshot> snapshot_;
  uint64_t version_ = 0;
  bool started_ = false;
  bool initialized_ = false;
  // For what workers post to this cluster: null when it is gone.
  std::shared_ptr<Cluster*> self_ = std::make_shared<Cluster*>(this);
};

}  // namespace baton::upstream
