#include "source/upstream/cluster_manager.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "source/base/log.h"
#include "source/upstream/pooled_clusters.h"

namespace baton::upstream {

namespace {

std::string healthFlags(const Host& host) {
  std::string flags;
  if (host.failed_active_check) flags += "/failed_active_hc";
  if (host.failed_outlier_check) flags += "/failed_outlier_check";
  if (host.draining) flags += "/failed_eds_health";
  if (host.degraded_by_check) flags += "/degraded_active_hc";
  if (host.degraded) flags += "/degraded_eds_health";
  if (host.awaits_first_check) flags += "/pending_active_hc";
  return flags.empty() ? "healthy" : flags;
}

}  // namespace

// Who gets snapshots. Shared with the workers' views, which take themselves out when they go.
struct ClusterManager::Workers {
  struct View {
    event::Loop* loop;
    PooledClusters* clusters;
  };
  struct Current {
    std::shared_ptr<const ClusterInfo> info;
    std::shared_ptr<const HostSnapshot> snapshot;
  };

  std::mutex mutex;  // guards the rest
  std::unordered_map<uint64_t, View> views;
  uint64_t next_view = 0;
  std::vector<Current> current;
};

base::Result<std::unique_ptr<ClusterManager>> ClusterManager::make(std::shared_ptr<const api::Bootstrap> bootstrap,
                                                                   Dependencies dependencies) {
  stats::Store& store = dependencies.store;
  std::unique_ptr<ClusterManager> manager(new ClusterManager(std::move(bootstrap), std::move(dependencies)));
  const stats::Scope scope(store, "cluster_manager.");
  const stats::Counter added = scope.counter("cluster_added");
  for (const char* name : {"cluster_modified", "cluster_removed", "cluster_updated", "cluster_updated_via_merge",
                           "update_merge_cancelled", "update_out_of_merge_window"}) {
    scope.counter(name);
  }
  manager->active_clusters_ = scope.gauge("active_clusters", stats::GaugeMode::kOwn);
  manager->warming_clusters_ = scope.gauge("warming_clusters", stats::GaugeMode::kOwn);
  for (const api::Cluster& config : manager->bootstrap_->static_resources.clusters) {
    auto resolver = manager->resolverFor(config);
    if (!resolver) return resolver.error();
    auto cluster = Cluster::make(config, store, manager->context_, **resolver, *manager);
    if (!cluster) return cluster.error();
    manager->workers_->current.push_back({(*cluster)->info(), (*cluster)->snapshot()});
    manager->clusters_.push_back(std::move(cluster).value());
    added.add();
  }
  manager->active_clusters_.set(static_cast<int64_t>(manager->clusters_.size()));
  manager->warming_clusters_.set(0);
  return manager;
}

base::Result<void> ClusterManager::check(const api::Bootstrap& bootstrap) {
  event::Loop loop;
  const auto store = stats::Store::inMemory();
  // Not owned: the manager is gone before the caller's bootstrap can be.
  const std::shared_ptr<const api::Bootstrap> borrowed(std::shared_ptr<const api::Bootstrap>(), &bootstrap);
  auto made = make(borrowed, {.loop = loop, .random = base::threadRandom(), .store = *store, .resolver = nullptr});
  if (!made) return made.error();
  return {};
}

ClusterManager::ClusterManager(std::shared_ptr<const api::Bootstrap> bootstrap, Dependencies dependencies)
    : bootstrap_(std::move(bootstrap)),
      given_resolver_(std::move(dependencies.resolver)),
      context_{dependencies.loop, dependencies.random,
               dependencies.codecs != nullptr ? *dependencies.codecs : ClientCodecs::instance()},
      workers_(std::make_shared<Workers>()) {}

ClusterManager::~ClusterManager() = default;

base::Result<DnsResolver*> ClusterManager::resolverFor(const api::Cluster& config) {
  if (given_resolver_ != nullptr) return given_resolver_.get();
  const auto& extension =
      config.typed_dns_resolver_config ? config.typed_dns_resolver_config : bootstrap_->typed_dns_resolver_config;
  CaresResolver::Settings settings;
  if (const auto* cares = extension ? extension->typed_config.as<api::CaresDnsResolverConfig>() : nullptr) {
    auto configured = CaresResolver::Settings::of(*cares);
    if (!configured) {
      return base::Error{configured.error().code, "typed_dns_resolver_config: " + configured.error().message};
    }
    settings = std::move(configured).value();
  }
  for (const auto& [of, resolver] : resolvers_) {
    if (of == settings) return resolver.get();
  }
  auto resolver = CaresResolver::make(context_.loop, settings);
  if (!resolver) return resolver.error();
  resolvers_.emplace_back(settings, std::move(resolver).value());
  return resolvers_.back().second.get();
}

void ClusterManager::start(std::function<void()> initialized) {
  initialized_ = std::move(initialized);
  started_ = true;
  // One more than there are clusters, so that it is said only when all have begun.
  waited_for_ = 1;
  for (const auto& cluster : clusters_) waited_for_ += cluster->config().wait_for_warm_on_init ? 1 : 0;
  warming_ = waited_for_ - 1;
  warming_clusters_.set(static_cast<int64_t>(warming_));
  for (const auto& cluster : clusters_) cluster->start();
  toldInitialized();
}

void ClusterManager::onClusterInitialized(Cluster& cluster) {
  if (!cluster.config().wait_for_warm_on_init) return;
  warming_clusters_.set(static_cast<int64_t>(--warming_));
  toldInitialized();
}

void ClusterManager::toldInitialized() {
  --waited_for_;
  if (waited_for_ > 0) return;
  if (const auto initialized = std::exchange(initialized_, nullptr)) initialized();
}

void ClusterManager::onClusterChanged(Cluster& cluster) {
  const std::lock_guard lock(workers_->mutex);
  for (Workers::Current& current : workers_->current) {
    if (current.info == cluster.info()) current.snapshot = cluster.snapshot();
  }
  for (const auto& [id, view] : workers_->views) {
    // Views take themselves out on their own thread, so one that is found there is alive.
    view.loop->post([workers = workers_, id = id, info = cluster.info(), snapshot = cluster.snapshot()] {
      PooledClusters* clusters = nullptr;
      {
        const std::lock_guard lock(workers->mutex);
        const auto at = workers->views.find(id);
        if (at != workers->views.end()) clusters = at->second.clusters;
      }
      if (clusters != nullptr) clusters->set(info, snapshot);
    });
  }
}

std::unique_ptr<WorkerClusters> ClusterManager::makeWorkerClusters(event::Loop& loop) {
  const std::lock_guard lock(workers_->mutex);
  const uint64_t id = workers_->next_view++;
  auto clusters =
      std::make_unique<PooledClusters>(loop, base::threadRandom(), context_.codecs, [workers = workers_, id] {
        const std::lock_guard lock(workers->mutex);
        workers->views.erase(id);
      });
  for (const Workers::Current& current : workers_->current) clusters->set(current.info, current.snapshot);
  workers_->views[id] = {&loop, clusters.get()};
  return clusters;
}

std::vector<ClusterReport> ClusterManager::report() const {
  std::vector<ClusterReport> reports;
  for (const auto& cluster : clusters_) {
    ClusterReport report{.info = cluster->info(), .config = &cluster->config(), .hosts = {}};
    for (const HostPtr& host : cluster->hosts()) report.hosts.push_back({host, healthFlags(*host)});
    reports.push_back(std::move(report));
  }
  return reports;
}

std::vector<ExportedHealth> ClusterManager::exportHealth() const {
  std::vector<ExportedHealth> health;
  for (const auto& cluster : clusters_) health.push_back({cluster->info()->name, cluster->exportHealth()});
  return health;
}

void ClusterManager::importHealth(const std::vector<ExportedHealth>& health) {
  for (const ExportedHealth& from : health) {
    for (const auto& cluster : clusters_) {
      if (cluster->info()->name == from.cluster) cluster->importHealth(from.hosts);
    }
  }
}

}  // namespace baton::upstream
