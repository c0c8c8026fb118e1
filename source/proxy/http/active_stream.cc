// The life of a stream, and the request's way in. The response's way out is in active_stream_response.cc.
#include "source/proxy/http/active_stream.h"

#include <algorithm>
#include <utility>

#include "source/base/strings.h"
#include "source/http/grpc.h"
#include "source/http/message_rules.h"
#include "source/http/path.h"
#include "source/proxy/http/request_headers.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

namespace {

// For a client whose WebSocket the server has ended. Others (Envoy) end it at once, and lose what is on its way.
constexpr Milliseconds kWebSocketCloseTimeout{5000};

http::PathSettings pathSettings(const api::HttpConnectionManager& config) {
  using Action = api::HttpConnectionManager::PathWithEscapedSlashesAction;
  http::PathSettings settings{.normalize = config.normalize_path, .merge_slashes = config.merge_slashes};
  switch (config.path_with_escaped_slashes_action) {
    case Action::kImplementationSpecificDefault:
    case Action::kKeepUnchanged:
      settings.escaped_slashes = http::EscapedSlashes::kKeep;
      break;
    case Action::kRejectRequest:
      settings.escaped_slashes = http::EscapedSlashes::kReject;
      break;
    case Action::kUnescapeAndRedirect:
      settings.escaped_slashes = http::EscapedSlashes::kRedirect;
      break;
    case Action::kUnescapeAndForward:
      settings.escaped_slashes = http::EscapedSlashes::kForward;
      break;
  }
  return settings;
}

}  // namespace

ActiveStream::ActiveStream(StreamOwner& owner, http::StreamSender& sender)
    : owner_(owner),
      sender_(sender),
      config_(owner.config()),
      worker_(owner.worker()),
      random_(worker_.random.next()),
      first_router_(*this, config_),
      collect_limit_(config_.buffer_limit),
      timer_(worker_.loop, [this] { onTimer(); }),
      last_activity_(worker_.loop.now()) {
  // The connection outlives its streams.
  info_.connection =
      std::shared_ptr<const network::ConnectionInfo>(std::shared_ptr<const void>(), &owner.connectionInfo());
  info_.remote_address = owner.connectionInfo().remote_address;
  info_.stream_id = random_;
  info_.start = last_activity_;
  info_.start_wall = worker_.loop.clock().wall();
  info_.protocol = sender.protocol();
  config_.stats.downstream_rq_total.add();
  config_.stats.downstream_rq_active.add();
  const bool http2 = sender.protocol() == http::Protocol::kHttp2;
  (http2 ? config_.stats.downstream_rq_http2_total : config_.stats.downstream_rq_http1_total).add();
  if (config_.api.request_headers_timeout.count() > 0) {
    headers_deadline_ = last_activity_ + config_.api.request_headers_timeout;
  }
  if (config_.api.request_timeout.count() > 0) request_deadline_ = last_activity_ + config_.api.request_timeout;
  const auto& longest = config_.api.common_http_protocol_options.max_stream_duration;
  if (longest && longest->count() > 0) duration_deadline_ = last_activity_ + *longest;
  armTimer();
}

ActiveStream::~ActiveStream() {
  if (!over_) router_->streamEnded();
}

// --- The request ---

void ActiveStream::refuse(const http::RequestError& error) {
  if (done()) return;
  request_complete_ = true;  // no more of it will come
  headers_received_ = true;
  info_.protocol = sender_.protocol();
  LocalReply reply{
      .reason = LocalReplyReason::kRequestError, .status = error.status, .details = std::string(error.details)};
  if (response_started_) return abortResponse(LocalReplyReason::kDownstreamProtocolViolation, error.details);
  if (error.status == 413 || error.status == 414 || error.status == 431) config_.stats.downstream_rq_too_large.add();
  sendLocalReply(std::move(reply));
}

void ActiveStream::onHeaders(HeaderMap&& headers, bool end_of_stream) {
  if (done()) return;
  touch();
  headers_received_ = true;
  headers_deadline_.reset();
  request_headers_ = std::move(headers);
  info_.protocol = sender_.protocol();
  headers_end_ = end_of_stream;
  if (end_of_stream) requestReceived();
  if (!acceptRequest()) return;
  createFilters();
  passHeaders(0);
}

void ActiveStream::requestReceived() {
  request_complete_ = true;
  request_deadline_.reset();
  info_.request_received = worker_.loop.now();
}

