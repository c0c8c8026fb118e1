// What code that counts holds: cheap, trivially copyable handles of a stat. Any thread may use them; an increment is a
// plain load, add and store in the calling worker's own shard, without a lock and without a shared cache line.
// A default-constructed handle does nothing, so a class under test needs no store. Handles end with their Store.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace baton::stats {

// Cells are laid out in blocks of kStatsPerBlock stats; a block has one page per shard. So a stat's cell of any shard
// is a constant distance per shard from its cell of shard 0, whatever memory it lives in.
inline constexpr size_t kShardStride = 4096;
inline constexpr size_t kStatsPerBlock = kShardStride / sizeof(uint64_t);
inline constexpr unsigned kMaxShards = 128;

// Each worker thread calls this once, before its first increment, with its index from 0. Threads that never do (the
// main thread, helpers) and workers beyond the last shard share shard 0 and pay an atomic add.
void bindShard(unsigned worker_index);

struct Stat;
class HistogramData;

namespace internal {
inline constinit thread_local size_t shard_offset = 0;
// Shards [0, this) may have been written to by this process.
inline constinit std::atomic<unsigned> shards_in_use{1};

inline std::atomic_ref<uint64_t> cellOfThisThread(uint64_t* first) {
  return std::atomic_ref<uint64_t>(*(first + shard_offset / sizeof(uint64_t)));
}
}  // namespace internal

enum class StatKind : uint8_t { kCounter = 1, kGauge = 2, kHistogram = 3 };

// A stat's identity: a counter and a gauge may have the same name.
struct StatKey {
  StatKind kind;
  std::string_view name;
  bool operator==(const StatKey&) const = default;
};
struct StatKeyHash {
  size_t operator()(const StatKey& key) const {
    return std::hash<std::string_view>{}(key.name) * 31 + static_cast<size_t>(key.kind);
  }
};

class Counter {
 public:
  Counter() = default;

  void add(uint64_t n = 1) const {
    if (cell_ == nullptr) return;
    const auto cell = internal::cellOfThisThread(cell_);
    if (internal::shard_offset != 0) [[likely]] {
      cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    } else {
      cell.fetch_add(n, std::memory_order_relaxed);
    }
  }
  // The sum over shards and generations. For the main thread and tests; not cheap.
  uint64_t value() const;

 private:
  friend class Store;
  Counter(uint64_t* cell, const Stat* stat) : cell_(cell), stat_(stat) {}

  uint64_t* cell_ = nullptr;
  const Stat* stat_ = nullptr;
};

// How the shares of generations that live at the same time become one number.
enum class GaugeMode : uint8_t {
  kSum,  // connections and the like: parent's plus child's
  kOwn,  // state of this process only: uptime, epoch, members of a cluster
};

// A cell holds value * 2 + 1 once it has been written: the low bit says that the gauge is in use although it is 0.
class Gauge {
 public:
  Gauge() = default;

  void add(int64_t n = 1) const {
    if (cell_ == nullptr) return;
    const auto cell = internal::cellOfThisThread(cell_);
    const uint64_t step = static_cast<uint64_t>(n) << 1;
    if (internal::shard_offset != 0) [[likely]] {
      cell.store((cell.load(std::memory_order_relaxed) + step) | 1, std::memory_order_relaxed);
    } else if ((cell.fetch_add(step, std::memory_order_relaxed) & 1) == 0) {
      cell.fetch_or(1, std::memory_order_relaxed);
    }
  }
  void sub(int64_t n = 1) const { add(-n); }
  // Replaces what this thread's shard holds: use it for gauges that one thread owns.
  void set(int64_t value) const {
    if (cell_ == nullptr) return;
    internal::cellOfThisThread(cell_).store(static_cast<uint64_t>(value) << 1 | 1, std::memory_order_relaxed);
  }
  // The sum over shards, and with kSum over live generations. For the main thread and tests; not cheap.
  int64_t value() const;

 private:
  friend class Store;
  Gauge(uint64_t* cell, const Stat* stat) : cell_(cell), stat_(stat) {}

  uint64_t* cell_ = nullptr;
  const Stat* stat_ = nullptr;
};

// Log-linear, at most 3 % wide buckets, one set of buckets per shard, in process memory.
class Histogram {
 public:
  Histogram() = default;

  void record(uint64_t value) const;

 private:
  friend class Store;
  explicit Histogram(HistogramData* data) : data_(data) {}

  HistogramData* data_ = nullptr;
};

}  // namespace baton::stats
