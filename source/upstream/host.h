// One endpoint of a cluster. Made on the main thread, shared by all workers; the numbers in it that change are atomics
// and hints, never locks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/clock.h"
#include "source/network/address.h"

namespace baton::api {
struct Metadata;
}  // namespace baton::api

namespace baton::upstream {

enum class HealthStatus : uint8_t { kHealthy, kDegraded, kUnhealthy };

struct Locality {
  std::string region;
  std::string zone;
  std::string sub_zone;
  bool operator==(const Locality&) const = default;
};

// What outlier detection knows of a host: counted by workers, read and reset by the main thread's sweeps.
struct OutlierCounters {
  std::atomic<uint32_t> consecutive_5xx{0};
  std::atomic<uint32_t> consecutive_gateway_failure{0};
  std::atomic<uint32_t> consecutive_local_origin_failure{0};
  // Of the interval. "Local" are errors of our own making (connect, timeout, reset), counted apart when
  // split_external_local_origin_errors is set.
  std::atomic<uint32_t> requests{0};
  std::atomic<uint32_t> successes{0};
  std::atomic<uint32_t> local_requests{0};
  std::atomic<uint32_t> local_successes{0};
};

class Host : public std::enable_shared_from_this<Host> {
 public:
  Host(std::string hostname, network::Address address, uint32_t weight, Locality locality, uint32_t priority)
      : hostname(std::move(hostname)),
        address(std::move(address)),
        locality(std::move(locality)),
        priority(priority),
        weight(weight) {}

  const std::string hostname;  // as configured; empty for a literal without one
  const network::Address address;
  const Locality locality;
  const uint32_t priority;
  network::Address health_check_address;
  std::string health_check_hostname;
  bool health_check_disabled = false;
  bool canary = false;
  std::shared_ptr<const api::Metadata> metadata;
  std::atomic<uint32_t> weight;

  // Set by the main thread (health checks, outlier detection, EDS), read by workers.
  std::atomic<bool> failed_active_check{false};
  std::atomic<bool> failed_outlier_check{false};
  std::atomic<bool> draining{false};            // health_status DRAINING or UNHEALTHY in the config
  std::atomic<bool> degraded{false};            // as configured
  std::atomic<bool> degraded_by_check{false};   // as its active check says
  std::atomic<bool> awaits_first_check{false};  // ignore_new_hosts_until_first_hc: not counted until checked once
  HealthStatus health() const {
    if (failed_active_check.load(std::memory_order_relaxed) || failed_outlier_check.load(std::memory_order_relaxed) ||
        draining.load(std::memory_order_relaxed) || awaits_first_check.load(std::memory_order_relaxed)) {
      return HealthStatus::kUnhealthy;
    }
    if (degraded.load(std::memory_order_relaxed) || degraded_by_check.load(std::memory_order_relaxed)) {
      return HealthStatus::kDegraded;
    }
    return HealthStatus::kHealthy;
  }

  // Requests and connections under way over all workers, for LEAST_REQUEST and /clusters.
  std::atomic<uint32_t> active_requests{0};
  std::atomic<uint32_t> active_connections{0};
  std::atomic<uint64_t> total_requests{0};
  std::atomic<uint64_t> total_connections{0};
  std::atomic<uint64_t> request_errors{0};
  std::atomic<uint64_t> request_successes{0};
  std::atomic<uint64_t> connect_failures{0};

  OutlierCounters outlier;
};

using HostPtr = std::shared_ptr<Host>;

}  // namespace baton::upstream
