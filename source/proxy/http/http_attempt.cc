#include "source/proxy/http/http_attempt.h"

#include "source/network/connection.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

HttpAttempt::HttpAttempt(AttemptOwner& owner, upstream::WorkerCluster& cluster,
                         const upstream::LoadBalancerContext& context, const upstream::StreamOptions& options,
                         event::Loop& loop, const Request& request)
    : owner_(owner), cluster_(cluster), context_(context), options_(options), loop_(loop), request_(request) {}

void HttpAttempt::start() {
  state_ = State::kWaiting;
  upstream::PendingStream* const pending = cluster_.newStream(options_, context_, *this, *this);
  // The outcome may have been told already, and the attempt be over.
  if (state_ == State::kWaiting) pending_ = pending;
}

void HttpAttempt::onStreamReady(http::StreamSender& sender, const upstream::HostPtr& host,
                                const network::Connection& connection, bool connection_reused) {
  pending_ = nullptr;
  state_ = State::kActive;
  sender_ = &sender;
  host_ = host;
  reused_connection_ = connection_reused;
  ready_ = true;

  http::UpstreamInfo& upstream = request_.info.upstream;
  upstream.setHost(host->address, host->hostname, connection.info().id);
  upstream.host_metadata = host->metadata;
  upstream.local_address = connection.info().local_address;
  upstream.protocol = sender.protocol();
  upstream.tls = connection.info().tls;
  if (request_.auto_host_rewrite && !host->hostname.empty() && request_.headers.authority() != host->hostname) {
    if (request_.append_x_forwarded_host) {
      request_.headers.appendToList(HeaderName::kXForwardedHost, std::string(request_.headers.authority()), ",");
    }
    request_.headers.set(HeaderName::kAuthority, host->hostname);
  }
  noteSent(request_.end_of_stream);
  sender.sendHeaders(request_.headers, request_.end_of_stream);
  if (state_ == State::kActive) owner_.onAttemptReady();
}

void HttpAttempt::onStreamFailed(upstream::PoolFailure failure, std::string_view transport_failure_reason,
                                 const upstream::HostPtr& host) {
  pending_ = nullptr;
  state_ = State::kOver;
  host_ = host;
  if (host != nullptr) {
    request_.info.upstream.setHost(host->address, host->hostname, 0);
    request_.info.upstream.host_metadata = host->metadata;
  }
  owner_.onPoolFailure(failure, transport_failure_reason);
}

void HttpAttempt::noteSent(bool end_of_stream) {
  const base::MonotonicTime now = loop_.now();
  if (!request_.info.first_upstream_tx) request_.info.first_upstream_tx = now;
  if (!end_of_stream) return;
  request_ended_ = true;
  request_.info.last_upstream_tx = now;
}

void HttpAttempt::noteReceived(bool end_of_stream) {
  const base::MonotonicTime now = loop_.now();
  if (!request_.info.first_upstream_rx) request_.info.first_upstream_rx = now;
  if (!end_of_stream) return;
  response_ended_ = true;
  request_.info.last_upstream_rx = now;
  request_.info.upstream.wire = sender_->wireBytes();
  // Both directions have ended: the codec forgets the stream after this callback.
  if (request_ended_) {
    state_ = State::kOver;
    sender_ = nullptr;
  }
}

void HttpAttempt::sendData(std::string_view bytes, bool end_of_stream) {
  if (state_ != State::kActive) return;
  noteSent(end_of_stream);
  http::StreamSender& sender = *sender_;
  // A response that ended before the request did: with this the stream is over.
  if (request_ended_ && response_ended_) state_ = State::kOver;
  sender.sendData(bytes, end_of_stream);
}

void HttpAttempt::sendTrailers(const HeaderMap& trailers) {
  if (state_ != State::kActive) return;
  noteSent(true);
  if (response_ended_) state_ = State::kOver;
  sender_->sendTrailers(trailers);
}

void HttpAttempt::pauseResponse() {
  if (state_ == State::kActive && !response_ended_) sender_->pauseReading();
}

void HttpAttempt::resumeResponse() {
  if (state_ == State::kActive && !response_ended_) sender_->resumeReading();
}

void HttpAttempt::reset() {
  const State before = state_;
  state_ = State::kOver;
  if (before == State::kWaiting && pending_ != nullptr) {
    pending_->cancel();
    pending_ = nullptr;
  } else if (before == State::kActive) {
    request_.info.upstream.wire = sender_->wireBytes();
    sender_->reset(http::StreamReset::kLocalReset);
    sender_ = nullptr;
  }
}

void HttpAttempt::onInformational(HeaderMap&& headers) {
  owner_.onUpstreamInformational(std::move(headers));
}

void HttpAttempt::onHeaders(HeaderMap&& headers, bool end_of_stream) {
  noteReceived(end_of_stream);
  owner_.onUpstreamHeaders(std::move(headers), end_of_stream);
}

void HttpAttempt::onData(std::string_view bytes, bool end_of_stream) {
  noteReceived(end_of_stream);
  owner_.onUpstreamData(bytes, end_of_stream);
}

void HttpAttempt::onTrailers(HeaderMap&& trailers) {
  noteReceived(true);
  owner_.onUpstreamTrailers(std::move(trailers));
}

void HttpAttempt::onReset(http::StreamReset reason, std::string_view details) {
  request_.info.upstream.wire = sender_->wireBytes();
  state_ = State::kOver;
  sender_ = nullptr;
  owner_.onUpstreamReset(reason, details);
}

void HttpAttempt::onAboveHighWatermark() {
  owner_.onUpstreamAboveHighWatermark();
}
void HttpAttempt::onBelowLowWatermark() {
  owner_.onUpstreamBelowLowWatermark();
}

}  // namespace baton::proxy
