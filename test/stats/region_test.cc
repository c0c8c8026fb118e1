#include "source/stats/region.h"

#include <cstring>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "source/stats/import.h"
#include "source/stats/store.h"

namespace baton::stats {

// Reaches for the mutex as a process would that dies or stops while it holds it.
struct RegionTestPeer {
  static void lock(Region& region) { pthread_mutex_lock(&region.header_->mutex); }
  static void unlock(Region& region) { pthread_mutex_unlock(&region.header_->mutex); }
  static void scribbleOnInactiveBase(Region& region) {
    const unsigned inactive = (region.header_->commit.load() & 1) ^ 1;
    for (uint32_t i = 0; i < region.size(); ++i) region.baseAt(inactive, i).store(0xdead);
  }
};

namespace {

class RegionTest : public testing::Test {
 protected:
  RegionTest() {
    directory_ = "/dev/shm/baton_region_test_XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    options_.directory = directory_;
  }
  ~RegionTest() override {
    for (const pid_t pid : children_) end(pid);
    unlink((directory_ + "/" + options_.name).c_str());
    rmdir(directory_.c_str());
  }

  std::unique_ptr<Region> create() {
    auto region = Region::create(options_);
    EXPECT_TRUE(region.ok()) << region.error().message;
    return std::move(*region);
  }
  std::unique_ptr<Region> open() {
    auto region = Region::open(options_);
    EXPECT_TRUE(region.ok()) << region.error().message;
    return std::move(*region);
  }
  std::unique_ptr<Store> openStore(uint64_t epoch, unsigned workers = 2) {
    auto region = open();
    EXPECT_TRUE(region->claim(epoch, workers).ok());
    return std::make_unique<Store>(std::move(region));
  }

