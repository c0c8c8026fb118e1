// The router's way back: what the upstream answers, or how it fails.
#include <algorithm>

#include "source/base/strings.h"
#include "source/http/grpc.h"
#include "source/http/message_rules.h"
#include "source/http/status.h"
#include "source/proxy/http/internal_redirect.h"
#include "source/proxy/http/router.h"
#include "source/upstream/cluster_info.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;
using http::StreamReset;

namespace {

// What the bodies of local replies for failed upstreams begin with.
constexpr std::string_view kResetBody = "upstream connect error or disconnect/reset before headers. ";

LocalReplyReason beforeResponse(StreamReset reset) {
  switch (reset) {
    case StreamReset::kRemoteReset:
    case StreamReset::kConnectError:
      return LocalReplyReason::kUpstreamRemoteReset;
    case StreamReset::kRemoteRefused:
      return LocalReplyReason::kUpstreamRefused;
    case StreamReset::kConnectionTerminated:
      return LocalReplyReason::kUpstreamConnectionTermination;
    case StreamReset::kProtocolError:
    case StreamReset::kOverflow:  // of our limits for a response
      return LocalReplyReason::kUpstreamProtocolError;
    case StreamReset::kLocalReset:
    case StreamReset::kLocalRefused:
      break;
  }
  return LocalReplyReason::kUpstreamLocalReset;
}

LocalReplyReason inResponse(StreamReset reset) {
  switch (reset) {
    case StreamReset::kConnectionTerminated:
      return LocalReplyReason::kUpstreamClosedInResponse;
    case StreamReset::kProtocolError:
    case StreamReset::kOverflow:
      return LocalReplyReason::kUpstreamProtocolErrorInResponse;
    default:
      return LocalReplyReason::kUpstreamResetInResponse;
  }
}

LocalReplyReason reasonFor(upstream::PoolFailure failure) {
  switch (failure) {
    case upstream::PoolFailure::kNoHealthyHost:
      return LocalReplyReason::kNoHealthyUpstream;
    case upstream::PoolFailure::kOverflow:
      return LocalReplyReason::kOverflow;
    case upstream::PoolFailure::kConnectFailed:
      return LocalReplyReason::kConnectFailure;
    case upstream::PoolFailure::kConnectTimeout:
      return LocalReplyReason::kConnectTimeout;
    case upstream::PoolFailure::kTlsFailed:
      break;
  }
  return LocalReplyReason::kTransportFailure;
}

upstream::HostOutcome outcomeOf(int status) {
  if (status >= 502 && status <= 504) return upstream::HostOutcome::kGatewayError;
  if (status >= 500) return upstream::HostOutcome::kServerError5xx;
  return upstream::HostOutcome::kSuccess;
}

}  // namespace

void Router::report(upstream::HostOutcome outcome, int status) {
  if (attempt_ != nullptr && attempt_->host() != nullptr) cluster_->report(*attempt_->host(), outcome, status);
}

void Router::reportAnswer(int status, const HeaderMap& headers_or_trailers) {
  if (grpc_ && status < 500) {
    if (const auto grpc_status = http::grpcStatusOf(headers_or_trailers)) status = http::grpcToHttpStatus(*grpc_status);
  }
  report(outcomeOf(status), status);
}

void Router::onPoolFailure(upstream::PoolFailure failure, std::string_view transport_failure_reason) {
  if (!transport_failure_reason.empty()) stream_.info().upstream.transport_failure_reason = transport_failure_reason;
  // That there was no room is our limit, not the host's fault.
  if (failure != upstream::PoolFailure::kOverflow) report(upstream::HostOutcome::kConnectFailed, 503);
  if (retryCounts()) {
    if (retry(retry_->onPoolFailure(failure, *cluster_, action_->priority, *worker_.runtime))) return;
  }
  fail(reasonFor(failure), transport_failure_reason, transport_failure_reason);
}

void Router::onUpstreamReset(StreamReset reset, std::string_view details) {
  if (state_ == State::kResponding) {
    report(upstream::HostOutcome::kReset, 503);
    config_.stats.rq_reset_after_downstream_response_started.add();
    upstreamDone();
    stream_.abortResponse(inResponse(reset));
    return;
  }
  if (sendAgainOnFreshConnection(reset)) return;
  report(upstream::HostOutcome::kReset, 503);
  if (retryCounts()) {
    const bool request_sent = attempt_ != nullptr && attempt_->ready();
    if (retry(retry_->onReset(reset, request_sent, *cluster_, action_->priority, *worker_.runtime))) return;
  }
  fail(beforeResponse(reset), reset == StreamReset::kProtocolError || reset == StreamReset::kOverflow ? details : "");
}

