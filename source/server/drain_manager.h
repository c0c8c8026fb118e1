// When and how connections are told to go away: for a hot restart, POST /drain_listeners, /healthcheck/fail and
// SIGTERM. Started and cancelled on the main thread; asked by every worker, for which its state is a few atomics. Time
// is the clock's, so that a test lets ten minutes pass at once.
#pragma once

#include <atomic>
#include <chrono>

#include "source/base/clock.h"
#include "source/network/drain_decision.h"
#include "source/server/options.h"

namespace baton::server {

class DrainManager final : public network::DrainDecision {
 public:
  explicit DrainManager(const base::Clock& clock) : clock_(clock) {}

  // Begins a drain. With the gradual strategy the share of connections told to close rises from 0 to all over `time`.
  // A second start while draining changes strategy and time from now on.
  void start(DrainStrategy strategy, std::chrono::milliseconds time);
  // A rollback, or /healthcheck/ok.
  void cancel();

  bool draining() const override { return state_.load(std::memory_order_acquire) != State::kIdle; }
  bool drainClose(base::Random& random) const override;
  bool closeIdle() const override { return state_.load(std::memory_order_acquire) == State::kImmediate; }
  // Until the gradual drain tells everybody; zero when it does already or none is under way.
  std::chrono::milliseconds left() const;

 private:
  enum class State : uint8_t { kIdle, kGradual, kImmediate };

  const base::Clock& clock_;
  std::atomic<State> state_{State::kIdle};
  std::atomic<int64_t> start_ns_{0};
  std::atomic<int64_t> length_ns_{0};
};

}  // namespace baton::server
