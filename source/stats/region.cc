#include "source/stats/region.h"

#include <algorithm>
#include <cstdio>
#include <errno.h>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "source/base/strings.h"
#include "source/stats/layout_version.h"

namespace baton::stats {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::systemError;

// Slot n is alive while somebody holds an OFD lock on this byte plus n, far behind the data. The same in every layout
// version, so that any build can tell whether a file is in use.
constexpr off_t kLivenessOffset = off_t{1} << 40;

constexpr uint32_t kMaxNameBytes = 4096;
constexpr auto kLockRetry = std::chrono::microseconds(50);

constexpr uint64_t kActiveBit = 1;
constexpr uint64_t slotBit(unsigned slot) {
  return uint64_t{2} << slot;
}
constexpr uint64_t kVersionStep = uint64_t{2} << layout::kSlots;
constexpr uint64_t kSlotMask = kVersionStep - 2;

struct flock livenessLock(unsigned slot) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = kLivenessOffset + slot;
  lock.l_len = 1;
  return lock;
}

int reserveByFallocate(int fd, off_t offset, off_t bytes) {
  return posix_fallocate(fd, offset, bytes);
}

std::string pathOf(const RegionOptions& options) {
  return options.directory + "/" + options.name;
}

uint64_t startTimeOfThisProcess() {
  std::ifstream file("/proc/self/stat");
  std::stringstream text;
  text << file.rdbuf();
  const std::string stat = text.str();
  const size_t after_name = stat.rfind(')');  // the name may hold spaces and parentheses
  if (after_name == std::string::npos) return 0;
  const auto fields = base::split(std::string_view(stat).substr(after_name + 2), ' ');
  return fields.size() > 19 ? base::parseNumber(fields[19]).value_or(0) : 0;
}

void closeAfterError(int fd) {
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

}  // namespace

// Holds the shared mutex, or doesn't when it could not be had in time. A holder that died left the region usable:
// everything it could have been doing is committed by one store.
class Region::Lock {
 public:
  explicit Lock(const Region& region) : header_(region.header_) {
    // By trying again rather than by a timed wait: that would follow the wall clock, which may jump. Seldom needed:
    // the mutex is held for microseconds, unless its holder was stopped.
    const auto deadline = std::chrono::steady_clock::now() + region.lock_timeout_;
    int error = pthread_mutex_trylock(&header_->mutex);
    while (error == EBUSY && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kLockRetry);
      error = pthread_mutex_trylock(&header_->mutex);
    }
    if (error == EOWNERDEAD) {
      pthread_mutex_consistent(&header_->mutex);
      header_->owner_deaths.fetch_add(1, std::memory_order_relaxed);
    }
    held_ = error == 0 || error == EOWNERDEAD;
  }
  ~Lock() {
    if (held_) pthread_mutex_unlock(&header_->mutex);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  explicit operator bool() const { return held_; }

 private:
  layout::Header* const header_;
  bool held_ = false;
};

Region::Region(int fd, char* memory, const layout::Sizes& sizes, const RegionOptions& options)
    : fd_(fd),
      memory_(memory),
      sizes_(sizes),
      header_(reinterpret_cast<layout::Header*>(memory)),
      reserve_(options.reserve != nullptr ? options.reserve : reserveByFallocate) {}

Region::~Region() {
  ::munmap(memory_, sizes_.total_bytes);
  ::close(fd_);
}

std::string Region::layoutString(uint32_t max_stats, uint32_t max_name_bytes) {
  std::string text = std::to_string(layoutVersion());
  for (const size_t part : {size_t{max_stats}, size_t{max_name_bytes}, size_t{layout::kSlots}, size_t{kMaxShards}}) {
    text += '.' + std::to_string(part);
  }
  return text;
}

