#include "source/event/timer_queue.h"

#include <algorithm>
#include <bit>

#include "source/event/loop.h"

namespace baton::event {

Timer::Timer(Loop& loop, std::function<void()> fire, Precision precision)
    : Timer(loop.timers(), std::move(fire), precision) {}

void Timer::arm(std::chrono::nanoseconds after) {
  cancel();
  // A century is as good as never, and adding more would overflow.
  constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24 * 36500);
  deadline_ = queue_.now_ + std::clamp(after, std::chrono::nanoseconds(0), kLongest);
  queue_.insert(*this);
}

void Timer::cancel() {
  if (armed()) queue_.remove(*this);
}

void TimerQueue::insert(Timer& timer) {
  if (timer.precision_ == Precision::kFine) {
    timer.fine_position_ = fine_.emplace(timer.deadline_, &timer);
    timer.place_ = Timer::Place::kFineSet;
    return;
  }
  const Tick tick = std::max(tickAtOrAfter(timer.deadline_), last_tick_ + 1);
  const size_t slot = static_cast<size_t>(tick) % kSlots;
  wheel_[slot].pushBack(timer);
  occupied_[slot / 64] |= uint64_t{1} << slot % 64;
  timer.place_ = Timer::Place::kWheel;
  ++coarse_count_;
}

void TimerQueue::remove(Timer& timer) {
  if (timer.place_ == Timer::Place::kFineSet) {
    fine_.erase(timer.fine_position_);
  } else {
    if (timer.place_ == Timer::Place::kWheel) --coarse_count_;
    timer.unlink();
  }
  timer.place_ = Timer::Place::kNowhere;
}

void TimerQueue::moveToDue(Timer& timer) {
  remove(timer);
  due_.pushBack(timer);
  timer.place_ = Timer::Place::kDue;
}

void TimerQueue::advance(base::MonotonicTime now) {
  now_ = std::max(now_, now);
  while (!fine_.empty() && fine_.begin()->first <= now_) moveToDue(*fine_.begin()->second);

  const Tick reached = tickOf(now_);
  // After a long sleep every slot may hold something due; one round over the wheel finds it all.
  for (Tick tick = std::max(last_tick_ + 1, reached - static_cast<Tick>(kSlots) + 1);
       tick <= reached && coarse_count_ > 0; ++tick) {
    wheel_[static_cast<size_t>(tick) % kSlots].forEach([this](Timer& timer) {
      if (timer.deadline_ <= now_) moveToDue(timer);
    });
  }
  last_tick_ = std::max(last_tick_, reached);

  while (Timer* timer = due_.popFront()) {
    timer->place_ = Timer::Place::kNowhere;
    timer->fire_();
  }
}

TimerQueue::Tick TimerQueue::firstOccupied(Tick tick) const {
  for (;;) {
    const size_t slot = static_cast<size_t>(tick) % kSlots;
    const uint64_t word = occupied_[slot / 64] >> slot % 64;
    if (word == 0) {
      tick += static_cast<Tick>(64 - slot % 64);
      continue;
    }
    tick += std::countr_zero(word);
    const size_t found = static_cast<size_t>(tick) % kSlots;
    if (!wheel_[found].empty()) return tick;
    occupied_[found / 64] &= ~(uint64_t{1} << found % 64);
  }
}

std::optional<base::MonotonicTime> TimerQueue::nextDeadline() const {
  std::optional<base::MonotonicTime> next;
  if (!fine_.empty()) next = fine_.begin()->first;
  if (coarse_count_ == 0) return next;
  // It may belong to a later round of the wheel; then the loop wakes once for nothing.
  const Tick tick = firstOccupied(last_tick_ + 1);
  const base::MonotonicTime due{tick * kTick};
  return next ? std::min(*next, due) : due;
}

}  // namespace baton::event
