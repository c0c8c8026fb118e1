#include "source/proxy/http/router.h"

#include <algorithm>
#include <utility>

#include "source/base/strings.h"
#include "source/http/field_syntax.h"
#include "source/http/grpc.h"
#include "source/http/message_rules.h"
#include "source/proxy/http/http_attempt.h"
#include "source/proxy/http/tcp_attempt.h"
#include "source/upstream/cluster_info.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

Router::Router(RouterStream& stream, const HttpConfig& config)
    : stream_(stream), config_(config), worker_(stream.worker()) {}

Router::~Router() {
  if (state_ != State::kOver) streamEnded();
}

void Router::requestHeaders(bool end_of_stream) {
  config_.stats.rq_total.add();
  head_only_ = end_of_stream;
  internal_ = stream_.internalRequest();
  grpc_ = http::isGrpcRequest(stream_.requestHeaders());
  upgrade_ = stream_.upgrade();
  const RouteChoice& route = stream_.route();
  if (!passesStrictCheck() || !findCluster(route)) return;

  HeaderMap& headers = stream_.requestHeaders();
  if (action_->internal_redirect) original_headers_ = headers.clone();
  http::StreamInfo& info = stream_.info();
  const auto elapsed = std::chrono::duration_cast<Milliseconds>(worker_.loop.now() - info.start);
  timeouts_ = RequestTimeouts::take(headers, *action_, config_.router, elapsed);
  const RetryPolicy* const policy = action_->retry ? &*action_->retry : nullptr;
  if (policy != nullptr || headers.has(HeaderName::kXEnvoyRetryOn) || headers.has(HeaderName::kXEnvoyRetryGrpcOn)) {
    retry_.emplace(policy, headers);
  }
  if (!action_->hash.empty()) {
    hash_key_ = action_->hash.hash(headers, info.remote_address, worker_.random, new_cookies_);
  }
  entry_->editRequest(headers, target_, {.info = info, .request_headers = &headers});
  if (const UpgradeRule* rule = action_->upgradeRule("connect")) {
    tcp_ = rule->terminate_connect && (upgrade_ == "connect" || (rule->allow_post && headers.method() == "POST"));
  }
  if (!action_->mirrors.empty() && upgrade_.empty() && !tcp_) startMirrors(*action_);
  if (end_of_stream) requestReceived();
  if (state_ != State::kOver) startAttempt(false);
}

bool Router::passesStrictCheck() {
  for (const std::string& name : config_.router.strict_check_headers) {
    const std::string_view value = stream_.requestHeaders().get(name);
    if (value.empty()) continue;
    bool valid = true;
    if (name == "x-envoy-retry-on" || name == "x-envoy-retry-grpc-on") {
      std::vector<std::string_view> unknown;
      parseRetryOn(value, &unknown);
      valid = unknown.empty();
    } else {
      valid = base::parseNumber<uint32_t>(value).has_value();
    }
    if (valid) continue;
    state_ = State::kOver;
    LocalReply reply{.reason = LocalReplyReason::kInvalidEnvoyHeaders};
    reply.body = "invalid header '" + name + "' with value '" + std::string(value) + "'";
    stream_.sendLocalReply(std::move(reply));
    return false;
  }
  return true;
}

