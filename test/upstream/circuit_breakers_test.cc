#include "source/upstream/circuit_breakers.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace baton::upstream {
namespace {

class CircuitBreakersTest : public testing::Test {
 protected:
  void configure() { breakers.configure(limits, stats::Scope(*store, "cluster.c.circuit_breakers.")); }
  int64_t gauge(const std::string& name) { return store->findGauge("cluster.c.circuit_breakers." + name).value_or(-1); }

  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  std::array<BreakerLimits, kPriorities> limits;
  CircuitBreakers breakers;
};

TEST_F(CircuitBreakersTest, OpensAtTheLimitAndClosesBelow) {
  limits[0].max_requests = 2;
  configure();
  Breaker& requests = breakers.requests(Priority::kDefault);
  EXPECT_TRUE(requests.tryAcquire());
  EXPECT_EQ(gauge("default.rq_open"), 0);
  EXPECT_TRUE(requests.tryAcquire());
  EXPECT_EQ(gauge("default.rq_open"), 1);
  EXPECT_FALSE(requests.tryAcquire());
  requests.release();
  EXPECT_EQ(gauge("default.rq_open"), 0);
  EXPECT_TRUE(requests.tryAcquire());
}

TEST_F(CircuitBreakersTest, ALimitOfNothingIsOpenFromTheStart) {
  limits[0].max_connections = 0;
  configure();
  EXPECT_EQ(gauge("default.cx_open"), 1);
  EXPECT_FALSE(breakers.connections(Priority::kDefault).tryAcquire());
}

TEST_F(CircuitBreakersTest, PrioritiesAreApart) {
  limits[0].max_requests = 1;
  configure();
  EXPECT_TRUE(breakers.requests(Priority::kDefault).tryAcquire());
  EXPECT_FALSE(breakers.requests(Priority::kDefault).tryAcquire());
  EXPECT_TRUE(breakers.requests(Priority::kHigh).tryAcquire());
}

TEST_F(CircuitBreakersTest, RemainingIsPublishedWhenAskedFor) {
  limits[0].track_remaining = true;
  limits[0].max_requests = 3;
  configure();
  EXPECT_EQ(gauge("default.remaining_rq"), 3);
  EXPECT_TRUE(breakers.requests(Priority::kDefault).tryAcquire());
  EXPECT_EQ(gauge("default.remaining_rq"), 2);
  breakers.requests(Priority::kDefault).release();
  EXPECT_EQ(gauge("default.remaining_rq"), 3);
  EXPECT_EQ(gauge("high.remaining_rq"), -1);
}

TEST_F(CircuitBreakersTest, RetriesAreThreeAtOnce) {
  configure();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(breakers.tryStartRetry(Priority::kDefault));
  EXPECT_FALSE(breakers.tryStartRetry(Priority::kDefault));
  EXPECT_EQ(gauge("default.rq_retry_open"), 1);
  breakers.retryEnded(Priority::kDefault);
  EXPECT_TRUE(breakers.tryStartRetry(Priority::kDefault));
}

TEST_F(CircuitBreakersTest, RetryBudgetGrowsWithTheRequestsUnderWay) {
  limits[0].retry_budget = RetryBudget{.budget_percent = 20, .min_retry_concurrency = 2};
  configure();
  const auto startAll = [&] {
    int started = 0;
    while (breakers.tryStartRetry(Priority::kDefault)) ++started;
    return started;
  };
  EXPECT_EQ(startAll(), 2);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(breakers.requests(Priority::kDefault).tryAcquire());
  EXPECT_EQ(startAll(), 8);  // 10 of 50
}

TEST_F(CircuitBreakersTest, WorkersTogetherNeverPassTheLimit) {
  limits[0].max_requests = 10;
  configure();
  std::atomic<int> under_way{0}, most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Breaker& requests = breakers.requests(Priority::kDefault);
      for (int i = 0; i < 20'000; ++i) {
        if (!requests.tryAcquire()) continue;
        const int now = ++under_way;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --under_way;
        requests.release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 10);
  EXPECT_EQ(breakers.requests(Priority::kDefault).used(), 0u);
  EXPECT_EQ(gauge("default.rq_open"), 0);
}

}  // namespace
}  // namespace baton::upstream
