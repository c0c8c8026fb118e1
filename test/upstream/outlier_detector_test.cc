#include "source/upstream/outlier_detector.h"

#include <gtest/gtest.h>

#include "test/upstream/hosts.h"

namespace baton::upstream {
namespace {

using std::chrono::seconds;

class OutlierDetectorTest : public testing::Test {
 protected:
  OutlierDetectorTest() { config.max_ejection_percent = 100; }

  void build(size_t count) {
    hosts = makeHosts(count);
    detector = std::make_unique<OutlierDetector>(config, OutlierStats(stats::Scope(*store, "o.")), random,
                                                 [this] { ++changes; });
    for (const HostPtr& host : hosts) detector->add(host);
    reporting.split_local_origin = config.split_external_local_origin_errors;
    reporting.consecutive_5xx = config.consecutive_5xx;
    reporting.consecutive_gateway_failure = config.consecutive_gateway_failure;
    reporting.consecutive_local_origin_failure = config.consecutive_local_origin_failure;
    reporting.reached = [this](HostPtr host, EjectionCause cause) {
      detector->onReached(host, cause, clock.monotonic());
    };
  }
  void report(size_t host, HostOutcome outcome, int times = 1) {
    for (int i = 0; i < times; ++i) reporting.report(*hosts[host], outcome);
  }
  void pass(std::chrono::milliseconds time) {
    clock.advance(time);
    detector->sweep(clock.monotonic());
  }
  bool ejected(size_t host) const { return hosts[host]->failed_outlier_check; }
  uint64_t counter(const std::string& name) { return store->findCounter("o." + name).value_or(0); }