// A server may close an idle connection in the very moment in which a request is sent on it. Nothing of such a request
// was worked on, and where working on it twice does no harm either, it is sent again without anybody noticing. A
// refused stream was not worked on by definition (RFC 9113 8.7).
bool Router::sendAgainOnFreshConnection(StreamReset reset) {
  if (sent_again_ || tcp_ || !replayable() || saw_informational_) return false;
  const bool refused = reset == StreamReset::kRemoteRefused;
  const bool closed_when_idle = reset == StreamReset::kConnectionTerminated && attempt_->reusedConnection() &&
                                http::isIdempotentMethod(stream_.requestHeaders().method()) && upgrade_.empty();
  if (!refused && !closed_when_idle) return false;
  sent_again_ = true;
  dropAttempt();
  startAttempt(true);
  return true;
}

void Router::onUpstreamInformational(HeaderMap&& headers) {
  touch();
  saw_informational_ = true;
  // We have answered the expectation ourselves unless the configuration passes it on.
  if (headers.status() == 100 && !config_.api.proxy_100_continue) return;
  stream_.sendInformational(std::move(headers));
}

void Router::onUpstreamHeaders(HeaderMap&& headers, bool end_of_stream) {
  touch();
  const int status = headers.status();
  if (retry_) {
    const auto verdict = retryCounts() ? retry_->onResponse(headers, *cluster_, action_->priority, *worker_.runtime,
                                                            worker_.loop.clock())
                                       : RetryState::Verdict::kNo;
    if (verdict == RetryState::Verdict::kRetry) {
      cluster_->info().stats.retried.charge(status);
      reportAnswer(status, headers);
      retry(verdict);
      return;
    }
    retry(verdict);
  }
  if (action_->internal_redirect && followRedirect(headers)) return;
  // A gRPC call says at its end how it went.
  grpc_outcome_due_ = grpc_ && !end_of_stream;
  if (!grpc_outcome_due_) reportAnswer(status, headers);
  const upstream::ClusterInfo& cluster = cluster_->info();
  if (headers.has(HeaderName::kXEnvoyImmediateHealthCheckFail) && cluster.fail_at_once && attempt_->host() != nullptr) {
    cluster.fail_at_once(attempt_->host());
  }
  const bool canary = headers.get(HeaderName::kXEnvoyUpstreamCanary) == "true" ||
                      (attempt_->host() != nullptr && attempt_->host()->canary);
  chargeResponse(status, canary);
  canary_ = canary;
  if (try_timer_) try_timer_->cancel();
  decorateResponse(headers);
  // Headers that are added may say it.
  stream_.info().response_code = status;
  stream_.info().response_code_details = "via_upstream";
  entry_->editResponse(
      headers, target_,
      {.info = stream_.info(), .request_headers = &stream_.requestHeaders(), .response_headers = &headers});
  if (!upgrade_.empty() || tcp_) {
    tunnel_ = status == 101 || (status >= 200 && status < 300 && (tcp_ || upgrade_ == "connect"));
    if (tunnel_ && route_timer_) route_timer_->cancel();
  }
  state_ = State::kResponding;
  stopKeeping();
  if (end_of_stream) chargeTime();
  stream_.sendResponseHeaders(std::move(headers), end_of_stream);
  if (end_of_stream && state_ != State::kOver) upstreamDone();
}

bool Router::mayFollowRedirect(const HeaderMap& response) {
  const InternalRedirectPolicy& policy = *action_->internal_redirect;
  const HttpStats& stats = config_.stats;
  // All of the request must be here; a tunnel has no second beginning.
  if (!request_complete_ || !replayable() || !upgrade_.empty() || tcp_ || saw_informational_) return false;
  if (!response.has("location")) return false;
  if (stream_.redirects() >= policy.most) {
    stats.passthrough_internal_redirect_too_many_redirects.add();
    return false;
  }
  return true;
}

bool Router::followRedirect(const HeaderMap& response) {
  const InternalRedirectPolicy& policy = *action_->internal_redirect;
  const int status = response.status();
  if (std::ranges::find(policy.statuses, status) == policy.statuses.end()) return false;
  const HttpStats& stats = config_.stats;
  const upstream::ClusterStats& cluster = cluster_->info().stats;
  bool followed = mayFollowRedirect(response);
  FollowedRedirect redirect;
  if (followed) {
    redirect = FollowedRedirect::follow(original_headers_, response, policy);
    if (redirect.refusal) {
      (*redirect.refusal == RedirectRefusal::kBadLocation ? stats.passthrough_internal_redirect_bad_location
                                                          : stats.passthrough_internal_redirect_unsafe_scheme)
          .add();
      followed = false;
    } else if (!stream_.hasRoute(redirect.headers)) {
      stats.passthrough_internal_redirect_no_route.add();
      followed = false;
    }
  }
  // What can't be followed here is the client's.
  (followed ? cluster.upstream_internal_redirect_succeeded_total : cluster.upstream_internal_redirect_failed_total)
      .add();
  if (!followed) return false;
  reportAnswer(status, response);
  chargeResponse(status, false);
  std::string body(redirect.drops_body ? std::string_view() : kept_body_.view());
  std::optional<HeaderMap> trailers = redirect.drops_body ? std::nullopt : std::move(trailers_);
  stopKeeping();
  dropAttempt();
  streamEnded();
  stream_.startAgain(status, std::move(redirect.headers), std::move(body), std::move(trailers));
  return true;
}