  // A process that is a generation of its own: it opens the region, runs `work`, says so through a pipe and waits to be
  // killed. Returns when it has said so.
  pid_t startGeneration(uint64_t epoch, const std::function<void(Store&)>& work) {
    int pipe_fds[2];
    EXPECT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      auto region = Region::open(options_);
      if (!region || !(*region)->claim(epoch, 2)) _exit(1);
      Store store(std::move(*region));
      work(store);
      if (write(pipe_fds[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    children_.push_back(pid);
    close(pipe_fds[1]);
    char done = 0;
    EXPECT_EQ(read(pipe_fds[0], &done, 1), 1);
    close(pipe_fds[0]);
    return pid;
  }
  void end(pid_t pid) {
    if (kill(pid, SIGKILL) == 0) waitpid(pid, nullptr, 0);
    std::erase(children_, pid);
  }

  std::string directory_;
  RegionOptions options_;
  std::vector<pid_t> children_;
};

TEST_F(RegionTest, TheFileIsForItsOwnerOnlyAndSparse) {
  const auto region = create();
  struct stat info {};
  ASSERT_EQ(stat((directory_ + "/" + options_.name).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
}

TEST_F(RegionTest, CreatingWhatIsThereIsAnError) {
  const auto region = create();
  const auto second = Region::create(options_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, base::ErrorCode::kInvalidArgument);
}

TEST_F(RegionTest, OpeningWhatIsNotThereSaysSo) {
  const auto region = Region::open(options_);
  ASSERT_FALSE(region.ok());
  EXPECT_EQ(region.error().code, base::ErrorCode::kNotFound);
}

TEST_F(RegionTest, AnotherLayoutIsRefusedWithBothNamed) {
  const auto region = create();
  RegionOptions other = options_;
  other.max_stats = 20000;
  const auto opened = Region::open(other);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, base::ErrorCode::kProtocol);
  EXPECT_NE(opened.error().message.find("1.20000.256."), std::string::npos) << opened.error().message;
  EXPECT_NE(opened.error().message.find("1.16384.256."), std::string::npos) << opened.error().message;
}

TEST_F(RegionTest, AFileThatIsNoRegionIsRefused) {
  const int fd = ::open((directory_ + "/" + options_.name).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(write(fd, "hello", 5), 5);
  close(fd);
  const auto opened = Region::open(options_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, base::ErrorCode::kProtocol);
}

TEST_F(RegionTest, ATruncatedRegionIsRefused) {
  create();
  ASSERT_EQ(truncate((directory_ + "/" + options_.name).c_str(), 100000), 0);
  EXPECT_FALSE(Region::open(options_).ok());
}

TEST_F(RegionTest, FullSharedMemoryIsACleanError) {
  options_.reserve = [](int, off_t, off_t) { return ENOSPC; };
  const auto region = Region::create(options_);
  ASSERT_FALSE(region.ok());
  EXPECT_EQ(region.error().code, base::ErrorCode::kResourceExhausted);
  EXPECT_NE(region.error().message.find("No space left"), std::string::npos) << region.error().message;
  EXPECT_NE(access((directory_ + "/" + options_.name).c_str(), F_OK), 0);
}

TEST_F(RegionTest, SharedMemoryThatFilledUpLaterIsACleanErrorForTheNextGenerationAndNoneForTheLiving) {
  create();
  const auto parent = openStore(0);
  parent->counter("c").add(3);
  options_.reserve = [](int, off_t, off_t) { return ENOSPC; };
  const auto region = open();
  const auto claimed = region->claim(1, 2);
  ASSERT_FALSE(claimed.ok());
  EXPECT_EQ(claimed.error().code, base::ErrorCode::kResourceExhausted);
  EXPECT_EQ(claimed.error().message, "shared memory: no room for values: No space left on device");
  EXPECT_EQ(parent->region()->generations().size(), 1u);
  EXPECT_EQ(parent->findCounter("c"), 3u);
}

TEST_F(RegionTest, SizesOutOfRangeAreRefused) {
  options_.max_stats = 0;
  EXPECT_FALSE(Region::create(options_).ok());
  options_.max_stats = 2'000'000;
  EXPECT_FALSE(Region::create(options_).ok());
}

TEST_F(RegionTest, CountersGoOnInTheNextGenerationAndGaugesAreSummed) {
  create();
  const pid_t parent = startGeneration(0, [](Store& store) {
    store.counter("c").add(100);
    store.gauge("g").set(7);
    store.gauge("own", GaugeMode::kOwn).set(1);
  });
  const auto child = openStore(1);
  child->counter("c").add(5);
  child->gauge("g").set(2);
  child->gauge("own", GaugeMode::kOwn).set(2);
  EXPECT_EQ(child->findCounter("c"), 105u);
  EXPECT_EQ(child->findGauge("g"), 9);
  EXPECT_EQ(child->findGauge("own"), 2);

  end(parent);
  EXPECT_EQ(child->foldDeadGenerations(), 1u);
  EXPECT_EQ(child->findCounter("c"), 105u);
  EXPECT_EQ(child->findGauge("g"), 2);
}

TEST_F(RegionTest, FoldingTwiceChangesNothing) {
  create();
  end(startGeneration(0, [](Store& store) { store.counter("c").add(100); }));
  const auto store = openStore(1);  // claiming folds
  EXPECT_EQ(store->foldDeadGenerations(), 0u);
  EXPECT_EQ(store->findCounter("c"), 100u);
  EXPECT_EQ(store->foldDeadGenerations(), 0u);
  EXPECT_EQ(store->findCounter("c"), 100u);
}

TEST_F(RegionTest, AFoldThatWasKilledHalfwayIsDoneAgainFromTheStart) {
  create();
  end(startGeneration(0, [](Store& store) {
    store.counter("a").add(1);
    store.counter("b").add(2);
  }));
  const auto region = open();
  RegionTestPeer::scribbleOnInactiveBase(*region);
  EXPECT_EQ(region->foldDead(), 1u);
  const auto store = openStore(1);
  EXPECT_EQ(store->findCounter("a"), 1u);
  EXPECT_EQ(store->findCounter("b"), 2u);
}

TEST_F(RegionTest, UnknownStatsOfAnotherBuildAreKeptAndShown) {
  create();
  end(startGeneration(0, [](Store& store) { store.counter("only_in_the_old_build").add(3); }));
  const auto store = openStore(1);
  EXPECT_EQ(store->findCounter("only_in_the_old_build"), 3u);
  bool shown = false;
  const Snapshot snapshot = store->snapshot();
  for (const auto& counter : snapshot.counters) shown = shown || counter.name == "only_in_the_old_build";
  EXPECT_TRUE(shown);
}

TEST_F(RegionTest, GenerationsAreListedWhileTheyLive) {
  create();
  const auto store = openStore(3);
  const pid_t other = startGeneration(2, [](Store& s) { s.region()->setState(GenerationState::kDraining); });
  auto live = store->region()->generations();
  ASSERT_EQ(live.size(), 2u);
  EXPECT_EQ(live[0].epoch, 2u);
  EXPECT_EQ(live[0].pid, other);
  EXPECT_EQ(live[0].state, GenerationState::kDraining);
  EXPECT_FALSE(live[0].self);
  EXPECT_TRUE(live[1].self);
  EXPECT_GT(live[1].start_time, 0u);
  end(other);
  EXPECT_EQ(store->region()->generations().size(), 1u);
}

TEST_F(RegionTest, FourGenerationsLiveAndDieInAnyOrder) {
  create();
  std::vector<pid_t> pids;
  for (uint64_t epoch = 0; epoch < 4; ++epoch) {
    pids.push_back(startGeneration(epoch, [](Store& store) {
      store.counter("c").add(10);
      store.gauge("g").add(1);
    }));
  }
  const auto watcher = openStore(4);
  EXPECT_EQ(watcher->findCounter("c"), 40u);
  EXPECT_EQ(watcher->findGauge("g"), 4);
  for (const size_t victim : {2, 0, 3, 1}) {
    end(pids[victim]);
    EXPECT_EQ(watcher->foldDeadGenerations(), 1u);
    EXPECT_EQ(watcher->findCounter("c"), 40u);
  }
  EXPECT_EQ(watcher->findGauge("g"), 0);
}

TEST_F(RegionTest, SlotsRunOutAndComeBack) {
  create();
  std::vector<std::unique_ptr<Region>> regions;
  for (unsigned i = 0; i < layout::kSlots; ++i) {
    regions.push_back(open());
    ASSERT_TRUE(regions.back()->claim(i, 1).ok());
  }
  const auto late = open();
  const auto refused = late->claim(99, 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, base::ErrorCode::kResourceExhausted);
  regions.erase(regions.begin() + 3);
  EXPECT_TRUE(late->claim(99, 1).ok());
}

TEST_F(RegionTest, AReusedSlotStartsEmptyEvenWithMoreWorkers) {
  create();
  for (unsigned round = 1; round <= 30; ++round) {
    const auto store = openStore(round, round);
    Gauge gauge = store->gauge("g");
    EXPECT_EQ(gauge.value(), 0) << "round " << round;
    std::thread([&] {
      bindShard(round - 1);
      store->counter("c").add();
      gauge.add(5);
    }).join();
    EXPECT_EQ(gauge.value(), 5);
    EXPECT_EQ(store->findCounter("c"), round);
  }
}

TEST_F(RegionTest, TheMutexOfADeadHolderIsRecovered) {
  create();
  end(startGeneration(0, [](Store& store) {
    store.counter("c").add(1);
    RegionTestPeer::lock(*store.region());
  }));
  const auto store = openStore(1);
  store->counter("d").add(2);
  EXPECT_EQ(store->region()->ownerDeaths(), 1u);
  EXPECT_EQ(store->findCounter("c"), 1u);
  EXPECT_EQ(store->findCounter("d"), 2u);
}

TEST_F(RegionTest, AStoppedHolderOfTheMutexStopsNobodyElse) {
  create();
  const pid_t holder = startGeneration(0, [](Store& store) {
    store.counter("c").add(1);
    RegionTestPeer::lock(*store.region());
  });
  auto region = open();
  region->setLockTimeout(std::chrono::milliseconds(10));
  const auto claimed = region->claim(1, 1);
  ASSERT_FALSE(claimed.ok());
  EXPECT_EQ(claimed.error().code, base::ErrorCode::kTimeout);
  EXPECT_EQ(region->foldDead(), 0u);
  EXPECT_EQ(region->counter(1), 1u);  // reading takes no lock
  end(holder);
  EXPECT_TRUE(region->claim(1, 1).ok());
}

TEST_F(RegionTest, NoIncrementIsLostOrDoubledBySigkillAtRandomMoments) {
  create();
  const auto watcher = openStore(1000);
  Counter total = watcher->counter("c");
  std::mt19937 random(4711);
  uint64_t expected = 0;
  for (uint64_t round = 0; round < 25; ++round) {
    // The victim counts as fast as it can; beside each increment it writes down, in memory that survives it, how far
    // it has come. So the stat must be that number or one more.
    const auto note = Region::anonymous(options_);
    ASSERT_TRUE(note.ok());
    ASSERT_TRUE((*note)->claim(0, 1).ok());
    uint64_t* const progress = *(*note)->cell(*(*note)->intern(StatKind::kCounter, GaugeMode::kSum, "progress"));
    const pid_t pid = fork();
    if (pid == 0) {
      auto region = Region::open(options_);
      if (!region || !(*region)->claim(round, 2)) _exit(1);
      Store store(std::move(*region));
      bindShard(round % 2);
      Counter counter = store.counter("c");
      for (uint64_t i = 1;; ++i) {
        counter.add();
        std::atomic_ref<uint64_t>(*progress).store(i, std::memory_order_release);
        // New names and folds in between, so that the kill also hits those.
        if (i % 512 == 0) store.counter("n" + std::to_string(round) + "." + std::to_string(i / 512 % 50)).add();
        if (i % 1024 == 0) store.foldDeadGenerations();
      }
    }
    children_.push_back(pid);
    const uint64_t goal = random() % 20000 + 1;
    while (std::atomic_ref<uint64_t>(*progress).load(std::memory_order_acquire) < goal) std::this_thread::yield();
    end(pid);
    const uint64_t done = std::atomic_ref<uint64_t>(*progress).load();
    const uint64_t before_fold = total.value();
    EXPECT_GE(before_fold, expected + done);
    EXPECT_LE(before_fold, expected + done + 1);
    watcher->foldDeadGenerations();
    EXPECT_EQ(total.value(), before_fold);
    expected = before_fold;
  }
}

TEST_F(RegionTest, ReadersSeeCountersOnlyGrowWhileGenerationsAreFolded) {
  create();
  const auto watcher = openStore(1000);
  Counter total = watcher->counter("c");
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    uint64_t last = 0;
    while (!stop.load()) {
      const uint64_t now = total.value();
      EXPECT_GE(now, last);
      last = now;
    }
  });
  for (uint64_t epoch = 0; epoch < 100; ++epoch) {
    const auto other = openStore(epoch);
    other->counter("c").add(1000);
  }
  watcher->foldDeadGenerations();
  stop.store(true);
  reader.join();
  EXPECT_EQ(total.value(), 100'000u);
}

TEST_F(RegionTest, AnAdoptedDescriptorGivesALifeOfItsOwn) {
  auto parent = Region::anonymous(options_);
  ASSERT_TRUE(parent.ok());
  ASSERT_TRUE((*parent)->claim(0, 1).ok());
  auto child = Region::adopt(dup((*parent)->fd()), options_);
  ASSERT_TRUE(child.ok()) << child.error().message;
  ASSERT_TRUE((*child)->claim(1, 1).ok());
  EXPECT_EQ((*child)->generations().size(), 2u);
  parent->reset();
  EXPECT_EQ((*child)->generations().size(), 1u);
}

TEST_F(RegionTest, AProcessOfOtherSizesTakesInWhatTheKilledHadCounted) {
  create();
  const pid_t grandparent = startGeneration(0, [](Store& store) {
    store.counter("c").add(100);
    store.gauge("g").set(7);
  });
  const pid_t parent = startGeneration(1, [](Store& store) {
    store.counter("c").add(20);
    store.gauge("g").set(2);
  });
  RegionOptions other = options_;
  other.max_stats = 20000;
  other.max_name_bytes = 100;
  auto own = Region::anonymous(other);
  ASSERT_TRUE(own.ok());
  ASSERT_TRUE((*own)->claim(2, 1).ok());
  Store store(std::move(*own));
  Importer importer(store);
  importer.counter("c", 110);  // what the parent had said before it was killed
  importer.gauge("g", 9);

  const auto observed = Region::observe(dup(open()->fd()));
  ASSERT_TRUE(observed.ok()) << observed.error().message;
  end(parent);
  importer.dropGauges();
  importer.everythingOf(**observed);
  EXPECT_EQ(store.findCounter("c"), 120u);
  EXPECT_EQ(store.findGauge("g"), 7) << "of the grandparent, which lives";
  EXPECT_EQ((*observed)->generations().size(), 1u);
  end(grandparent);
  importer.everythingOf(**observed);
  EXPECT_EQ(store.findCounter("c"), 120u);
  EXPECT_EQ(store.findGauge("g"), 0);
  EXPECT_TRUE((*observed)->generations().empty());
}

TEST_F(RegionTest, WhatIsNoRegionOfThisVersionIsNotObserved) {
  const std::string path = directory_ + "/" + options_.name;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(write(file, "something else", 14), 14);
  const auto observed = Region::observe(file);
  ASSERT_FALSE(observed.ok());
  EXPECT_EQ(observed.error().code, base::ErrorCode::kProtocol);
}

TEST_F(RegionTest, TheFileOfTheLivingIsNeverRemoved) {
  EXPECT_TRUE(Region::removeIfUnused(options_));  // nothing there
  create();
  const pid_t living = startGeneration(0, [](Store&) {});
  EXPECT_FALSE(Region::removeIfUnused(options_));
  end(living);
  EXPECT_TRUE(Region::removeIfUnused(options_));
  EXPECT_EQ(Region::open(options_).error().code, base::ErrorCode::kNotFound);
}

TEST_F(RegionTest, ResetHoldsForAllGenerations) {
  create();
  const pid_t parent = startGeneration(0, [](Store& store) { store.counter("c").add(100); });
  const auto child = openStore(1);
  child->counter("c").add(5);
  child->resetCounters();
  EXPECT_EQ(child->findCounter("c"), 0u);
  end(parent);
  child->foldDeadGenerations();
  EXPECT_EQ(child->findCounter("c"), 0u);
  child->counter("c").add(2);
  EXPECT_EQ(child->findCounter("c"), 2u);
}

}  // namespace
}  // namespace baton::stats