  base::SimulatedClock clock;
  base::FastRandom random{5};
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  api::OutlierDetection config;
  std::vector<HostPtr> hosts;
  OutlierReporting reporting;
  std::unique_ptr<OutlierDetector> detector;
  int changes = 0;
};

TEST_F(OutlierDetectorTest, FiveServerErrorsInARowEject) {
  build(3);
  report(0, HostOutcome::kServerError5xx, 4);
  EXPECT_FALSE(ejected(0));
  report(0, HostOutcome::kServerError5xx);
  EXPECT_TRUE(ejected(0));
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(counter("ejections_enforced_total"), 1u);
  EXPECT_EQ(counter("ejections_enforced_consecutive_5xx"), 1u);
  EXPECT_EQ(counter("ejections_detected_consecutive_5xx"), 1u);
  EXPECT_EQ(store->findGauge("o.ejections_active"), 1);
}

TEST_F(OutlierDetectorTest, ASuccessBetweenStartsAnew) {
  build(3);
  report(0, HostOutcome::kServerError5xx, 4);
  report(0, HostOutcome::kSuccess);
  report(0, HostOutcome::kServerError5xx, 4);
  EXPECT_FALSE(ejected(0));
}

TEST_F(OutlierDetectorTest, GatewayFailuresAreDetectedButNotEnforcedByDefault) {
  config.consecutive_5xx = 100;
  build(3);
  report(0, HostOutcome::kGatewayError, 5);
  EXPECT_FALSE(ejected(0));
  EXPECT_EQ(counter("ejections_detected_consecutive_gateway_failure"), 1u);
  EXPECT_EQ(counter("ejections_enforced_consecutive_gateway_failure"), 0u);
}

TEST_F(OutlierDetectorTest, GatewayFailuresEjectWhenEnforced) {
  config.consecutive_5xx = 100;
  config.enforcing_consecutive_gateway_failure = 100;
  build(3);
  report(0, HostOutcome::kGatewayError, 4);
  report(0, HostOutcome::kServerError5xx);  // a 500 is none
  report(0, HostOutcome::kGatewayError, 4);
  EXPECT_FALSE(ejected(0));
  report(0, HostOutcome::kGatewayError);
  EXPECT_TRUE(ejected(0));
}

TEST_F(OutlierDetectorTest, OurOwnErrorsCountAsServerErrorsUnlessSplit) {
  build(3);
  report(0, HostOutcome::kConnectFailed, 3);
  report(0, HostOutcome::kTimeout, 2);
  EXPECT_TRUE(ejected(0));
  EXPECT_EQ(counter("ejections_enforced_consecutive_5xx"), 1u);
}

TEST_F(OutlierDetectorTest, SplitErrorsAreCountedApart) {
  config.split_external_local_origin_errors = true;
  build(3);
  for (int i = 0; i < 4; ++i) {
    report(0, HostOutcome::kConnectFailed);
    report(1, HostOutcome::kServerError5xx);
  }
  EXPECT_FALSE(ejected(0));
  report(0, HostOutcome::kReset);
  report(1, HostOutcome::kServerError5xx);
  EXPECT_TRUE(ejected(0));
  EXPECT_TRUE(ejected(1));
  EXPECT_EQ(counter("ejections_enforced_consecutive_local_origin_failure"), 1u);
  EXPECT_EQ(counter("ejections_enforced_consecutive_5xx"), 1u);
}

TEST_F(OutlierDetectorTest, EjectionsEndAndGrowWithEachRepetition) {
  build(3);
  report(0, HostOutcome::kServerError5xx, 5);
  pass(seconds(29));
  EXPECT_TRUE(ejected(0));
  pass(seconds(2));
  EXPECT_FALSE(ejected(0));
  EXPECT_EQ(store->findGauge("o.ejections_active"), 0);
  // The second one lasts twice as long.
  report(0, HostOutcome::kServerError5xx, 5);
  pass(seconds(59));
  EXPECT_TRUE(ejected(0));
  pass(seconds(2));
  EXPECT_FALSE(ejected(0));
}

TEST_F(OutlierDetectorTest, QuietIntervalsForgive) {
  build(3);
  report(0, HostOutcome::kServerError5xx, 5);
  pass(seconds(31));
  pass(seconds(10));  // one interval without an ejection
  report(0, HostOutcome::kServerError5xx, 5);
  pass(seconds(31));
  EXPECT_FALSE(ejected(0));
}

TEST_F(OutlierDetectorTest, EjectionNeverLastsLongerThanTheLimit) {
  config.base_ejection_time = seconds(100);
  config.max_ejection_time = seconds(150);
  build(3);
  report(0, HostOutcome::kServerError5xx, 5);
  pass(seconds(101));
  report(0, HostOutcome::kServerError5xx, 5);
  pass(seconds(151));
  EXPECT_FALSE(ejected(0));
}

TEST_F(OutlierDetectorTest, NoMoreThanTheShareIsEjected) {
  config.max_ejection_percent = 50;
  build(4);
  for (size_t i = 0; i < 4; ++i) report(i, HostOutcome::kServerError5xx, 5);
  EXPECT_EQ(detector->ejected(), 2u);
  EXPECT_EQ(counter("ejections_overflow"), 2u);
}

TEST_F(OutlierDetectorTest, WithTheDefaultShareFewHostsAreNeverEjected) {
  config.max_ejection_percent = 10;
  build(9);
  report(0, HostOutcome::kServerError5xx, 5);
  EXPECT_FALSE(ejected(0));
  EXPECT_EQ(counter("ejections_overflow"), 1u);
}

TEST_F(OutlierDetectorTest, WithTheDefaultShareOneOfTenIsEjected) {
  config.max_ejection_percent = 10;
  build(10);
  report(0, HostOutcome::kServerError5xx, 5);
  report(1, HostOutcome::kServerError5xx, 5);
  EXPECT_TRUE(ejected(0));
  EXPECT_FALSE(ejected(1));
}

TEST_F(OutlierDetectorTest, OneIsAlwaysEjectedWhenAskedFor) {
  config.max_ejection_percent = 10;
  config.always_eject_one_host = true;
  build(2);
  report(0, HostOutcome::kServerError5xx, 5);
  report(1, HostOutcome::kServerError5xx, 5);
  EXPECT_TRUE(ejected(0));
  EXPECT_FALSE(ejected(1));
}

TEST_F(OutlierDetectorTest, EnforcingIsAChance) {
  config.enforcing_consecutive_5xx = 30;
  build(1000);
  for (size_t i = 0; i < 1000; ++i) report(i, HostOutcome::kServerError5xx, 5);
  EXPECT_NEAR(static_cast<double>(detector->ejected()), 300, 60);
  EXPECT_EQ(counter("ejections_detected_consecutive_5xx"), 1000u);
}

TEST_F(OutlierDetectorTest, AHostFarBelowTheMeanIsEjected) {
  build(6);
  for (size_t i = 0; i < 6; ++i) report(i, HostOutcome::kSuccess, 200);
  for (int i = 0; i < 50; ++i) {
    report(0, HostOutcome::kServerError5xx, 4);
    report(0, HostOutcome::kSuccess);
  }
  pass(seconds(10));
  EXPECT_TRUE(ejected(0));
  EXPECT_EQ(detector->ejected(), 1u);
  EXPECT_EQ(counter("ejections_enforced_success_rate"), 1u);
}

TEST_F(OutlierDetectorTest, RatesNeedEnoughHostsAndRequests) {
  build(4);  // fewer than five
  for (size_t i = 1; i < 4; ++i) report(i, HostOutcome::kSuccess, 200);
  for (int i = 0; i < 50; ++i) {
    report(0, HostOutcome::kServerError5xx, 3);
    report(0, HostOutcome::kSuccess);
  }
  pass(seconds(10));
  EXPECT_EQ(detector->ejected(), 0u);
}

TEST_F(OutlierDetectorTest, CountsStartAnewWithEachInterval) {
  build(6);
  for (size_t i = 0; i < 6; ++i) report(i, HostOutcome::kSuccess, 60);
  pass(seconds(10));
  for (size_t i = 0; i < 6; ++i) report(i, HostOutcome::kSuccess, 60);
  for (int i = 0; i < 10; ++i) {
    report(0, HostOutcome::kServerError5xx, 3);
    report(0, HostOutcome::kSuccess);
  }
  pass(seconds(10));  // 60 requests are too few to judge by
  EXPECT_EQ(detector->ejected(), 0u);
}

TEST_F(OutlierDetectorTest, FailurePercentageEjectsWhenEnforced) {
  config.enforcing_success_rate = 0;
  config.enforcing_failure_percentage = 100;
  config.consecutive_5xx = 1'000'000;
  build(5);
  for (size_t i = 1; i < 5; ++i) report(i, HostOutcome::kSuccess, 60);
  report(0, HostOutcome::kServerError5xx, 54);
  report(0, HostOutcome::kSuccess, 6);
  pass(seconds(10));
  EXPECT_TRUE(ejected(0));
  EXPECT_EQ(counter("ejections_enforced_failure_percentage"), 1u);
}

TEST_F(OutlierDetectorTest, LocalOriginRatesAreJudgedWhenSplit) {
  config.split_external_local_origin_errors = true;
  config.consecutive_local_origin_failure = 1'000'000;
  build(6);
  for (size_t i = 0; i < 6; ++i) report(i, HostOutcome::kSuccess, 200);
  report(0, HostOutcome::kConnectFailed, 400);
  pass(seconds(10));
  EXPECT_TRUE(ejected(0));
  EXPECT_EQ(counter("ejections_enforced_local_origin_success_rate"), 1u);
}

TEST_F(OutlierDetectorTest, AGoodActiveCheckEndsAnEjection) {
  build(3);
  report(0, HostOutcome::kServerError5xx, 5);
  detector->onCheckSucceeded(hosts[0]);
  EXPECT_FALSE(ejected(0));
  EXPECT_EQ(changes, 2);
}

TEST_F(OutlierDetectorTest, UnlessThatIsSwitchedOff) {
  config.successful_active_health_check_uneject_host = false;
  build(3);
  report(0, HostOutcome::kServerError5xx, 5);
  detector->onCheckSucceeded(hosts[0]);
  EXPECT_TRUE(ejected(0));
}

TEST_F(OutlierDetectorTest, ARemovedHostNoLongerCounts) {
  build(3);
  report(0, HostOutcome::kServerError5xx, 5);
  detector->remove(hosts[0]);
  EXPECT_EQ(detector->ejected(), 0u);
  EXPECT_EQ(store->findGauge("o.ejections_active"), 0);
}

TEST_F(OutlierDetectorTest, AnEjectionIsRestoredAfterARestart) {
  build(3);
  detector->restore(hosts[1], clock.monotonic());
  EXPECT_TRUE(ejected(1));
  pass(seconds(31));
  EXPECT_FALSE(ejected(1));
}

}  // namespace
}  // namespace baton::upstream