bool ActiveStream::acceptRequest() {
  if (worker_.server.stop_accepting_requests.load(std::memory_order_relaxed)) {
    config_.stats.downstream_rq_overload_close.add();
    sendLocalReply({.reason = LocalReplyReason::kOverload});
    return false;
  }
  if (request_headers_.has(HeaderName::kExpect) && !config_.api.proxy_100_continue &&
      base::equalsIgnoreCase(request_headers_.get(HeaderName::kExpect), "100-continue")) {
    request_headers_.remove(HeaderName::kExpect);
    if (!request_complete_) {
      HeaderMap go_on;
      go_on.setStatus(100);
      sender_.sendInformational(go_on);
      if (over_) return false;
    }
  }
  if (request_headers_.authority().empty()) {
    sendLocalReply({.reason = LocalReplyReason::kMissingHost});
    return false;
  }
  if (const auto most = config_.api.max_request_bytes) {
    const auto length = base::parseNumber<uint64_t>(request_headers_.get(HeaderName::kContentLength));
    if (length && *length > *most) {
      sendLocalReply({.reason = LocalReplyReason::kPayloadTooLarge});
      return false;
    }
  }
  if (request_headers_.method() == "TRACE" && !config_.api.allow_trace) {
    sendLocalReply({.reason = LocalReplyReason::kTraceNotAllowed});
    return false;
  }
  if (!checkUnderscores() || !checkPath()) return false;

  const bool connect = http::isConnect(request_headers_);
  if (connect) {
    upgrade_ = "connect";
  } else if (http::isUpgrade(request_headers_)) {
    upgrade_ = base::lower(request_headers_.get(HeaderName::kUpgrade));
    // Clear-text HTTP/2 is spoken with prior knowledge only (RFC 9113 3.1): the offer is passed over.
    if (upgrade_ == "h2c") upgrade_.clear();
  }
  http::stripRequestHopByHop(request_headers_, !upgrade_.empty() && !connect);
  const network::ConnectionInfo& connection = owner_.connectionInfo();
  normalizeHost(request_headers_, config_, connection.local_address.port(), connection.tls != nullptr);
  internal_ = prepareRequestHeaders(request_headers_, config_, info_, worker_.random);
  if (!checkUpgrade()) return false;

  // A route may set other limits than the connection manager.
  if (const ForwardAction* action = route().entry != nullptr ? route().entry->forward() : nullptr) {
    if (const auto longest = routeStreamDuration(request_headers_, *action)) {
      duration_deadline_.reset();
      if (longest->count() > 0) duration_deadline_ = info_.start + *longest;
    }
  }
  armTimer();
  return true;
}

// The HTTP/1.1 codec does this itself.
bool ActiveStream::checkUnderscores() {
  using Action = api::HttpProtocolOptions::HeadersWithUnderscoresAction;
  const Action action = config_.api.common_http_protocol_options.headers_with_underscores_action;
  if (info_.protocol != http::Protocol::kHttp2 || action == Action::kAllow) return true;
  bool found = false;
  request_headers_.forEach([&](HeaderName id, std::string_view name, std::string_view) {
    // No known name has one.
    found = found || (id == HeaderName::kOther && name.find('_') != std::string_view::npos);
  });
  if (!found) return true;
  if (action == Action::kDropHeader) {
    config_.http2_stats.dropped_headers_with_underscores.add();
    request_headers_.removeIf(
        [](std::string_view name, std::string_view) { return name.find('_') != std::string_view::npos; });
    return true;
  }
  config_.http2_stats.requests_rejected_with_underscores_in_headers.add();
  sendLocalReply({.reason = LocalReplyReason::kUnderscoreInHeader});
  return false;
}

bool ActiveStream::checkPath() {
  const std::string_view path = request_headers_.path();
  if (http::isConnect(request_headers_) && path.empty()) return true;
  if (path.empty()) {
    sendLocalReply({.reason = LocalReplyReason::kMissingPath});
    return false;
  }
  if (path.front() != '/' && path != "*") {
    config_.stats.downstream_rq_non_relative_path.add();
    sendLocalReply({.reason = LocalReplyReason::kRelativePath});
    return false;
  }
  std::string normalized;
  const http::PathResult result = http::normalizePath(path, pathSettings(config_.api), normalized);
  switch (result.outcome) {
    case http::PathResult::Outcome::kUnchanged:
      return true;
    case http::PathResult::Outcome::kChanged:
      request_headers_.set(HeaderName::kPath, normalized);
      return true;
    case http::PathResult::Outcome::kRedirect:
      config_.stats.downstream_rq_redirected_with_normalized_path.add();
      sendLocalReply({.reason = LocalReplyReason::kPathNormalizationRedirect, .headers = {{"location", normalized}}});
      return false;
    case http::PathResult::Outcome::kReject:
      break;
  }
  config_.stats.downstream_rq_failed_path_normalization.add();
  sendLocalReply({.reason = LocalReplyReason::kPathNormalizationFailed, .details = std::string(result.details)});
  return false;
}

