#include "source/server/drain_manager.h"

#include <gtest/gtest.h>

namespace baton::server {
namespace {

class DrainManagerTest : public testing::Test {
 protected:
  double shareTold() {
    int told = 0;
    for (int i = 0; i < 10'000; ++i) told += drain_.drainClose(random_) ? 1 : 0;
    return told / 10'000.0;
  }

  base::SimulatedClock clock_;
  base::FastRandom random_{7};
  DrainManager drain_{clock_};
};

TEST_F(DrainManagerTest, NobodyIsToldToCloseBeforeADrain) {
  EXPECT_FALSE(drain_.draining());
  EXPECT_EQ(shareTold(), 0);
}

TEST_F(DrainManagerTest, TheShareRisesFromNoneToAllOverTheDrainTime) {
  drain_.start(DrainStrategy::kGradual, std::chrono::seconds(600));
  EXPECT_TRUE(drain_.draining());
  EXPECT_FALSE(drain_.closeIdle());
  EXPECT_EQ(shareTold(), 0);
  clock_.advance(std::chrono::seconds(150));
  EXPECT_NEAR(shareTold(), 0.25, 0.03);
  EXPECT_EQ(drain_.left(), std::chrono::seconds(450));
  clock_.advance(std::chrono::seconds(300));
  EXPECT_NEAR(shareTold(), 0.75, 0.03);
  clock_.advance(std::chrono::seconds(150));
  EXPECT_EQ(shareTold(), 1);
}

TEST_F(DrainManagerTest, AnImmediateDrainTellsEverybodyAndClosesIdleConnections) {
  drain_.start(DrainStrategy::kImmediate, std::chrono::seconds(600));
  EXPECT_TRUE(drain_.closeIdle());
  EXPECT_EQ(shareTold(), 1);
}

TEST_F(DrainManagerTest, ACancelledDrainIsAsIfItNeverWas) {
  drain_.start(DrainStrategy::kImmediate, std::chrono::seconds(600));
  drain_.cancel();
  EXPECT_FALSE(drain_.draining());
  EXPECT_FALSE(drain_.closeIdle());
  EXPECT_EQ(shareTold(), 0);
}

TEST_F(DrainManagerTest, AGradualDrainOfNoTimeTellsEverybody) {
  drain_.start(DrainStrategy::kGradual, std::chrono::seconds(0));
  EXPECT_EQ(shareTold(), 1);
}

}  // namespace
}  // namespace baton::server
