#include "source/upstream/pooled_connection.h"

#include <cassert>

#include "source/base/log.h"
#include "source/upstream/http_pool.h"

namespace baton::upstream {

namespace {

std::unique_ptr<network::Transport> makeTransport(const ClusterInfo& info, const Host& host, const PoolKey& key) {
  if (!info.transport) return network::makePlainTransport();
  network::TransportFactory::CreateOptions options;
  options.host_name = host.hostname;
  if (!key.server_name.empty()) {
    if (info.auto_sni) options.server_name = key.server_name;
    if (info.auto_san_validation) options.verify_subject_names = {key.server_name};
  }
  if (!info.transport_has_alpn) {
    if (key.protocol == PoolProtocol::kHttp1) options.application_protocols = {"http/1.1"};
    if (key.protocol == PoolProtocol::kHttp2) options.application_protocols = {"h2"};
    if (key.protocol == PoolProtocol::kByAlpn) options.application_protocols = {"h2", "http/1.1"};
  }
  return info.transport->create(options);
}

uint64_t millisecondsSince(base::MonotonicTime start, base::MonotonicTime now) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now - start).count());
}

}  // namespace

PooledConnection::PooledConnection(HttpPool& pool)
    : pool_(pool),
      connection_(pool.context_.loop, makeTransport(*pool.info_, *pool.host_, pool.key_),
                  network::ConnectionSettings{.buffer_limit_bytes = pool.info_->buffer_limit_bytes}) {
  info().stats.upstream_cx_total.add();
  info().stats.upstream_cx_active.add();
  pool_.host_->total_connections.fetch_add(1, std::memory_order_relaxed);
  pool_.host_->active_connections.fetch_add(1, std::memory_order_relaxed);
  connection_.countBuffered({info().stats.upstream_cx_rx_bytes_buffered, info().stats.upstream_cx_tx_bytes_buffered});
  connection_.setHandler(*this);
  connection_.connect(pool_.host_->address, info().connect_timeout, info().socketPreparation());
}

PooledConnection::~PooledConnection() = default;

const ClusterInfo& PooledConnection::info() const {
  return *pool_.info_;
}

bool PooledConnection::usable() const {
  // One that is in use would have told us. Servers close what has been idle, so one that was in use a moment ago is not
  // worth a system call; should it have ended in this very turn after all, requests that may be sent again are.
  constexpr std::chrono::milliseconds kFresh{100};
  if (active_streams_ > 0 || pool_.context_.loop.now() - connection_.lastActivity() <= kFresh) return true;
  return connection_.looksAlive();
}

PooledStream& PooledConnection::openStream(http::StreamReceiver& receiver) {
  assert(state_ == State::kReady);
  ++streams_served_;
  ++active_streams_;
  auto* stream = new PooledStream(*this, receiver);
  const CodecCall call(*this);
  http::StreamSender& sender = codec_->newStream(*stream);
  stream->attach(sender);
  stream->id_ = sender.id();
  stream->protocol_ = sender.protocol();
  return *stream;
}

void PooledConnection::streamOver(PooledStream& stream) {
  assert(active_streams_ > 0);
  --active_streams_;
  if (active_streams_ == 0) idle_since_ = pool_.context_.loop.now();
  info().stats.upstream_rq_active.sub();
  pool_.host_->active_requests.fetch_sub(1, std::memory_order_relaxed);
  info().breakers.requests(pool_.key_.priority).release();
  pool_.context_.loop.deleteLater(std::unique_ptr<PooledStream>(&stream));
}

void PooledConnection::drain() {
  if (state_ == State::kConnecting || state_ == State::kClosed) return;
  draining_asked_ = true;
  const CodecCall call(*this);
}

void PooledConnection::closeNow() {
  if (state_ == State::kClosed) return;
  must_close_ = true;
  const CodecCall call(*this);
}

http::Protocol PooledConnection::chosenProtocol() const {
  switch (pool_.key_.protocol) {
    case PoolProtocol::kHttp1:
      return http::Protocol::kHttp11;
    case PoolProtocol::kHttp2:
      return http::Protocol::kHttp2;
    case PoolProtocol::kByAlpn:
      break;
  }
  const auto& tls = connection_.info().tls;
  return tls && tls->alpn == "h2" ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
}

void PooledConnection::onConnected() {
  const auto now = pool_.context_.loop.now();
  idle_since_ = now;
  const http::Protocol protocol = chosenProtocol();
  info().stats.upstream_cx_connect_ms.record(millisecondsSince(connection_.info().start_monotonic, now));
  (protocol == http::Protocol::kHttp2 ? info().stats.upstream_cx_http2_total : info().stats.upstream_cx_http1_total)
      .add();
  const CodecCall call(*this);
  codec_ = pool_.context_.codecs.make(protocol, info(), pool_.context_.loop, *this, *this);
}

size_t PooledConnection::onData(std::string_view bytes, bool end_of_stream) {
  const CodecCall call(*this);
  if (end_of_stream) peer_ended_ = true;
  size_t consumed = 0;
  if (!bytes.empty()) {
    const http::DispatchResult result = codec_->dispatch(bytes);
    consumed = result.consumed;
    switch (result.status) {
      case http::DispatchStatus::kOk:
      case http::DispatchStatus::kYielded:  // no client's codec does
        break;
      case http::DispatchStatus::kPaused:
        if (!reading_paused_) {
          reading_paused_ = true;
          connection_.pauseReading();
        }
        return consumed;
      case http::DispatchStatus::kProtocolError:
        protocol_error_ = true;
        return bytes.size();
    }
  }
  // Said once by the connection; the codec hears it when it has had all that came before. What it left is the beginning
  // of something whose rest never comes.
  if (peer_ended_) {
    codec_->onEndOfInput();
    draining_asked_ = true;
    return bytes.size();
  }
  return consumed;
}

