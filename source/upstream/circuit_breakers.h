// What one cluster may have under way at once, by priority, over all workers of the process. The numbers are atomics:
// any thread may acquire and release. Whoever acquires must release exactly once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "source/stats/store.h"

namespace baton::upstream {

enum class Priority : uint8_t { kDefault, kHigh };
inline constexpr size_t kPriorities = 2;

struct RetryBudget {
  double budget_percent = 20;
  uint32_t min_retry_concurrency = 3;
};

struct BreakerLimits {
  uint32_t max_connections = 1024;
  uint32_t max_pending_requests = 1024;
  uint32_t max_requests = 1024;
  uint32_t max_retries = 3;
  std::optional<RetryBudget> retry_budget;
  bool track_remaining = false;
};

// One bounded thing. The gauge of "open" is moved by whoever passes the bound, so its sum over shards stays right.
class Breaker {
 public:
  void configure(uint32_t limit, stats::Gauge open, std::optional<stats::Gauge> remaining);

  bool tryAcquire() {
    uint32_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used >= limit_) return false;
    } while (!used_.compare_exchange_weak(used, used + 1));
    acquired(used + 1);
    return true;
  }
  // Although the limit is reached: a pool that has no connection at all gets one.
  void acquireAnyway() { acquired(used_.fetch_add(1) + 1); }
  void release();
  bool open() const { return used_.load(std::memory_order_relaxed) >= limit_; }
  uint32_t used() const { return used_.load(std::memory_order_relaxed); }
  uint32_t limit() const { return limit_; }

 private:
  void acquired(uint32_t used) {
    if (remaining_) remaining_->sub();
    if (used >= limit_) updateOpen();
  }
  void updateOpen();

  uint32_t limit_ = 1024;
  std::atomic<uint32_t> used_{0};
  std::atomic<bool> open_said_{false};
  stats::Gauge open_gauge_;
  std::optional<stats::Gauge> remaining_;
};

class CircuitBreakers {
 public:
  CircuitBreakers() = default;
  // `scope`: "cluster.<name>.circuit_breakers."
  void configure(const std::array<BreakerLimits, kPriorities>& limits, const std::optional<stats::Scope>& scope);

  Breaker& connections(Priority priority) { return at(priority).connections; }
  Breaker& pending(Priority priority) { return at(priority).pending; }
  Breaker& requests(Priority priority) { return at(priority).requests; }
  const Breaker& retries(Priority priority) const { return of_[static_cast<size_t>(priority)].retries; }
  const BreakerLimits& limits(Priority priority) const { return of_[static_cast<size_t>(priority)].limits; }

  // One more retry at once: within max_retries, or within the retry budget when there is one.
  bool tryStartRetry(Priority priority);
  void retryEnded(Priority priority) { at(priority).retries.release(); }

 private:
  struct OfPriority {
    BreakerLimits limits;
    Breaker connections, pending, requests, retries;
  };
  OfPriority& at(Priority priority) { return of_[static_cast<size_t>(priority)]; }

  std::array<OfPriority, kPriorities> of_;
};

}  // namespace baton::upstream
