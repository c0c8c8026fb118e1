// Ends what has been silent for too long. Each activity would have to move the timer; instead it asks, when it fires,
// how long ago the last one was. Owned by whoever is to be ended, on its loop.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "source/event/loop.h"

namespace baton::proxy {

class IdleTimer {
 public:
  // Starts at once; a timeout of 0 is never reached.
  IdleTimer(event::Loop& loop, std::chrono::milliseconds timeout, std::function<base::MonotonicTime()> last_activity,
            std::function<void()> idle)
      : loop_(loop), timeout_(timeout), last_activity_(std::move(last_activity)), idle_(std::move(idle)) {
    if (timeout_ <= timeout_.zero()) return;
    timer_.emplace(loop_, [this] { look(); });
    timer_->arm(timeout_);
  }

  void cancel() {
    if (timer_) timer_->cancel();
  }

 private:
  void look() {
    const auto silent = loop_.now() - last_activity_();
    if (silent < timeout_) return timer_->arm(timeout_ - silent);
    idle_();
  }

  event::Loop& loop_;
  const std::chrono::milliseconds timeout_;
  const std::function<base::MonotonicTime()> last_activity_;
  const std::function<void()> idle_;
  std::optional<event::Timer> timer_;
};

}  // namespace baton::proxy
