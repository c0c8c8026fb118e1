// The bytes of the shared region, version kLayoutVersion. Everything here is read by other processes, maybe of another
// build: any change of a size, an order or a meaning is a new version.
//
//   Header | names [max_stats] | base A | base B | reset [max_stats] | cells of slot 0 | cells of slot 1 | ...
//
// Each part starts on a page. A slot's cells are blocks of kStatsPerBlock stats; a block has one page per shard. The
// file is sparse: pages are backed when the first stat of a block is made.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <pthread.h>

#include "source/stats/handles.h"

namespace baton::stats::layout {

inline constexpr uint64_t kMagic = 0x6e6f746162ULL;  // "baton"
inline constexpr uint32_t kLayoutVersion = 1;
inline constexpr unsigned kSlots = 8;
inline constexpr uint32_t kMaxBlocks = 2048;  // so at most 1,048,576 stats
inline constexpr size_t kPage = 4096;

// One generation. Written by its own process after it has locked the slot (an OFD lock on the slot's byte of the file,
// which the kernel drops when the process dies) and before the slot's bit in `Header::commit` is set.
struct Slot {
  std::atomic<int32_t> pid;
  std::atomic<uint32_t> shards;
  std::atomic<uint64_t> start_time;  // of the process, in clock ticks since boot
  std::atomic<uint64_t> epoch;
  std::atomic<uint32_t> state;
  std::atomic<uint64_t> backed[kMaxBlocks / 64];  // blocks whose pages exist; others must not be touched
};

struct Header {
  uint64_t magic;
  uint32_t layout_version;
  uint32_t header_bytes;
  uint32_t max_stats;
  uint32_t max_name_bytes;
  uint32_t slots;
  uint32_t shards;
  uint64_t total_bytes;
  pthread_mutex_t mutex;             // robust, process-shared: interning, claiming and folding
  std::atomic<uint32_t> stat_count;  // names [0, stat_count) are complete and never change
  // Which base array counts (bit 0), which slots count on top of it (bits 1 to kSlots), and a version. One store of it
  // commits a fold or a claim, so a process that is killed in the middle has changed nothing.
  std::atomic<uint64_t> commit;
  std::atomic<uint64_t> owner_deaths;  // times the mutex was recovered from a dead holder
  Slot slot[kSlots];
};

struct Name {
  uint8_t kind;
  uint8_t mode;
  uint16_t bytes;
  char text[];  // max_name_bytes
};

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

constexpr size_t roundUp(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

// Where the parts are.
struct Sizes {
  explicit Sizes(uint32_t max_stats, uint32_t max_name_bytes)
      : blocks((max_stats + kStatsPerBlock - 1) / kStatsPerBlock),
        name_stride(roundUp(sizeof(Name) + max_name_bytes, 8)),
        names_at(roundUp(sizeof(Header), kPage)),
        base_bytes(blocks * kPage),
        bases_at(roundUp(names_at + name_stride * blocks * kStatsPerBlock, kPage)),
        resets_at(bases_at + 2 * base_bytes),
        cells_at(resets_at + base_bytes),
        slot_bytes(blocks * kMaxShards * kShardStride),
        total_bytes(cells_at + kSlots * slot_bytes) {}

  size_t blocks;
  size_t name_stride;
  size_t names_at;
  size_t base_bytes;
  size_t bases_at;
  size_t resets_at;
  size_t cells_at;
  size_t slot_bytes;
  size_t total_bytes;
};

}  // namespace baton::stats::layout