bool ActiveStream::checkUpgrade() {
  if (upgrade_.empty()) return true;
  std::optional<bool> allowed = config_.upgradeDefault(upgrade_);
  if (const ForwardAction* action = route().entry != nullptr ? route().entry->forward() : nullptr) {
    if (const UpgradeRule* rule = action->upgradeRule(upgrade_)) allowed = rule->enabled;
  }
  if (allowed.value_or(false)) return true;
  config_.stats.downstream_rq_ws_on_non_ws_route.add();
  sendLocalReply({.reason = LocalReplyReason::kUpgradeRefused});
  return false;
}

void ActiveStream::createFilters() {
  if (config_.filters.empty()) return;
  const RouteChoice& choice = route();
  const RouteFilters* settings = choice.target != nullptr  ? &choice.target->filters
                                 : choice.entry != nullptr ? &choice.entry->filters
                                                           : nullptr;
  for (size_t place = 0; place < config_.filters.size(); ++place) {
    bool off = config_.filters[place].disabled;
    if (settings != nullptr && place < settings->size()) {
      const auto said = (*settings)[place].enabled;
      if (said != RouteFilterSettings::Switch::kUnset) off = said == RouteFilterSettings::Switch::kOff;
    }
    if (off) continue;
    if (auto filter = config_.filters[place].factory->create(*this, place)) {
      filters_.push_back({std::move(filter), place});
    }
  }
}

const RouteChoice& ActiveStream::route() {
  if (route_chosen_) return route_;
  route_chosen_ = true;
  route_ = RouteChoice();
  if (config_.routes == nullptr) return route_;
  const RouteMatch match = config_.routes->find({.headers = request_headers_,
                                                 .info = info_,
                                                 .runtime = *worker_.runtime,
                                                 .random = random_,
                                                 .internal = internal_});
  route_.kind = match.kind;
  route_.entry = match.entry;
  if (match.entry == nullptr) return route_;
  info_.route_name = match.entry->name;
  info_.route_metadata = match.entry->metadata;
  if (match.entry->virtual_host != nullptr) info_.virtual_host_metadata = match.entry->virtual_host->metadata;
  route_.target = match.entry->pickTarget(random_);
  if (route_.target != nullptr) {
    route_.cluster = route_.target->cluster;
  } else if (const ForwardAction* action = match.entry->forward()) {
    route_.cluster = request_headers_.get(action->cluster_header);
  }
  return route_;
}

bool ActiveStream::hasRoute(const HeaderMap& headers) {
  const RouteQuery query{
      .headers = headers, .info = info_, .runtime = *worker_.runtime, .random = random_, .internal = internal_};
  return config_.routes != nullptr && config_.routes->find(query).kind != RouteMatch::Kind::kNone;
}

void ActiveStream::clearRoute() {
  route_chosen_ = false;
}

const RouteFilterConfig* ActiveStream::routeConfig(size_t place) {
  const RouteChoice& choice = route();
  const RouteFilters* settings = choice.target != nullptr  ? &choice.target->filters
                                 : choice.entry != nullptr ? &choice.entry->filters
                                                           : nullptr;
  return settings != nullptr && place < settings->size() ? (*settings)[place].config.get() : nullptr;
}

void ActiveStream::passHeaders(size_t from) {
  for (size_t i = from; i < filters_.size(); ++i) {
    request_filter_ = i;
    const auto verdict = filters_[i].filter->requestHeaders(request_headers_, headers_end_);
    if (done() || local_reply_) return;
    if (verdict == HttpFilter::Verdict::kContinue) continue;
    hold_ = verdict == HttpFilter::Verdict::kStop ? Hold::kStopped : Hold::kCollecting;
    held_at_ = i;
    // All of it is here already.
    if (hold_ == Hold::kCollecting && headers_end_) collected();
    return;
  }
  router_->requestHeaders(headers_end_);
}

