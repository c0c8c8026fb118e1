#include "source/upstream/circuit_breakers.h"

#include <algorithm>

namespace baton::upstream {

void Breaker::configure(uint32_t limit, stats::Gauge open, std::optional<stats::Gauge> remaining) {
  limit_ = limit;
  open_gauge_ = open;
  remaining_ = remaining;
  if (remaining_) remaining_->add(limit);
  updateOpen();
}

void Breaker::release() {
  used_.fetch_sub(1);
  if (remaining_) remaining_->add();
  if (open_said_.load()) updateOpen();
}

void Breaker::updateOpen() {
  bool is_open;
  do {
    is_open = used_.load() >= limit_;
    if (open_said_.exchange(is_open) != is_open) open_gauge_.add(is_open ? 1 : -1);
    // Another thread may have passed the limit meanwhile and said so before us.
  } while (is_open != (used_.load() >= limit_));
}

void CircuitBreakers::configure(const std::array<BreakerLimits, kPriorities>& limits,
                                const std::optional<stats::Scope>& scope) {
  for (size_t i = 0; i < kPriorities; ++i) {
    OfPriority& of = of_[i];
    of.limits = limits[i];
    std::optional<stats::Scope> own;
    if (scope) own = scope->scope(i == 0 ? "default." : "high.");
    const auto set = [&](Breaker& breaker, uint32_t limit, const char* open_name, const char* remaining_name) {
      stats::Gauge open;
      std::optional<stats::Gauge> remaining;
      if (own) {
        open = own->gauge(open_name, stats::GaugeMode::kOwn);
        if (of.limits.track_remaining) remaining = own->gauge(remaining_name, stats::GaugeMode::kOwn);
      }
      breaker.configure(limit, open, remaining);
    };
    set(of.connections, of.limits.max_connections, "cx_open", "remaining_cx");
    set(of.pending, of.limits.max_pending_requests, "rq_pending_open", "remaining_pending");
    set(of.requests, of.limits.max_requests, "rq_open", "remaining_rq");
    // With a budget the bound moves with the requests under way; tryStartRetry() asks it.
    const uint32_t retries = of.limits.retry_budget ? UINT32_MAX : of.limits.max_retries;
    set(of.retries, retries, "rq_retry_open", "remaining_retries");
    if (own) own->gauge("cx_pool_open", stats::GaugeMode::kOwn).set(0);
  }
}

bool CircuitBreakers::tryStartRetry(Priority priority) {
  OfPriority& of = at(priority);
  if (of.limits.retry_budget) {
    const RetryBudget& budget = *of.limits.retry_budget;
    const double under_way = static_cast<double>(of.requests.used()) + of.pending.used();
    const auto allowed = std::max<uint64_t>(budget.min_retry_concurrency,
                                            static_cast<uint64_t>(under_way * budget.budget_percent / 100));
    if (of.retries.used() >= allowed) return false;
  }
  return of.retries.tryAcquire();
}

}  // namespace baton::upstream
