#include "source/upstream/health_state.h"

#include <gtest/gtest.h>
#include <string>

namespace baton::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct VerdictCase {
  const char* name;
  uint32_t unhealthy_threshold;
  uint32_t healthy_threshold;
  const char* begins;   // "new", "healthy" or "unhealthy"
  const char* checks;   // s: success, f: failure, F: failure at once
  const char* verdict;  // after each check, h or u
};

class HealthVerdict : public testing::TestWithParam<VerdictCase> {};

TEST_P(HealthVerdict, FollowsTheThresholds) {
  const VerdictCase& c = GetParam();
  HealthCheckTimes times;
  times.unhealthy_threshold = c.unhealthy_threshold;
  times.healthy_threshold = c.healthy_threshold;
  const std::string begins = c.begins;
  HealthState state(times, begins == "healthy", begins != "new");
  std::string verdict;
  bool before = state.healthy();
  for (const char* check = c.checks; *check != '\0'; ++check) {
    const bool changed = *check == 's' ? state.onSuccess() : state.onFailure(*check == 'F');
    EXPECT_EQ(changed, before != state.healthy());
    before = state.healthy();
    verdict += state.healthy() ? 'h' : 'u';
  }
  EXPECT_EQ(verdict, c.verdict);
}

INSTANTIATE_TEST_SUITE_P(Cases, HealthVerdict,
                         testing::Values(VerdictCase{"OneSuccessIsEnoughAtFirst", 3, 3, "new", "s", "h"},
                                         VerdictCase{"AFirstFailureMakesTheThresholdCount", 3, 2, "new", "fss", "uuh"},
                                         VerdictCase{"FailuresInARow", 3, 2, "healthy", "fff", "hhu"},
                                         VerdictCase{"ASuccessBetweenStartsAnew", 3, 2, "healthy", "ffsfff", "hhhhhu"},
                                         VerdictCase{"AtOnceNeedsNoThreshold", 3, 2, "healthy", "F", "u"},
                                         VerdictCase{"SuccessesInARow", 1, 3, "unhealthy", "sss", "uuh"},
                                         VerdictCase{"AFailureBetweenStartsAnew", 1, 2, "unhealthy", "sfss", "uuuh"},
                                         VerdictCase{"ThresholdOfOne", 1, 1, "healthy", "fsfs", "uhuh"},
                                         VerdictCase{"StaysHealthy", 2, 2, "healthy", "sfsfs", "hhhhh"},
                                         VerdictCase{"KnownUnhealthyIsNotNew", 1, 2, "unhealthy", "s", "u"}),
                         [](const auto& info) { return info.param.name; });

class HealthInterval : public testing::Test {
 protected:
  HealthInterval() {
    times.interval = seconds(5);
    times.unhealthy_interval = seconds(2);
    times.unhealthy_edge_interval = seconds(1);
    times.healthy_edge_interval = seconds(7);
    times.no_traffic_interval = seconds(60);
    times.no_traffic_healthy_interval = seconds(90);
  }
  HealthCheckTimes times;
  base::FastRandom random{3};
};

TEST_F(HealthInterval, IsTheOneOfTheState) {
  HealthState state(times, true, true);
  state.onSuccess();
  EXPECT_EQ(state.untilNext(true, random), seconds(5));
  state.onFailure(false);
  EXPECT_EQ(state.untilNext(true, random), seconds(1));
  state.onFailure(false);
  EXPECT_EQ(state.untilNext(true, random), seconds(2));
  state.onSuccess();
  EXPECT_EQ(state.untilNext(true, random), seconds(7));
  state.onSuccess();
  EXPECT_EQ(state.untilNext(true, random), seconds(5));
}

TEST_F(HealthInterval, WithoutTrafficIsLong) {
  HealthState state(times, true, true);
  state.onSuccess();
  EXPECT_EQ(state.untilNext(false, random), seconds(90));
  state.onFailure(false);
  EXPECT_EQ(state.untilNext(false, random), seconds(60));
}

TEST_F(HealthInterval, JitterAddsUpToItsBounds) {
  times.interval_jitter = seconds(1);
  times.interval_jitter_percent = 10;
  HealthState state(times, true, true);
  state.onSuccess();
  milliseconds least = seconds(100), most{0};
  for (int i = 0; i < 2000; ++i) {
    const milliseconds next = state.untilNext(true, random);
    least = std::min(least, next);
    most = std::max(most, next);
  }
  EXPECT_GE(least, seconds(5));
  EXPECT_LE(most, milliseconds(6500));
  EXPECT_GT(most, milliseconds(6200));
  EXPECT_LT(least, milliseconds(5200));
}

TEST(HealthCheckTimesOf, FillsWhatIsNotConfigured) {
  api::HealthCheck config;
  config.timeout = milliseconds(300);
  config.interval = seconds(4);
  config.unhealthy_threshold = 3;
  config.healthy_threshold = 2;
  config.unhealthy_interval = seconds(9);
  const HealthCheckTimes times = HealthCheckTimes::of(config);
  EXPECT_EQ(times.timeout, milliseconds(300));
  EXPECT_EQ(times.unhealthy_interval, seconds(9));
  EXPECT_EQ(times.unhealthy_edge_interval, seconds(9));
  EXPECT_EQ(times.healthy_edge_interval, seconds(4));
  EXPECT_EQ(times.no_traffic_interval, seconds(60));
  EXPECT_EQ(times.no_traffic_healthy_interval, seconds(60));
}

}  // namespace
}  // namespace baton::upstream