bool Router::findCluster(const RouteChoice& route) {
  entry_ = route.entry;
  action_ = entry_ != nullptr ? entry_->forward() : nullptr;
  target_ = route.target;
  if (action_ == nullptr) {
    state_ = State::kOver;
    answerWithoutUpstream(route);
    return false;
  }
  cluster_ = route.cluster.empty() ? nullptr : worker_.clusters.find(route.cluster);
  if (cluster_ == nullptr) {
    state_ = State::kOver;
    config_.stats.no_cluster.add();
    stream_.sendLocalReply({.reason = LocalReplyReason::kClusterNotFound, .status = action_->cluster_not_found_status});
    return false;
  }
  const upstream::ClusterInfo& cluster = cluster_->info();
  stream_.info().upstream_cluster = cluster.name;
  stream_.info().cluster_metadata = cluster.metadata;
  if (const auto& scheme = config_.api.scheme_header_transformation; scheme && scheme->match_upstream) {
    const bool plain = cluster.transport == nullptr || cluster.transport->isPlain();
    stream_.requestHeaders().set(HeaderName::kScheme, plain ? "http" : "https");
  }
  const uint64_t maintenance = worker_.runtime->integer(cluster.maintenance_runtime_key, cluster.maintenance ? 100 : 0);
  if (maintenance > 0 && stream_.random() % 100 < maintenance) {
    cluster.stats.upstream_rq_maintenance_mode.add();
    fail(LocalReplyReason::kMaintenanceMode);
    return false;
  }
  return true;
}

void Router::answerWithoutUpstream(const RouteChoice& route) {
  const HeaderMap& headers = stream_.requestHeaders();
  if (route.kind == RouteMatch::Kind::kTlsRedirect) {
    config_.stats.rq_redirect.add();
    std::string location = "https://" + std::string(http::hostOf(headers.authority())) + std::string(headers.path());
    stream_.sendLocalReply({.reason = LocalReplyReason::kTlsRequired, .headers = {{"location", std::move(location)}}});
    return;
  }
  if (entry_ == nullptr) {
    config_.stats.no_route.add();
    stream_.sendLocalReply({.reason = LocalReplyReason::kRouteNotFound});
    return;
  }
  if (const RedirectAction* redirect = entry_->redirect()) {
    config_.stats.rq_redirect.add();
    stream_.sendLocalReply({.reason = LocalReplyReason::kRedirect,
                            .status = redirect->status,
                            .headers = {{"location", entry_->redirectLocation(headers)}},
                            .edited_by_route = true});
    return;
  }
  config_.stats.rq_direct_response.add();
  const DirectResponseAction& direct = *entry_->directResponse();
  LocalReply reply{.reason = LocalReplyReason::kDirectResponse, .status = direct.status, .edited_by_route = true};
  reply.body = direct.body;
  if (direct.format) {
    std::string formatted;
    stream_.info().response_code = direct.status;
    direct.format->format({.info = stream_.info(), .request_headers = &headers, .local_reply_body = direct.body},
                          formatted);
    reply.body = std::move(formatted);
    reply.content_type = direct.format->contentType();
  }
  stream_.sendLocalReply(std::move(reply));
}

void Router::startMirrors(const ForwardAction& action) {
  const HeaderMap& headers = stream_.requestHeaders();
  for (const MirrorPolicy& mirror : action.mirrors) {
    if (!mirror.share.includes(*worker_.runtime, worker_.random.next())) continue;
    const std::string_view cluster = mirror.cluster.empty() ? headers.get(mirror.cluster_header) : mirror.cluster;
    auto shadow = Shadow::make(worker_, cluster, headers, mirror.append_suffix, entry_->buffer_limit, timeouts_.route);
    if (shadow != nullptr) shadows_.push_back(std::move(shadow));
  }
}

void Router::startAttempt(bool fresh_connection) {
  state_ = State::kTrying;
  ++attempts_;
  http::StreamInfo& info = stream_.info();
  HeaderMap& headers = stream_.requestHeaders();
  info.upstream.attempt_count = attempts_;
  if (entry_->virtual_host != nullptr && entry_->virtual_host->include_request_attempt_count) {
    headers.set(HeaderName::kXEnvoyAttemptCount, static_cast<uint64_t>(attempts_));
  }
  last_upstream_activity_ = worker_.loop.now();
  if (tcp_) {
    attempt_ = std::make_unique<TcpAttempt>(*this, *cluster_, *this, action_->priority, info);
  } else {
    const upstream::StreamOptions options{.priority = action_->priority,
                                          .downstream_protocol = info.protocol.value_or(http::Protocol::kHttp11),
                                          .fresh_connection = fresh_connection};
    attempt_ = std::make_unique<HttpAttempt>(
        *this, *cluster_, *this, options, worker_.loop,
        HttpAttempt::Request{headers, info, head_only_, action_->auto_host_rewrite, action_->append_x_forwarded_host});
  }
  armDurationTimer();
  attempt_->start();
}

