#include <algorithm>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <unistd.h>

#include "source/base/clock.h"
#include "source/base/intrusive_list.h"
#include "source/base/log.h"
#include "source/base/random.h"
#include "source/base/recycled.h"
#include "source/base/result.h"

namespace baton::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

struct Item : ListLink<Item> {
  explicit Item(int value) : value(value) {}
  int value;
};

std::vector<int> valuesOf(IntrusiveList<Item>& list) {
  std::vector<int> values;
  list.forEach([&](Item& item) { values.push_back(item.value); });
  return values;
}

TEST(IntrusiveListTest, ElementsKeepTheirOrder) {
  IntrusiveList<Item> list;
  Item a(1), b(2), c(3);
  list.pushBack(b);
  list.pushBack(c);
  list.pushFront(a);
  EXPECT_THAT(valuesOf(list), ElementsAre(1, 2, 3));
  EXPECT_EQ(list.size(), 3u);
  EXPECT_EQ(list.front().value, 1);
  EXPECT_EQ(list.back().value, 3);
  b.unlink();
  EXPECT_FALSE(b.linked());
  EXPECT_THAT(valuesOf(list), ElementsAre(1, 3));
  EXPECT_EQ(list.popFront()->value, 1);
  list.clear();
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.popFront(), nullptr);
}

TEST(IntrusiveListTest, ADestroyedElementLeavesTheList) {
  IntrusiveList<Item> list;
  Item a(1);
  {
    Item b(2);
    list.pushBack(a);
    list.pushBack(b);
  }
  EXPECT_THAT(valuesOf(list), ElementsAre(1));
}

TEST(IntrusiveListTest, ElementsMayOutliveTheList) {
  Item a(1);
  {
    IntrusiveList<Item> list;
    list.pushBack(a);
  }
  EXPECT_FALSE(a.linked());
}

TEST(IntrusiveListTest, AVisitMayRemoveWhatItVisits) {
  IntrusiveList<Item> list;
  Item a(1), b(2), c(3);
  for (Item* item : {&a, &b, &c}) list.pushBack(*item);
  list.forEach([](Item& item) {
    if (item.value != 2) item.unlink();
  });
  EXPECT_THAT(valuesOf(list), ElementsAre(2));
}

TEST(IntrusiveListTest, SpliceMovesAll) {
  IntrusiveList<Item> to;
  IntrusiveList<Item> from;
  Item a(1), b(2), c(3);
  to.pushBack(a);
  from.pushBack(b);
  from.pushBack(c);
  to.splice(from);
  EXPECT_TRUE(from.empty());
  EXPECT_THAT(valuesOf(to), ElementsAre(1, 2, 3));
}

TEST(ResultTest, HoldsAValueOrAnError) {
  const auto half = [](int number) -> Result<int> {
    if (number % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd"};
    return number / 2;
  };
  EXPECT_EQ(*half(4), 2);
  EXPECT_FALSE(half(3));
  EXPECT_EQ(half(3).error().message, "odd");
  EXPECT_TRUE(Result<void>());
  errno = ENOENT;
  const Error error = systemError("open");
  EXPECT_EQ(error.message, "open: No such file or directory");
  EXPECT_EQ(error.code, ErrorCode::kSystem);
}

TEST(RandomTest, ASeedGivesTheSameNumbers) {
  FastRandom a(1);
  FastRandom b(1);
  FastRandom c(2);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.next();
    EXPECT_EQ(value, b.next());
    differs = differs || value != c.next();
  }
  EXPECT_TRUE(differs);
}

TEST(RandomTest, BoundsHold) {
  FastRandom random(3);
  std::array<int, 10> hits{};
  for (int i = 0; i < 10'000; ++i) {
    ++hits[random.below(10)];
    const double fraction = random.fraction();
    ASSERT_GE(fraction, 0);
    ASSERT_LT(fraction, 1);
  }
  for (const int count : hits) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(random.below(0), 0u);
}

