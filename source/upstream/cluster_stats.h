// What a cluster counts: every `cluster.<name>.` stat, made on the main thread when the cluster is built, used by all
// workers. Handles are cheap and do nothing when default-constructed.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "source/stats/store.h"

namespace baton::upstream {

// upstream_rq_completed, upstream_rq_<class>xx and upstream_rq_<code> below one prefix. Codes are made when they first
// occur; charging one that exists takes no lock. Thread-safe.
class ResponseCodeStats {
 public:
  ResponseCodeStats() = default;
  explicit ResponseCodeStats(stats::Scope scope) : scope_(std::move(scope)) {}
  ~ResponseCodeStats();
  ResponseCodeStats(const ResponseCodeStats&) = delete;
  ResponseCodeStats& operator=(const ResponseCodeStats&) = delete;

  // `status` from 100 to 599; others are dropped.
  void charge(int status);

 private:
  static constexpr int kFirst = 100;
  static constexpr int kCodes = 500;

  stats::Counter* codeCounter(int status);

  std::optional<stats::Scope> scope_;
  std::atomic<bool> basics_made_{false};
  stats::Counter completed_;
  std::array<stats::Counter, 5> classes_;
  std::array<std::atomic<stats::Counter*>, kCodes> codes_{};
  std::mutex mutex_;  // guards making
};

struct ClusterStats {
  ClusterStats();
  explicit ClusterStats(const stats::Scope& scope);

  // Connections.
  stats::Counter upstream_cx_total, upstream_cx_http1_total, upstream_cx_http2_total;
  stats::Counter upstream_cx_connect_fail, upstream_cx_connect_timeout, upstream_cx_connect_attempts_exceeded;
  stats::Counter upstream_cx_idle_timeout, upstream_cx_max_duration_reached, upstream_cx_max_requests;
  stats::Counter upstream_cx_overflow, upstream_cx_pool_overflow, upstream_cx_none_healthy;
  stats::Counter upstream_cx_destroy, upstream_cx_destroy_local, upstream_cx_destroy_remote;
  stats::Counter upstream_cx_destroy_with_active_rq, upstream_cx_destroy_local_with_active_rq;
  stats::Counter upstream_cx_destroy_remote_with_active_rq;
  stats::Counter upstream_cx_close_notify, upstream_cx_protocol_error, bind_errors;
  stats::Counter upstream_cx_rx_bytes_total, upstream_cx_tx_bytes_total;
  stats::Gauge upstream_cx_active, upstream_cx_rx_bytes_buffered, upstream_cx_tx_bytes_buffered;
  stats::Histogram upstream_cx_connect_ms, upstream_cx_length_ms;

  // Requests. The pools count total, active, pending*, cancelled, active_overflow, *_reset, flow control; the router
  // counts the rest.
  stats::Counter upstream_rq_total, upstream_rq_pending_total, upstream_rq_pending_overflow;
  stats::Counter upstream_rq_pending_failure_eject, upstream_rq_active_overflow, upstream_rq_cancelled;
  stats::Counter upstream_rq_rx_reset, upstream_rq_tx_reset;
  stats::Counter upstream_rq_maintenance_mode, upstream_rq_timeout, upstream_rq_max_duration_reached;
  stats::Counter upstream_rq_per_try_timeout, upstream_rq_per_try_idle_timeout;
  stats::Counter upstream_rq_retry, upstream_rq_retry_backoff_exponential, upstream_rq_retry_backoff_ratelimited;
  stats::Counter upstream_rq_retry_limit_exceeded, upstream_rq_retry_success, upstream_rq_retry_overflow;
  stats::Counter retry_or_shadow_abandoned;
  stats::Counter upstream_internal_redirect_succeeded_total, upstream_internal_redirect_failed_total;
  stats::Counter upstream_flow_control_paused_reading_total, upstream_flow_control_resumed_reading_total;
  stats::Counter upstream_flow_control_backed_up_total, upstream_flow_control_drained_total;
  stats::Gauge upstream_rq_active, upstream_rq_pending_active;
  stats::Histogram upstream_rq_time, upstream_rq_per_cx;
  stats::Histogram internal_upstream_rq_time, external_upstream_rq_time, canary_upstream_rq_time;
  // Final responses; retried ones go to `retried`.
  ResponseCodeStats responses, retried, internal_responses, external_responses, canary_responses;

  // Membership and load balancing.
  stats::Counter membership_change, update_attempt, update_success, update_failure, update_empty, update_no_rebuild;
  stats::Counter lb_healthy_panic, lb_recalculate_zone_structures;
  stats::Gauge membership_total, membership_healthy, membership_degraded, membership_excluded, max_host_weight;
  stats::Gauge warming_state, version;
  stats::Gauge ring_size, ring_min_hashes_per_host, ring_max_hashes_per_host;
  stats::Gauge maglev_min_entries_per_host, maglev_max_entries_per_host;

  // health_check.
  stats::Counter health_check_attempt, health_check_success, health_check_failure, health_check_passive_failure;
  stats::Counter health_check_network_failure, health_check_verify_cluster;
  stats::Gauge health_check_healthy;
};

}  // namespace baton::upstream
