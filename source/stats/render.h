// A snapshot as text, JSON or Prometheus exposition, spelled as Envoy spells them. Pure functions; any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "source/stats/snapshot.h"

namespace re2 {
class RE2;
}

namespace baton::stats {

class TagExtractor;

struct RenderOptions {
  bool used_only = false;
  const re2::RE2* filter = nullptr;  // stats whose name it matches somewhere; null: all
};

// "name: value" lines; histograms as "name: P0(interval,cumulative) P25(...) ...".
std::string renderText(const Snapshot& snapshot, const RenderOptions& options);
std::string renderJson(const Snapshot& snapshot, const RenderOptions& options);

inline const std::vector<double> kDefaultBucketBounds{
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

struct PrometheusOptions {
  const TagExtractor* tags = nullptr;  // required
  // The upper bounds for a histogram, rising; null: kDefaultBucketBounds for all.
  std::function<const std::vector<double>&(std::string_view name)> bounds;
};
std::string renderPrometheus(const Snapshot& snapshot, const RenderOptions& options,
                             const PrometheusOptions& prometheus);

}  // namespace baton::stats