Result<std::unique_ptr<Region>> Region::create(const RegionOptions& options) {
  // Without a name until it is complete, so that nobody can open half a region, and a crash leaves nothing.
  const int fd = ::open(options.directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return systemError("shared memory: making a file in " + options.directory);
  ::fchmod(fd, 0600);
  auto region = initialise(fd, options);
  if (!region) return region;
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, pathOf(options).c_str(), AT_SYMLINK_FOLLOW) != 0) {
    if (errno == EEXIST) return Error{ErrorCode::kInvalidArgument, pathOf(options) + " exists already"};
    return systemError("shared memory: naming " + pathOf(options));
  }
  return region;
}

Result<std::unique_ptr<Region>> Region::anonymous(const RegionOptions& options) {
  const int fd = ::memfd_create(options.name.c_str(), MFD_CLOEXEC);
  if (fd < 0) return systemError("shared memory: memfd_create");
  return initialise(fd, options);
}

Result<std::unique_ptr<Region>> Region::initialise(int fd, const RegionOptions& options) {
  const layout::Sizes sizes(options.max_stats, options.max_name_bytes);
  if (options.max_stats == 0 || sizes.blocks > layout::kMaxBlocks || options.max_name_bytes < 64 ||
      options.max_name_bytes > kMaxNameBytes) {
    ::close(fd);
    return Error{ErrorCode::kInvalidArgument,
                 "shared memory: expected 1 to 1048576 stats with names of 64 to 4096 bytes"};
  }
  if (::ftruncate(fd, static_cast<off_t>(sizes.total_bytes)) != 0) {
    closeAfterError(fd);
    return systemError("shared memory: setting the size to " + std::to_string(sizes.total_bytes) + " bytes");
  }
  void* memory = ::mmap(nullptr, sizes.total_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (memory == MAP_FAILED) {
    closeAfterError(fd);
    return systemError("shared memory: mapping " + std::to_string(sizes.total_bytes) + " bytes");
  }
  std::unique_ptr<Region> region(new Region(fd, static_cast<char*>(memory), sizes, options));
  if (auto room = region->reserve(0, sizes.names_at, "the header"); !room) return room.error();
  layout::Header* const header = region->header_;
  header->magic = layout::kMagic;
  header->layout_version = layoutVersion();
  header->header_bytes = sizeof(layout::Header);
  header->max_stats = options.max_stats;
  header->max_name_bytes = options.max_name_bytes;
  header->slots = layout::kSlots;
  header->shards = kMaxShards;
  header->total_bytes = sizes.total_bytes;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&header->mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return region;
}

Result<int> Region::openFile(const RegionOptions& options) {
  const int fd = ::open(pathOf(options).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return Error{ErrorCode::kNotFound, "there is no " + pathOf(options)};
  if (fd < 0) return systemError("shared memory: opening " + pathOf(options));
  return fd;
}

Result<std::unique_ptr<Region>> Region::open(const RegionOptions& options) {
  const auto fd = openFile(options);
  if (!fd) return fd.error();
  return attach(*fd, options);
}

// A descriptor from another process shares that process's locks. Ours must die with us, so open the file anew.
Result<int> Region::reopen(int fd) {
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  const int own = ::open(self.c_str(), O_RDWR | O_CLOEXEC);
  closeAfterError(fd);
  if (own < 0) return systemError("shared memory: opening the parent's region");
  return own;
}

Result<std::unique_ptr<Region>> Region::adopt(int fd, const RegionOptions& options) {
  const auto own = reopen(fd);
  if (!own) return own.error();
  return attach(*own, options);
}

Result<std::unique_ptr<Region>> Region::observe(const RegionOptions& options) {
  const auto fd = openFile(options);
  if (!fd) return fd.error();
  return attachAnySizes(*fd, options);
}

Result<std::unique_ptr<Region>> Region::observe(int fd) {
  const auto own = reopen(fd);
  if (!own) return own.error();
  RegionOptions options;
  options.name = "the parent's region";
  return attachAnySizes(*own, options);
}

Result<std::unique_ptr<Region>> Region::attachAnySizes(int fd, RegionOptions options) {
  layout::Header head{};
  if (::pread(fd, &head, sizeof(head), 0) == static_cast<ssize_t>(sizeof(head)) && head.max_stats > 0 &&
      head.max_stats <= layout::kMaxBlocks * kStatsPerBlock && head.max_name_bytes <= kMaxNameBytes) {
    options.max_stats = head.max_stats;
    options.max_name_bytes = head.max_name_bytes;
  }
  return attach(fd, options);
}

Result<std::unique_ptr<Region>> Region::attach(int fd, const RegionOptions& options) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || info.st_uid != ::geteuid()) {
    ::close(fd);
    return Error{ErrorCode::kProtocol, "shared memory: " + pathOf(options) + " belongs to another user"};
  }
  layout::Header head{};
  const ssize_t got = ::pread(fd, &head, sizeof(head), 0);
  const layout::Sizes sizes(options.max_stats, options.max_name_bytes);
  if (got != static_cast<ssize_t>(sizeof(head)) || head.magic != layout::kMagic ||
      head.layout_version != layoutVersion() || head.header_bytes != sizeof(layout::Header) ||
      head.max_stats != options.max_stats || head.max_name_bytes != options.max_name_bytes ||
      head.slots != layout::kSlots || head.shards != kMaxShards || head.total_bytes != sizes.total_bytes ||
      info.st_size != static_cast<off_t>(sizes.total_bytes)) {
    ::close(fd);
    const std::string found = got == static_cast<ssize_t>(sizeof(head)) && head.magic == layout::kMagic
                                  ? std::to_string(head.layout_version) + '.' + std::to_string(head.max_stats) + '.' +
                                        std::to_string(head.max_name_bytes) + '.' + std::to_string(head.slots) + '.' +
                                        std::to_string(head.shards)
                                  : std::string("something that is no region of Baton's");
    return Error{ErrorCode::kProtocol, "shared memory: expected layout " +
                                           layoutString(options.max_stats, options.max_name_bytes) + ", found " +
                                           found};
  }
  void* memory = ::mmap(nullptr, sizes.total_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (memory == MAP_FAILED) {
    closeAfterError(fd);
    return systemError("shared memory: mapping " + std::to_string(sizes.total_bytes) + " bytes");
  }
  return std::unique_ptr<Region>(new Region(fd, static_cast<char*>(memory), sizes, options));
}

bool Region::removeIfUnused(const RegionOptions& options) {
  const std::string path = pathOf(options);
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno == ENOENT;
  bool used = false;
  for (unsigned slot = 0; slot < layout::kSlots; ++slot) used = used || locked(fd, slot);
  ::close(fd);
  return !used && ::unlink(path.c_str()) == 0;
}

bool Region::locked(int fd, unsigned slot) {
  struct flock lock = livenessLock(slot);
  // When the kernel can't say, nothing may be cleaned up.
  return ::fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

Result<void> Region::reserve(size_t offset, size_t bytes, std::string_view what) {
  const int error = reserve_(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  if (error == 0) return {};
  return Error{ErrorCode::kResourceExhausted,
               "shared memory: no room for " + std::string(what) + ": " + ::strerror(error)};
}

const layout::Name& Region::nameAt(uint32_t index) const {
  return *reinterpret_cast<const layout::Name*>(memory_ + sizes_.names_at + index * sizes_.name_stride);
}

std::atomic_ref<uint64_t> Region::baseAt(unsigned which, uint32_t index) const {
  char* const start = memory_ + sizes_.bases_at + which * sizes_.base_bytes;
  return std::atomic_ref<uint64_t>(reinterpret_cast<uint64_t*>(start)[index]);
}

std::atomic_ref<uint64_t> Region::resetAt(uint32_t index) const {
  return std::atomic_ref<uint64_t>(reinterpret_cast<uint64_t*>(memory_ + sizes_.resets_at)[index]);
}

uint64_t* Region::cellAt(unsigned slot, uint32_t index) const {
  char* const block =
      memory_ + sizes_.cells_at + slot * sizes_.slot_bytes + index / kStatsPerBlock * kMaxShards * kShardStride;
  return reinterpret_cast<uint64_t*>(block) + index % kStatsPerBlock;
}

bool Region::backed(unsigned slot, uint32_t index) const {
  const size_t block = index / kStatsPerBlock;
  return (header_->slot[slot].backed[block / 64].load(std::memory_order_acquire) >> block % 64 & 1) != 0;
}

template <typename Visit>
void Region::forEachShard(unsigned slot, uint32_t index, Visit&& visit) const {
  // Shards before backed: clearSlotLocked() writes them in the other order.
  const uint32_t shards = std::min(header_->slot[slot].shards.load(std::memory_order_acquire), uint32_t{kMaxShards});
  if (!backed(slot, index)) return;
  uint64_t* const first = cellAt(slot, index);
  for (uint32_t shard = 0; shard < shards; ++shard) {
    visit(std::atomic_ref<uint64_t>(first[shard * kStatsPerBlock]).load(std::memory_order_acquire));
  }
}

Result<void> Region::claim(uint64_t epoch, unsigned workers) {
  const Lock lock(*this);
  if (!lock) return Error{ErrorCode::kTimeout, "shared memory: another process holds its mutex and doesn't go on"};
  foldDeadLocked();
  const uint64_t commit = header_->commit.load(std::memory_order_relaxed);
  for (unsigned slot = 0; slot < layout::kSlots; ++slot) {
    if ((commit & slotBit(slot)) != 0) continue;
    struct flock liveness = livenessLock(slot);
    if (::fcntl(fd_, F_OFD_SETLK, &liveness) != 0) continue;
    clearSlotLocked(slot, std::min(workers + 1, kMaxShards));
    // Here a full file system stops the start of a process; later it would cost the values their continuity.
    for (uint32_t first = 0; first < size(); first += kStatsPerBlock) {
      if (auto room = back(slot, first); !room) return room.error();
    }
    layout::Slot& own = header_->slot[slot];
    own.pid.store(::getpid(), std::memory_order_relaxed);
    own.start_time.store(startTimeOfThisProcess(), std::memory_order_relaxed);
    own.epoch.store(epoch, std::memory_order_relaxed);
    own.state.store(static_cast<uint32_t>(GenerationState::kStarting), std::memory_order_relaxed);
    header_->commit.store((commit | slotBit(slot)) + kVersionStep, std::memory_order_release);
    slot_ = slot;
    return {};
  }
  return Error{ErrorCode::kResourceExhausted,
               "shared memory: all " + std::to_string(layout::kSlots) + " generation slots are in use"};
}

// Pages stay backed: a reader that still has the old commit word must not touch a hole in a full file system.
void Region::clearSlotLocked(unsigned slot, uint32_t shards) {
  layout::Slot& own = header_->slot[slot];
  const uint32_t old_shards = std::min(own.shards.load(std::memory_order_relaxed), uint32_t{kMaxShards});
  for (uint32_t block = 0; block < sizes_.blocks; ++block) {
    const uint32_t first = block * kStatsPerBlock;
    if (!backed(slot, first)) continue;
    uint64_t* const cells = cellAt(slot, first);
    for (size_t i = 0; i < old_shards * kStatsPerBlock; ++i) {
      std::atomic_ref<uint64_t>(cells[i]).store(0, std::memory_order_release);
    }
  }
  if (shards > old_shards) {
    for (auto& word : own.backed) word.store(0, std::memory_order_release);
  }
  own.shards.store(shards, std::memory_order_release);
}

void Region::setState(GenerationState state) {
  if (slot_) header_->slot[*slot_].state.store(static_cast<uint32_t>(state), std::memory_order_release);
}

std::vector<Generation> Region::generations() const {
  std::vector<Generation> live;
  const uint64_t commit = header_->commit.load(std::memory_order_acquire);
  for (unsigned slot = 0; slot < layout::kSlots; ++slot) {
    const bool self = slot_ == slot;
    if ((commit & slotBit(slot)) == 0 || (!self && !locked(fd_, slot))) continue;
    const layout::Slot& other = header_->slot[slot];
    live.push_back({.slot = slot,
                    .pid = other.pid.load(std::memory_order_relaxed),
                    .start_time = other.start_time.load(std::memory_order_relaxed),
                    .epoch = other.epoch.load(std::memory_order_relaxed),
                    .state = static_cast<GenerationState>(other.state.load(std::memory_order_relaxed)),
                    .self = self});
  }
  std::sort(live.begin(), live.end(), [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
  return live;
}

std::optional<uint64_t> Region::lastEpoch() const {
  std::optional<uint64_t> last;
  const uint64_t commit = header_->commit.load(std::memory_order_acquire);
  for (unsigned slot = 0; slot < layout::kSlots; ++slot) {
    if ((commit & slotBit(slot)) == 0) continue;
    last = std::max(last.value_or(0), header_->slot[slot].epoch.load(std::memory_order_relaxed));
  }
  return last;
}

size_t Region::foldDead() {
  const Lock lock(*this);
  return lock ? foldDeadLocked() : 0;
}

size_t Region::foldDeadLocked() {
  size_t folded = 0;
  for (unsigned slot = 0; slot < layout::kSlots; ++slot) {
    if ((header_->commit.load(std::memory_order_relaxed) & slotBit(slot)) == 0) continue;
    if (slot_ == slot || locked(fd_, slot)) continue;
    foldLocked(slot);
    ++folded;
  }
  return folded;
}

// Writes the base that doesn't count yet, then makes it count and the slot not, by one store. Killed before that store
// we have done nothing; after it, everything. So a fold can't happen twice. Values are written with release and read
// with acquire, so that a reader who saw one of a later fold also sees that the commit word has moved on.
void Region::foldLocked(unsigned slot) {
  const uint64_t commit = header_->commit.load(std::memory_order_relaxed);
  const unsigned active = commit & kActiveBit;
  const uint32_t count = size();
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t value = baseAt(active, i).load(std::memory_order_relaxed);
    if (kind(i) == StatKind::kCounter) forEachShard(slot, i, [&](uint64_t cell) { value += cell; });
    baseAt(active ^ 1, i).store(value, std::memory_order_release);
  }
  header_->commit.store(((commit & ~slotBit(slot)) ^ kActiveBit) + kVersionStep, std::memory_order_release);
}

Result<uint32_t> Region::intern(StatKind kind, GaugeMode mode, std::string_view name) {
  if (name.size() > header_->max_name_bytes) {
    return Error{ErrorCode::kInvalidArgument, "the name has " + std::to_string(name.size()) + " bytes, at most " +
                                                  std::to_string(header_->max_name_bytes) + " fit"};
  }
  const Lock lock(*this);
  if (!lock) return Error{ErrorCode::kTimeout, "another process holds the mutex of the shared memory"};
  for (const uint32_t known = size(); indexed_ < known; ++indexed_) {
    index_.emplace(StatKey{this->kind(indexed_), this->name(indexed_)}, indexed_);
  }
  if (const auto found = index_.find(StatKey{kind, name}); found != index_.end()) return found->second;
  const uint32_t index = indexed_;
  if (index >= header_->max_stats) {
    return Error{ErrorCode::kResourceExhausted, "all " + std::to_string(header_->max_stats) + " stats are taken"};
  }
  if (index % kStatsPerBlock == 0) {
    const size_t block = index / kStatsPerBlock;
    const size_t names = kStatsPerBlock * sizes_.name_stride;
    if (auto room = reserve(sizes_.names_at + block * names, names, "names"); !room) return room.error();
    for (size_t part = 0; part < 3; ++part) {  // both bases and the resets
      auto room = reserve(sizes_.bases_at + part * sizes_.base_bytes + block * layout::kPage, layout::kPage, "values");
      if (!room) return room.error();
    }
  }
  // Complete before it is counted: a process that is killed in here leaves an entry that nobody sees.
  auto& entry = const_cast<layout::Name&>(nameAt(index));
  entry.kind = static_cast<uint8_t>(kind);
  entry.mode = static_cast<uint8_t>(mode);
  entry.bytes = static_cast<uint16_t>(name.size());
  memcpy(entry.text, name.data(), name.size());
  header_->stat_count.store(index + 1, std::memory_order_release);
  index_.emplace(StatKey{kind, this->name(index)}, index);
  ++indexed_;
  return index;
}

Result<uint64_t*> Region::cell(uint32_t index) {
  if (!slot_) return Error{ErrorCode::kInvalidArgument, "this process has no generation slot"};
  if (auto room = back(*slot_, index); !room) return room.error();
  return cellAt(*slot_, index);
}

Result<void> Region::back(unsigned slot, uint32_t index) {
  if (backed(slot, index)) return {};
  layout::Slot& own = header_->slot[slot];
  const size_t block = index / kStatsPerBlock;
  const auto at = static_cast<size_t>(reinterpret_cast<char*>(cellAt(slot, block * kStatsPerBlock)) - memory_);
  auto room = reserve(at, own.shards.load(std::memory_order_relaxed) * kShardStride, "values");
  if (!room) return room;
  own.backed[block / 64].fetch_or(uint64_t{1} << block % 64, std::memory_order_release);
  return {};
}

std::string_view Region::name(uint32_t index) const {
  const layout::Name& entry = nameAt(index);
  return {entry.text, std::min<size_t>(entry.bytes, header_->max_name_bytes)};
}

StatKind Region::kind(uint32_t index) const {
  return static_cast<StatKind>(nameAt(index).kind);
}

GaugeMode Region::mode(uint32_t index) const {
  return static_cast<GaugeMode>(nameAt(index).mode);
}

uint64_t Region::rawCounter(uint32_t index) const {
  for (;;) {
    const uint64_t commit = header_->commit.load(std::memory_order_acquire);
    uint64_t value = baseAt(commit & kActiveBit, index).load(std::memory_order_acquire);
    for (unsigned slot = 0; slot < layout::kSlots; ++slot) {
      if ((commit & slotBit(slot)) != 0) forEachShard(slot, index, [&](uint64_t cell) { value += cell; });
    }
    if (header_->commit.load(std::memory_order_relaxed) == commit) return value;
  }
}

uint64_t Region::counter(uint32_t index) const {
  const uint64_t reset = resetAt(index).load(std::memory_order_relaxed);
  const uint64_t raw = rawCounter(index);
  return raw > reset ? raw - reset : 0;
}

uint64_t Region::gaugeBits(uint32_t index) const {
  const bool own_only = mode(index) == GaugeMode::kOwn;
  for (;;) {
    const uint64_t commit = header_->commit.load(std::memory_order_acquire);
    uint64_t sum = 0;
    uint64_t written = 0;
    for (unsigned slot = 0; slot < layout::kSlots; ++slot) {
      if ((commit & slotBit(slot)) == 0 || (own_only && slot_ != slot)) continue;
      forEachShard(slot, index, [&](uint64_t cell) {
        sum += cell & ~uint64_t{1};
        written |= cell & 1;
      });
    }
    if (header_->commit.load(std::memory_order_relaxed) == commit) return sum | written;
  }
}

void Region::resetCounters() {
  const uint32_t count = size();
  for (uint32_t i = 0; i < count; ++i) {
    if (kind(i) == StatKind::kCounter) resetAt(i).store(rawCounter(i), std::memory_order_relaxed);
  }
}

}  // namespace baton::stats
