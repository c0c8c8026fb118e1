#include "source/upstream/outlier_detector.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "source/base/log.h"

namespace baton::upstream {

namespace {

using std::chrono::milliseconds;

constexpr std::array<const char*, kEjectionCauses> kCauseNames{
    "consecutive_5xx",           "consecutive_gateway_failure", "consecutive_local_origin_failure", "success_rate",
    "local_origin_success_rate", "failure_percentage",          "failure_percentage_local_origin"};

const char* nameOf(EjectionCause cause) {
  return kCauseNames[static_cast<size_t>(cause)];
}

}  // namespace

OutlierStats::OutlierStats(const stats::Scope& scope)
    : ejections_enforced_total(scope.counter("ejections_enforced_total")),
      ejections_overflow(scope.counter("ejections_overflow")),
      ejections_active(scope.gauge("ejections_active", stats::GaugeMode::kOwn)) {
  for (size_t i = 0; i < kEjectionCauses; ++i) {
    enforced[i] = scope.counter(std::string("ejections_enforced_") + kCauseNames[i]);
    detected[i] = scope.counter(std::string("ejections_detected_") + kCauseNames[i]);
  }
}

OutlierDetector::OutlierDetector(const api::OutlierDetection& config, const OutlierStats& stats, base::Random& random,
                                 std::function<void()> changed)
    : config_(config), stats_(stats), random_(random), changed_(std::move(changed)) {}

void OutlierDetector::add(const HostPtr& host) {
  records_.try_emplace(host.get(), Record{.host = host});
}

void OutlierDetector::remove(const HostPtr& host) {
  const auto at = records_.find(host.get());
  if (at == records_.end()) return;
  if (at->second.ejected) takeBack(at->second);
  records_.erase(at);
}

void OutlierDetector::restore(const HostPtr& host, base::MonotonicTime now) {
  const auto at = records_.find(host.get());
  if (at != records_.end() && !at->second.ejected) eject(at->second, now);
}

uint32_t OutlierDetector::enforcing(EjectionCause cause) const {
  switch (cause) {
    case EjectionCause::kConsecutive5xx:
      return config_.enforcing_consecutive_5xx;
    case EjectionCause::kConsecutiveGatewayFailure:
      return config_.enforcing_consecutive_gateway_failure;
    case EjectionCause::kConsecutiveLocalOriginFailure:
      return config_.enforcing_consecutive_local_origin_failure;
    case EjectionCause::kSuccessRate:
      return config_.enforcing_success_rate;
    case EjectionCause::kLocalOriginSuccessRate:
      return config_.enforcing_local_origin_success_rate;
    case EjectionCause::kFailurePercentage:
      return config_.enforcing_failure_percentage;
    case EjectionCause::kFailurePercentageLocalOrigin:
      return config_.enforcing_failure_percentage_local_origin;
  }
  return 0;
}

void OutlierDetector::onReached(const HostPtr& host, EjectionCause cause, base::MonotonicTime now) {
  const auto at = records_.find(host.get());
  if (at == records_.end()) return;
  consider(at->second, cause, now);
  if (std::exchange(anything_changed_, false)) changed_();
}

void OutlierDetector::consider(Record& record, EjectionCause cause, base::MonotonicTime now) {
  if (record.ejected) return;
  stats_.detected[static_cast<size_t>(cause)].add();
  if (random_.below(100) >= enforcing(cause)) return;
  if (!mayEject()) {
    stats_.ejections_overflow.add();
    return;
  }
  stats_.enforced[static_cast<size_t>(cause)].add();
  stats_.ejections_enforced_total.add();
  BATON_LOG(kUpstream, info, "{} is ejected: {}", record.host->address.text(), nameOf(cause));
  eject(record, now);
}

bool OutlierDetector::mayEject() const {
  // With this one the share of ejected hosts must not pass the limit; so with few hosts none is ejected, unless one
  // always may.
  if (config_.always_eject_one_host && ejected_ == 0) return true;
  const double share = 100.0 * static_cast<double>(ejected_ + 1) / static_cast<double>(records_.size());
  return share <= config_.max_ejection_percent;
}

void OutlierDetector::eject(Record& record, base::MonotonicTime now) {
  ++record.multiplier;
  const milliseconds longest = std::max(config_.max_ejection_time, config_.base_ejection_time);
  record.ejection_time = std::min(longest, config_.base_ejection_time * record.multiplier);
  record.ejection_time +=
      milliseconds(random_.below(static_cast<uint64_t>(config_.max_ejection_time_jitter.count()) + 1));
  record.until = now + record.ejection_time;
  record.ejected = true;
  record.host->failed_outlier_check = true;
  ++ejected_;
  stats_.ejections_active.set(static_cast<int64_t>(ejected_));
  anything_changed_ = true;
}

void OutlierDetector::takeBack(Record& record) {
  record.ejected = false;
  record.host->failed_outlier_check = false;
  // What was counted before the ejection must not eject it again.
  OutlierCounters& counters = record.host->outlier;
  counters.consecutive_5xx = counters.consecutive_gateway_failure = counters.consecutive_local_origin_failure = 0;
  --ejected_;
  stats_.ejections_active.set(static_cast<int64_t>(ejected_));
  anything_changed_ = true;
}

void OutlierDetector::onCheckSucceeded(const HostPtr& host) {
  if (!config_.successful_active_health_check_uneject_host) return;
  const auto at = records_.find(host.get());
  if (at == records_.end() || !at->second.ejected) return;
  takeBack(at->second);
  if (std::exchange(anything_changed_, false)) changed_();
}

void OutlierDetector::sweep(base::MonotonicTime now) {
  for (auto& [host, record] : records_) {
    if (record.ejected) {
      if (record.until <= now) takeBack(record);
    } else if (record.multiplier > 0) {
      --record.multiplier;  // a quiet interval makes up for one ejection
    }
  }
  judgeRates(false, now);
  if (config_.split_external_local_origin_errors) judgeRates(true, now);
  for (auto& [host, record] : records_) {
    OutlierCounters& counters = record.host->outlier;
    counters.requests = counters.successes = counters.local_requests = counters.local_successes = 0;
  }
  if (std::exchange(anything_changed_, false)) changed_();
}

void OutlierDetector::judgeRates(bool local, base::MonotonicTime now) {
  const auto ratesFor = [&](uint32_t volume) {
    std::vector<Rate> rates;
    for (auto& [host, record] : records_) {
      const OutlierCounters& counters = record.host->outlier;
      const uint32_t requests = local ? counters.local_requests : counters.requests;
      const uint32_t successes = local ? counters.local_successes : counters.successes;
      if (record.ejected || requests == 0 || requests < volume) continue;
      rates.push_back({&record, 100.0 * successes / requests});
    }
    return rates;
  };

  const auto by_rate = ratesFor(config_.success_rate_request_volume);
  if (!by_rate.empty() && by_rate.size() >= config_.success_rate_minimum_hosts) {
    double mean = 0;
    for (const Rate& rate : by_rate) mean += rate.success_percent;
    mean /= static_cast<double>(by_rate.size());
    double variance = 0;
    for (const Rate& rate : by_rate) variance += (rate.success_percent - mean) * (rate.success_percent - mean);
    variance /= static_cast<double>(by_rate.size());
    const double threshold = mean - config_.success_rate_stdev_factor / 1000.0 * std::sqrt(variance);
    for (const Rate& rate : by_rate) {
      if (rate.success_percent >= threshold) continue;
      consider(*rate.record, local ? EjectionCause::kLocalOriginSuccessRate : EjectionCause::kSuccessRate, now);
    }
  }
  const auto by_share = ratesFor(config_.failure_percentage_request_volume);
  if (!by_share.empty() && by_share.size() >= config_.failure_percentage_minimum_hosts) {
    for (const Rate& rate : by_share) {
      if (100 - rate.success_percent < config_.failure_percentage_threshold) continue;
      consider(*rate.record, local ? EjectionCause::kFailurePercentageLocalOrigin : EjectionCause::kFailurePercentage,
               now);
    }
  }
}

}  // namespace baton::upstream
