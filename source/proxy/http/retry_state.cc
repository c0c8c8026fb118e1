#include "source/proxy/http/retry_state.h"

#include <algorithm>
#include <utility>

#include "source/base/strings.h"
#include "source/upstream/cluster_info.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;
using http::StreamReset;

namespace {

// An override is no configuration that somebody checks.
constexpr uint64_t kLongestRuntimeBackOffMs = 3'600'000;

}  // namespace

RetryState::RetryState(const RetryPolicy* policy, HeaderMap& headers) : policy_(policy) {
  if (policy != nullptr) {
    on_ = policy->on;
    retries_left_ = policy->num_retries;
    bool any = policy->request_headers.empty();
    for (const http::HeaderMatcher& matcher : policy->request_headers) any = any || matcher.matches(headers);
    if (!any) on_ = 0;
  }
  on_ |=
      parseRetryOn(headers.get(HeaderName::kXEnvoyRetryOn)) | parseRetryOn(headers.get(HeaderName::kXEnvoyRetryGrpcOn));
  if (const auto most = base::parseNumber<uint32_t>(headers.get(HeaderName::kXEnvoyMaxRetries))) retries_left_ = *most;
  base::forEachListElement(headers.get(HeaderName::kXEnvoyRetriableStatusCodes), [&](std::string_view text) {
    if (const auto code = base::parseNumber<uint32_t>(text)) more_status_codes_.push_back(*code);
    return true;
  });
  base::forEachListElement(headers.get(HeaderName::kXEnvoyRetriableHeaderNames), [&](std::string_view name) {
    more_header_names_.push_back(base::lower(name));
    return true;
  });
  for (const HeaderName name :
       {HeaderName::kXEnvoyRetryOn, HeaderName::kXEnvoyRetryGrpcOn, HeaderName::kXEnvoyMaxRetries,
        HeaderName::kXEnvoyRetriableStatusCodes, HeaderName::kXEnvoyRetriableHeaderNames}) {
    headers.remove(name);
  }
}

bool RetryState::wantsResponse(const HeaderMap& headers) const {
  // Another proxy has no room: asking again makes it worse.
  if (headers.has(HeaderName::kXEnvoyOverloaded)) return false;
  if (headers.has(HeaderName::kXEnvoyRateLimited)) return has(RetryOn::kEnvoyRateLimited);
  const int status = headers.status();
  if (has(RetryOn::k5xx) && status >= 500 && status < 600) return true;
  if (has(RetryOn::kGatewayError) && status >= 502 && status <= 504) return true;
  if (has(RetryOn::kRetriable4xx) && status == 409) return true;
  if (has(RetryOn::kRetriableStatusCodes)) {
    const auto is_status = [status](uint32_t code) { return static_cast<int>(code) == status; };
    if (policy_ != nullptr && std::ranges::any_of(policy_->status_codes, is_status)) return true;
    if (std::ranges::any_of(more_status_codes_, is_status)) return true;
  }
  if (has(RetryOn::kRetriableHeaders)) {
    const auto matches = [&](const http::HeaderMatcher& matcher) { return matcher.matches(headers); };
    if (policy_ != nullptr && std::ranges::any_of(policy_->response_headers, matches)) return true;
    if (std::ranges::any_of(more_header_names_, [&](const std::string& name) { return headers.has(name); }))
      return true;
  }
  const auto grpc_status = base::parseNumber<uint32_t>(headers.get(HeaderName::kGrpcStatus));
  if (!grpc_status) return false;
  switch (*grpc_status) {
    case 1:
      return has(RetryOn::kGrpcCancelled);
    case 4:
      return has(RetryOn::kGrpcDeadlineExceeded);
    case 8:
      return has(RetryOn::kGrpcResourceExhausted);
    case 13:
      return has(RetryOn::kGrpcInternal);
    case 14:
      return has(RetryOn::kGrpcUnavailable);
    default:
      return false;
  }
}

