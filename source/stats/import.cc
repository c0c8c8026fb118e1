#include "source/stats/import.h"

namespace baton::stats {

void Importer::counter(std::string_view name, uint64_t total) {
  auto found = counters_.find(name);
  if (found == counters_.end()) {
    found = counters_.emplace(std::string(name), Imported<Counter, uint64_t>{store_.counter(name), 0}).first;
  }
  auto& [handle, seen] = found->second;
  if (total > seen) handle.add(total - seen);
  seen = total;
}

void Importer::gauge(std::string_view name, int64_t value) {
  auto found = gauges_.find(name);
  if (found == gauges_.end()) {
    found = gauges_.emplace(std::string(name), Imported<Gauge, int64_t>{store_.gauge(name), 0}).first;
  }
  found->second.handle.add(value - found->second.seen);
  found->second.seen = value;
}

void Importer::everythingOf(Region& region) {
  region.foldDead();
  const uint32_t count = region.size();
  for (uint32_t i = 0; i < count; ++i) {
    const std::string_view name = region.name(i);
    if (region.kind(i) == StatKind::kCounter) {
      if (const uint64_t total = region.counter(i); total != 0) counter(name, total);
    } else if (region.mode(i) == GaugeMode::kSum) {
      const uint64_t bits = region.gaugeBits(i);
      if ((bits & 1) != 0 || gauges_.contains(name)) gauge(name, static_cast<int64_t>(bits) >> 1);
    }
  }
}

void Importer::dropGauges() {
  for (auto& [name, imported] : gauges_) imported.handle.sub(imported.seen);
  gauges_.clear();
}

}  // namespace baton::stats
