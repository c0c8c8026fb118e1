#include "source/upstream/outlier_reporting.h"

namespace baton::upstream {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// True for the one caller that completes a row of failures.
bool completesRow(std::atomic<uint32_t>& row, uint32_t threshold) {
  if (row.fetch_add(1, kRelaxed) + 1 < threshold) return false;
  return row.exchange(0, kRelaxed) >= threshold;
}

bool ofOurOwn(HostOutcome outcome) {
  return outcome == HostOutcome::kConnectFailed || outcome == HostOutcome::kTimeout || outcome == HostOutcome::kReset;
}

}  // namespace

void OutlierReporting::report(Host& host, HostOutcome outcome) const {
  OutlierCounters& counters = host.outlier;
  if (split_local_origin) {
    counters.local_requests.fetch_add(1, kRelaxed);
    if (ofOurOwn(outcome)) {
      if (completesRow(counters.consecutive_local_origin_failure, consecutive_local_origin_failure)) {
        reached(host.shared_from_this(), EjectionCause::kConsecutiveLocalOriginFailure);
      }
      return;
    }
    counters.local_successes.fetch_add(1, kRelaxed);
    counters.consecutive_local_origin_failure.store(0, kRelaxed);
  }
  counters.requests.fetch_add(1, kRelaxed);
  if (outcome == HostOutcome::kSuccess) {
    counters.successes.fetch_add(1, kRelaxed);
    counters.consecutive_5xx.store(0, kRelaxed);
    counters.consecutive_gateway_failure.store(0, kRelaxed);
    return;
  }
  // Errors of our own count like a 503 or 504 of the host's when they are not counted apart.
  if (outcome == HostOutcome::kServerError5xx) {
    counters.consecutive_gateway_failure.store(0, kRelaxed);
  } else if (completesRow(counters.consecutive_gateway_failure, consecutive_gateway_failure)) {
    reached(host.shared_from_this(), EjectionCause::kConsecutiveGatewayFailure);
  }
  if (completesRow(counters.consecutive_5xx, consecutive_5xx)) {
    reached(host.shared_from_this(), EjectionCause::kConsecutive5xx);
  }
}

}  // namespace baton::upstream
