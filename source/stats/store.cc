#include "source/stats/store.h"

#include <algorithm>
#include <sys/mman.h>

#include "source/base/log.h"
#include "source/stats/region.h"

namespace baton::stats {

// Cells in anonymous memory, laid out as a slot of the region is.
class Store::ProcessBlocks {
 public:
  ~ProcessBlocks() {
    for (char* block : blocks_) ::munmap(block, kBlockBytes);
  }

  uint64_t* nextCell() {
    if (used_ % kStatsPerBlock == 0) {
      void* block =
          ::mmap(nullptr, kBlockBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (block == MAP_FAILED) return nullptr;
      blocks_.push_back(static_cast<char*>(block));
    }
    return reinterpret_cast<uint64_t*>(blocks_.back()) + used_++ % kStatsPerBlock;
  }

  template <typename Visit>
  static void forEachShard(uint64_t* cell, Visit&& visit) {
    const unsigned shards = internal::shards_in_use.load(std::memory_order_relaxed);
    for (unsigned shard = 0; shard < shards; ++shard) {
      visit(std::atomic_ref<uint64_t>(cell[shard * kStatsPerBlock]).load(std::memory_order_relaxed));
    }
  }

 private:
  static constexpr size_t kBlockBytes = kMaxShards * kShardStride;
  std::vector<char*> blocks_;
  size_t used_ = 0;
};

namespace {

// Names come from configuration; line based formats must not be broken by one.
std::string cleanName(std::string_view name) {
  std::string clean(name);
  std::replace_if(
      clean.begin(), clean.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '_');
  return clean;
}

}  // namespace

std::unique_ptr<Store> Store::inMemory() {
  return std::make_unique<Store>(nullptr);
}

Store::Store(std::unique_ptr<Region> region)
    : region_(std::move(region)), process_blocks_(std::make_unique<ProcessBlocks>()) {
  overflow_ = counter("stats.overflow");
}

Store::~Store() = default;

Counter Store::counter(std::string_view name) {
  const Stat* stat = statFor(StatKind::kCounter, name, GaugeMode::kSum);
  return stat == nullptr ? Counter() : Counter(stat->cell, stat);
}

Gauge Store::gauge(std::string_view name, GaugeMode mode) {
  const Stat* stat = statFor(StatKind::kGauge, name, mode);
  return stat == nullptr ? Gauge() : Gauge(stat->cell, stat);
}

Histogram Store::histogram(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = histogram_by_name_.find(name); found != histogram_by_name_.end()) {
    return Histogram(found->second);
  }
  if (accepts_ && !accepts_(name)) return Histogram();
  auto& [own_name, data] =
      histograms_.emplace_back(std::piecewise_construct, std::tuple(cleanName(name)), std::tuple());
  histogram_by_name_.emplace(own_name, &data);
  return Histogram(&data);
}

Stat* Store::statFor(StatKind kind, std::string_view name, GaugeMode mode) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(StatKey{kind, name}); found != by_key_.end()) return found->second;
  if (accepts_ && !accepts_(name)) return nullptr;
  std::string clean = cleanName(name);
  if (clean != name) {
    if (const auto found = by_key_.find(StatKey{kind, clean}); found != by_key_.end()) return found->second;
  }
  Stat& stat = stats_.emplace_back();
  stat.store = this;
  stat.name = std::move(clean);
  stat.kind = kind;
  stat.mode = mode;
  place(stat);
  by_key_.emplace(StatKey{kind, stat.name}, &stat);
  return &stat;
}

void Store::place(Stat& stat) {
  if (region_ != nullptr) {
    const auto index = region_->intern(stat.kind, stat.mode, stat.name);
    const auto cell = index ? region_->cell(*index) : base::Result<uint64_t*>(index.error());
    if (cell) {
      stat.in_region = *index;
      stat.cell = *cell;
      return;
    }
    overflow_.add();
    if (!overflow_logged_) {
      overflow_logged_ = true;
      BATON_LOG(kStats, warn,
                "stat '{}' has no place in shared memory ({}); it and others like it live in process memory and start "
                "at 0 after a hot restart; stats.overflow counts them",
                stat.name, cell.error().message);
    }
  }
  stat.cell = process_blocks_->nextCell();
}

