#include "source/upstream/load_balancer.h"

#include <cmath>
#include <queue>

namespace baton::upstream {

namespace {

// Earliest deadline first: a host comes up again after 1/weight, so each gets its share as evenly as possible.
class Schedule {
 public:
  bool empty() const { return queue_.empty(); }
  void add(uint32_t host, double deadline) { queue_.push({deadline, order_++, host}); }
  // `weightOf(host)` > 0 says how soon the host comes up again.
  template <typename WeightOf>
  uint32_t next(WeightOf&& weightOf) {
    const Entry entry = queue_.top();
    queue_.pop();
    add(entry.host, entry.deadline + 1.0 / weightOf(entry.host));
    return entry.host;
  }

 private:
  struct Entry {
    double deadline;
    uint64_t order;
    uint32_t host;
    bool operator<(const Entry& other) const {
      return deadline != other.deadline ? deadline > other.deadline : order > other.order;
    }
  };
  std::priority_queue<Entry> queue_;
  uint64_t order_ = 0;
};

double weightOf(const Host& host) {
  return std::max(1.0, static_cast<double>(host.weight.load(std::memory_order_relaxed)));
}

// Taking turns: evenly when weights are equal, by schedule when they are not. Workers start at random places, or all
// of them would load the same hosts first.
class Turns {
 public:
  template <typename WeightOf>
  const HostPtr& next(const HostList& list, base::Random& random, WeightOf&& weight) {
    const auto of = [&](uint32_t host) { return weight(*list.hosts[host]); };
    if (schedule_.empty()) {
      for (uint32_t i = 0; i < list.hosts.size(); ++i) schedule_.add(i, random.fraction() / of(i));
    }
    return list.hosts[schedule_.next(of)];
  }
  const HostPtr& nextOfEqual(const HostList& list, base::Random& random) {
    if (!started_) {
      position_ = random.below(list.hosts.size());
      started_ = true;
    }
    if (++position_ >= list.hosts.size()) position_ = 0;
    return list.hosts[position_];
  }

 private:
  Schedule schedule_;
  size_t position_ = 0;
  bool started_ = false;
};

class RoundRobin final : public LoadBalancer {
 public:
  RoundRobin(const ClusterInfo& info, std::shared_ptr<const HostSnapshot> snapshot, base::Random& random)
      : LoadBalancer(info, std::move(snapshot), random), turns_(listCount()) {}

 private:
  HostPtr pick(const Choice& choice, uint64_t, uint32_t) override {
    Turns& turns = turns_[choice.index];
    if (choice.list->equal_weights) return turns.nextOfEqual(*choice.list, random_);
    return turns.next(*choice.list, random_, weightOf);
  }

  std::vector<Turns> turns_;
};

class LeastRequest final : public LoadBalancer {
 public:
  LeastRequest(const ClusterInfo& info, std::shared_ptr<const HostSnapshot> snapshot, base::Random& random)
      : LoadBalancer(info, std::move(snapshot), random), turns_(listCount()) {}

 private:
  HostPtr pick(const Choice& choice, uint64_t, uint32_t) override {
    const HostList& list = *choice.list;
    if (!list.equal_weights) {
      const double bias = info_.lb.active_request_bias;
      return turns_[choice.index].next(list, random_, [bias](const Host& host) {
        const double active = host.active_requests.load(std::memory_order_relaxed);
        return weightOf(host) / std::pow(active + 1, bias);
      });
    }
    const HostPtr* best = nullptr;
    uint32_t fewest = 0;
    for (uint32_t i = 0; i < info_.lb.choice_count; ++i) {
      const HostPtr& candidate = list.hosts[random_.below(list.hosts.size())];
      const uint32_t active = candidate->active_requests.load(std::memory_order_relaxed);
      if (best == nullptr || active < fewest) {
        best = &candidate;
        fewest = active;
      }
    }
    return *best;
  }

  std::vector<Turns> turns_;
};

class RandomChoice final : public LoadBalancer {
 public:
  RandomChoice(const ClusterInfo& info, std::shared_ptr<const HostSnapshot> snapshot, base::Random& random)
      : LoadBalancer(info, std::move(snapshot), random) {}

 private:
  // Weights do not count here, as in Envoy.
  HostPtr pick(const Choice& choice, uint64_t hash, uint32_t) override {
    return choice.list->hosts[hash % choice.list->hosts.size()];
  }
};

class Consistent final : public LoadBalancer {
 public:
  Consistent(const ClusterInfo& info, std::shared_ptr<const HostSnapshot> snapshot, base::Random& random)
      : LoadBalancer(info, std::move(snapshot), random) {}

 private:
  HostPtr pick(const Choice& choice, uint64_t hash, uint32_t attempt) override {
    return choice.priority->table->choose(hash, attempt);
  }
};

}  // namespace

std::unique_ptr<LoadBalancer> LoadBalancer::make(const ClusterInfo& info, std::shared_ptr<const HostSnapshot> snapshot,
                                                 base::Random& random) {
  switch (info.lb.policy) {
    case LbPolicy::kRoundRobin:
      return std::make_unique<RoundRobin>(info, std::move(snapshot), random);
    case LbPolicy::kLeastRequest:
      return std::make_unique<LeastRequest>(info, std::move(snapshot), random);
    case LbPolicy::kRandom:
      return std::make_unique<RandomChoice>(info, std::move(snapshot), random);
    case LbPolicy::kRingHash:
    case LbPolicy::kMaglev:
      return std::make_unique<Consistent>(info, std::move(snapshot), random);
  }
  return nullptr;
}

LoadBalancer::Choice LoadBalancer::chooseList(uint64_t hash) const {
  const auto listOf = [this](size_t index, bool degraded) {
    const PriorityHosts& priority = snapshot_->priorities[index];
    if (priority.panic) return Choice{&priority, &priority.all, index * kListsPerPriority + 2};
    if (degraded) return Choice{&priority, &priority.degraded, index * kListsPerPriority + 1};
    return Choice{&priority, &priority.healthy, index * kListsPerPriority};
  };
  const std::vector<PriorityHosts>& priorities = snapshot_->priorities;
  uint32_t point = static_cast<uint32_t>(hash % 100);
  for (size_t i = 0; i < priorities.size(); ++i) {
    if (point < priorities[i].healthy_load) return listOf(i, false);
    point -= priorities[i].healthy_load;
  }
  for (size_t i = 0; i < priorities.size(); ++i) {
    if (point < priorities[i].degraded_load) return listOf(i, true);
    point -= priorities[i].degraded_load;
  }
  return {};
}

HostPtr LoadBalancer::choose(const LoadBalancerContext& context) {
  const std::optional<uint64_t> key = context.hashKey();
  const bool by_hash = info_.lb.policy == LbPolicy::kRingHash || info_.lb.policy == LbPolicy::kMaglev;
  HostPtr host;
  const uint32_t attempts = context.hostSelectionAttempts();
  for (uint32_t attempt = 0;; ++attempt) {
    const uint64_t hash = by_hash && key ? *key : random_.next();
    // The low digits decide the priority; the policy must not see the same ones again.
    const Choice choice = chooseList(hash);
    if (choice.list == nullptr || choice.list->hosts.empty()) return nullptr;
    if (choice.priority->panic) info_.stats.lb_healthy_panic.add();
    host = pick(choice, by_hash ? hash : hash / 100, attempt);
    if (host == nullptr || attempt >= attempts || !context.refuses(*host)) return host;
  }
}

}  // namespace baton::upstream