void PooledConnection::onDispatchResumed() {
  if (!reading_paused_) return;
  reading_paused_ = false;
  connection_.resumeReading();
}

void PooledConnection::onAboveHighWatermark() {
  if (codec_ == nullptr) return;
  const CodecCall call(*this);
  codec_->onConnectionAboveHighWatermark();
}

void PooledConnection::onBelowLowWatermark() {
  if (codec_ == nullptr) return;
  const CodecCall call(*this);
  codec_->onConnectionBelowLowWatermark();
}

void PooledConnection::onConnectionMustClose() {
  must_close_ = true;
  if (calls_ == 0) const CodecCall call(*this);
}

bool PooledConnection::mustDrain() {
  if (draining_asked_ || codec_->exhausted()) return true;
  if (pool_.draining_asked_ && pool_.waiting_.empty()) return true;
  const ClusterInfo& cluster = info();
  if (cluster.max_requests_per_connection > 0 && streams_served_ >= cluster.max_requests_per_connection) {
    cluster.stats.upstream_cx_max_requests.add();
    return draining_asked_ = true;
  }
  const auto age = pool_.context_.loop.now() - connection_.info().start_monotonic;
  if (cluster.max_connection_duration.count() > 0 && age >= cluster.max_connection_duration) {
    cluster.stats.upstream_cx_max_duration_reached.add();
    return draining_asked_ = true;
  }
  return false;
}

// Called when the codec has returned: what the connection is good for now.
void PooledConnection::settle() {
  if (state_ == State::kClosed) return;
  countBytes();
  if (protocol_error_ || must_close_) {
    if (protocol_error_) info().stats.upstream_cx_protocol_error.add();
    protocol_error_ = must_close_ = false;
    closing_locally_ = true;
    // Streams end now; what the codec has to say to the peer (GOAWAY) is still sent.
    if (codec_ != nullptr && active_streams_ > 0) {
      ++calls_;
      codec_->onConnectionClosed(codec_->errorDetails());
      --calls_;
    }
    connection_.close(codec_ == nullptr ? network::CloseType::kAbort : network::CloseType::kFlush);
    return;
  }
  if (codec_ == nullptr) return;
  if (mustDrain()) {
    if (active_streams_ > 0) return setState(State::kDraining);
    closing_locally_ = !peer_ended_;
    if (!peer_ended_) {
      ++calls_;
      codec_->goAway();
      --calls_;
    }
    // A peer that has ended its side may still read the end of a tunnel.
    connection_.close(network::CloseType::kFlush);
    return;
  }
  setState(codec_->canOpenStream() ? State::kReady : State::kBusy);
}

void PooledConnection::setState(State next) {
  if (state_ == next && next != State::kReady) return;
  const State from = state_;
  assert(from != State::kClosed);
  state_ = next;
  pool_.moved(*this, from);
}

void PooledConnection::countBytes() {
  info().stats.upstream_cx_rx_bytes_total.add(connection_.bytesReceived() - counted_received_);
  info().stats.upstream_cx_tx_bytes_total.add(connection_.bytesSent() - counted_sent_);
  counted_received_ = connection_.bytesReceived();
  counted_sent_ = connection_.bytesSent();
}

void PooledConnection::onClosed(network::CloseReason reason) {
  ClusterStats& stats = info().stats;
  const auto now = pool_.context_.loop.now();
  countBytes();
  stats.upstream_cx_active.sub();
  stats.upstream_cx_destroy.add();
  const bool local = !peer_ended_ && (closing_locally_ || reason == network::CloseReason::kLocal);
  (local ? stats.upstream_cx_destroy_local : stats.upstream_cx_destroy_remote).add();
  pool_.host_->active_connections.fetch_sub(1, std::memory_order_relaxed);
  info().breakers.connections(pool_.key_.priority).release();

  ++calls_;  // no settling any more
  if (codec_ == nullptr) {
    const bool timed_out = reason == network::CloseReason::kConnectTimeout;
    const auto failure = timed_out                                          ? PoolFailure::kConnectTimeout
                         : reason == network::CloseReason::kTransportFailed ? PoolFailure::kTlsFailed
                                                                            : PoolFailure::kConnectFailed;
    setState(State::kClosed);
    if (local) return;
    if (timed_out) stats.upstream_cx_connect_timeout.add();
    stats.upstream_cx_connect_fail.add();
    pool_.host_->connect_failures.fetch_add(1, std::memory_order_relaxed);
    BATON_LOG(kUpstream, debug, "cluster {}: no connection to {}: {}", info().name, pool_.host_->address.text(),
              timed_out ? "timeout" : connection_.info().transport_failure_reason);
    pool_.connectFailed(failure, connection_.info().transport_failure_reason);
    return;
  }
  stats.upstream_cx_length_ms.record(millisecondsSince(connection_.info().start_monotonic, now));
  stats.upstream_rq_per_cx.record(streams_served_);
  if (active_streams_ > 0) {
    stats.upstream_cx_destroy_with_active_rq.add();
    (local ? stats.upstream_cx_destroy_local_with_active_rq : stats.upstream_cx_destroy_remote_with_active_rq).add();
  }
  setState(State::kClosed);
  codec_->onConnectionClosed(reason == network::CloseReason::kRemoteReset ? "upstream_connection_reset"
                                                                          : "upstream_connection_closed");
}

}  // namespace baton::upstream
