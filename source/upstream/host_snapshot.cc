#include "source/upstream/host_snapshot.h"

#include <algorithm>

namespace baton::upstream {

namespace {

// Health in percent as load sees it: with a factor of 140 a priority takes all load while 72 % of it is healthy.
uint32_t availability(size_t usable, size_t all, uint32_t overprovisioning_factor) {
  if (all == 0) return 0;
  return static_cast<uint32_t>(std::min<uint64_t>(100, uint64_t{overprovisioning_factor} * usable / all));
}

// Nothing is healthy enough anywhere: priorities get load as they have hosts.
void spreadByCount(HostSnapshot& snapshot) {
  const size_t total = snapshot.total();
  if (total == 0) return;
  uint32_t given = 0;
  PriorityHosts* first = nullptr;
  for (PriorityHosts& priority : snapshot.priorities) {
    priority.degraded_load = 0;
    priority.healthy_load = static_cast<uint32_t>(100 * priority.all.hosts.size() / total);
    given += priority.healthy_load;
    if (first == nullptr && priority.healthy_load > 0) first = &priority;
  }
  if (first != nullptr) first->healthy_load += 100 - given;
}

void spreadByHealth(HostSnapshot& snapshot, const std::vector<uint32_t>& healthy, const std::vector<uint32_t>& degraded,
                    uint32_t total_availability) {
  uint32_t left = 100;
  const auto take = [&](uint32_t available) {
    const uint32_t load = std::min(left, available * 100 / total_availability);
    left -= load;
    return load;
  };
  for (size_t i = 0; i < healthy.size(); ++i) snapshot.priorities[i].healthy_load = take(healthy[i]);
  for (size_t i = 0; i < degraded.size(); ++i) snapshot.priorities[i].degraded_load = take(degraded[i]);
  if (left == 0) return;
  // What rounding has left goes to the first that takes any.
  for (PriorityHosts& priority : snapshot.priorities) {
    if (priority.healthy_load > 0) {
      priority.healthy_load += left;
      return;
    }
  }
  for (PriorityHosts& priority : snapshot.priorities) {
    if (priority.degraded_load > 0) {
      priority.degraded_load += left;
      return;
    }
  }
}

void computeLoad(HostSnapshot& snapshot, const LbSettings& settings) {
  std::vector<uint32_t> healthy, degraded;
  uint32_t total = 0;
  for (const PriorityHosts& priority : snapshot.priorities) {
    const size_t all = priority.all.hosts.size();
    healthy.push_back(availability(priority.healthy.hosts.size(), all, settings.overprovisioning_factor));
    degraded.push_back(availability(priority.degraded.hosts.size(), all, settings.overprovisioning_factor));
    total += healthy.back() + degraded.back();
  }
  total = std::min<uint32_t>(total, 100);
  const double threshold = std::min(100.0, settings.healthy_panic_threshold);
  bool all_panic = !snapshot.priorities.empty();
  for (PriorityHosts& priority : snapshot.priorities) {
    const size_t all = priority.all.hosts.size();
    const size_t usable = priority.healthy.hosts.size() + priority.degraded.hosts.size();
    const double percent = all == 0 ? 0 : 100.0 * static_cast<double>(usable) / static_cast<double>(all);
    // A priority alone is not in panic as long as the others make up for it.
    priority.panic = total < 100 && percent < threshold;
    all_panic = all_panic && priority.panic;
  }
  if (all_panic) {
    spreadByCount(snapshot);
  } else if (total > 0) {
    spreadByHealth(snapshot, healthy, degraded, total);
  }
}

std::shared_ptr<const HashTable> makeTable(const PriorityHosts& priority, const LbSettings& settings) {
  const HostList& usable = priority.panic               ? priority.all
                           : priority.healthy_load > 0  ? priority.healthy
                           : priority.degraded_load > 0 ? priority.degraded
                                                        : priority.healthy;
  if (settings.policy == LbPolicy::kRingHash) return std::make_shared<RingHash>(usable.hosts, settings);
  return std::make_shared<Maglev>(usable.hosts, settings);
}

}  // namespace

void HostList::add(const HostPtr& host) {
  if (!hosts.empty() && hosts.front()->weight.load() != host->weight.load()) equal_weights = false;
  hosts.push_back(host);
}

size_t HostSnapshot::total() const {
  size_t count = 0;
  for (const PriorityHosts& priority : priorities) count += priority.all.hosts.size();
  return count;
}

size_t HostSnapshot::healthy() const {
  size_t count = 0;
  for (const PriorityHosts& priority : priorities) count += priority.healthy.hosts.size();
  return count;
}

size_t HostSnapshot::degraded() const {
  size_t count = 0;
  for (const PriorityHosts& priority : priorities) count += priority.degraded.hosts.size();
  return count;
}

std::shared_ptr<const HostSnapshot> makeHostSnapshot(const std::vector<HostPtr>& hosts, const LbSettings& settings,
                                                     uint64_t version) {
  auto snapshot = std::make_shared<HostSnapshot>();
  snapshot->version = version;
  for (const HostPtr& host : hosts) {
    if (snapshot->priorities.size() <= host->priority) snapshot->priorities.resize(host->priority + 1);
    PriorityHosts& priority = snapshot->priorities[host->priority];
    // Such hosts would only lower the share of healthy ones; they join when they have been checked.
    if (host->awaits_first_check.load(std::memory_order_relaxed)) continue;
    priority.all.add(host);
    switch (host->health()) {
      case HealthStatus::kHealthy:
        priority.healthy.add(host);
        break;
      case HealthStatus::kDegraded:
        priority.degraded.add(host);
        break;
      case HealthStatus::kUnhealthy:
        break;
    }
  }
  computeLoad(*snapshot, settings);
  if (settings.policy == LbPolicy::kRingHash || settings.policy == LbPolicy::kMaglev) {
    for (PriorityHosts& priority : snapshot->priorities) priority.table = makeTable(priority, settings);
  }
  return snapshot;
}

}  // namespace baton::upstream
