// Passive health checks. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>

#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Ejects endpoints that fail. An empty message switches consecutive errors and success rates on.
struct OutlierDetection {
  uint32_t consecutive_5xx = 5;
  Milliseconds interval{10000};
  Milliseconds base_ejection_time{30000};
  Milliseconds max_ejection_time{300000};
  Milliseconds max_ejection_time_jitter{0};
  uint32_t max_ejection_percent = 10;
  uint32_t enforcing_consecutive_5xx = 100;
  uint32_t consecutive_gateway_failure = 5;
  uint32_t enforcing_consecutive_gateway_failure = 0;
  uint32_t enforcing_success_rate = 100;
  uint32_t success_rate_minimum_hosts = 5;
  uint32_t success_rate_request_volume = 100;
  uint32_t success_rate_stdev_factor = 1900;
  bool split_external_local_origin_errors = false;
  uint32_t consecutive_local_origin_failure = 5;
  uint32_t enforcing_consecutive_local_origin_failure = 100;
  uint32_t enforcing_local_origin_success_rate = 100;
  uint32_t failure_percentage_threshold = 85;
  uint32_t enforcing_failure_percentage = 0;
  uint32_t enforcing_failure_percentage_local_origin = 0;
  uint32_t failure_percentage_minimum_hosts = 5;
  uint32_t failure_percentage_request_volume = 50;
  bool successful_active_health_check_uneject_host = true;
  bool always_eject_one_host = false;
};

const MessageDescription& describe(const OutlierDetection*);

}  // namespace baton::api
