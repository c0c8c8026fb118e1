#include "source/upstream/health_state.h"

#include <algorithm>

namespace baton::upstream {

using std::chrono::milliseconds;

HealthCheckTimes HealthCheckTimes::of(const api::HealthCheck& config) {
  HealthCheckTimes times;
  times.timeout = config.timeout.value_or(milliseconds(1000));
  times.interval = std::max(milliseconds(1), config.interval.value_or(milliseconds(5000)));
  times.initial_jitter = config.initial_jitter;
  times.interval_jitter = config.interval_jitter;
  times.interval_jitter_percent = config.interval_jitter_percent;
  times.no_traffic_interval = config.no_traffic_interval;
  times.no_traffic_healthy_interval = config.no_traffic_healthy_interval.value_or(times.no_traffic_interval);
  times.unhealthy_interval = config.unhealthy_interval.value_or(times.interval);
  times.unhealthy_edge_interval = config.unhealthy_edge_interval.value_or(times.unhealthy_interval);
  times.healthy_edge_interval = config.healthy_edge_interval.value_or(times.interval);
  times.unhealthy_threshold = std::max(1u, config.unhealthy_threshold.value_or(1));
  times.healthy_threshold = std::max(1u, config.healthy_threshold.value_or(1));
  return times;
}

bool HealthState::onSuccess() {
  last_succeeded_ = true;
  changed_ = false;
  if (healthy_) {
    in_a_row_ = 0;
  } else if (++in_a_row_ >= times_.healthy_threshold || !checked_) {
    // The very first success is enough, so that a start does not take several intervals.
    healthy_ = changed_ = true;
    in_a_row_ = 0;
  }
  checked_ = true;
  return changed_;
}

bool HealthState::onFailure(bool at_once) {
  last_succeeded_ = false;
  changed_ = false;
  if (!healthy_) {
    in_a_row_ = 0;
  } else if (++in_a_row_ >= times_.unhealthy_threshold || at_once) {
    healthy_ = false;
    changed_ = true;
    in_a_row_ = 0;
  }
  checked_ = true;
  return changed_;
}

milliseconds HealthState::untilNext(bool traffic, base::Random& random) const {
  milliseconds base;
  if (!traffic) {
    base = last_succeeded_ ? times_.no_traffic_healthy_interval : times_.no_traffic_interval;
  } else if (last_succeeded_) {
    base = changed_ ? times_.healthy_edge_interval : times_.interval;
  } else {
    base = changed_ ? times_.unhealthy_edge_interval : times_.unhealthy_interval;
  }
  uint64_t jitter = static_cast<uint64_t>(base.count()) * times_.interval_jitter_percent / 100;
  jitter = random.below(jitter + 1);
  jitter += random.below(static_cast<uint64_t>(times_.interval_jitter.count()) + 1);
  return std::max(milliseconds(1), base + milliseconds(jitter));
}

}  // namespace baton::upstream
