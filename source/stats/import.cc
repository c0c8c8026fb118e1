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

void Importer::dropGauges() {
  for (auto& [name, imported] : gauges_) imported.handle.sub(imported.seen);
  gauges_.clear();
}

}  // namespace baton::stats
