#include "source/event/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>

namespace baton::event {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(fds), 0); }
  ~Pipe() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
  void fill() { EXPECT_EQ(::write(fds[1], "x", 1), 1); }
  int fds[2];
};

struct Handler : Watch::Handler {
  void onReady(uint32_t events) override {
    ++calls;
    last = events;
    if (then) then();
  }
  int calls = 0;
  uint32_t last = 0;
  std::function<void()> then;
};

struct Task : EndOfTurnTask {
  void atEndOfTurn() override {
    ++calls;
    if (then) then();
  }
  int calls = 0;
  std::function<void()> then;
};

TEST(LoopTest, ReadinessIsReportedInEveryTurnAsLongAsItLasts) {
  Loop loop;
  Pipe pipe;
  Handler handler;
  Watch watch(loop, handler);
  ASSERT_TRUE(watch.start(pipe.fds[0], EPOLLIN));
  loop.runOnce();
  EXPECT_EQ(handler.calls, 0);
  pipe.fill();
  loop.runOnce();
  loop.runOnce();
  EXPECT_EQ(handler.calls, 2);
  EXPECT_EQ(handler.last, uint32_t{EPOLLIN});
  watch.setEvents(0);
  loop.runOnce();
  EXPECT_EQ(handler.calls, 2);
  watch.setEvents(EPOLLIN);
  watch.stop();
  loop.runOnce();
  EXPECT_EQ(handler.calls, 2);
}

TEST(LoopTest, AWatchThatCannotStartSaysWhy) {
  Loop loop;
  Handler handler;
  Watch watch(loop, handler);
  const auto started = watch.start(-1, EPOLLIN);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, testing::HasSubstr("epoll_ctl"));
  EXPECT_FALSE(watch.active());
}

TEST(LoopTest, NothingIsDeliveredToAWatchThatWasStoppedInTheSameTurn) {
  Loop loop;
  Pipe a;
  Pipe b;
  Handler first;
  Handler second;
  Watch one(loop, first);
  Watch two(loop, second);
  ASSERT_TRUE(one.start(a.fds[0], EPOLLIN));
  ASSERT_TRUE(two.start(b.fds[0], EPOLLIN));
  first.then = [&] { two.stop(); };
  second.then = [&] { one.stop(); };
  a.fill();
  b.fill();
  loop.runOnce();
  EXPECT_EQ(first.calls + second.calls, 1);
}

TEST(LoopTest, ATimerThatDestroysAWatchVoidsItsEvent) {
  base::SimulatedClock clock;
  Loop loop(clock);
  Pipe pipe;
  Handler handler;
  auto watch = std::make_unique<Watch>(loop, handler);
  ASSERT_TRUE(watch->start(pipe.fds[0], EPOLLIN));
  pipe.fill();
  Timer timer(
      loop, [&] { watch.reset(); }, Precision::kFine);
  timer.arm(milliseconds(1));
  clock.advance(milliseconds(2));
  loop.runOnce();
  EXPECT_EQ(handler.calls, 0);
}

TEST(LoopTest, AWatchMayBeDestroyedByItsOwnHandler) {
  Loop loop;
  Pipe pipe;
  Handler handler;
  auto watch = std::make_unique<Watch>(loop, handler);
  ASSERT_TRUE(watch->start(pipe.fds[0], EPOLLIN));
  handler.then = [&] { loop.deleteLater(std::move(watch)); };
  pipe.fill();
  loop.runOnce();
  loop.runOnce();
  EXPECT_EQ(handler.calls, 1);
}

