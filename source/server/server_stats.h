// server.* and listener_manager.* : what the process says of itself. Main thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "source/stats/store.h"

namespace baton::server {

struct ServerStats {
  explicit ServerStats(stats::Store& store);

  // Reads memory from the kernel and the allocator.
  void updateMemory();

  stats::Gauge uptime, concurrency, memory_allocated, memory_heap_size, memory_physical_size, live, state,
      parent_connections, total_connections, days_until_first_cert_expiring, hot_restart_epoch, hot_restart_generation;
  stats::Counter static_unknown_fields, dynamic_unknown_fields, debug_assertion_failures, envoy_bug_failures;
  stats::Histogram initialization_time_ms;
  stats::Gauge listeners_warming, listeners_active, listeners_draining, filter_chains_draining, workers_started;
  stats::Counter listener_added, listener_modified, listener_removed, listener_stopped, listener_create_success,
      listener_create_failure, listener_in_place_updated;
};

}  // namespace baton::server
