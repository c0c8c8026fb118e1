// A token bucket that all workers share, without a lock: local rate limits of connections and of requests.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "api/http_filters.h"

#include "source/base/clock.h"

namespace baton::proxy {

struct BucketSettings {
  uint32_t max_tokens = 0;
  uint32_t tokens_per_fill = 1;
  std::chrono::nanoseconds fill_interval{std::chrono::seconds(1)};

  static BucketSettings of(const api::TokenBucket& settings) {
    return {settings.max_tokens, settings.tokens_per_fill, settings.fill_interval.value_or(std::chrono::seconds(1))};
  }
};

// Tokens come in steps of the fill interval. Used by all workers at once, without a lock.
class TokenBucket {
 public:
  explicit TokenBucket(const BucketSettings& settings) : settings_(settings), tokens_(settings.max_tokens) {}

  bool take(base::MonotonicTime now) {
    refill(now);
    int64_t tokens = tokens_.load(std::memory_order_relaxed);
    while (tokens > 0) {
      if (tokens_.compare_exchange_weak(tokens, tokens - 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  uint32_t remaining() const {
    return static_cast<uint32_t>(std::max<int64_t>(tokens_.load(std::memory_order_relaxed), 0));
  }
  const BucketSettings& settings() const { return settings_; }
  // Nothing as long as it has not been used.
  std::optional<std::chrono::nanoseconds> sinceFill(base::MonotonicTime now) const {
    const int64_t last = last_fill_ns_.load(std::memory_order_relaxed);
    if (last == 0) return std::nullopt;
    return std::chrono::nanoseconds(std::max<int64_t>(now.time_since_epoch().count() - last, 0));
  }
  // As another process left it. Before it is used here.
  void restore(uint64_t tokens, base::MonotonicTime last_fill) {
    tokens_.store(static_cast<int64_t>(std::min<uint64_t>(tokens, settings_.max_tokens)), std::memory_order_relaxed);
    last_fill_ns_.store(last_fill.time_since_epoch().count(), std::memory_order_relaxed);
  }
  // Until the next tokens come.
  std::chrono::nanoseconds untilFill(base::MonotonicTime now) const {
    const int64_t last = last_fill_ns_.load(std::memory_order_relaxed);
    return std::chrono::nanoseconds(
        std::max<int64_t>(last + settings_.fill_interval.count() - now.time_since_epoch().count(), 0));
  }

 private:
  void refill(base::MonotonicTime now) {
    const int64_t now_ns = now.time_since_epoch().count();
    const int64_t interval = settings_.fill_interval.count();
    int64_t last = last_fill_ns_.load(std::memory_order_relaxed);
    if (last == 0) {
      last_fill_ns_.compare_exchange_strong(last, now_ns, std::memory_order_relaxed);
      return;
    }
    const int64_t steps = (now_ns - last) / interval;
    if (steps <= 0) return;
    // Whoever moves the time on adds the tokens.
    if (!last_fill_ns_.compare_exchange_strong(last, last + steps * interval, std::memory_order_relaxed)) return;
    const int64_t most = settings_.max_tokens;
    const int64_t added = std::min<int64_t>(steps, most) * settings_.tokens_per_fill;
    int64_t tokens = tokens_.load(std::memory_order_relaxed);
    while (!tokens_.compare_exchange_weak(tokens, std::min(tokens + added, most), std::memory_order_relaxed)) {
    }
  }

  const BucketSettings settings_;
  std::atomic<int64_t> tokens_;
  std::atomic<int64_t> last_fill_ns_{0};
};

}  // namespace baton::proxy
