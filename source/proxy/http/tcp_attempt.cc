#include "source/proxy/http/tcp_attempt.h"

namespace baton::proxy {

TcpAttempt::TcpAttempt(AttemptOwner& owner, upstream::WorkerCluster& cluster,
                       const upstream::LoadBalancerContext& context, upstream::Priority priority,
                       http::StreamInfo& info)
    : owner_(owner), cluster_(cluster), context_(context), priority_(priority), info_(info) {}

void TcpAttempt::start() {
  state_ = State::kWaiting;
  upstream::PendingConnection* const pending = cluster_.newConnection(priority_, context_, *this);
  if (state_ == State::kWaiting) pending_ = pending;
}

void TcpAttempt::onConnectionReady(std::unique_ptr<network::Connection> connection, const upstream::HostPtr& host) {
  pending_ = nullptr;
  state_ = State::kActive;
  host_ = host;
  ready_ = true;
  connection_ = std::move(connection);
  connection_->setHandler(*this);
  const base::MonotonicTime now = connection_->loop().now();
  info_.first_upstream_tx = now;
  info_.upstream.setHost(host->address, host->hostname, connection_->info().id);
  info_.upstream.host_metadata = host->metadata;
  info_.upstream.local_address = connection_->info().local_address;
  info_.upstream.tls = connection_->info().tls;
  owner_.onAttemptReady();
  if (state_ != State::kActive) return;
  info_.first_upstream_rx = now;
  http::HeaderMap headers;
  headers.setStatus(200);
  owner_.onUpstreamHeaders(std::move(headers), false);
}

void TcpAttempt::onConnectionFailed(upstream::PoolFailure failure, std::string_view transport_failure_reason,
                                    const upstream::HostPtr& host) {
  pending_ = nullptr;
  state_ = State::kOver;
  host_ = host;
  if (host != nullptr) {
    info_.upstream.setHost(host->address, host->hostname, 0);
    info_.upstream.host_metadata = host->metadata;
  }
  owner_.onPoolFailure(failure, transport_failure_reason);
}

void TcpAttempt::sendData(std::string_view bytes, bool end_of_stream) {
  if (state_ != State::kActive) return;
  if (!bytes.empty()) connection_->write(bytes);
  if (!end_of_stream || state_ != State::kActive) return;
  request_ended_ = true;
  info_.last_upstream_tx = connection_->loop().now();
  connection_->endWrite();
}

void TcpAttempt::sendTrailers(const http::HeaderMap&) {
  sendData({}, true);
}

void TcpAttempt::pauseResponse() {
  if (state_ == State::kActive) connection_->pauseReading();
}

void TcpAttempt::resumeResponse() {
  if (state_ == State::kActive) connection_->resumeReading();
}

size_t TcpAttempt::onData(std::string_view bytes, bool end_of_stream) {
  if (state_ != State::kActive || response_ended_) return bytes.size();
  if (end_of_stream) {
    response_ended_ = true;
    info_.last_upstream_rx = connection_->loop().now();
  }
  owner_.onUpstreamData(bytes, end_of_stream);
  return bytes.size();
}

void TcpAttempt::onAboveHighWatermark() {
  if (state_ == State::kActive) owner_.onUpstreamAboveHighWatermark();
}

void TcpAttempt::onBelowLowWatermark() {
  if (state_ == State::kActive) owner_.onUpstreamBelowLowWatermark();
}

void TcpAttempt::onClosed(network::CloseReason reason) {
  if (state_ != State::kActive) return;
  state_ = State::kOver;
  const bool orderly = reason == network::CloseReason::kRemote && request_ended_ && response_ended_;
  letConnectionGo();
  if (orderly) {
    owner_.onUpstreamFlushed();
  } else {
    owner_.onUpstreamReset(http::StreamReset::kConnectionTerminated, "tunnel_upstream_closed");
  }
}

void TcpAttempt::reset() {
  const State before = state_;
  state_ = State::kOver;
  if (before == State::kWaiting && pending_ != nullptr) {
    pending_->cancel();
    pending_ = nullptr;
  } else if (before == State::kActive) {
    connection_->close(network::CloseType::kAbort);
    letConnectionGo();
  }
}

void TcpAttempt::letConnectionGo() {
  if (connection_ == nullptr) return;
  info_.upstream.wire.sent = connection_->bytesSent();
  info_.upstream.wire.received = connection_->bytesReceived();
  cluster_.connectionEnded(*host_);
  event::Loop& loop = connection_->loop();
  loop.deleteLater(std::move(connection_));
}

}  // namespace baton::proxy
