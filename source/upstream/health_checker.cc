#include "source/upstream/health_checker.h"

#include "source/base/log.h"

namespace baton::upstream {

// The checks of one host.
class HealthChecker::Session {
 public:
  Session(HealthChecker& checker, HostPtr host, bool known)
      : checker_(checker),
        host_(std::move(host)),
        state_(checker.times_, known && !host_->failed_active_check, known),
        probe_(checker.probes_->create(checker.context_, checker.info_, host_)),
        next_(
            checker.context_.loop, [this] { check(); }, event::Precision::kFine),
        timeout_(
            checker.context_.loop, [this] { timedOut(); }, event::Precision::kFine) {
    if (!state_.healthy()) host_->failed_active_check = true;
    next_.arm(std::chrono::milliseconds(
        checker.context_.random.below(static_cast<uint64_t>(checker.times_.initial_jitter.count()) + 1)));
  }
  ~Session() { checker_.context_.loop.deleteLater(std::move(probe_)); }

  bool healthy() const { return state_.healthy(); }
  void failPassively() {
    if (!state_.healthy()) return;
    state_.onFailure(true);
    checker_.info_->stats.health_check_failure.add();
    checker_.info_->stats.health_check_passive_failure.add();
    logVerdict();
    const HostPtr host = host_;
    checker_.listener_.onHealthChanged(host);
  }
  void giveUp() { probe_->giveUp(); }

 private:
  void check() {
    checker_.info_->stats.health_check_attempt.add();
    timeout_.arm(checker_.times_.timeout);
    probe_->ask([this](ProbeResult result) { answered(result); });
  }

  void timedOut() {
    probe_->giveUp();
    answered(ProbeResult::kNetworkFailure);
  }

  void answered(ProbeResult result) {
    timeout_.cancel();
    ClusterStats& stats = checker_.info_->stats;
    const bool first = !state_.checked();
    const bool well = result == ProbeResult::kHealthy || result == ProbeResult::kDegraded;
    (well ? stats.health_check_success : stats.health_check_failure).add();
    if (result == ProbeResult::kNetworkFailure) stats.health_check_network_failure.add();
    bool changed = well ? state_.onSuccess() : state_.onFailure(result == ProbeResult::kFailedAtOnce);
    if (well) {
      const bool degraded = result == ProbeResult::kDegraded;
      changed = host_->degraded_by_check.exchange(degraded) != degraded || changed;
    }
    next_.arm(state_.untilNext(stats.upstream_cx_total.value() > 0, checker_.context_.random));
    if (changed) logVerdict();
    // The listener may remove this host, and the session with it.
    const HostPtr host = host_;
    Listener& listener = checker_.listener_;
    if (well) listener.onCheckSucceeded(host);
    if (changed) listener.onHealthChanged(host);
    if (first) listener.onFirstCheck(host);
  }

  void logVerdict() const {
    BATON_LOG(kUpstream, info, "cluster {}: {} is {} by its health check", checker_.info_->name, host_->address.text(),
              state_.healthy() ? "healthy" : "unhealthy");
  }

  HealthChecker& checker_;
  const HostPtr host_;
  HealthState state_;
  std::unique_ptr<Probe> probe_;
  event::Timer next_;
  event::Timer timeout_;
};

base::Result<std::unique_ptr<HealthChecker>> HealthChecker::make(const api::HealthCheck& config, PoolContext& context,
                                                                 std::shared_ptr<const ClusterInfo> info,
                                                                 Listener& listener) {
  auto probes = ProbeFactory::make(config, info->name);
  if (!probes) return probes.error();
  return std::unique_ptr<HealthChecker>(
      new HealthChecker(HealthCheckTimes::of(config), std::move(probes).value(), context, std::move(info), listener));
}

HealthChecker::HealthChecker(const HealthCheckTimes& times, std::unique_ptr<ProbeFactory> probes, PoolContext& context,
                             std::shared_ptr<const ClusterInfo> info, Listener& listener)
    : times_(times), probes_(std::move(probes)), context_(context), info_(std::move(info)), listener_(listener) {}

HealthChecker::~HealthChecker() {
  for (const auto& [host, session] : sessions_) session->giveUp();
}

void HealthChecker::add(const HostPtr& host, bool known) {
  if (host->health_check_disabled || sessions_.contains(host.get())) return;
  sessions_[host.get()] = std::make_unique<Session>(*this, host, known);
}

void HealthChecker::remove(const HostPtr& host) {
  const auto at = sessions_.find(host.get());
  if (at == sessions_.end()) return;
  at->second->giveUp();
  context_.loop.deleteLater(std::move(at->second));
  sessions_.erase(at);
}

void HealthChecker::failAtOnce(const HostPtr& host) {
  const auto at = sessions_.find(host.get());
  if (at != sessions_.end()) at->second->failPassively();
}

bool HealthChecker::healthy(const Host& host) const {
  const auto at = sessions_.find(&host);
  return at == sessions_.end() || at->second->healthy();
}

size_t HealthChecker::healthyCount() const {
  size_t count = 0;
  for (const auto& [host, session] : sessions_) count += session->healthy() ? 1 : 0;
  return count;
}

}  // namespace baton::upstream
