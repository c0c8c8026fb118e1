#include "source/upstream/pooled_clusters.h"

namespace baton::upstream {

PooledClusters::PooledClusters(event::Loop& loop, base::Random& random, const ClientCodecs& codecs,
                               std::function<void()> gone)
    : context_{loop, random, codecs}, gone_(std::move(gone)) {}

PooledClusters::~PooledClusters() {
  if (gone_) gone_();
}

WorkerCluster* PooledClusters::find(std::string_view name) {
  const auto at = clusters_.find(name);
  return at == clusters_.end() ? nullptr : at->second.get();
}

void PooledClusters::forEach(const std::function<void(WorkerCluster&)>& visit) {
  for (const auto& [name, cluster] : clusters_) visit(*cluster);
}

void PooledClusters::drainConnections() {
  for (const auto& [name, cluster] : clusters_) cluster->drainConnections();
}

size_t PooledClusters::openConnections() const {
  size_t count = 0;
  for (const auto& [name, cluster] : clusters_) count += cluster->openConnections();
  return count;
}

void PooledClusters::set(const std::shared_ptr<const ClusterInfo>& info, std::shared_ptr<const HostSnapshot> snapshot) {
  auto& cluster = clusters_[info->name];
  if (cluster == nullptr) {
    cluster = std::make_unique<PooledCluster>(context_, info, std::move(snapshot));
  } else if (cluster->snapshot().version < snapshot->version) {
    cluster->update(std::move(snapshot));
  }
}

}  // namespace baton::upstream