void ActiveStream::onData(std::string_view bytes, bool end_of_stream) {
  if (over_) return;
  touch();
  info_.bytes_received += bytes.size();
  if (end_of_stream) requestReceived();
  if (response_ended_) {
    // The client's half of a tunnel goes on after ours.
    if (tunnel_ && router_->tunnelling()) router_->requestData(bytes, end_of_stream);
    if (end_of_stream && !router_->flushing()) finish();
    return;
  }
  if (local_reply_) return;
  if (config_.api.max_request_bytes && info_.bytes_received > *config_.api.max_request_bytes && !tunnel_) {
    sendLocalReply({.reason = LocalReplyReason::kPayloadTooLarge});
    return;
  }
  passData(0, bytes, end_of_stream);
}

void ActiveStream::passData(size_t from, std::string_view bytes, bool end_of_stream) {
  const size_t until = hold_ == Hold::kNone ? filters_.size() : held_at_;
  BodyPiece piece{.bytes = bytes, .end_of_stream = end_of_stream};
  for (size_t i = from; i < until; ++i) {
    request_filter_ = i;
    filters_[i].filter->requestData(piece);
    if (done() || local_reply_) return;
  }
  if (hold_ == Hold::kNone) {
    router_->requestData(piece.bytes, end_of_stream);
    return;
  }
  held_body_.append(piece.bytes);
  held_end_ = held_end_ || end_of_stream;
  if (hold_ == Hold::kCollecting) {
    if (held_body_.size() > collect_limit_) {
      sendLocalReply({.reason = LocalReplyReason::kPayloadTooLarge});
    } else if (held_end_) {
      collected();
    }
  } else if (held_body_.size() > config_.buffer_limit && !held_paused_) {
    held_paused_ = true;
    pauseRequest();
  }
}

void ActiveStream::onTrailers(HeaderMap&& trailers) {
  if (over_) return;
  touch();
  requestReceived();
  if (response_ended_ || local_reply_) {
    if (!response_ended_) return;
    if (tunnel_ && router_->tunnelling()) router_->requestData({}, true);
    if (!router_->flushing()) finish();
    return;
  }
  held_trailers_ = std::move(trailers);
  passTrailers(0);
}

void ActiveStream::passTrailers(size_t from) {
  const size_t until = hold_ == Hold::kNone ? filters_.size() : held_at_;
  for (size_t i = from; i < until; ++i) {
    request_filter_ = i;
    filters_[i].filter->requestTrailers(*held_trailers_);
    if (done() || local_reply_) return;
  }
  if (hold_ == Hold::kNone) {
    router_->requestTrailers(*held_trailers_);
  } else if (hold_ == Hold::kCollecting) {
    collected();
  }
}

void ActiveStream::collected() {
  HttpFilter& filter = *filters_[held_at_].filter;
  const bool had_body = !headers_end_;
  filter.requestComplete(request_headers_, held_body_);
  if (done() || local_reply_) return;
  if (had_body && !held_trailers_) held_end_ = true;
  releaseHeld();
}

void ActiveStream::continueRequest() {
  if (hold_ != Hold::kStopped || done() || local_reply_) return;
  releaseHeld();
}

void ActiveStream::releaseHeld() {
  const size_t at = held_at_;
  // The filter that collected the body has seen it; one that only stopped has not.
  const size_t from = hold_ == Hold::kCollecting ? at + 1 : at;
  hold_ = Hold::kNone;
  const bool ends = std::exchange(held_end_, false);
  const std::string body = std::exchange(held_body_, {});
  passHeaders(at + 1);
  if (done() || local_reply_) return;
  if (!headers_end_ && (!body.empty() || ends)) passData(from, body, ends);
  if (done() || local_reply_) return;
  if (held_trailers_ && request_complete_) passTrailers(from);
  if (held_paused_ && hold_ == Hold::kNone) {
    held_paused_ = false;
    resumeRequest();
  }
}

void ActiveStream::addRequestData(std::string_view bytes) {
  if (!done() && !local_reply_) passData(request_filter_ + 1, bytes, false);
}

void ActiveStream::pauseRequest() {
  if (over_ || request_pauses_++ > 0) return;
  config_.stats.downstream_flow_control_paused_reading_total.add();
  sender_.pauseReading();
}

void ActiveStream::resumeRequest() {
  if (over_ || request_pauses_ == 0 || --request_pauses_ > 0) return;
  config_.stats.downstream_flow_control_resumed_reading_total.add();
  if (!response_ended_ || tunnel_) sender_.resumeReading();
}

