#include "source/stats/store.h"

#include <gtest/gtest.h>
#include <thread>
#include <type_traits>

#include "source/stats/import.h"
#include "source/stats/region.h"

namespace baton::stats {
namespace {

static_assert(std::is_trivially_copyable_v<Counter> && std::is_trivially_copyable_v<Gauge> &&
              std::is_trivially_copyable_v<Histogram>);

std::unique_ptr<Store> storeInRegion(const RegionOptions& options) {
  auto region = Region::anonymous(options);
  EXPECT_TRUE(region.ok()) << region.error().message;
  EXPECT_TRUE((*region)->claim(0, 4).ok());
  return std::make_unique<Store>(std::move(*region));
}

TEST(Store, DefaultHandlesDoNothing) {
  Counter counter;
  Gauge gauge;
  Histogram histogram;
  counter.add();
  gauge.add();
  gauge.set(7);
  histogram.record(1);
  EXPECT_EQ(counter.value(), 0u);
  EXPECT_EQ(gauge.value(), 0);
}

TEST(Store, TheSameNameIsTheSameStat) {
  const auto store = Store::inMemory();
  store->counter("a").add(2);
  store->counter("a").add(3);
  EXPECT_EQ(store->findCounter("a"), 5u);
  EXPECT_EQ(store->findCounter("b"), std::nullopt);
}

TEST(Store, ACounterAndAGaugeMayShareAName) {
  const auto store = Store::inMemory();
  store->counter("x").add(2);
  store->gauge("x").set(9);
  EXPECT_EQ(store->findCounter("x"), 2u);
  EXPECT_EQ(store->findGauge("x"), 9);
}

TEST(Store, ScopesPutTheirPrefixBefore) {
  const auto store = Store::inMemory();
  const Scope scope(*store, "cluster.web.");
  scope.counter("upstream_rq_total").add();
  scope.scope("ssl.").counter("handshake").add(4);
  EXPECT_EQ(store->findCounter("cluster.web.upstream_rq_total"), 1u);
  EXPECT_EQ(store->findCounter("cluster.web.ssl.handshake"), 4u);
}

TEST(Store, GaugesGoUpAndDownAndBelowZero) {
  const auto store = Store::inMemory();
  Gauge gauge = store->gauge("g");
  gauge.add(5);
  gauge.sub(7);
  EXPECT_EQ(gauge.value(), -2);
  gauge.set(-40);
  EXPECT_EQ(gauge.value(), -40);
}

TEST(Store, AGaugeThatIsZeroAgainCountsAsUsed) {
  const auto store = Store::inMemory();
  store->gauge("never");
  Gauge gauge = store->gauge("once");
  gauge.add();
  gauge.sub();
  const Snapshot snapshot = store->snapshot();
  ASSERT_EQ(snapshot.gauges.size(), 2u);
  EXPECT_FALSE(snapshot.gauges[0].used());
  EXPECT_TRUE(snapshot.gauges[1].used());
  EXPECT_EQ(snapshot.gauges[1].value, 0);
}

void countFromManyThreads(Store& store) {
  Counter counter = store.counter("c");
  Gauge gauge = store.gauge("g");
  Histogram histogram = store.histogram("h");
  constexpr int kRounds = 20000;
  std::vector<std::thread> threads;
  // Workers with shards of their own, two beyond the last shard, and two that never bound one.
  for (const unsigned worker : {0u, 1u, 2u, 3u, kMaxShards, kMaxShards + 1}) {
    threads.emplace_back([=]() mutable {
      bindShard(worker);
      for (int i = 0; i < kRounds; ++i) {
        counter.add();
        gauge.add(2);
        gauge.sub();
        histogram.record(static_cast<uint64_t>(i));
      }
    });
  }
  for (int unbound = 0; unbound < 2; ++unbound) {
    threads.emplace_back([=]() mutable {
      for (int i = 0; i < kRounds; ++i) {
        counter.add();
        gauge.add(1);
        histogram.record(1);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {  // readers may look at any time
    store.snapshot();
    store.mergeHistograms();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 8u * kRounds);
  EXPECT_EQ(gauge.value(), 8 * kRounds);
  EXPECT_EQ(store.snapshot().histograms[0].cumulative.count, 8u * kRounds);
}

TEST(Store, NoIncrementOfAnyThreadIsLostInProcessMemory) {
  countFromManyThreads(*Store::inMemory());
}

TEST(Store, NoIncrementOfAnyThreadIsLostInSharedMemory) {
  countFromManyThreads(*storeInRegion({}));
}

TEST(Store, SnapshotsAreSortedByName) {
  const auto store = Store::inMemory();
  for (const char* name : {"b", "c", "a"}) store->counter(name).add();
  const Snapshot snapshot = store->snapshot();
  std::vector<std::string_view> names;
  for (const auto& counter : snapshot.counters) names.push_back(counter.name);
  EXPECT_EQ(names, (std::vector<std::string_view>{"a", "b", "c", "stats.overflow"}));
}

TEST(Store, ResetLetsCountersStartAtZeroAndLeavesGauges) {
  for (const auto& store : {Store::inMemory(), storeInRegion({})}) {
    Counter counter = store->counter("c");
    counter.add(10);
    store->gauge("g").set(3);
    store->histogram("h").record(5);
    store->resetCounters();
    EXPECT_EQ(counter.value(), 0u);
    counter.add(2);
    EXPECT_EQ(counter.value(), 2u);
    EXPECT_EQ(store->findGauge("g"), 3);
    EXPECT_EQ(store->snapshot().histograms[0].cumulative.count, 0u);
  }
}

TEST(Store, ControlCharactersInNamesAreReplaced) {
  const auto store = Store::inMemory();
  store->counter("a\nb").add();
  store->counter("a\nb").add();
  EXPECT_EQ(store->findCounter("a_b"), 2u);
}

TEST(Store, ARefusedStatDoesNothing) {
  const auto store = Store::inMemory();
  store->setFilter([](std::string_view name) { return name != "no"; });
  Counter counter = store->counter("no");
  counter.add();
  EXPECT_EQ(counter.value(), 0u);
  EXPECT_EQ(store->findCounter("no"), std::nullopt);
  store->counter("yes").add();
  EXPECT_EQ(store->findCounter("yes"), 1u);
}

TEST(Store, StatsBeyondTheLimitLiveInProcessMemoryAndAreCounted) {
  const auto store = storeInRegion({.max_stats = 4});
  for (int i = 0; i < 10; ++i) store->counter("c" + std::to_string(i)).add(static_cast<uint64_t>(i));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(store->findCounter("c" + std::to_string(i)), static_cast<uint64_t>(i));
  EXPECT_EQ(store->findCounter("stats.overflow"), 7u);  // it takes one of the four places itself
  EXPECT_EQ(store->snapshot().counters.size(), 11u);
}

TEST(Store, ANameOverTheLimitLivesInProcessMemory) {
  const auto store = storeInRegion({.max_name_bytes = 64});
  const std::string fits(64, 'f');
  const std::string too_long(65, 'l');
  store->counter(fits).add(1);
  store->counter(too_long).add(2);
  EXPECT_EQ(store->findCounter(fits), 1u);
  EXPECT_EQ(store->findCounter(too_long), 2u);
  EXPECT_EQ(store->findCounter("stats.overflow"), 1u);
  EXPECT_EQ(store->region()->size(), 2u);
}

TEST(Store, FullSharedMemoryMovesNewStatsToProcessMemory) {
  static int room = 0;
  room = 6;  // the header, then names, three arrays and one block of values
  const auto store = storeInRegion({.reserve = [](int, off_t, off_t) { return room-- > 0 ? 0 : ENOSPC; }});
  for (int i = 0; i < 600; ++i) store->counter("c" + std::to_string(i)).add();
  EXPECT_EQ(store->region()->size(), 512u);
  EXPECT_EQ(store->findCounter("c599"), 1u);
  EXPECT_EQ(store->findCounter("stats.overflow"), 601u - 512u);
}

TEST(Store, ManyBlocksOfStatsKeepTheirValuesApart) {
  const auto store = storeInRegion({});
  for (uint64_t i = 0; i < 2000; ++i) store->counter("c" + std::to_string(i)).add(i + 1);
  for (uint64_t i = 0; i < 2000; ++i) ASSERT_EQ(store->findCounter("c" + std::to_string(i)), i + 1);
}

TEST(Importer, TakesDifferencesOfTotals) {
  const auto store = Store::inMemory();
  store->counter("c").add(5);
  Importer importer(*store);
  importer.counter("c", 100);
  importer.counter("c", 130);
  EXPECT_EQ(store->findCounter("c"), 135u);
  importer.counter("c", 10);  // was reset over there
  importer.counter("c", 15);
  EXPECT_EQ(store->findCounter("c"), 140u);
}

TEST(Importer, GaugesEndWithTheOtherProcess) {
  const auto store = Store::inMemory();
  store->gauge("g").set(3);
  Importer importer(*store);
  importer.gauge("g", 10);
  importer.gauge("g", 4);
  EXPECT_EQ(store->findGauge("g"), 7);
  importer.dropGauges();
  EXPECT_EQ(store->findGauge("g"), 3);
}

}  // namespace
}  // namespace baton::stats
