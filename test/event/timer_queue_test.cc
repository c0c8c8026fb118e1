#include "source/event/timer_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <random>

#include "source/event/loop.h"

namespace baton::event {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class TimerQueueTest : public testing::Test {
 protected:
  base::MonotonicTime now{std::chrono::hours(1) + 37ms};
  TimerQueue queue{now};

  void pass(std::chrono::nanoseconds time) {
    now += time;
    queue.advance(now);
  }
};

TEST_F(TimerQueueTest, ACoarseTimerFiresUpToATickLateAndNeverEarly) {
  for (const auto after : {1ms, 50ms, 99ms, 100ms, 101ms, 150ms, 999ms, 1000ms}) {
    bool fired = false;
    Timer timer(
        queue, [&] { fired = true; }, Precision::kCoarse);
    timer.arm(after);
    const auto due = now + after;
    while (!fired) {
      pass(1ms);
      ASSERT_LE(now, due + TimerQueue::kTick);
    }
    EXPECT_GE(now, due);
  }
}

TEST_F(TimerQueueTest, AFineTimerFiresWhenDue) {
  int fired = 0;
  Timer timer(
      queue, [&] { ++fired; }, Precision::kFine);
  timer.arm(7ms);
  pass(6ms);
  EXPECT_EQ(fired, 0);
  pass(1ms);
  EXPECT_EQ(fired, 1);
  pass(1s);
  EXPECT_EQ(fired, 1) << "once";
  EXPECT_FALSE(timer.armed());
}

TEST_F(TimerQueueTest, FineTimersFireInOrder) {
  std::vector<int> order;
  Timer a(
      queue, [&] { order.push_back(3); }, Precision::kFine);
  Timer b(
      queue, [&] { order.push_back(1); }, Precision::kFine);
  Timer c(
      queue, [&] { order.push_back(2); }, Precision::kFine);
  a.arm(30ms);
  b.arm(10ms);
  c.arm(20ms);
  pass(1s);
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST_F(TimerQueueTest, ArmingAgainMovesAndCancellingStops) {
  for (const Precision precision : {Precision::kCoarse, Precision::kFine}) {
    int fired = 0;
    Timer timer(
        queue, [&] { ++fired; }, precision);
    timer.arm(200ms);
    pass(150ms);
    timer.arm(200ms);
    pass(150ms);
    EXPECT_EQ(fired, 0);
    pass(150ms);
    EXPECT_EQ(fired, 1);
    timer.arm(200ms);
    timer.cancel();
    EXPECT_FALSE(timer.armed());
    pass(1s);
    EXPECT_EQ(fired, 1);
  }
}

TEST_F(TimerQueueTest, ATimerLongerThanTheWheelGoesRoundIt) {
  bool fired = false;
  Timer timer(
      queue, [&] { fired = true; }, Precision::kCoarse);
  timer.arm(1h);
  for (int minute = 0; minute < 59; ++minute) pass(1min);
  EXPECT_FALSE(fired);
  pass(1min + 100ms);
  EXPECT_TRUE(fired);
}

TEST_F(TimerQueueTest, NothingIsLostOverALongSleep) {
  int fired = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 500; ++i) {
    timers.push_back(std::make_unique<Timer>(
        queue, [&] { ++fired; }, Precision::kCoarse));
    timers.back()->arm(std::chrono::seconds(i));
  }
  pass(24h);
  EXPECT_EQ(fired, 500);
}

TEST_F(TimerQueueTest, ATimerThatFiresMayCancelDestroyAndArmOthers) {
  auto victim = std::make_unique<Timer>(
      queue, [] { FAIL() << "destroyed"; }, Precision::kCoarse);
  Timer cancelled(
      queue, [] { FAIL() << "cancelled"; }, Precision::kCoarse);
  int again = 0;
  Timer* self = nullptr;
  Timer first(
      queue,
      [&] {
        victim.reset();
        cancelled.cancel();
        if (++again < 3) self->arm(0ms);
      },
      Precision::kCoarse);
  self = &first;
  first.arm(100ms);
  victim->arm(100ms);
  cancelled.arm(100ms);
  pass(300ms);
  EXPECT_EQ(again, 1) << "armed inside fires in a later advance";
  pass(200ms);
  pass(200ms);
  EXPECT_EQ(again, 3);
}

TEST_F(TimerQueueTest, AForeverIsNotAnOverflow) {
  int fired = 0;
  Timer timer(
      queue, [&] { ++fired; }, Precision::kCoarse);
  timer.arm(std::chrono::nanoseconds::max());
  pass(24h);
  EXPECT_EQ(fired, 0);
  timer.arm(-5s);
  pass(200ms);
  EXPECT_EQ(fired, 1);
}

TEST_F(TimerQueueTest, TheNextDeadlineIsNeverLate) {
  std::mt19937 random(3);
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<base::MonotonicTime> due(200);
  std::vector<bool> fired(200);
  for (size_t i = 0; i < due.size(); ++i) {
    timers.push_back(std::make_unique<Timer>(
        queue,
        [&, i] {
          EXPECT_FALSE(fired[i]);
          EXPECT_GE(queue.now(), due[i]);
          fired[i] = true;
        },
        i % 3 == 0 ? Precision::kFine : Precision::kCoarse));
    const auto after = std::chrono::milliseconds(random() % 300'000);
    due[i] = now + after;
    timers.back()->arm(after);
  }
  // Sleeping exactly until the next deadline must be enough to fire everything in time.
  while (const auto next = queue.nextDeadline()) {
    ASSERT_GT(*next + 1ns, now);
    now = std::max(*next, now);
    queue.advance(now);
    for (size_t i = 0; i < due.size(); ++i) {
      if (!fired[i]) {
        ASSERT_LT(now, due[i] + TimerQueue::kTick) << i;
      }
    }
  }
  EXPECT_EQ(std::count(fired.begin(), fired.end(), true), 200);
}

TEST_F(TimerQueueTest, AnEmptyQueueHasNoDeadline) {
  EXPECT_FALSE(queue.nextDeadline().has_value());
  {
    Timer timer(
        queue, [] {}, Precision::kCoarse);
    timer.arm(5s);
    EXPECT_TRUE(queue.nextDeadline().has_value());
  }
  EXPECT_FALSE(queue.nextDeadline().has_value());
}

TEST(LoopTimerTest, TheLoopWakesForATimer) {
  Loop loop;
  bool fired = false;
  Timer timer(
      loop, [&] { fired = true; }, Precision::kFine);
  timer.arm(std::chrono::milliseconds(5));
  EXPECT_TRUE(loop.runUntil([&] { return fired; }));
}

}  // namespace
}  // namespace baton::event
