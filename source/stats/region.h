// The shared memory in which counters and gauges survive their process (see region_layout.h for its bytes). Owned by
// the Store of this process; one per process. Main thread, except intern() and reads of values, which any thread may
// call.
//
// A generation is one process that counts. It claims a slot and increments only cells of that slot, without a lock.
// Who is alive is known by a lock on the slot's byte of the file: it needs no pid namespace in common and can't be
// fooled by a recycled pid. The counters of a dead generation are folded into the base by whoever looks next.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

#include "source/base/result.h"
#include "source/stats/handles.h"
#include "source/stats/region_layout.h"

namespace baton::stats {

struct RegionOptions {
  std::string directory = "/dev/shm";
  std::string name = "baton_shared_memory_0";
  uint32_t max_stats = 16384;
  uint32_t max_name_bytes = 256;
  // Reserves [offset, offset + bytes) of the file so that touching it can't fail; 0 or an errno. Tests replace it.
  int (*reserve)(int fd, off_t offset, off_t bytes) = nullptr;
};

// What a generation says about itself; for /generations.
enum class GenerationState : uint32_t { kStarting = 1, kServing = 2, kDraining = 3 };

struct Generation {
  unsigned slot = 0;
  pid_t pid = 0;
  uint64_t start_time = 0;
  uint64_t epoch = 0;
  GenerationState state = GenerationState::kStarting;
  bool self = false;
};

class Region {
 public:
  // Makes the file, mode 0600. kInvalidArgument if it is there already: see removeIfUnused().
  static base::Result<std::unique_ptr<Region>> create(const RegionOptions& options);
  // Opens an existing file. kNotFound when there is none, kProtocol when its layout is not exactly ours.
  static base::Result<std::unique_ptr<Region>> open(const RegionOptions& options);
  // Takes over a descriptor that came from another process; `fd` is closed whatever happens.
  static base::Result<std::unique_ptr<Region>> adopt(int fd, const RegionOptions& options);
  // As open() and adopt(), but of any sizes, which may be others than ours: to read and fold what those in it have
  // counted. kProtocol when its layout version is another.
  static base::Result<std::unique_ptr<Region>> observe(const RegionOptions& options);
  static base::Result<std::unique_ptr<Region>> observe(int fd);
  // Memory without a name, for one process or for those that get its descriptor.
  static base::Result<std::unique_ptr<Region>> anonymous(const RegionOptions& options);
  // Unlinks the file if no generation in it is alive. True when it is gone.
  static bool removeIfUnused(const RegionOptions& options);

  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // What two builds must have in common to share a region: "LAYOUT.MAX_STATS.MAX_NAME_BYTES.SLOTS.SHARDS".
  static std::string layoutString(uint32_t max_stats, uint32_t max_name_bytes);
  std::string layoutString() const { return layoutString(header_->max_stats, header_->max_name_bytes); }

  // Takes a slot for this process, which will run `workers` workers, with memory behind it for every stat that is
  // there already. Folds the dead first. Once per region.
  base::Result<void> claim(uint64_t epoch, unsigned workers);
  void setState(GenerationState state);
  // The live ones, oldest epoch first.
  std::vector<Generation> generations() const;
  // The highest epoch of all that are alive or have not been folded; nothing when there is none.
  std::optional<uint64_t> lastEpoch() const;
  // Adds the counters of dead generations to the base and drops their gauges. Returns how many.
  size_t foldDead();

  // The index of a name, added when it is new. Fails when there is no room or the name is too long.
  base::Result<uint32_t> intern(StatKind kind, GaugeMode mode, std::string_view name);
  // Shard 0's cell of a stat in this process's slot, with memory behind it for every shard.
  base::Result<uint64_t*> cell(uint32_t index);

  uint32_t size() const { return header_->stat_count.load(std::memory_order_acquire); }
  std::string_view name(uint32_t index) const;
  StatKind kind(uint32_t index) const;
  GaugeMode mode(uint32_t index) const;
  uint64_t counter(uint32_t index) const;
  // Value and use mark as Gauge keeps them in its cells, of all live generations or of this one only.
  uint64_t gaugeBits(uint32_t index) const;
  // All counters read as 0 from now on.
  void resetCounters();

  int fd() const { return fd_; }
  uint64_t ownerDeaths() const { return header_->owner_deaths.load(std::memory_order_relaxed); }
  // How long intern(), claim() and foldDead() wait for another process that holds the mutex and doesn't go on.
  void setLockTimeout(std::chrono::milliseconds timeout) { lock_timeout_ = timeout; }

 private:
  class Lock;
  friend struct RegionTestPeer;

  Region(int fd, char* memory, const layout::Sizes& sizes, const RegionOptions& options);
  static base::Result<std::unique_ptr<Region>> initialise(int fd, const RegionOptions& options);
  static base::Result<int> openFile(const RegionOptions& options);
  static base::Result<int> reopen(int fd);
  static base::Result<std::unique_ptr<Region>> attach(int fd, const RegionOptions& options);
  static base::Result<std::unique_ptr<Region>> attachAnySizes(int fd, RegionOptions options);

  base::Result<void> reserve(size_t offset, size_t bytes, std::string_view what);
  const layout::Name& nameAt(uint32_t index) const;
  std::atomic_ref<uint64_t> baseAt(unsigned which, uint32_t index) const;
  std::atomic_ref<uint64_t> resetAt(uint32_t index) const;
  uint64_t* cellAt(unsigned slot, uint32_t index) const;
  static bool locked(int fd, unsigned slot);
  bool backed(unsigned slot, uint32_t index) const;
  // Puts memory behind the block of a stat, in a slot of this process.
  base::Result<void> back(unsigned slot, uint32_t index);
  // Calls `visit(cell value)` for each shard of a stat in a slot.
  template <typename Visit>
  void forEachShard(unsigned slot, uint32_t index, Visit&& visit) const;
  uint64_t rawCounter(uint32_t index) const;
  size_t foldDeadLocked();
  void foldLocked(unsigned slot);
  void clearSlotLocked(unsigned slot, uint32_t shards);

  const int fd_;
  char* const memory_;
  const layout::Sizes sizes_;
  layout::Header* const header_;
  int (*const reserve_)(int, off_t, off_t);
  std::optional<unsigned> slot_;
  std::unordered_map<StatKey, uint32_t, StatKeyHash> index_;  // guarded by the shared mutex, as is the next
  uint32_t indexed_ = 0;
  std::chrono::milliseconds lock_timeout_{1000};
};

}  // namespace baton::stats
