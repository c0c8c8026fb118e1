// The timers of one loop. Coarse ones (request, idle and drain timeouts) go into a hashed wheel with 100 ms ticks, so
// that arming one is a list insert; fine ones (retry back-off, hedges) into an ordered set.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "source/base/clock.h"
#include "source/base/intrusive_list.h"

namespace baton::event {

class Loop;
class TimerQueue;

enum class Precision {
  kCoarse,  // fires up to one tick (100 ms) late, never early
  kFine,    // to the millisecond
};

// A single-shot timer, owned by whoever waits. Arming it again moves it. Destroying it cancels it.
class Timer : private base::ListLink<Timer> {
 public:
  Timer(Loop& loop, std::function<void()> fire, Precision precision = Precision::kCoarse);
  Timer(TimerQueue& queue, std::function<void()> fire, Precision precision)
      : queue_(queue), fire_(std::move(fire)), precision_(precision) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  void arm(std::chrono::nanoseconds after);
  void cancel();
  bool armed() const { return place_ != Place::kNowhere; }

 private:
  friend class TimerQueue;
  friend class base::IntrusiveList<Timer>;
  enum class Place { kNowhere, kWheel, kFineSet, kDue };

  TimerQueue& queue_;
  std::function<void()> fire_;
  Precision precision_;
  Place place_ = Place::kNowhere;
  base::MonotonicTime deadline_{};
  std::multimap<base::MonotonicTime, Timer*>::iterator fine_position_{};
};

class TimerQueue {
 public:
  explicit TimerQueue(base::MonotonicTime now) : now_(now), last_tick_(tickOf(now)) {}

  // Fires everything due at `now`, in order of deadline within a tick. Timers armed inside fire in a later call.
  void advance(base::MonotonicTime now);
  // The earliest moment at which something may be due; nothing when no timer is armed.
  std::optional<base::MonotonicTime> nextDeadline() const;
  base::MonotonicTime now() const { return now_; }

  static constexpr std::chrono::milliseconds kTick{100};

 private:
  friend class Timer;
  static constexpr size_t kSlots = 1024;
  using Tick = int64_t;

  // Rounded up: a timer never fires early.
  static Tick tickAtOrAfter(base::MonotonicTime time) {
    return (time.time_since_epoch() + kTick - std::chrono::nanoseconds(1)) / kTick;
  }
  static Tick tickOf(base::MonotonicTime time) { return time.time_since_epoch() / kTick; }

  void insert(Timer& timer);
  void remove(Timer& timer);
  void moveToDue(Timer& timer);
  // The first slot at or after `tick`, in the order of the wheel, that holds anything. Precondition: one does.
  Tick firstOccupied(Tick tick) const;

  base::MonotonicTime now_;
  Tick last_tick_;
  size_t coarse_count_ = 0;
  std::array<base::IntrusiveList<Timer>, kSlots> wheel_;
  // A bit for each slot that may hold something, so that finding the next needs no walk over empty ones. Bits of slots
  // that have become empty are cleared when they are met.
  mutable std::array<uint64_t, kSlots / 64> occupied_{};
  std::multimap<base::MonotonicTime, Timer*> fine_;
  // Due in the advance() that is under way; a timer that fires may still cancel or destroy others in it.
  base::IntrusiveList<Timer> due_;
};

}  // namespace baton::event
