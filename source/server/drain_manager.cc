#include "source/server/drain_manager.h"

#include <algorithm>

namespace baton::server {
namespace {

int64_t nanoseconds(base::MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

void DrainManager::start(DrainStrategy strategy, std::chrono::milliseconds time) {
  start_ns_.store(nanoseconds(clock_.monotonic()), std::memory_order_relaxed);
  length_ns_.store(std::chrono::nanoseconds(time).count(), std::memory_order_relaxed);
  state_.store(strategy == DrainStrategy::kImmediate ? State::kImmediate : State::kGradual, std::memory_order_release);
}

void DrainManager::cancel() {
  state_.store(State::kIdle, std::memory_order_release);
}

bool DrainManager::drainClose(base::Random& random) const {
  const State state = state_.load(std::memory_order_acquire);
  if (state != State::kGradual) return state == State::kImmediate;
  const int64_t length = length_ns_.load(std::memory_order_relaxed);
  const int64_t passed = nanoseconds(clock_.monotonic()) - start_ns_.load(std::memory_order_relaxed);
  if (passed >= length) return true;
  return random.fraction() * static_cast<double>(length) < static_cast<double>(passed);
}

std::chrono::milliseconds DrainManager::left() const {
  if (state_.load(std::memory_order_acquire) != State::kGradual) return std::chrono::milliseconds(0);
  const int64_t end = start_ns_.load(std::memory_order_relaxed) + length_ns_.load(std::memory_order_relaxed);
  const int64_t left_ns = std::max<int64_t>(0, end - nanoseconds(clock_.monotonic()));
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(left_ns));
}

}  // namespace baton::server
