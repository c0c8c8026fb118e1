// Carries stats over from a process whose region this one can't share (another layout): what comes in are the other
// side's values so far, as often as it likes to send them; what goes into our store are the differences. Owned by the
// hot restart child, main thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "source/base/strings.h"
#include "source/stats/region.h"
#include "source/stats/store.h"

namespace baton::stats {

class Importer {
 public:
  explicit Importer(Store& store) : store_(store) {}
  ~Importer() { dropGauges(); }
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  // `total` is what the other side has counted in all. A total that went down means that it was reset there.
  void counter(std::string_view name, uint64_t total);
  // What the other side holds now; adds to ours until dropGauges(). Send only gauges of mode kSum.
  void gauge(std::string_view name, int64_t value);
  // The other side has ended: its share of the gauges ends with it.
  void dropGauges();
  // All that a region holds which this process only observes: counters also of the dead, gauges of the living.
  void everythingOf(Region& region);

 private:
  template <typename Handle, typename Value>
  struct Imported {
    Handle handle;
    Value seen{};
  };
  template <typename Value>
  using ByName = std::unordered_map<std::string, Value, base::StringHash, std::equal_to<>>;

  Store& store_;
  ByName<Imported<Counter, uint64_t>> counters_;
  ByName<Imported<Gauge, int64_t>> gauges_;
};

}  // namespace baton::stats
