// How long an upstream may take: for all tries, for one, and without a byte; and the pause between two tries.
#include "source/proxy/http/router.h"
#include "source/upstream/cluster_info.h"

namespace baton::proxy {

using http::StreamReset;

namespace {

// A coarse timer may be a tick late: short timeouts want better.
event::Precision precisionFor(Milliseconds timeout) {
  return timeout < std::chrono::seconds(2) ? event::Precision::kFine : event::Precision::kCoarse;
}

}  // namespace

void Router::requestReceived() {
  request_complete_ = true;
  request_received_at_ = worker_.loop.now();
  for (auto& shadow : shadows_) {
    if (shadow != nullptr) Shadow::launch(std::move(shadow));
  }
  shadows_.clear();
  if (timeouts_.route.count() == 0 || !upgrade_.empty() || tcp_) return;
  route_timer_.emplace(
      worker_.loop, [this] { routeTimedOut(); }, precisionFor(timeouts_.route));
  route_timer_->arm(timeouts_.route);
}

void Router::armDurationTimer() {
  const auto longest = timeouts_.stream ? timeouts_.stream : cluster_->info().max_stream_duration;
  if (!longest || longest->count() == 0 || !upgrade_.empty() || duration_timer_) return;
  duration_timer_.emplace(
      worker_.loop, [this] { streamTooLong(); }, precisionFor(*longest));
  duration_timer_->arm(*longest);
}

void Router::armTryTimers() {
  if (timeouts_.per_try.count() > 0) {
    if (!try_timer_)
      try_timer_.emplace(
          worker_.loop, [this] { onTryTimer(); }, event::Precision::kFine);
    try_timer_->arm(timeouts_.per_try);
  }
  if (timeouts_.per_try_idle.count() > 0) {
    if (!try_idle_timer_)
      try_idle_timer_.emplace(
          worker_.loop, [this] { onTryIdleTimer(); }, event::Precision::kFine);
    try_idle_timer_->arm(timeouts_.per_try_idle);
  }
}

void Router::onTryTimer() {
  if (state_ == State::kBackOff) {
    // The cluster may be gone meanwhile.
    cluster_ = worker_.clusters.find(stream_.info().upstream_cluster);
    if (cluster_ != nullptr) return startAttempt(false);
    state_ = State::kOver;
    config_.stats.no_cluster.add();
    stream_.sendLocalReply({.reason = LocalReplyReason::kClusterNotFound, .status = action_->cluster_not_found_status});
    return;
  }
  if (state_ != State::kTrying) return;
  cluster_->info().stats.upstream_rq_per_try_timeout.add();
  tryTimedOut(LocalReplyReason::kPerTryTimeout, LocalReplyReason::kTimeoutInResponse);
}

void Router::onTryIdleTimer() {
  const auto quiet = worker_.loop.now() - last_upstream_activity_;
  if (quiet < timeouts_.per_try_idle) {
    try_idle_timer_->arm(timeouts_.per_try_idle - quiet);
    return;
  }
  cluster_->info().stats.upstream_rq_per_try_idle_timeout.add();
  tryTimedOut(LocalReplyReason::kPerTryIdleTimeout, LocalReplyReason::kPerTryIdleTimeoutInResponse);
}

void Router::tryTimedOut(LocalReplyReason before_response, LocalReplyReason in_response) {
  report(upstream::HostOutcome::kTimeout, 504);
  if (state_ == State::kResponding) {
    upstreamDone();
    stream_.abortResponse(in_response);
    return;
  }
  if (retryCounts()) {
    const auto verdict =
        retry_->onReset(StreamReset::kLocalReset, true, *cluster_, action_->priority, *worker_.runtime);
    if (retry(verdict)) return;
  }
  fail(before_response);
}

void Router::routeTimedOut() {
  cluster_->info().stats.upstream_rq_timeout.add();
  report(upstream::HostOutcome::kTimeout, 504);
  if (state_ == State::kResponding) {
    upstreamDone();
    stream_.abortResponse(LocalReplyReason::kTimeoutInResponse);
    return;
  }
  fail(LocalReplyReason::kUpstreamTimeout);
}

void Router::streamTooLong() {
  cluster_->info().stats.upstream_rq_max_duration_reached.add();
  if (state_ == State::kResponding) {
    upstreamDone();
    stream_.abortResponse(LocalReplyReason::kUpstreamMaxDurationInResponse);
    return;
  }
  fail(request_complete_ ? LocalReplyReason::kUpstreamMaxStreamDurationGateway
                         : LocalReplyReason::kUpstreamMaxStreamDuration);
}

}  // namespace baton::proxy
