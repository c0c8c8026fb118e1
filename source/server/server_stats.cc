#include "source/server/server_stats.h"

#include <cstdio>
#include <malloc.h>
#include <unistd.h>

#include "source/server/build.h"

namespace baton::server {

using stats::GaugeMode;

ServerStats::ServerStats(stats::Store& store)
    : uptime(store.gauge("server.uptime", GaugeMode::kOwn)),
      concurrency(store.gauge("server.concurrency", GaugeMode::kOwn)),
      memory_allocated(store.gauge("server.memory_allocated", GaugeMode::kOwn)),
      memory_heap_size(store.gauge("server.memory_heap_size", GaugeMode::kOwn)),
      memory_physical_size(store.gauge("server.memory_physical_size", GaugeMode::kOwn)),
      live(store.gauge("server.live", GaugeMode::kOwn)),
      state(store.gauge("server.state", GaugeMode::kOwn)),
      parent_connections(store.gauge("server.parent_connections", GaugeMode::kOwn)),
      total_connections(store.gauge("server.total_connections", GaugeMode::kOwn)),
      days_until_first_cert_expiring(store.gauge("server.days_until_first_cert_expiring", GaugeMode::kOwn)),
      hot_restart_epoch(store.gauge("server.hot_restart_epoch", GaugeMode::kOwn)),
      hot_restart_generation(store.gauge("server.hot_restart_generation", GaugeMode::kOwn)),
      static_unknown_fields(store.counter("server.static_unknown_fields")),
      dynamic_unknown_fields(store.counter("server.dynamic_unknown_fields")),
      debug_assertion_failures(store.counter("server.debug_assertion_failures")),
      envoy_bug_failures(store.counter("server.envoy_bug_failures")),
      initialization_time_ms(store.histogram("server.initialization_time_ms")),
      listeners_warming(store.gauge("listener_manager.total_listeners_warming", GaugeMode::kOwn)),
      listeners_active(store.gauge("listener_manager.total_listeners_active", GaugeMode::kOwn)),
      listeners_draining(store.gauge("listener_manager.total_listeners_draining")),
      filter_chains_draining(store.gauge("listener_manager.total_filter_chains_draining")),
      workers_started(store.gauge("listener_manager.workers_started", GaugeMode::kOwn)),
      listener_added(store.counter("listener_manager.listener_added")),
      listener_modified(store.counter("listener_manager.listener_modified")),
      listener_removed(store.counter("listener_manager.listener_removed")),
      listener_stopped(store.counter("listener_manager.listener_stopped")),
      listener_create_success(store.counter("listener_manager.listener_create_success")),
      listener_create_failure(store.counter("listener_manager.listener_create_failure")),
      listener_in_place_updated(store.counter("listener_manager.listener_in_place_updated")) {
  addBuildStats(store);
}

void ServerStats::updateMemory() {
  const struct mallinfo2 heap = ::mallinfo2();
  memory_allocated.set(static_cast<int64_t>(heap.uordblks + heap.hblkhd));
  memory_heap_size.set(static_cast<int64_t>(heap.arena + heap.hblkhd));
  long long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*d %lld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  memory_physical_size.set(pages * ::sysconf(_SC_PAGESIZE));
}

}  // namespace baton::server
