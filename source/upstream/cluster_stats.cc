#include "source/upstream/cluster_stats.h"

namespace baton::upstream {

ResponseCodeStats::~ResponseCodeStats() {
  for (auto& code : codes_) delete code.load(std::memory_order_relaxed);
}

void ResponseCodeStats::charge(int status) {
  if (!scope_ || status < kFirst || status >= kFirst + kCodes) return;
  stats::Counter* counter = codes_[static_cast<size_t>(status - kFirst)].load(std::memory_order_acquire);
  if (counter == nullptr) counter = codeCounter(status);
  counter->add();
  classes_[static_cast<size_t>(status / 100 - 1)].add();
  completed_.add();
}

stats::Counter* ResponseCodeStats::codeCounter(int status) {
  const std::lock_guard lock(mutex_);
  if (!basics_made_.load(std::memory_order_relaxed)) {
    completed_ = scope_->counter("upstream_rq_completed");
    for (size_t i = 0; i < classes_.size(); ++i) {
      classes_[i] = scope_->counter("upstream_rq_" + std::to_string(i + 1) + "xx");
    }
    basics_made_.store(true, std::memory_order_relaxed);
  }
  auto& slot = codes_[static_cast<size_t>(status - kFirst)];
  stats::Counter* counter = slot.load(std::memory_order_relaxed);
  if (counter == nullptr) {
    counter = new stats::Counter(scope_->counter("upstream_rq_" + std::to_string(status)));
    // The release makes completed_ and classes_ visible to whoever finds this code without the lock.
    slot.store(counter, std::memory_order_release);
  }
  return counter;
}

ClusterStats::ClusterStats() = default;

ClusterStats::ClusterStats(const stats::Scope& scope)
    : responses(scope),
      retried(scope.scope("retry.")),
      internal_responses(scope.scope("internal.")),
      external_responses(scope.scope("external.")),
      canary_responses(scope.scope("canary.")) {
#define COUNTER(name) name = scope.counter(#name)
#define GAUGE(name) name = scope.gauge(#name)
#define OWN_GAUGE(name) name = scope.gauge(#name, stats::GaugeMode::kOwn)
#define HISTOGRAM(name) name = scope.histogram(#name)
  COUNTER(upstream_cx_total);
  COUNTER(upstream_cx_http1_total);
  COUNTER(upstream_cx_http2_total);
  COUNTER(upstream_cx_connect_fail);
  COUNTER(upstream_cx_connect_timeout);
  COUNTER(upstream_cx_connect_attempts_exceeded);
  COUNTER(upstream_cx_idle_timeout);
  COUNTER(upstream_cx_max_duration_reached);
  COUNTER(upstream_cx_max_requests);
  COUNTER(upstream_cx_overflow);
  COUNTER(upstream_cx_pool_overflow);
  COUNTER(upstream_cx_none_healthy);
  COUNTER(upstream_cx_destroy);
  COUNTER(upstream_cx_destroy_local);
  COUNTER(upstream_cx_destroy_remote);
  COUNTER(upstream_cx_destroy_with_active_rq);
  COUNTER(upstream_cx_destroy_local_with_active_rq);
  COUNTER(upstream_cx_destroy_remote_with_active_rq);
  COUNTER(upstream_cx_close_notify);
  COUNTER(upstream_cx_protocol_error);
  COUNTER(bind_errors);
  COUNTER(upstream_cx_rx_bytes_total);
  COUNTER(upstream_cx_tx_bytes_total);
  GAUGE(upstream_cx_active);
  GAUGE(upstream_cx_rx_bytes_buffered);
  GAUGE(upstream_cx_tx_bytes_buffered);
  HISTOGRAM(upstream_cx_connect_ms);
  HISTOGRAM(upstream_cx_length_ms);

  COUNTER(upstream_rq_total);
  COUNTER(upstream_rq_pending_total);
  COUNTER(upstream_rq_pending_overflow);
  COUNTER(upstream_rq_pending_failure_eject);
  COUNTER(upstream_rq_active_overflow);
  COUNTER(upstream_rq_cancelled);
  COUNTER(upstream_rq_rx_reset);
  COUNTER(upstream_rq_tx_reset);
  COUNTER(upstream_rq_maintenance_mode);
  COUNTER(upstream_rq_timeout);
  COUNTER(upstream_rq_max_duration_reached);
  COUNTER(upstream_rq_per_try_timeout);
  COUNTER(upstream_rq_per_try_idle_timeout);
  COUNTER(upstream_rq_retry);
  COUNTER(upstream_rq_retry_backoff_exponential);
  COUNTER(upstream_rq_retry_backoff_ratelimited);
  COUNTER(upstream_rq_retry_limit_exceeded);
  COUNTER(upstream_rq_retry_success);
  COUNTER(upstream_rq_retry_overflow);
  COUNTER(retry_or_shadow_abandoned);
  COUNTER(upstream_internal_redirect_succeeded_total);
  COUNTER(upstream_internal_redirect_failed_total);
  COUNTER(upstream_flow_control_paused_reading_total);
  COUNTER(upstream_flow_control_resumed_reading_total);
  COUNTER(upstream_flow_control_backed_up_total);
  COUNTER(upstream_flow_control_drained_total);
  GAUGE(upstream_rq_active);
  GAUGE(upstream_rq_pending_active);
  HISTOGRAM(upstream_rq_time);
  HISTOGRAM(upstream_rq_per_cx);
  internal_upstream_rq_time = scope.histogram("internal.upstream_rq_time");
  external_upstream_rq_time = scope.histogram("external.upstream_rq_time");
  canary_upstream_rq_time = scope.histogram("canary.upstream_rq_time");

  COUNTER(membership_change);
  COUNTER(update_attempt);
  COUNTER(update_success);
  COUNTER(update_failure);
  COUNTER(update_empty);
  COUNTER(update_no_rebuild);
  COUNTER(lb_healthy_panic);
  COUNTER(lb_recalculate_zone_structures);
  OWN_GAUGE(membership_total);
  OWN_GAUGE(membership_healthy);
  OWN_GAUGE(membership_degraded);
  OWN_GAUGE(membership_excluded);
  OWN_GAUGE(max_host_weight);
  OWN_GAUGE(warming_state);
  OWN_GAUGE(version);
  ring_size = scope.gauge("ring_hash_lb.size", stats::GaugeMode::kOwn);
  ring_min_hashes_per_host = scope.gauge("ring_hash_lb.min_hashes_per_host", stats::GaugeMode::kOwn);
  ring_max_hashes_per_host = scope.gauge("ring_hash_lb.max_hashes_per_host", stats::GaugeMode::kOwn);
  maglev_min_entries_per_host = scope.gauge("maglev_lb.min_entries_per_host", stats::GaugeMode::kOwn);
  maglev_max_entries_per_host = scope.gauge("maglev_lb.max_entries_per_host", stats::GaugeMode::kOwn);

  health_check_attempt = scope.counter("health_check.attempt");
  health_check_success = scope.counter("health_check.success");
  health_check_failure = scope.counter("health_check.failure");
  health_check_passive_failure = scope.counter("health_check.passive_failure");
  health_check_network_failure = scope.counter("health_check.network_failure");
  health_check_verify_cluster = scope.counter("health_check.verify_cluster");
  health_check_healthy = scope.gauge("health_check.healthy", stats::GaugeMode::kOwn);
#undef COUNTER
#undef GAUGE
#undef OWN_GAUGE
#undef HISTOGRAM
}

}  // namespace baton::upstream
