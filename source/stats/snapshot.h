// Values of all stats at one moment, sorted by name: what admin pages and sinks print. A value type; names are views
// into the store, which must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "source/stats/handles.h"
#include "source/stats/histogram.h"

namespace baton::stats {

struct CounterSample {
  std::string_view name;
  uint64_t value = 0;
  bool used() const { return value != 0; }
};

struct GaugeSample {
  std::string_view name;
  int64_t value = 0;
  GaugeMode mode = GaugeMode::kSum;
  bool written = false;
  bool used() const { return written; }
};

struct HistogramSample {
  std::string_view name;
  HistogramValues interval;    // the last complete one
  HistogramValues cumulative;  // since the process started
  bool used() const { return cumulative.count != 0; }
};

struct Snapshot {
  std::vector<CounterSample> counters;
  std::vector<GaugeSample> gauges;
  std::vector<HistogramSample> histograms;
};

}  // namespace baton::stats