uint64_t Store::counterValue(const Stat& stat) const {
  if (stat.in_region) return region_->counter(*stat.in_region);
  uint64_t value = 0;
  if (stat.cell != nullptr) ProcessBlocks::forEachShard(stat.cell, [&](uint64_t cell) { value += cell; });
  return value - std::atomic_ref<uint64_t>(const_cast<uint64_t&>(stat.reset_base)).load(std::memory_order_relaxed);
}

uint64_t Store::gaugeBits(const Stat& stat) const {
  if (stat.in_region) return region_->gaugeBits(*stat.in_region);
  uint64_t sum = 0;
  uint64_t written = 0;
  if (stat.cell != nullptr) {
    ProcessBlocks::forEachShard(stat.cell, [&](uint64_t cell) {
      sum += cell & ~uint64_t{1};
      written |= cell & 1;
    });
  }
  return sum | written;
}

Snapshot Store::snapshot() const {
  Snapshot snapshot;
  const auto addGauge = [&](std::string_view name, GaugeMode mode, uint64_t bits) {
    snapshot.gauges.push_back(
        {.name = name, .value = static_cast<int64_t>(bits) >> 1, .mode = mode, .written = (bits & 1) != 0});
  };
  const std::lock_guard lock(mutex_);
  const uint32_t in_region = region_ == nullptr ? 0 : region_->size();
  for (uint32_t i = 0; i < in_region; ++i) {
    if (region_->kind(i) == StatKind::kCounter) {
      snapshot.counters.push_back({region_->name(i), region_->counter(i)});
    } else {
      addGauge(region_->name(i), region_->mode(i), region_->gaugeBits(i));
    }
  }
  for (const Stat& stat : stats_) {
    if (stat.in_region) continue;
    if (stat.kind == StatKind::kCounter) {
      snapshot.counters.push_back({stat.name, counterValue(stat)});
    } else {
      addGauge(stat.name, stat.mode, gaugeBits(stat));
    }
  }
  for (const auto& [name, data] : histograms_) {
    snapshot.histograms.push_back({name, data.lastInterval(), data.cumulative()});
  }
  const auto byName = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(snapshot.counters.begin(), snapshot.counters.end(), byName);
  std::sort(snapshot.gauges.begin(), snapshot.gauges.end(), byName);
  std::sort(snapshot.histograms.begin(), snapshot.histograms.end(), byName);
  return snapshot;
}

std::optional<uint64_t> Store::findCounter(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find({StatKind::kCounter, name}); found != by_key_.end()) {
    return counterValue(*found->second);
  }
  const uint32_t in_region = region_ == nullptr ? 0 : region_->size();
  for (uint32_t i = 0; i < in_region; ++i) {
    if (region_->kind(i) == StatKind::kCounter && region_->name(i) == name) return region_->counter(i);
  }
  return std::nullopt;
}

std::optional<int64_t> Store::findGauge(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find({StatKind::kGauge, name}); found != by_key_.end()) {
    return static_cast<int64_t>(gaugeBits(*found->second)) >> 1;
  }
  const uint32_t in_region = region_ == nullptr ? 0 : region_->size();
  for (uint32_t i = 0; i < in_region; ++i) {
    if (region_->kind(i) == StatKind::kGauge && region_->name(i) == name) {
      return static_cast<int64_t>(region_->gaugeBits(i)) >> 1;
    }
  }
  return std::nullopt;
}

void Store::resetCounters() {
  const std::lock_guard lock(mutex_);
  if (region_ != nullptr) region_->resetCounters();
  for (Stat& stat : stats_) {
    if (stat.in_region || stat.kind != StatKind::kCounter) continue;
    const uint64_t raw = counterValue(stat) + stat.reset_base;
    std::atomic_ref<uint64_t>(stat.reset_base).store(raw, std::memory_order_relaxed);
  }
  for (auto& [name, data] : histograms_) data.reset();
}

void Store::mergeHistograms() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, data] : histograms_) data.merge();
}

size_t Store::foldDeadGenerations() {
  return region_ == nullptr ? 0 : region_->foldDead();
}

}  // namespace baton::stats
