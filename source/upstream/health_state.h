// What active health checks make of one host: when it counts as healthy, and when it is asked next. Pure: no clock, no
// sockets. Main thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "api/health_check.h"

#include "source/base/random.h"

namespace baton::upstream {

struct HealthCheckTimes {
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds initial_jitter{0};
  std::chrono::milliseconds interval_jitter{0};
  uint32_t interval_jitter_percent = 0;
  std::chrono::milliseconds no_traffic_interval{60'000};
  std::chrono::milliseconds no_traffic_healthy_interval{60'000};
  std::chrono::milliseconds unhealthy_interval{0};
  std::chrono::milliseconds unhealthy_edge_interval{0};
  std::chrono::milliseconds healthy_edge_interval{0};
  uint32_t unhealthy_threshold = 1;
  uint32_t healthy_threshold = 1;

  static HealthCheckTimes of(const api::HealthCheck& config);
};

class HealthState {
 public:
  // `healthy`, `known`: what another process or an earlier check found out; a host that nobody knows is unhealthy
  // until its first check.
  HealthState(const HealthCheckTimes& times, bool healthy, bool known)
      : times_(times), healthy_(healthy), checked_(known) {}

  // True when the verdict changed.
  bool onSuccess();
  // `at_once`: the host itself said so; the threshold does not count.
  bool onFailure(bool at_once);

  bool healthy() const { return healthy_; }
  bool checked() const { return checked_; }
  // From the end of the last check to the next. `traffic`: the cluster has had a connection for requests.
  std::chrono::milliseconds untilNext(bool traffic, base::Random& random) const;

 private:
  const HealthCheckTimes& times_;
  bool healthy_;
  bool checked_;
  bool changed_ = false;  // by the last check
  bool last_succeeded_ = false;
  uint32_t in_a_row_ = 0;  // checks that speak against the verdict
};

}  // namespace baton::upstream
