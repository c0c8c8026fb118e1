// The numbers of a histogram: log-linear buckets (exact below 64, then 32 to each power of two, so at most 3 % wide),
// one set per shard, allocated in small chunks when a value first falls into them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "source/stats/handles.h"

namespace baton::stats {

namespace buckets {
inline constexpr size_t kSubBits = 5;
inline constexpr size_t kCount = (64 - kSubBits + 1) << kSubBits;

size_t indexOf(uint64_t value);
uint64_t lowerBound(size_t index);
uint64_t width(size_t index);
}  // namespace buckets

// Merged over shards; sparse. A value type.
struct HistogramValues {
  struct Bucket {
    uint32_t index;
    uint64_t count;
    bool operator==(const Bucket&) const = default;
  };
  uint64_t count = 0;
  uint64_t sum = 0;
  std::vector<Bucket> buckets;  // by rising index, none empty

  // The value below which `fraction` (0 to 1) of the recordings are; NaN when there are none.
  double quantile(double fraction) const;
  // How many recordings are at most `bound`, to the precision of the buckets.
  uint64_t countUpTo(double bound) const;
  // What was recorded since `earlier`, which is an earlier state of the same histogram.
  HistogramValues since(const HistogramValues& earlier) const;
};

// Written by record() on any thread, each in its own shard; the rest is the main thread's.
class HistogramData {
 public:
  HistogramData() = default;
  ~HistogramData();
  HistogramData(const HistogramData&) = delete;
  HistogramData& operator=(const HistogramData&) = delete;

  void record(uint64_t value);

  // Ends the interval that began with the call before.
  void merge();
  void reset();
  // Everything since the start or the last reset.
  HistogramValues cumulative() const;
  const HistogramValues& lastInterval() const { return last_interval_; }

 private:
  static constexpr size_t kChunk = 64;
  struct Chunk {
    std::array<uint64_t, kChunk> counts{};
  };
  struct Shard {
    ~Shard();
    alignas(64) uint64_t sum = 0;
    std::array<std::atomic<Chunk*>, buckets::kCount / kChunk> chunks{};
  };

  HistogramValues collect() const;

  std::array<std::atomic<Shard*>, kMaxShards> shards_{};
  HistogramValues reset_base_;
  HistogramValues at_last_merge_;
  HistogramValues last_interval_;
};

}  // namespace baton::stats