RetryState::Verdict RetryState::onResponse(const HeaderMap& headers, upstream::WorkerCluster& cluster,
                                           upstream::Priority priority, const base::Runtime& runtime,
                                           const base::Clock& clock) {
  const Verdict verdict = decide(wantsResponse(headers), cluster, priority, runtime);
  if (verdict != Verdict::kRetry || policy_ == nullptr) return verdict;
  for (const ResetHeader& header : policy_->reset_headers) {
    const auto wait = header.wait(headers, clock.wall());
    if (!wait || *wait > policy_->longest_reset || wait->count() == 0) continue;
    asked_wait_ = wait;
    break;
  }
  return verdict;
}

RetryState::Verdict RetryState::onPoolFailure(upstream::PoolFailure failure, upstream::WorkerCluster& cluster,
                                              upstream::Priority priority, const base::Runtime& runtime) {
  const bool connect_failed = failure == upstream::PoolFailure::kConnectFailed ||
                              failure == upstream::PoolFailure::kConnectTimeout ||
                              failure == upstream::PoolFailure::kTlsFailed;
  const bool wanted =
      connect_failed && (has(RetryOn::kConnectFailure) || has(RetryOn::k5xx) || has(RetryOn::kGatewayError) ||
                         has(RetryOn::kReset) || has(RetryOn::kResetBeforeRequest));
  return decide(wanted, cluster, priority, runtime);
}

RetryState::Verdict RetryState::onReset(StreamReset reset, bool request_sent, upstream::WorkerCluster& cluster,
                                        upstream::Priority priority, const base::Runtime& runtime) {
  bool wanted = false;
  if (reset != StreamReset::kOverflow) {
    // A reset counts as a 5xx, because it becomes one.
    wanted = has(RetryOn::k5xx) || has(RetryOn::kGatewayError) || has(RetryOn::kReset) ||
             (has(RetryOn::kRefusedStream) && reset == StreamReset::kRemoteRefused) ||
             (has(RetryOn::kResetBeforeRequest) && !request_sent);
  }
  return decide(wanted, cluster, priority, runtime);
}

RetryState::Verdict RetryState::decide(bool wanted, upstream::WorkerCluster& cluster, upstream::Priority priority,
                                       const base::Runtime& runtime) {
  const upstream::ClusterStats& stats = cluster.info().stats;
  const bool was_retry = holds_retry_;
  release(cluster, priority);
  if (!wanted) {
    if (was_retry) stats.upstream_rq_retry_success.add();
    return Verdict::kNo;
  }
  if (retries_left_ == 0) {
    stats.upstream_rq_retry_limit_exceeded.add();
    return Verdict::kLimit;
  }
  --retries_left_;
  if (runtime.integer("upstream.use_retry", 100) == 0) return Verdict::kNo;
  if (!cluster.tryStartRetry(priority)) {
    stats.upstream_rq_retry_overflow.add();
    return Verdict::kNoCapacity;
  }
  holds_retry_ = true;
  ++retries_;
  stats.upstream_rq_retry.add();
  return Verdict::kRetry;
}

std::chrono::milliseconds RetryState::nextDelay(upstream::WorkerCluster& cluster, base::Random& random,
                                                const base::Runtime& runtime) {
  const upstream::ClusterStats& stats = cluster.info().stats;
  if (const auto asked = std::exchange(asked_wait_, std::nullopt)) {
    stats.upstream_rq_retry_backoff_ratelimited.add();
    return *asked + std::chrono::milliseconds(random.below(static_cast<uint64_t>(asked->count()) / 2 + 1));
  }
  stats.upstream_rq_retry_backoff_exponential.add();
  std::chrono::milliseconds base(
      std::clamp<uint64_t>(runtime.integer("upstream.base_retry_backoff_ms", 25), 1, kLongestRuntimeBackOffMs));
  if (policy_ != nullptr && policy_->back_off_base) base = *policy_->back_off_base;
  const auto most = policy_ != nullptr && policy_->back_off_max ? *policy_->back_off_max : base * 10;
  const uint64_t steps = (uint64_t{1} << std::min<uint32_t>(retries_, 32)) - 1;
  const uint64_t bound =
      std::min<uint64_t>(steps * static_cast<uint64_t>(base.count()), static_cast<uint64_t>(most.count()));
  return std::chrono::milliseconds(random.below(bound));
}

void RetryState::release(upstream::WorkerCluster& cluster, upstream::Priority priority) {
  if (!holds_retry_) return;
  holds_retry_ = false;
  cluster.retryEnded(priority);
}

}  // namespace baton::proxy