TEST(LoopTest, PostedWorkRunsInOrderOnTheLoopsThread) {
  Loop loop;
  std::vector<int> order;
  std::thread::id where;
  std::thread poster([&] {
    for (int i = 0; i < 100; ++i) {
      loop.post([&order, &where, i] {
        order.push_back(i);
        where = std::this_thread::get_id();
      });
    }
    loop.stop();
  });
  loop.run();
  poster.join();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(LoopTest, WhatIsPostedFromPostedWorkRunsInALaterTurn) {
  Loop loop;
  int inner = 0;
  loop.post([&] { loop.post([&] { ++inner; }); });
  loop.runOnce();
  EXPECT_EQ(inner, 0);
  loop.runOnce(milliseconds(1000));
  EXPECT_EQ(inner, 1);
}

TEST(LoopTest, WhatWasPostedBeforeStopIsRun) {
  Loop loop;
  int ran = 0;
  loop.post([&] { ++ran; });
  loop.stop();
  loop.post([&] { ++ran; });
  loop.run();
  EXPECT_GE(ran, 1);
}

TEST(LoopTest, ALoopMayBeStoppedFromAnotherThreadWhileItWaits) {
  Loop loop;
  std::thread stopper([&] { loop.stop(); });
  loop.run();
  stopper.join();
}

TEST(LoopTest, TheLoopKnowsItsThread) {
  Loop loop;
  EXPECT_TRUE(loop.onLoopThread());
  bool elsewhere = true;
  loop.post([&] {
    std::thread other([&] { elsewhere = loop.onLoopThread(); });
    other.join();
    loop.stop();
  });
  loop.run();
  EXPECT_FALSE(elsewhere);
}

TEST(LoopTest, EndOfTurnTasksRunOnceATurnAndBeforeDeletion) {
  Loop loop;
  std::vector<std::string> order;
  struct Tomb {
    explicit Tomb(std::vector<std::string>& order) : order(order) {}
    ~Tomb() { order.push_back("deleted"); }
    std::vector<std::string>& order;
  };
  Task task;
  task.then = [&] { order.push_back("task"); };
  loop.deleteLater(std::make_unique<Tomb>(order));
  loop.schedule(task);
  loop.schedule(task);
  EXPECT_THAT(order, IsEmpty());
  loop.runOnce();
  EXPECT_THAT(order, ElementsAre("task", "deleted"));
  loop.runOnce();
  EXPECT_EQ(task.calls, 1);
}

TEST(LoopTest, ATaskForTheNextTurnLetsOthersGoFirst) {
  Loop loop;
  Pipe pipe;
  Handler handler;
  Watch watch(loop, handler);
  ASSERT_TRUE(watch.start(pipe.fds[0], EPOLLIN));
  Task task;
  std::vector<int> events_seen;
  task.then = [&] {
    events_seen.push_back(handler.calls);
    if (task.calls < 3) loop.scheduleNextTurn(task);
  };
  loop.scheduleNextTurn(task);
  pipe.fill();
  for (int i = 0; i < 3; ++i) loop.runOnce(milliseconds(1000));
  EXPECT_THAT(events_seen, ElementsAre(1, 2, 3));
}

TEST(LoopTest, ScheduledWorkDoesNotWaitForAnEvent) {
  Loop loop;
  Task task;
  loop.scheduleNextTurn(task);
  const auto start = std::chrono::steady_clock::now();
  loop.runOnce(milliseconds(10'000));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(5'000));
  EXPECT_EQ(task.calls, 1);
}

TEST(LoopTest, ATaskThatIsDestroyedIsNotRun) {
  Loop loop;
  {
    Task task;
    loop.schedule(task);
  }
  loop.runOnce();
}

TEST(LoopTest, RunUntilGivesUpAtItsDeadline) {
  Loop loop;
  EXPECT_FALSE(loop.runUntil([] { return false; }, milliseconds(5)));
  EXPECT_TRUE(loop.runUntil([] { return true; }));
}

TEST(LoopTest, TimeStandsStillWithinATurn) {
  base::SimulatedClock clock;
  Loop loop(clock);
  const auto before = loop.now();
  clock.advance(milliseconds(10));
  EXPECT_EQ(loop.now(), before);
  loop.runOnce();
  EXPECT_EQ(loop.now(), before + milliseconds(10));
}

TEST(LoopTest, PostedWorkThatNeverRanIsDestroyedWithTheLoop) {
  auto held = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([held] {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace baton::event
