// All stats of one process, by name. Owned by the server, created on the main thread before everything that counts and
// destroyed after it. Creating and looking up stats is thread-safe (a lock and a hash look-up: keep the handle);
// snapshots are for the main thread.
//
// With a Region, counters and gauges live in shared memory and are continuous over hot restarts; a stat that finds no
// room there (too many, name too long, memory full) is counted in `stats.overflow`, logged once, and lives in process
// memory. Histograms always live in process memory.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "source/stats/handles.h"
#include "source/stats/histogram.h"
#include "source/stats/snapshot.h"

namespace baton::stats {

class Region;

// A stat as this process knows it. Its address is stable for the life of the store.
struct Stat {
  class Store* store = nullptr;
  std::string name;
  StatKind kind = StatKind::kCounter;
  GaugeMode mode = GaugeMode::kSum;
  uint64_t* cell = nullptr;           // of shard 0, in this process's generation
  std::optional<uint32_t> in_region;  // index in the region; none: in process memory
  uint64_t reset_base = 0;            // process memory only: what the counter was when it was last reset
};

class Store {
 public:
  // Process memory only: tests and --disable-hot-restart.
  static std::unique_ptr<Store> inMemory();
  // The region must have claimed a generation.
  explicit Store(std::unique_ptr<Region> region);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The same name gives the same stat.
  Counter counter(std::string_view name);
  Gauge gauge(std::string_view name, GaugeMode mode = GaugeMode::kSum);
  Histogram histogram(std::string_view name);

  // stats_matcher: stats that it refuses become handles that do nothing. Set before the first stat is made.
  void setFilter(std::function<bool(std::string_view name)> accepts) { accepts_ = std::move(accepts); }

  // Current values, sorted by name. Includes stats of other generations that this process never made.
  Snapshot snapshot() const;
  std::optional<uint64_t> findCounter(std::string_view name) const;
  std::optional<int64_t> findGauge(std::string_view name) const;

  // Counters read as 0 from now on (for every generation), histograms start again.
  void resetCounters();
  // Main thread, every stats_flush_interval: ends the interval of each histogram.
  void mergeHistograms();
  // Main thread, now and then: adds the counters of generations that have died to the base. Returns how many it found.
  size_t foldDeadGenerations();

  // Null when everything is in process memory.
  Region* region() { return region_.get(); }

 private:
  friend class Counter;
  friend class Gauge;

  class ProcessBlocks;

  Stat* statFor(StatKind kind, std::string_view name, GaugeMode mode);
  void place(Stat& stat);
  uint64_t counterValue(const Stat& stat) const;
  uint64_t gaugeBits(const Stat& stat) const;

  std::unique_ptr<Region> region_;
  std::function<bool(std::string_view)> accepts_;
  mutable std::mutex mutex_;  // guards the rest
  std::deque<Stat> stats_;
  std::unordered_map<StatKey, Stat*, StatKeyHash> by_key_;
  std::deque<std::pair<std::string, HistogramData>> histograms_;
  std::unordered_map<std::string_view, HistogramData*> histogram_by_name_;
  std::unique_ptr<ProcessBlocks> process_blocks_;
  Counter overflow_;
  bool overflow_logged_ = false;
};

// A name prefix: Scope(store, "cluster.web.").counter("upstream_rq_total"). A copyable value; the store must outlive
// it.
class Scope {
 public:
  Scope(Store& store, std::string prefix) : store_(&store), prefix_(std::move(prefix)) {}

  Counter counter(std::string_view suffix) const { return store_->counter(prefix_ + std::string(suffix)); }
  Gauge gauge(std::string_view suffix, GaugeMode mode = GaugeMode::kSum) const {
    return store_->gauge(prefix_ + std::string(suffix), mode);
  }
  Histogram histogram(std::string_view suffix) const { return store_->histogram(prefix_ + std::string(suffix)); }
  Scope scope(std::string_view suffix) const { return Scope(*store_, prefix_ + std::string(suffix)); }

  const std::string& prefix() const { return prefix_; }
  Store& store() const { return *store_; }

 private:
  Store* store_;
  std::string prefix_;
};

}  // namespace baton::stats