void Router::dropAttempt() {
  if (attempt_ == nullptr) return;
  attempt_->reset();
  worker_.loop.deleteLater(std::move(attempt_));
  if (upstream_full_) {
    upstream_full_ = false;
    stream_.resumeRequest();
  }
}

bool Router::replayable() const {
  return head_only_ || keep_body_;
}

bool Router::retryCounts() const {
  return retry_ && (replayable() || !retry_->enabled());
}

bool Router::mayReplay() const {
  if (!keep_body_ || state_ != State::kTrying) return false;
  if (retry_ && retry_->enabled()) return true;
  if (action_->internal_redirect && upgrade_.empty() && !tcp_) return true;
  if (sent_again_) return false;
  // HTTP/2 may refuse the stream, and then nothing of the request was worked on.
  if (stream_.info().upstream.protocol == http::Protocol::kHttp2) return true;
  return attempt_->reusedConnection() && http::isIdempotentMethod(stream_.requestHeaders().method());
}

void Router::stopKeeping() {
  keep_body_ = false;
  kept_body_.clear();
  if (!request_paused_) return;
  request_paused_ = false;
  stream_.resumeRequest();
}

void Router::abandonRetryOrShadow() {
  const bool wanted = (retry_ && retry_->enabled()) || !shadows_.empty() || action_->internal_redirect;
  if (!wanted || std::exchange(abandoned_, true)) return;
  cluster_->info().stats.retry_or_shadow_abandoned.add();
}

void Router::requestData(std::string_view bytes, bool end_of_stream) {
  if (state_ == State::kOver) return;
  for (auto& shadow : shadows_) {
    if (shadow != nullptr && !shadow->addData(bytes)) {
      abandonRetryOrShadow();
      shadow.reset();
    }
  }
  if (end_of_stream) requestReceived();
  const bool connected = attempt_ != nullptr && attempt_->ready();
  if (!connected || mayReplay()) {
    kept_body_.append(bytes);
    if (kept_body_.size() > entry_->buffer_limit) {
      if (connected) {
        abandonRetryOrShadow();
        stopKeeping();
      } else if (!request_paused_) {
        request_paused_ = true;
        stream_.pauseRequest();
      }
    }
  } else if (keep_body_) {
    stopKeeping();
  }
  if (!connected) return;
  touch();
  attempt_->sendData(bytes, end_of_stream);
  if (end_of_stream && state_ == State::kTrying) armTryTimers();
}

void Router::requestTrailers(HeaderMap& trailers) {
  if (state_ == State::kOver) return;
  for (auto& shadow : shadows_) {
    if (shadow != nullptr) shadow->addTrailers(trailers);
  }
  trailers_ = trailers.clone();
  requestReceived();
  if (attempt_ == nullptr || !attempt_->ready()) return;
  attempt_->sendTrailers(*trailers_);
  if (state_ == State::kTrying) armTryTimers();
}

void Router::onAttemptReady() {
  touch();
  UpstreamAttempt& attempt = *attempt_;
  for (int i = 0; i < response_pauses_; ++i) attempt.pauseResponse();
  if (!head_only_) {
    // The head has gone out without an end, so the end has to follow by itself even when there is no body.
    const bool ends = request_complete_ && !trailers_;
    if (!kept_body_.empty() || ends) attempt.sendData(kept_body_.view(), ends);
    if (state_ == State::kTrying && request_complete_ && trailers_) attempt.sendTrailers(*trailers_);
    if (state_ != State::kTrying) return;
    const bool too_large = kept_body_.size() > entry_->buffer_limit;
    if (too_large) abandonRetryOrShadow();
    if (too_large || !mayReplay() || !upgrade_.empty() || tcp_) stopKeeping();
  }
  if (request_paused_) {
    request_paused_ = false;
    stream_.resumeRequest();
  }
  if (request_complete_ && state_ == State::kTrying) armTryTimers();
}

