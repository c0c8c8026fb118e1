#include "source/upstream/load_balancer.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "test/upstream/hosts.h"

namespace baton::upstream {
namespace {

class Balanced {
 public:
  Balanced(LbPolicy policy, std::vector<HostPtr> of, std::function<void(LbSettings&)> adjust = {})
      : hosts(std::move(of)), info(std::make_shared<ClusterInfo>("c", "", *store)) {
    info->lb.policy = policy;
    if (adjust) adjust(info->lb);
    refresh();
  }
  void refresh() { balancer = LoadBalancer::make(*info, makeHostSnapshot(hosts, info->lb, 1), random); }

  HostPtr choose() { return balancer->choose(context); }
  HostPtr chooseBy(uint64_t key) {
    context.key = key;
    return choose();
  }
  std::map<HostPtr, int> count(int picks) {
    std::map<HostPtr, int> counts;
    for (int i = 0; i < picks; ++i) ++counts[choose()];
    return counts;
  }

  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  std::vector<HostPtr> hosts;
  std::shared_ptr<ClusterInfo> info;
  base::FastRandom random{42};
  TestContext context;
  std::unique_ptr<LoadBalancer> balancer;
};

TEST(RoundRobin, TakesTurnsExactly) {
  Balanced of(LbPolicy::kRoundRobin, makeHosts(3));
  for (const auto& [host, picks] : of.count(300)) EXPECT_EQ(picks, 100) << host->address.text();
}

TEST(RoundRobin, WorkersDoNotAllStartAtTheSameHost) {
  std::set<Host*> first;
  const auto hosts = makeHosts(8);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Balanced of(LbPolicy::kRoundRobin, hosts);
    of.random = base::FastRandom(seed);
    first.insert(of.choose().get());
  }
  EXPECT_GT(first.size(), 4u);
}

TEST(RoundRobin, WeightsAreSharesToTheRequest) {
  std::vector<HostPtr> hosts{makeHost("10.0.0.1:80", 1), makeHost("10.0.0.2:80", 2), makeHost("10.0.0.3:80", 7)};
  Balanced of(LbPolicy::kRoundRobin, hosts);
  auto counts = of.count(1000);
  EXPECT_NEAR(counts[hosts[0]], 100, 2);
  EXPECT_NEAR(counts[hosts[1]], 200, 2);
  EXPECT_NEAR(counts[hosts[2]], 700, 2);
}

TEST(RoundRobin, HeavyHostIsNotPickedInOneRun) {
  std::vector<HostPtr> hosts{makeHost("10.0.0.1:80", 1), makeHost("10.0.0.2:80", 3)};
  Balanced of(LbPolicy::kRoundRobin, hosts);
  int run = 0, longest = 0;
  for (int i = 0; i < 400; ++i) {
    run = of.choose() == hosts[1] ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  EXPECT_LE(longest, 4);
}

TEST(RoundRobin, UnhealthyHostsGetNothing) {
  const auto hosts = makeHosts(4);
  markUnhealthy(hosts, 2);
  Balanced of(LbPolicy::kRoundRobin, hosts);
  auto counts = of.count(200);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[hosts[2]], 100);
}

TEST(RoundRobin, PanicSendsToAllAndIsCounted) {
  const auto hosts = makeHosts(4);
  markUnhealthy(hosts, 3);
  Balanced of(LbPolicy::kRoundRobin, hosts);
  EXPECT_EQ(of.count(400).size(), 4u);
  EXPECT_EQ(of.info->stats.lb_healthy_panic.value(), 400u);
}

TEST(RoundRobin, WithoutPanicNoHealthyHostIsNoHost) {
  const auto hosts = makeHosts(4);
  markUnhealthy(hosts, 4);
  Balanced of(LbPolicy::kRoundRobin, hosts, [](LbSettings& lb) { lb.healthy_panic_threshold = 0; });
  EXPECT_EQ(of.choose(), nullptr);
}

TEST(RoundRobin, EmptyClusterHasNoHost) {
  Balanced of(LbPolicy::kRoundRobin, {});
  EXPECT_EQ(of.choose(), nullptr);
}

TEST(Priorities, LoadSpillsOverAsTheFirstGetsWeak) {
  auto hosts = makeHosts(10, 0);
  markUnhealthy(hosts, 5);
  const auto second = makeHosts(10, 1);
  hosts.insert(hosts.end(), second.begin(), second.end());
  Balanced of(LbPolicy::kRoundRobin, hosts);
  int in_first = 0;
  for (int i = 0; i < 20'000; ++i) in_first += of.choose()->priority == 0 ? 1 : 0;
  EXPECT_NEAR(in_first, 14'000, 300);
}

TEST(Priorities, DegradedHostsTakeWhatHealthyOnesCanNot) {
  auto hosts = makeHosts(10);
  for (size_t i = 0; i < 5; ++i) hosts[i]->degraded = true;
  Balanced of(LbPolicy::kRoundRobin, hosts);
  int degraded = 0;
  for (int i = 0; i < 20'000; ++i) degraded += of.choose()->degraded ? 1 : 0;
  EXPECT_NEAR(degraded, 6'000, 300);
}

TEST(Random, IsEven) {
  Balanced of(LbPolicy::kRandom, makeHosts(4));
  for (const auto& [host, picks] : of.count(40'000)) EXPECT_NEAR(picks, 10'000, 400);
}

TEST(LeastRequest, AvoidsTheBusyHost) {
  const auto hosts = makeHosts(2);
  hosts[0]->active_requests = 10;
  Balanced of(LbPolicy::kLeastRequest, hosts);
  auto counts = of.count(10'000);
  // The busy one is taken only when both choices fall on it.
  EXPECT_NEAR(counts[hosts[0]], 2'500, 200);
}

TEST(LeastRequest, MoreChoicesAvoidItMore) {
  const auto hosts = makeHosts(2);
  hosts[0]->active_requests = 10;
  Balanced of(LbPolicy::kLeastRequest, hosts, [](LbSettings& lb) { lb.choice_count = 5; });
  EXPECT_LT(of.count(10'000)[hosts[0]], 500);
}

TEST(LeastRequest, IsEvenWhenNobodyIsBusy) {
  Balanced of(LbPolicy::kLeastRequest, makeHosts(5));
  for (const auto& [host, picks] : of.count(50'000)) EXPECT_NEAR(picks, 10'000, 500);
}

TEST(LeastRequest, WeightsCountLessTheBusierAHostIs) {
  std::vector<HostPtr> hosts{makeHost("10.0.0.1:80", 1), makeHost("10.0.0.2:80", 3)};
  Balanced idle(LbPolicy::kLeastRequest, hosts);
  EXPECT_NEAR(idle.count(4'000)[hosts[1]], 3'000, 20);
  hosts[1]->active_requests = 2;  // 3 / (2 + 1) = 1
  Balanced busy(LbPolicy::kLeastRequest, hosts);
  EXPECT_NEAR(busy.count(4'000)[hosts[1]], 2'000, 20);
}

TEST(LeastRequest, WithoutBiasOnlyWeightsCount) {
  std::vector<HostPtr> hosts{makeHost("10.0.0.1:80", 1), makeHost("10.0.0.2:80", 3)};
  hosts[1]->active_requests = 50;
  Balanced of(LbPolicy::kLeastRequest, hosts, [](LbSettings& lb) { lb.active_request_bias = 0; });
  EXPECT_NEAR(of.count(4'000)[hosts[1]], 3'000, 20);
}

TEST(Retries, APreviousHostIsPassedOver) {
  const auto hosts = makeHosts(2);
  Balanced of(LbPolicy::kRoundRobin, hosts);
  of.context.refused = hosts[0].get();
  for (const auto& [host, picks] : of.count(100)) EXPECT_EQ(host, hosts[1]);
}

TEST(Retries, TheLastAttemptTakesWhatComes) {
  Balanced of(LbPolicy::kRoundRobin, makeHosts(1));
  of.context.refused = of.hosts[0].get();
  of.context.attempts = 3;
  EXPECT_EQ(of.choose(), of.hosts[0]);
}

class ConsistentHashing : public testing::TestWithParam<LbPolicy> {};

TEST_P(ConsistentHashing, OneKeyGoesToOneHost) {
  Balanced of(GetParam(), makeHosts(5));
  for (uint64_t key = 0; key < 100; ++key) {
    const HostPtr host = of.chooseBy(key * 0x9E3779B97F4A7C15);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(of.chooseBy(key * 0x9E3779B97F4A7C15), host);
  }
}

TEST_P(ConsistentHashing, WorkersAgree) {
  const auto hosts = makeHosts(5);
  Balanced one(GetParam(), hosts), other(GetParam(), hosts);
  other.random = base::FastRandom(99);
  base::FastRandom keys(3);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t key = keys.next();
    EXPECT_EQ(one.chooseBy(key), other.chooseBy(key));
  }
}

TEST_P(ConsistentHashing, KeysAreSpreadByWeight) {
  std::vector<HostPtr> hosts{makeHost("10.0.0.1:80", 1), makeHost("10.0.0.2:80", 1), makeHost("10.0.0.3:80", 2)};
  Balanced of(GetParam(), hosts);
  base::FastRandom keys(5);
  std::map<HostPtr, int> counts;
  for (int i = 0; i < 40'000; ++i) ++counts[of.chooseBy(keys.next())];
  EXPECT_NEAR(counts[hosts[0]], 10'000, 1'500);
  EXPECT_NEAR(counts[hosts[1]], 10'000, 1'500);
  EXPECT_NEAR(counts[hosts[2]], 20'000, 2'000);
}

TEST_P(ConsistentHashing, LittleMovesWhenAHostGoes) {
  const auto hosts = makeHosts(10);
  Balanced of(GetParam(), hosts);
  base::FastRandom keys(11);
  std::vector<std::pair<uint64_t, HostPtr>> before;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t key = keys.next();
    before.emplace_back(key, of.chooseBy(key));
  }
  hosts[3]->failed_active_check = true;
  of.refresh();
  int moved = 0;
  for (const auto& [key, host] : before) {
    if (host == hosts[3]) continue;
    moved += of.chooseBy(key) != host ? 1 : 0;
  }
  // Modulo would move 90 %; the ring's other hosts get a few more points, and Maglev's table fills otherwise.
  EXPECT_LT(moved, 1000);
}

TEST_P(ConsistentHashing, WithoutAKeyAnyHostWillDo) {
  Balanced of(GetParam(), makeHosts(4));
  EXPECT_EQ(of.count(1000).size(), 4u);
}

TEST_P(ConsistentHashing, ARefusedHostIsPassedOver) {
  const auto hosts = makeHosts(4);
  Balanced of(GetParam(), hosts);
  of.context.attempts = 10;
  base::FastRandom keys(13);
  int same = 0;
  for (int i = 0; i < 200; ++i) {
    const uint64_t key = keys.next();
    of.context.refused = nullptr;
    const HostPtr first = of.chooseBy(key);
    of.context.refused = first.get();
    same += of.chooseBy(key) == first ? 1 : 0;
  }
  EXPECT_LE(same, 2);
}

INSTANTIATE_TEST_SUITE_P(Policies, ConsistentHashing, testing::Values(LbPolicy::kRingHash, LbPolicy::kMaglev),
                         [](const auto& info) { return info.param == LbPolicy::kMaglev ? "Maglev" : "RingHash"; });

TEST(RingHashTable, SizeFollowsTheSettings) {
  LbSettings settings;
  EXPECT_EQ(RingHash(makeHosts(3), settings).size(), 1026u);  // a whole number of points each
  settings.minimum_ring_size = 10;
  settings.maximum_ring_size = 12;
  EXPECT_EQ(RingHash(makeHosts(5), settings).size(), 10u);
  settings.maximum_ring_size = 4;
  settings.minimum_ring_size = 4;
  EXPECT_EQ(RingHash(makeHosts(8), settings).size(), 4u);
}

TEST(RingHashTable, MurmurGivesAnotherRing) {
  const auto hosts = makeHosts(5);
  LbSettings xx, murmur;
  murmur.hash_function = HashFunction::kMurmurHash2;
  const RingHash one(hosts, xx), other(hosts, murmur);
  int same = 0;
  base::FastRandom keys(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t key = keys.next();
    same += one.choose(key, 0) == other.choose(key, 0) ? 1 : 0;
  }
  EXPECT_LT(same, 400);
}

TEST(MaglevTable, EveryHostHasItsShareOfTheTable) {
  const Maglev table(makeHosts(7), {});
  EXPECT_LE(table.maxEntriesPerHost() - table.minEntriesPerHost(), 1u);
}

}  // namespace
}  // namespace baton::upstream