void Router::decorateResponse(HeaderMap& headers) {
  headers.remove(HeaderName::kXEnvoyImmediateHealthCheckFail);
  if (!config_.router.suppress_envoy_headers && !tcp_) {
    const base::MonotonicTime since = request_complete_ ? request_received_at_ : stream_.info().start;
    const auto took = std::chrono::duration_cast<Milliseconds>(worker_.loop.now() - since);
    headers.set(HeaderName::kXEnvoyUpstreamServiceTime, static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)));
  }
  if (entry_->virtual_host != nullptr && entry_->virtual_host->include_attempt_count_in_response) {
    headers.set(HeaderName::kXEnvoyAttemptCount, static_cast<uint64_t>(attempts_));
  }
  for (const std::string& cookie : new_cookies_) headers.add(HeaderName::kSetCookie, cookie);
}

void Router::onUpstreamData(std::string_view bytes, bool end_of_stream) {
  touch();
  if (end_of_stream) chargeTime();
  stream_.sendResponseData(bytes, end_of_stream);
  if (end_of_stream && state_ != State::kOver) upstreamDone();
}

void Router::onUpstreamTrailers(HeaderMap&& trailers) {
  touch();
  if (grpc_outcome_due_) reportAnswer(stream_.info().response_code, trailers);
  chargeTime();
  stream_.sendResponseTrailers(std::move(trailers));
  if (state_ != State::kOver) upstreamDone();
}

void Router::upstreamDone() {
  // The other direction of a tunnel may still have something to say.
  if (tunnel_ && !request_complete_ && attempt_ != nullptr && state_ == State::kResponding && !response_over_) {
    response_over_ = true;
    return;
  }
  if (!flushing()) streamEnded();
}

void Router::onUpstreamFlushed() {
  streamEnded();
  stream_.tunnelFlushed();
}

// Before the last piece of a response goes on, for that ends the stream and with it what is known of the request.
void Router::chargeTime() {
  if (!request_complete_) return;
  const auto took = std::chrono::duration_cast<Milliseconds>(worker_.loop.now() - request_received_at_);
  const auto ms = static_cast<uint64_t>(std::max<int64_t>(took.count(), 0));
  const upstream::ClusterStats& stats = cluster_->info().stats;
  stats.upstream_rq_time.record(ms);
  (internal_ ? stats.internal_upstream_rq_time : stats.external_upstream_rq_time).record(ms);
  if (canary_) stats.canary_upstream_rq_time.record(ms);
}

void Router::chargeResponse(int status, bool canary) {
  if (!config_.router.count_responses) return;
  const upstream::ClusterInfo& cluster = cluster_->info();
  cluster.stats.responses.charge(status);
  (internal_ ? cluster.stats.internal_responses : cluster.stats.external_responses).charge(status);
  if (canary) cluster.stats.canary_responses.charge(status);
}

void Router::fail(LocalReplyReason reason, std::string_view details, std::string_view transport_failure) {
  LocalReply reply{.reason = reason};
  const LocalReplyEntry& entry = entryOf(reason);
  chargeResponse(entry.status, false);
  if (!details.empty()) {
    // "upstream_reset_before_response_started{remote_connection_failure|TLS_error:...}"
    reply.details = entry.details;
    reply.details.insert(reply.details.size() - (reply.details.ends_with('}') ? 1 : 0), "|" + std::string(details));
  }
  if (entry.body.starts_with(kResetBody)) {
    reply.body = std::string(kResetBody) + (attempts_ > 1 ? "retried and the latest " : "") +
                 std::string(entry.body.substr(kResetBody.size()));
    if (!transport_failure.empty()) reply.body->append(", transport failure reason: ").append(transport_failure);
  }
  const bool overloaded = reason == LocalReplyReason::kOverflow || reason == LocalReplyReason::kMaintenanceMode;
  if (overloaded && !config_.router.suppress_envoy_headers) reply.headers.emplace_back("x-envoy-overloaded", "true");
  if (entry_->virtual_host != nullptr && entry_->virtual_host->include_attempt_count_in_response && attempts_ > 0) {
    reply.headers.emplace_back("x-envoy-attempt-count", std::to_string(attempts_));
  }
  // Answer 204 in place of a timeout, for clients that asked for it.
  if (entry.status == 504 && stream_.requestHeaders().get(HeaderName::kXEnvoyUpstreamRqTimeoutAltResponse) == "true") {
    reply.status = 204;
    reply.body = "";
  }
  streamEnded();
  stream_.sendLocalReply(std::move(reply));
}

}  // namespace baton::proxy