void Router::touch() {
  last_upstream_activity_ = worker_.loop.now();
}

bool Router::retry(RetryState::Verdict verdict) {
  http::StreamInfo& info = stream_.info();
  switch (verdict) {
    case RetryState::Verdict::kNo:
      return false;
    case RetryState::Verdict::kLimit:
      info.flags.set(http::ResponseFlag::kUpstreamRetryLimitExceeded);
      return false;
    case RetryState::Verdict::kNoCapacity:
      info.flags.set(http::ResponseFlag::kUpstreamOverflow);
      return false;
    case RetryState::Verdict::kRetry:
      break;
  }
  if (attempt_ != nullptr && attempt_->host() != nullptr) tried_hosts_.push_back(attempt_->host());
  dropAttempt();
  if (try_idle_timer_) try_idle_timer_->cancel();
  state_ = State::kBackOff;
  if (!try_timer_)
    try_timer_.emplace(
        worker_.loop, [this] { onTryTimer(); }, event::Precision::kFine);
  try_timer_->arm(retry_->nextDelay(*cluster_, worker_.random, *worker_.runtime));
  return true;
}

void Router::downstreamAboveHighWatermark() {
  ++response_pauses_;
  if (attempt_ != nullptr) attempt_->pauseResponse();
}

void Router::downstreamBelowLowWatermark() {
  if (response_pauses_ == 0) return;
  --response_pauses_;
  if (attempt_ != nullptr) attempt_->resumeResponse();
}

void Router::onUpstreamAboveHighWatermark() {
  if (upstream_full_) return;
  upstream_full_ = true;
  stream_.pauseRequest();
}

void Router::onUpstreamBelowLowWatermark() {
  if (!upstream_full_) return;
  upstream_full_ = false;
  stream_.resumeRequest();
}

void Router::streamEnded() {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  request_paused_ = upstream_full_ = false;
  if (attempt_ != nullptr && cluster_ != nullptr) {
    attempt_->reset();
    worker_.loop.deleteLater(std::move(attempt_));
  }
  if (retry_ && cluster_ != nullptr) retry_->release(*cluster_, action_->priority);
  for (std::optional<event::Timer>* timer : {&route_timer_, &try_timer_, &try_idle_timer_, &duration_timer_}) {
    if (*timer) (*timer)->cancel();
  }
}

bool Router::refuses(const upstream::Host& host) const {
  // Only a retry is choosy.
  if (!action_->retry || attempts_ < 2) return false;
  if (action_->retry->avoid_canaries && host.canary) return true;
  if (!action_->retry->avoid_previous_hosts) return false;
  return std::ranges::any_of(tried_hosts_, [&](const upstream::HostPtr& tried) { return tried.get() == &host; });
}

uint32_t Router::hostSelectionAttempts() const {
  return action_->retry ? action_->retry->host_selection_attempts : 1;
}

const network::ConnectionInfo* Router::downstream() const {
  return stream_.info().connection.get();
}

std::string_view Router::serverNameOverride() const {
  const upstream::ClusterInfo& cluster = cluster_->info();
  if (!cluster.auto_sni && !cluster.auto_san_validation) return {};
  const http::HeaderMap& headers = stream_.requestHeaders();
  std::string_view name;
  if (!cluster.auto_sni_header.empty()) name = headers.get(cluster.auto_sni_header);
  name = http::hostOf(name.empty() ? headers.authority() : name);
  // Certificates have addresses without brackets.
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  return name;
}

}  // namespace baton::proxy
