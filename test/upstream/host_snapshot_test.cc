#include "source/upstream/host_snapshot.h"

#include <gtest/gtest.h>

#include "test/upstream/hosts.h"

namespace baton::upstream {
namespace {

// Hosts of each priority: all, and how many of them are healthy and degraded.
struct Shape {
  size_t all;
  size_t healthy;
  size_t degraded = 0;
};

struct LoadCase {
  const char* name;
  std::vector<Shape> shapes;
  double panic_threshold;
  std::vector<uint32_t> healthy_load;
  std::vector<uint32_t> degraded_load;
  std::vector<bool> panic;
};

std::vector<HostPtr> hostsOf(const std::vector<Shape>& shapes) {
  std::vector<HostPtr> all;
  for (uint32_t priority = 0; priority < shapes.size(); ++priority) {
    const Shape& shape = shapes[priority];
    auto hosts = makeHosts(shape.all, priority);
    for (size_t i = shape.healthy; i < hosts.size(); ++i) {
      if (i < shape.healthy + shape.degraded) {
        hosts[i]->degraded = true;
      } else {
        hosts[i]->failed_active_check = true;
      }
    }
    all.insert(all.end(), hosts.begin(), hosts.end());
  }
  return all;
}

class LoadOverPriorities : public testing::TestWithParam<LoadCase> {};

TEST_P(LoadOverPriorities, IsAsHealthSays) {
  const LoadCase& c = GetParam();
  LbSettings settings;
  settings.healthy_panic_threshold = c.panic_threshold;
  const auto snapshot = makeHostSnapshot(hostsOf(c.shapes), settings, 1);
  ASSERT_EQ(snapshot->priorities.size(), c.shapes.size());
  for (size_t i = 0; i < c.shapes.size(); ++i) {
    EXPECT_EQ(snapshot->priorities[i].healthy_load, c.healthy_load[i]) << "priority " << i;
    EXPECT_EQ(snapshot->priorities[i].degraded_load, c.degraded_load[i]) << "priority " << i;
    EXPECT_EQ(snapshot->priorities[i].panic, c.panic[i]) << "priority " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, LoadOverPriorities,
    testing::Values(
        LoadCase{"AllHealthy", {{10, 10}}, 50, {100}, {0}, {false}},
        LoadCase{"EnoughHealthyForAll", {{10, 8}, {10, 10}}, 50, {100, 0}, {0, 0}, {false, false}},
        LoadCase{"HalfHealthy", {{10, 5}, {10, 10}}, 50, {70, 30}, {0, 0}, {false, false}},
        LoadCase{"FewHealthy", {{10, 2}, {10, 10}}, 50, {28, 72}, {0, 0}, {false, false}},
        LoadCase{"NoneHealthyInTheFirst", {{10, 0}, {10, 10}}, 50, {0, 100}, {0, 0}, {false, false}},
        LoadCase{"BothWeak", {{10, 3}, {10, 3}}, 20, {50, 50}, {0, 0}, {false, false}},
        LoadCase{"ThreePriorities", {{4, 1}, {4, 1}, {4, 4}}, 50, {35, 35, 30}, {0, 0, 0}, {false, false, false}},
        LoadCase{"PanicWhenTooFewAreHealthy", {{10, 4}}, 50, {100}, {0}, {true}},
        LoadCase{"NoPanicAtTheThreshold", {{10, 5}}, 50, {100}, {0}, {false}},
        LoadCase{"PanicWhenNoneIsHealthy", {{10, 0}}, 50, {100}, {0}, {true}},
        LoadCase{"PanicOverAllPriorities", {{10, 0}, {30, 0}}, 50, {25, 75}, {0, 0}, {true, true}},
        LoadCase{"NoPanicWhenSwitchedOff", {{10, 0}}, 0, {0}, {0}, {false}},
        LoadCase{"DegradedTakeTheRest", {{10, 5, 5}}, 50, {70}, {30}, {false}},
        LoadCase{"HealthyOfTheNextComeBeforeDegraded", {{10, 5, 5}, {10, 10}}, 50, {70, 30}, {0, 0}, {false, false}},
        LoadCase{"OnlyDegraded", {{10, 0, 10}}, 50, {0}, {100}, {false}}),
    [](const auto& info) { return info.param.name; });

TEST(HostSnapshot, LoadsAlwaysSumUpToOneHundred) {
  base::FastRandom random(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<Shape> shapes;
    for (uint64_t p = 0; p < 1 + random.below(4); ++p) {
      const size_t all = 1 + random.below(12);
      const size_t healthy = random.below(all + 1);
      shapes.push_back({all, healthy, random.below(all - healthy + 1)});
    }
    const auto snapshot = makeHostSnapshot(hostsOf(shapes), {}, 1);
    uint32_t sum = 0;
    for (const PriorityHosts& priority : snapshot->priorities) sum += priority.healthy_load + priority.degraded_load;
    ASSERT_EQ(sum, 100u);
  }
}

TEST(HostSnapshot, HostsThatAwaitTheirFirstCheckDoNotCount) {
  auto hosts = makeHosts(4);
  hosts[0]->awaits_first_check = hosts[1]->awaits_first_check = true;
  const auto snapshot = makeHostSnapshot(hosts, {}, 1);
  EXPECT_EQ(snapshot->total(), 2u);
  EXPECT_FALSE(snapshot->priorities[0].panic);
}

TEST(HostSnapshot, NoHostsIsAnEmptySnapshot) {
  const auto snapshot = makeHostSnapshot({}, {}, 3);
  EXPECT_EQ(snapshot->total(), 0u);
  EXPECT_EQ(snapshot->version, 3u);
}

}  // namespace
}  // namespace baton::upstream
