#include "source/stats/handles.h"

#include "source/stats/store.h"

namespace baton::stats {

void bindShard(unsigned worker_index) {
  const unsigned shard = worker_index + 1 < kMaxShards ? worker_index + 1 : 0;
  internal::shard_offset = shard * kShardStride;
  unsigned in_use = internal::shards_in_use.load(std::memory_order_relaxed);
  while (in_use < shard + 1 && !internal::shards_in_use.compare_exchange_weak(in_use, shard + 1)) {
  }
}

uint64_t Counter::value() const {
  return stat_ == nullptr ? 0 : stat_->store->counterValue(*stat_);
}

int64_t Gauge::value() const {
  return stat_ == nullptr ? 0 : static_cast<int64_t>(stat_->store->gaugeBits(*stat_)) >> 1;
}

}  // namespace baton::stats
