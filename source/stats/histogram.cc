#include "source/stats/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace baton::stats {
namespace buckets {

size_t indexOf(uint64_t value) {
  if (value < (2u << kSubBits)) return value;
  const size_t shift = static_cast<size_t>(std::bit_width(value)) - 1 - kSubBits;
  return (shift << kSubBits) + (value >> shift);
}

uint64_t width(size_t index) {
  const size_t row = index >> kSubBits;
  return row < 2 ? 1 : uint64_t{1} << (row - 1);
}

uint64_t lowerBound(size_t index) {
  const size_t row = index >> kSubBits;
  if (row < 2) return index;
  return (uint64_t{1} << kSubBits | (index & ((1u << kSubBits) - 1))) << (row - 1);
}

}  // namespace buckets

double HistogramValues::quantile(double fraction) const {
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  const double wanted = fraction * static_cast<double>(count);
  double below = 0;
  for (const Bucket& bucket : buckets) {
    const double here = static_cast<double>(bucket.count);
    if (below + here >= wanted) {
      const double lower = static_cast<double>(buckets::lowerBound(bucket.index));
      const uint64_t width = buckets::width(bucket.index);
      if (width == 1) return lower;
      return lower + static_cast<double>(width) * std::max(0.0, wanted - below) / here;
    }
    below += here;
  }
  return static_cast<double>(buckets::lowerBound(buckets.back().index));
}

uint64_t HistogramValues::countUpTo(double bound) const {
  uint64_t total = 0;
  for (const Bucket& bucket : buckets) {
    if (static_cast<double>(buckets::lowerBound(bucket.index)) > bound) break;
    total += bucket.count;
  }
  return total;
}

HistogramValues HistogramValues::since(const HistogramValues& earlier) const {
  HistogramValues difference;
  difference.sum = sum - earlier.sum;
  auto old = earlier.buckets.begin();
  for (const Bucket& bucket : buckets) {
    while (old != earlier.buckets.end() && old->index < bucket.index) ++old;
    const uint64_t before = old != earlier.buckets.end() && old->index == bucket.index ? old->count : 0;
    if (bucket.count > before) {
      difference.buckets.push_back({bucket.index, bucket.count - before});
      difference.count += bucket.count - before;
    }
  }
  return difference;
}

HistogramData::Shard::~Shard() {
  for (auto& chunk : chunks) delete chunk.load(std::memory_order_relaxed);
}

HistogramData::~HistogramData() {
  for (auto& shard : shards_) delete shard.load(std::memory_order_relaxed);
}

namespace {

// The object that `slot` points at, made by whoever comes first: threads without a shard of their own share shard 0.
template <typename T>
T& getOrMake(std::atomic<T*>& slot) {
  T* existing = slot.load(std::memory_order_acquire);
  if (existing != nullptr) return *existing;
  auto fresh = std::make_unique<T>();
  if (slot.compare_exchange_strong(existing, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *existing;
}

void addTo(uint64_t& place, uint64_t n) {
  const std::atomic_ref<uint64_t> cell(place);
  if (internal::shard_offset != 0) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  } else {
    cell.fetch_add(n, std::memory_order_relaxed);
  }
}

uint64_t read(const uint64_t& place) {
  return std::atomic_ref<uint64_t>(const_cast<uint64_t&>(place)).load(std::memory_order_relaxed);
}

}  // namespace

void HistogramData::record(uint64_t value) {
  Shard& shard = getOrMake(shards_[internal::shard_offset / kShardStride]);
  const size_t index = buckets::indexOf(value);
  Chunk& chunk = getOrMake(shard.chunks[index / kChunk]);
  addTo(chunk.counts[index % kChunk], 1);
  addTo(shard.sum, value);
}

HistogramValues HistogramData::collect() const {
  std::array<uint64_t, buckets::kCount> counts{};
  HistogramValues values;
  for (const auto& slot : shards_) {
    const Shard* shard = slot.load(std::memory_order_acquire);
    if (shard == nullptr) continue;
    values.sum += read(shard->sum);
    for (size_t i = 0; i < shard->chunks.size(); ++i) {
      const Chunk* chunk = shard->chunks[i].load(std::memory_order_acquire);
      if (chunk == nullptr) continue;
      for (size_t j = 0; j < kChunk; ++j) counts[i * kChunk + j] += read(chunk->counts[j]);
    }
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    values.buckets.push_back({static_cast<uint32_t>(i), counts[i]});
    values.count += counts[i];
  }
  return values;
}

HistogramValues HistogramData::cumulative() const {
  return collect().since(reset_base_);
}

void HistogramData::merge() {
  HistogramValues now = collect();
  last_interval_ = now.since(at_last_merge_);
  at_last_merge_ = std::move(now);
}

void HistogramData::reset() {
  reset_base_ = collect();
  at_last_merge_ = reset_base_;
  last_interval_ = {};
}

void Histogram::record(uint64_t value) const {
  if (data_ != nullptr) data_->record(value);
}

}  // namespace baton::stats