TEST(RandomTest, UuidsAreVersionFourAndDistinct) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string uuid = uuid4(threadRandom());
    EXPECT_THAT(uuid, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(RandomTest, AUuidShowsAllBitsButThoseOfItsVersion) {
  class Scripted final : public Random {
   public:
    uint64_t next() override { return words_[at_++]; }

   private:
    uint64_t words_[2] = {0x0123456789abcdef, 0xfedcba9876543210};
    size_t at_ = 0;
  };
  Scripted random;
  EXPECT_EQ(uuid4(random), "01234567-89ab-4def-bedc-ba9876543210");
}

class Passing : public Recycled<Passing> {
 public:
  explicit Passing(std::set<Passing*>& all) : all_(all) { all_.insert(this); }
  ~Passing() { all_.erase(this); }

 private:
  std::set<Passing*>& all_;
  char rest_[64] = {};
};

TEST(RecycledTest, ObjectsAliveAreDistinctHoweverManyComeAndGo) {
  std::set<Passing*> alive;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Passing>> kept;
    for (int i = 0; i < 500; ++i) {
      kept.push_back(std::make_unique<Passing>(alive));
      if (i % 3 == 0) kept.erase(kept.begin() + i / 3);
      ASSERT_EQ(alive.size(), kept.size());
    }
  }
  EXPECT_TRUE(alive.empty());
}

TEST(ClockTest, SimulatedTimeStandsStillUntilTold) {
  SimulatedClock clock;
  const auto monotonic = clock.monotonic();
  const auto wall = clock.wall();
  EXPECT_EQ(clock.monotonic(), monotonic);
  clock.advance(std::chrono::seconds(90));
  EXPECT_EQ(clock.monotonic() - monotonic, std::chrono::seconds(90));
  EXPECT_EQ(clock.wall() - wall, std::chrono::seconds(90));
  const auto earlier = RealClock::instance().monotonic();
  EXPECT_LE(earlier, RealClock::instance().monotonic());
}

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    path = testing::TempDir() + "baton-log-" + std::to_string(::getpid());
    std::remove(path.c_str());
  }
  void TearDown() override {
    ASSERT_TRUE(configureLog({}));
    std::remove(path.c_str());
  }
  std::string written() {
    flushLog();
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string path;
};

TEST_F(LogTest, LevelsDecidePerComponent) {
  ASSERT_TRUE(configureLog({.level = "warning", .component_levels = "http:debug", .path = path, .format = "%l %n %v"}));
  BATON_LOG(kMain, info, "hidden");
  BATON_LOG(kMain, warn, "shown {}", 1);
  BATON_LOG(kHttp, debug, "shown {}", 2);
  BATON_LOG(kHttp, trace, "hidden");
  EXPECT_EQ(written(), "warning main shown 1\ndebug http shown 2\n");
  ASSERT_TRUE(setLogLevel("main", "info"));
  BATON_LOG(kMain, info, "shown 3");
  EXPECT_THAT(written(), HasSubstr("info main shown 3\n"));
  for (const auto& [component, level] : logLevels()) {
    if (component == "http") {
      EXPECT_EQ(level, "debug");
    }
  }
}

TEST_F(LogTest, AReopenedFileTakesTheLinesFromThenOn) {
  ASSERT_TRUE(configureLog({.path = path, .format = "%v"}));
  BATON_LOG(kMain, info, "before");
  flushLog();
  const std::string moved = path + ".1";
  ASSERT_EQ(std::rename(path.c_str(), moved.c_str()), 0);
  reopenLog();
  BATON_LOG(kMain, info, "after");
  EXPECT_EQ(written(), "after\n");
  std::remove(moved.c_str());
}

TEST_F(LogTest, MistakesAreErrorsThatSayWhatIsKnown) {
  EXPECT_THAT(setLogLevel("main", "loud").error().message, HasSubstr("unknown log level 'loud'"));
  EXPECT_THAT(setLogLevel("nobody", "info").error().message, HasSubstr("unknown log component 'nobody'; known: main,"));
  EXPECT_THAT(configureLog({.component_levels = "http"}).error().message, HasSubstr("expected COMPONENT:LEVEL"));
  EXPECT_THAT(configureLog({.path = "/dev/null/log"}).error().message, HasSubstr("cannot open log file"));
}

}  // namespace
}  // namespace baton::base
