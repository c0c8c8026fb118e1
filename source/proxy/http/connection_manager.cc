#include "source/proxy/http/connection_manager.h"

#include <algorithm>

#include "source/base/log.h"
#include "source/http/http1/server_codec.h"
#include "source/http/http2/server_codec.h"

namespace baton::proxy {

using Api = api::HttpConnectionManager;

namespace {

// Of one HTTP/1 client in one turn of the loop; others have theirs before the next.
constexpr uint64_t kRequestsPerTurn = 8;

// RFC 9113 3.4.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// How long an immediate drain leaves a new connection for its first request.
constexpr std::chrono::seconds kFirstRequestGrace{1};

// Always the same number, so that a connection finds its own place on the ramp of a drain however often it asks.
class OwnPlace final : public base::Random {
 public:
  explicit OwnPlace(uint64_t connection_id) {
    // splitmix64.
    number_ = connection_id + 0x9e3779b97f4a7c15;
    number_ = (number_ ^ (number_ >> 30)) * 0xbf58476d1ce4e5b9;
    number_ = (number_ ^ (number_ >> 27)) * 0x94d049bb133111eb;
    number_ ^= number_ >> 31;
  }
  uint64_t next() override { return number_; }

 private:
  uint64_t number_;
};

}  // namespace

ConnectionManager::ConnectionManager(const network::SessionContext& context, std::shared_ptr<const HttpConfig> config)
    : connection_(context.connection),
      worker_(*context.worker),
      drain_decision_(context.drain),
      config_(std::move(config)),
      sink_(connection_),
      timer_(context.loop, [this] { onTimer(); }),
      started_(context.loop.now()),
      idle_since_(started_) {
  config_->stats.downstream_cx_total.add();
  config_->stats.downstream_cx_active.add();
  connection_.countBuffered(
      {config_->stats.downstream_cx_rx_bytes_buffered, config_->stats.downstream_cx_tx_bytes_buffered});
  connection_.setDelayedCloseTimeout(config_->api.delayed_close_timeout);
  armTimer();
}

ConnectionManager::~ConnectionManager() {
  // Normally onClosed() came first; a listener that is torn down skips it.
  if (!closed_) onClosed(network::CloseReason::kLocal);
}

// --- Bytes ---

size_t ConnectionManager::onData(std::string_view bytes, bool end_of_stream) {
  if (closing_ || close_soon_) return bytes.size();
  if (codec_ == nullptr && !chooseCodec(bytes)) {
    if (end_of_stream) closeSoon();
    return end_of_stream ? bytes.size() : 0;
  }
  size_t consumed = 0;
  if (yielded_at_turn_ == worker_.loop.turn()) {
    connection_.offerNextTurn();
  } else if (!bytes.empty()) {
    const http::DispatchResult result = codec_->dispatch(bytes);
    if (closing_) return bytes.size();
    if (result.status == http::DispatchStatus::kProtocolError) {
      config_->stats.downstream_cx_protocol_error.add();
      BATON_LOG(kHttp, debug, "[C{}] closing: {}", connection_.info().id, codec_->errorDetails());
      protocol_error_ = true;
      closeSoon();
      return bytes.size();
    }
    consumed = result.consumed;
    if (result.status == http::DispatchStatus::kPaused && !reading_paused_) {
      reading_paused_ = true;
      connection_.pauseReading();
    }
    if (result.status == http::DispatchStatus::kYielded) {
      yielded_at_turn_ = worker_.loop.turn();
      connection_.offerNextTurn();
    }
  }
  if (end_of_stream) {
    codec_->onEndOfInput();
    if (!closing_) expectGoneClient();
  }
  return closing_ ? bytes.size() : consumed;
}

bool ConnectionManager::chooseCodec(std::string_view bytes) {
  const network::ConnectionInfo& info = connection_.info();
  if (info.tls != nullptr && !tls_counted_) {
    tls_counted_ = true;
    config_->stats.downstream_cx_ssl_total.add();
    config_->stats.downstream_cx_ssl_active.add();
  }
  http::Protocol protocol = http::Protocol::kHttp11;
  switch (config_->api.codec_type) {
    case Api::CodecType::kHttp1:
      break;
    case Api::CodecType::kHttp2:
      protocol = http::Protocol::kHttp2;
      break;
    case Api::CodecType::kAuto:
    case Api::CodecType::kHttp3:
      const std::string_view alpn = connection_.transport().applicationProtocol();
      if (alpn == "h2") {
        protocol = http::Protocol::kHttp2;
      } else if (alpn.empty()) {
        const size_t known = std::min(bytes.size(), kPreface.size());
        if (bytes.substr(0, known) == kPreface.substr(0, known)) {
          if (known < kPreface.size()) return false;
          protocol = http::Protocol::kHttp2;
        }
      }
      break;
  }
  makeCodec(protocol);
  return true;
}

void ConnectionManager::makeCodec(http::Protocol protocol) {
  const HttpStats& stats = config_->stats;
  if (protocol == http::Protocol::kHttp2) {
    codec_ = std::make_unique<http::Http2ServerCodec>(worker_.loop, sink_, *this, config_->http2, config_->http2_stats);
    stats.downstream_cx_http2_total.add();
    stats.downstream_cx_http2_active.add();
  } else {
    auto codec = std::make_unique<http::Http1ServerCodec>(sink_, *this, config_->http1, config_->http1_stats);
    codec->limitRequestsAtOnce(worker_.runtime->integer("http.max_requests_per_io_cycle", kRequestsPerTurn));
    codec_ = std::move(codec);
    stats.downstream_cx_http1_total.add();
    stats.downstream_cx_http1_active.add();
  }
  if (drain_ != Drain::kNone) codec_->noticeOfDrain();
  armTimer();
}

void ConnectionManager::onDispatchResumed() {
  if (!reading_paused_) return;
  reading_paused_ = false;
  connection_.resumeReading();
}

void ConnectionManager::onAboveHighWatermark() {
  if (codec_ != nullptr) codec_->onConnectionAboveHighWatermark();
}

void ConnectionManager::onBelowLowWatermark() {
  if (codec_ != nullptr) codec_->onConnectionBelowLowWatermark();
}

// --- Streams ---

http::StreamReceiver& ConnectionManager::onNewStream(http::StreamSender& sender) {
  auto stream = std::make_unique<ActiveStream>(*this, sender);
  ActiveStream& made = *stream.release();  // owned by streams_ until streamEnded()
  streams_.pushBack(made);
  ++requests_;
  const uint32_t most = config_->max_requests_per_connection;
  if (most != 0 && requests_ == most) {
    config_->stats.downstream_cx_max_requests_reached.add();
    startDrain();
  }
  return made;
}

void ConnectionManager::onRequestError(http::StreamSender& sender, const http::RequestError& error) {
  streams_.forEach([&](ActiveStream& stream) {
    if (&stream.sender() == &sender) stream.refuse(error);
  });
}

void ConnectionManager::onResponseBegins() {
  if (worker_.server.disable_keepalive.load(std::memory_order_relaxed) && drain_ == Drain::kNone) {
    config_->stats.downstream_cx_overload_disable_keepalive.add();
    startDrain();
  }
  if (drain_ == Drain::kNone && drain_decision_.draining() &&
      (drain_decision_.closeAfterEveryResponse() || drain_decision_.drainClose(worker_.random))) {
    config_->stats.downstream_cx_drain_close.add();
    startDrain();
  }
}

std::shared_ptr<void>& ConnectionManager::connectionState(const void* key) {
  for (auto& [owner, state] : filter_state_) {
    if (owner == key) return state;
  }
  return filter_state_.emplace_back(key, nullptr).second;
}

void ConnectionManager::streamEnded(ActiveStream& stream) {
  stream.unlink();
  worker_.loop.deleteLater(std::unique_ptr<ActiveStream>(&stream));
  chargeBytes();
  if (streams_.empty()) becameIdle();
}

void ConnectionManager::becameIdle() {
  if (closed_ || closing_) return;
  idle_since_ = worker_.loop.now();
  // HTTP/1.1 says by itself when its last response is out, and so does HTTP/2 while some wait for the client's windows.
  if (drain_ == Drain::kFinal && isHttp2() && codec_->activeStreams() == 0) return closeSoon();
  armTimer();
}

void ConnectionManager::failStreams(std::string_view details) {
  if (codec_ != nullptr) codec_->onConnectionClosed(details);
}

// --- Ends ---

// A client that sends no more may want its answers still, or may be gone: TCP tells the two apart only when something
// is sent. It has a moment, and longer while it takes bytes; then what it asked for is given up.
void ConnectionManager::expectGoneClient() {
  // HTTP/1.1 that has become a tunnel: its halves end on their own.
  if (tunnel_ && !isHttp2()) return;
  sent_when_looked_ = connection_.bytesSent();
  gone_at_ = worker_.loop.now() + config_->api.delayed_close_timeout;
  armTimer();
}

void ConnectionManager::lookForGoneClient() {
  gone_at_ = base::MonotonicTime::max();
  const bool tunnel = tunnel_ && !isHttp2();
  if (tunnel || connection_.unsentBytes() > 0 || connection_.bytesSent() != sent_when_looked_) {
    return expectGoneClient();
  }
  client_gone_ = true;
  closing_ = true;
  connection_.close(network::CloseType::kAbort);
}

void ConnectionManager::startDrain() {
  if (drain_ != Drain::kNone || closing_) return;
  if (!isHttp2()) {
    drain_ = Drain::kFinal;
    if (codec_ != nullptr) codec_->noticeOfDrain();
    return;
  }
  drain_ = Drain::kNoticed;
  codec_->noticeOfDrain();
  drain_at_ = worker_.loop.now() + config_->api.drain_timeout;
  armTimer();
}

void ConnectionManager::finishDrain() {
  drain_ = Drain::kFinal;
  drain_at_ = base::MonotonicTime::max();
  codec_->goAway();
  if (streams_.empty() && codec_->activeStreams() == 0) closeSoon();
}

void ConnectionManager::onDrain(const network::DrainDecision& decision) {
  if (closing_ || !decision.draining()) return;
  if (isHttp2()) {
    // Quiet connections get their GOAWAY by the same ramp as busy ones.
    OwnPlace place(connection_.info().id);
    if (drain_ == Drain::kNone && decision.drainClose(place)) {
      config_->stats.downstream_cx_drain_close.add();
      startDrain();
    }
    return;
  }
  if (!streams_.empty()) return;
  if (decision.closeIdle()) {
    // Accepted a moment ago, its first request is on its way.
    if (requests_ == 0 && worker_.loop.now() - started_ < kFirstRequestGrace) return;
    config_->stats.downstream_cx_drain_close.add();
    return closeSoon();
  }
  // A request may be on its way on an idle connection. Plaintext ones can be moved to the next process; one with TLS
  // can't, and has to end at some time.
  OwnPlace place(connection_.info().id);
  if (!connection_.transport().isPlain() && decision.drainClose(place)) {
    config_->stats.downstream_cx_drain_close.add();
    closeSoon();
  }
}

void ConnectionManager::terminate() {
  if (closed_) return;
  closed_by_us_ = true;
  closing_ = true;
  connection_.close(network::CloseType::kAbort);
}

void ConnectionManager::onConnectionMustClose() {
  // A request whose headers are not complete has no stream of ours that could count it.
  if (codec_->errorDetails() == http::http2::kHeaderBlockTimeout) config_->stats.downstream_rq_header_timeout.add();
  closeSoon();
}

void ConnectionManager::onTunnelSendingEnded() {
  connection_.endWrite();
}

// Not at once: a codec that is on the stack may not be told of the end of its connection.
void ConnectionManager::closeSoon() {
  if (close_soon_ || closing_) return;
  close_soon_ = true;
  worker_.loop.schedule(*this);
}

void ConnectionManager::atEndOfTurn() {
  if (closing_ || closed_) return;
  closing_ = true;
  closed_by_us_ = true;
  // What is still open has lost its peer; the last words of the codec are written already.
  if (protocol_error_) failStreams(codec_->errorDetails());
  const bool peer_waits = codec_ == nullptr || !codec_->peerIsDone();
  connection_.close(peer_waits ? network::CloseType::kFlushAndLinger : network::CloseType::kFlush);
}

void ConnectionManager::onClosed(network::CloseReason reason) {
  if (closed_) return;
  closed_ = closing_ = true;
  event::EndOfTurnTask::unlink();
  timer_.cancel();
  const HttpStats& stats = config_->stats;
  const bool local = !client_gone_ && (reason == network::CloseReason::kLocal || closed_by_us_);
  closed_by_us_ = local;
  if (connection_.closeTimedOut()) stats.downstream_cx_delayed_close_timeout.add();
  stats.downstream_cx_destroy.add();
  (local ? stats.downstream_cx_destroy_local : stats.downstream_cx_destroy_remote).add();
  if (!streams_.empty()) {
    stats.downstream_cx_destroy_active_rq.add();
    (local ? stats.downstream_cx_destroy_local_active_rq : stats.downstream_cx_destroy_remote_active_rq).add();
  }
  failStreams(local ? "downstream_local_disconnect" : "downstream_remote_disconnect");
  chargeBytes();
  stats.downstream_cx_active.sub();
  if (tls_counted_) stats.downstream_cx_ssl_active.sub();
  if (codec_ != nullptr) (isHttp2() ? stats.downstream_cx_http2_active : stats.downstream_cx_http1_active).sub();
  const auto lived = std::chrono::duration_cast<std::chrono::milliseconds>(worker_.loop.now() - started_);
  stats.downstream_cx_length_ms.record(static_cast<uint64_t>(std::max<int64_t>(lived.count(), 0)));
}

void ConnectionManager::chargeBytes() {
  const uint64_t received = connection_.bytesReceived();
  const uint64_t sent = connection_.bytesSent();
  config_->stats.downstream_cx_rx_bytes_total.add(received - charged_received_);
  config_->stats.downstream_cx_tx_bytes_total.add(sent - charged_sent_);
  charged_received_ = received;
  charged_sent_ = sent;
}

const char* ConnectionManager::kind() const {
  if (tunnel_) return "tunnel";
  if (isHttp2()) return "http2";
  return quiet() ? "idle" : "http1";
}

bool ConnectionManager::quiet() const {
  return !closing_ && !close_soon_ && drain_ == Drain::kNone && !isHttp2() && requests_ > 0 &&
         (codec_ == nullptr || codec_->activeStreams() == 0) && connection_.unconsumedBytes() == 0 &&
         connection_.unsentBytes() == 0;
}

// --- Time ---

std::chrono::milliseconds ConnectionManager::idleTimeout() const {
  return isHttp2() ? config_->http2_idle_timeout : config_->http1_idle_timeout;
}

void ConnectionManager::armTimer() {
  base::MonotonicTime next = std::min(drain_at_, gone_at_);
  const auto headers = config_->api.request_headers_timeout;
  if (requests_ == 0 && !isHttp2() && headers.count() > 0) next = std::min(next, started_ + headers);
  if (streams_.empty() && idleTimeout().count() > 0) next = std::min(next, idle_since_ + idleTimeout());
  const auto& longest = config_->api.common_http_protocol_options.max_connection_duration;
  if (longest && longest->count() > 0 && drain_ == Drain::kNone) next = std::min(next, started_ + *longest);
  // A timer that fires too early looks again; only one that would fire too late has to be moved.
  if (next >= timer_at_) return;
  timer_at_ = next;
  timer_.arm(std::max(next - worker_.loop.now(), base::MonotonicTime::duration(0)));
}

void ConnectionManager::onTimer() {
  timer_at_ = base::MonotonicTime::max();
  if (closing_) return;
  const base::MonotonicTime now = worker_.loop.now();
  const auto headers = config_->api.request_headers_timeout;
  if (requests_ == 0 && !isHttp2() && headers.count() > 0 && now >= started_ + headers) {
    config_->stats.downstream_rq_header_timeout.add();
    return closeSoon();
  }
  if (now >= gone_at_) {
    lookForGoneClient();
    if (closing_) return;
  }
  if (now >= drain_at_) {
    finishDrain();
    if (close_soon_) return;
  }
  const auto& longest = config_->api.common_http_protocol_options.max_connection_duration;
  if (longest && longest->count() > 0 && drain_ == Drain::kNone && now >= started_ + *longest) {
    config_->stats.downstream_cx_max_duration_reached.add();
    startDrain();
    if (streams_.empty() && !isHttp2()) return closeSoon();
  }
  const auto idle = idleTimeout();
  if (streams_.empty() && idle.count() > 0 && now >= idle_since_ + idle) {
    if (drain_ != Drain::kNoticed) config_->stats.downstream_cx_idle_timeout.add();
    if (!isHttp2()) return closeSoon();
    startDrain();
    idle_since_ = now;
  }
  armTimer();
}

}  // namespace baton::proxy
