// The life of a stream, and the request's way through its filters. Beside it: active_stream_acceptance.cc (what a
// request must be like), active_stream_response.cc (the response's way out) and active_stream_timer.cc.
#include "source/proxy/http/active_stream.h"

#include <utility>

namespace baton::proxy {

using http::HeaderMap;

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

}  // namespace baton::proxy