// The redirected request is a new one to everything but the client.
void ActiveStream::startAgain(int status, HeaderMap&& headers, std::string body, std::optional<HeaderMap>&& trailers) {
  ++redirects_;
  for (Filter& filter : filters_) filter.filter->streamEnded();
  // They and the router may be on the stack.
  worker_.loop.deleteLater(std::make_unique<std::vector<Filter>>(std::exchange(filters_, {})));
  worker_.loop.deleteLater(std::exchange(next_router_, std::make_unique<Router>(*this, config_)));
  router_ = next_router_.get();
  held_trailers_.reset();
  info_.response_code = status;
  info_.response_code_details = "internal_redirect";
  info_.end = worker_.loop.now();
  log();
  info_.response_code = 0;
  info_.response_code_details = {};
  info_.end.reset();
  info_.flags = {};
  info_.upstream = {};
  for (auto* moment :
       {&info_.first_upstream_tx, &info_.last_upstream_tx, &info_.first_upstream_rx, &info_.last_upstream_rx}) {
    moment->reset();
  }
  request_headers_ = std::move(headers);
  headers_end_ = body.empty() && !trailers;
  clearRoute();
  touch();
  if (!checkPath()) return;
  createFilters();
  passHeaders(0);
  if (headers_end_ || done() || local_reply_) return;
  if (!body.empty() || !trailers) passData(0, body, !trailers);
  if (!trailers || done() || local_reply_) return;
  held_trailers_ = std::move(trailers);
  passTrailers(0);
}

// --- Time ---

Milliseconds ActiveStream::idleTimeout() {
  const ForwardAction* const action =
      headers_received_ && route_chosen_ && route_.entry != nullptr ? route_.entry->forward() : nullptr;
  const Milliseconds idle =
      action != nullptr && action->idle_timeout ? *action->idle_timeout : config_.api.stream_idle_timeout;
  return waitsForClose() && (idle.count() == 0 || idle > kWebSocketCloseTimeout) ? kWebSocketCloseTimeout : idle;
}

// The server of a WebSocket has ended the connection and its client has not: RFC 6455 7.1.1 has the client end it too.
bool ActiveStream::waitsForClose() const {
  return tunnel_ && response_ended_ && upgrade_ == "websocket" && request_pauses_ == 0 && !router_->flushing();
}

void ActiveStream::armTimer() {
  base::MonotonicTime next = base::MonotonicTime::max();
  for (const auto& deadline : {headers_deadline_, request_deadline_, duration_deadline_}) {
    if (deadline) next = std::min(next, *deadline);
  }
  if (const Milliseconds idle = idleTimeout(); idle.count() > 0) next = std::min(next, last_activity_ + idle);
  // A timer that fires too early looks again; only one that would fire too late has to be moved.
  if (next >= timer_at_) return;
  timer_at_ = next;
  timer_.arm(std::max(next - worker_.loop.now(), base::MonotonicTime::duration(0)));
}

void ActiveStream::onTimer() {
  timer_at_ = base::MonotonicTime::max();
  const base::MonotonicTime now = worker_.loop.now();
  if (headers_deadline_ && now >= *headers_deadline_) {
    config_.stats.downstream_rq_header_timeout.add();
    sendLocalReply({.reason = LocalReplyReason::kRequestHeaderTimeout});
    return;
  }
  if (request_deadline_ && now >= *request_deadline_) {
    request_deadline_.reset();
    // A tunnel's bytes are no request body.
    if (!tunnel_) {
      config_.stats.downstream_rq_timeout.add();
      sendLocalReply({.reason = LocalReplyReason::kRequestTimeout});
      return;
    }
  }
  if (duration_deadline_ && now >= *duration_deadline_) {
    config_.stats.downstream_rq_max_duration_reached.add();
    if (response_started_) return abortResponse(LocalReplyReason::kMaxDurationInResponse, {});
    sendLocalReply({.reason = request_complete_ ? LocalReplyReason::kMaxStreamDurationGateway
                                                : LocalReplyReason::kMaxStreamDuration,
                    .grpc_status = static_cast<uint32_t>(http::GrpcStatus::kDeadlineExceeded)});
    return;
  }
  const Milliseconds idle = idleTimeout();
  if (idle.count() > 0 && now >= last_activity_ + idle) {
    if (waitsForClose() && idle == kWebSocketCloseTimeout) {
      sender_.reset(http::StreamReset::kLocalReset);
      return finish();
    }
    config_.stats.downstream_rq_idle_timeout.add();
    if (response_started_) return abortResponse(LocalReplyReason::kIdleTimeoutInResponse, {});
    sendLocalReply({.reason = request_complete_ ? LocalReplyReason::kStreamIdleGatewayTimeout
                                                : LocalReplyReason::kStreamIdleTimeout});
    return;
  }
  armTimer();
}

}  // namespace baton::proxy
