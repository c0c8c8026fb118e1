#include "source/proxy/tcp/tcp_session.h"

#include "source/proxy/tcp/upstream_flush.h"
#include "source/upstream/hash.h"

namespace baton::proxy {

using http::ResponseFlag;
using network::CloseReason;
using network::CloseType;
using network::Relay;
using upstream::PoolFailure;

TcpSession::TcpSession(std::shared_ptr<const TcpProxy> proxy, const network::SessionContext& context)
    : proxy_(std::move(proxy)),
      loop_(context.loop),
      connection_(context.connection),
      owner_(context.owner),
      worker_(*context.worker) {
  proxy_->stats.cx_total.add();
  connection_.countBuffered({proxy_->stats.cx_rx_bytes_buffered, proxy_->stats.cx_tx_bytes_buffered});
}

TcpSession::~TcpSession() {
  // The worker goes down with sessions in flight. The upstream connection must not outlive its handler.
  if (pending_ != nullptr) pending_->cancel();
  upstream_.reset();
  letUpstreamGo();
}

// --- connecting ---

void TcpSession::start(const std::string& cluster) {
  // What the client sends meanwhile waits in its socket.
  connection_.pauseReading();
  armTimers();
  const std::string& name = cluster.empty() ? proxy_->chooseCluster(worker_.random) : cluster;
  cluster_ = worker_.clusters.find(name);
  if (cluster_ == nullptr) {
    proxy_->stats.cx_no_route.add();
    flags_.set(ResponseFlag::kNoClusterFound);
    details_ = "cluster_not_found";
    return finish(CloseType::kFlush, CloseType::kAbort);
  }
  connectUpstream();
}

void TcpSession::connectUpstream() {
  ++attempts_;
  const uint32_t attempt = attempts_;
  upstream::PendingConnection* const pending = cluster_->newConnection(upstream::Priority::kDefault, *this, *this);
  // Null when the outcome came from inside; then another attempt may be under way already.
  if (pending != nullptr && attempt == attempts_ && state_ == State::kConnecting) pending_ = pending;
}

void TcpSession::connectLater() {
  // Full jitter, as between retries of requests.
  const auto most = std::min(proxy_->back_off->most, proxy_->back_off->base * (1 << std::min(attempts_ - 1, 16u)));
  if (!connect_timer_)
    connect_timer_.emplace(
        loop_, [this] { connectUpstream(); }, event::Precision::kFine);
  connect_timer_->arm(std::chrono::milliseconds(worker_.random.below(static_cast<uint64_t>(most.count()) + 1)));
}

void TcpSession::tryHost(const upstream::HostPtr& host) {
  if (host_ != nullptr) earlier_hosts_.push_back({host_->address, host_->hostname});
  host_ = host;
}

void TcpSession::onConnectionFailed(PoolFailure failure, std::string_view transport_failure_reason,
                                    const upstream::HostPtr& host) {
  pending_ = nullptr;
  if (host != nullptr) tryHost(host);
  transport_failure_reason_ = transport_failure_reason;
  switch (failure) {
    case PoolFailure::kNoHealthyHost:
      flags_.set(ResponseFlag::kNoHealthyUpstream);
      details_ = "no_healthy_upstream";
      return finish(CloseType::kFlush, CloseType::kAbort);
    case PoolFailure::kOverflow:
      flags_.set(ResponseFlag::kUpstreamOverflow);
      details_ = "upstream_overflow";
      return finish(CloseType::kFlush, CloseType::kAbort);
    case PoolFailure::kConnectFailed:
    case PoolFailure::kConnectTimeout:
    case PoolFailure::kTlsFailed:
      break;
  }
  flags_.set(ResponseFlag::kUpstreamConnectionFailure);
  if (host != nullptr) cluster_->report(*host, upstream::HostOutcome::kConnectFailed, 503);
  if (attempts_ < proxy_->max_connect_attempts) return proxy_->back_off ? connectLater() : connectUpstream();
  flags_.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  cluster_->info().stats.upstream_cx_connect_attempts_exceeded.add();
  details_ = "upstream_connection_failure";
  finish(CloseType::kFlush, CloseType::kAbort);
}

void TcpSession::onConnectionReady(std::unique_ptr<network::Connection> connection, const upstream::HostPtr& host) {
  pending_ = nullptr;
  tryHost(host);
  counted_by_cluster_ = true;
  cluster_->report(*host, upstream::HostOutcome::kSuccess, 200);
  upstream_ = std::move(connection);
  upstream_->setHandler(upstream_handler_);
  flags_.clear();
  transport_failure_reason_.clear();
  upstream_local_ = upstream_->info().local_address;
  upstream_id_ = upstream_->info().id;
  const upstream::ClusterStats& stats = cluster_->info().stats;
  upstream_->countBuffered({stats.upstream_cx_rx_bytes_buffered, stats.upstream_cx_tx_bytes_buffered});
  if (proxy_->log_on_connected) log("TcpUpstreamConnected");
  // A downstream connection that is not started yet still belongs to the listener alone.
  if (connection_.state() == network::Connection::State::kOpen && connection_.transport().isPlain() &&
      upstream_->transport().isPlain()) {
    return startRelay();
  }
  state_ = State::kPassing;
  connection_.resumeReading();
}

// --- carrying bytes ---

void TcpSession::startRelay() {
  state_ = State::kRelaying;
  network::Connection::Released client = connection_.release();
  network::Connection::Released server = upstream_->release();
  loop_.deleteLater(std::move(upstream_));
  Relay::State state;
  Relay::SideState& left = state[Relay::kLeft];
  Relay::SideState& right = state[Relay::kRight];
  left.fd = network::Fd(client.fd);
  left.received = client.unconsumed.size();
  left.unsent = std::move(server.unconsumed);
  right.fd = network::Fd(server.fd);
  right.received = left.unsent.size();
  right.unsent = std::move(client.unconsumed);
  relay_ = std::make_unique<Relay>(loop_, static_cast<Relay::Owner&>(*this), std::move(state));
  relay_->start();
}

void TcpSession::onRelayProgress() {
  countPassed(relay_->received(Relay::kLeft) - received_, relay_->received(Relay::kRight) - sent_);
  const auto report = [](const stats::Gauge& gauge, size_t now, size_t& reported) {
    if (now != reported) gauge.add(static_cast<int64_t>(now) - static_cast<int64_t>(reported));
    reported = now;
  };
  report(proxy_->stats.cx_tx_bytes_buffered, relay_->unsent(Relay::kLeft), reported_downstream_unsent_);
  report(cluster_->info().stats.upstream_cx_tx_bytes_buffered, relay_->unsent(Relay::kRight),
         reported_upstream_unsent_);
}

void TcpSession::countPassed(uint64_t received, uint64_t sent) {
  const upstream::ClusterStats& cluster = cluster_->info().stats;
  if (received > 0) {
    received_ += received;
    proxy_->stats.cx_rx_bytes_total.add(received);
    cluster.upstream_cx_tx_bytes_total.add(received);
  }
  if (sent > 0) {
    sent_ += sent;
    proxy_->stats.cx_tx_bytes_total.add(sent);
    cluster.upstream_cx_rx_bytes_total.add(sent);
  }
}

void TcpSession::onRelayEnded(Relay::Ending ending) {
  switch (ending) {
    case Relay::Ending::kDone:
      break;
    case Relay::Ending::kLeftBroke:
      flags_.set(ResponseFlag::kDownstreamConnectionTermination);
      details_ = "downstream_reset";
      break;
    case Relay::Ending::kRightBroke:
      flags_.set(ResponseFlag::kUpstreamConnectionTermination);
      details_ = "upstream_reset";
      break;
  }
  finish(CloseType::kAbort, CloseType::kAbort);
}

size_t TcpSession::onData(std::string_view bytes, bool end_of_stream) {
  if (state_ != State::kPassing) return 0;
  countPassed(bytes.size(), 0);
  upstream_->write(bytes);
  if (end_of_stream && state_ == State::kPassing) upstream_->endWrite();
  return bytes.size();
}

size_t TcpSession::onUpstreamData(std::string_view bytes, bool end_of_stream) {
  if (state_ != State::kPassing) return bytes.size();
  countPassed(0, bytes.size());
  connection_.write(bytes);
  if (end_of_stream && state_ == State::kPassing) connection_.endWrite();
  return bytes.size();
}

void TcpSession::onAboveHighWatermark() {
  if (state_ == State::kPassing) upstream_->pauseReading();
}

void TcpSession::onBelowLowWatermark() {
  if (state_ == State::kPassing) upstream_->resumeReading();
}

void TcpSession::pauseDownstream() {
  if (state_ != State::kPassing) return;
  proxy_->stats.paused_reading_total.add();
  connection_.pauseReading();
}

void TcpSession::resumeDownstream() {
  if (state_ != State::kPassing) return;
  proxy_->stats.resumed_reading_total.add();
  connection_.resumeReading();
}

// --- ending ---

void TcpSession::onClosed(CloseReason reason) {
  if (state_ == State::kOver) return;
  if (reason == CloseReason::kRemoteReset || state_ == State::kConnecting) {
    flags_.set(ResponseFlag::kDownstreamConnectionTermination);
  }
  // Many a TLS client leaves without close_notify; as for other proxies that is an end, because a reset would throw
  // away what the upstream has not read yet.
  const bool without_notice = reason == CloseReason::kTransportFailed;
  if (without_notice && upstream_) upstream_->endWrite();
  // Who was cut off must not take what came so far for everything.
  finish(CloseType::kAbort, reason == CloseReason::kRemote || without_notice ? CloseType::kFlush : CloseType::kReset);
}

void TcpSession::onUpstreamClosed(CloseReason reason) {
  if (state_ != State::kPassing) return;
  if (reason == CloseReason::kRemote) {
    // Both its directions have ended, so the client has sent its end; it gets what is still buffered, and ours.
    return finish(CloseType::kFlush, CloseType::kAbort);
  }
  flags_.set(ResponseFlag::kUpstreamConnectionTermination);
  if (reason == CloseReason::kTransportFailed) {
    transport_failure_reason_ = upstream_->info().transport_failure_reason;
    details_ = "upstream_tls_ended_without_notice";
    return finish(CloseType::kFlush, CloseType::kAbort);
  }
  details_ = "upstream_reset";
  finish(CloseType::kReset, CloseType::kAbort);
}

void TcpSession::terminate() {
  if (state_ == State::kOver) return;
  details_ = "server_shutdown";
  finish(CloseType::kReset, CloseType::kReset);
}

void TcpSession::armTimers() {
  idle_timer_.emplace(
      loop_, proxy_->idle_timeout, [this] { return lastActivity(); }, [this] { onIdle(); });
  if (proxy_->max_duration) {
    const auto added = *proxy_->max_duration * (worker_.random.fraction() * proxy_->max_duration_jitter);
    duration_timer_.emplace(loop_, [this] { onMaxDuration(); });
    duration_timer_->arm(*proxy_->max_duration + std::chrono::duration_cast<std::chrono::nanoseconds>(added));
  }
  if (proxy_->log_interval > proxy_->log_interval.zero()) {
    log_timer_.emplace(loop_, [this] { onLogTimer(); });
    log_timer_->arm(proxy_->log_interval);
  }
}

base::MonotonicTime TcpSession::lastActivity() const {
  if (relay_) return relay_->lastActivity();
  const base::MonotonicTime own = connection_.lastActivity();
  return upstream_ ? std::max(own, upstream_->lastActivity()) : own;
}

void TcpSession::onLogTimer() {
  log("TcpPeriodic");
  log_timer_->arm(proxy_->log_interval);
}

void TcpSession::onIdle() {
  proxy_->stats.idle_timeout.add();
  details_ = "tcp_session_idle_timeout";
  finish(CloseType::kAbort, CloseType::kAbort);
}

void TcpSession::onMaxDuration() {
  proxy_->stats.max_duration.add();
  flags_.set(ResponseFlag::kDurationTimeout);
  details_ = "max_downstream_connection_duration";
  finish(CloseType::kAbort, CloseType::kAbort);
}

void TcpSession::finish(CloseType downstream, CloseType upstream) {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  if (idle_timer_) idle_timer_->cancel();
  for (auto* timer : {&connect_timer_, &duration_timer_, &log_timer_}) {
    if (*timer) (*timer)->cancel();
  }
  if (pending_ != nullptr) {
    pending_->cancel();
    pending_ = nullptr;
  }
  if (relay_) {
    relay_->stop(upstream == CloseType::kReset);
    onRelayProgress();
  }
  if (upstream == CloseType::kFlush && upstream_ && upstream_->state() == network::Connection::State::kOpen &&
      upstream_->writeEnded() && upstream_->unsentBytes() > 0) {
    // The client has sent all it had to send and is gone; the upstream shall have it, however slowly it takes it.
    counted_by_cluster_ = false;
    UpstreamFlush::start(worker_, proxy_, std::move(upstream_), *cluster_, host_);
  } else {
    if (upstream_) upstream_->close(upstream);
    letUpstreamGo();
  }
  log("TcpConnectionEnd");
  if (relay_) {
    owner_.sessionEnded();
  } else {
    connection_.close(downstream);
  }
}

void TcpSession::letUpstreamGo() {
  if (std::exchange(counted_by_cluster_, false)) cluster_->connectionEnded(*host_);
  if (upstream_) loop_.deleteLater(std::move(upstream_));
}

void TcpSession::log(std::string_view type) const {
  if (proxy_->access_logs.empty()) return;
  http::StreamInfo info;
  info.connection = std::make_shared<network::ConnectionInfo>(connection_.info());
  info.remote_address = info.connection->remote_address;
  info.start_wall = info.connection->start_wall;
  info.start = info.connection->start_monotonic;
  info.end = loop_.now();  // so far, in a line before the end
  info.flags = flags_;
  info.connection_termination_details = details_;
  info.bytes_received = received_;
  info.bytes_sent = sent_;
  info.downstream_wire.received = received_;
  info.downstream_wire.sent = sent_;
  if (cluster_ != nullptr) {
    info.upstream_cluster = cluster_->info().observability_name;
    info.cluster_metadata = cluster_->info().metadata;
  }
  if (host_) {
    info.upstream.remote_address = host_->address;
    info.upstream.host_name = host_->hostname;
    info.upstream.host_metadata = host_->metadata;
    info.upstream.earlier_hosts = earlier_hosts_;
  }
  if (upstream_id_ != 0) {
    info.upstream.local_address = upstream_local_;
    info.upstream.connection_id = upstream_id_;
    info.upstream.wire.sent = received_;
    info.upstream.wire.received = sent_;
  }
  info.upstream.transport_failure_reason = transport_failure_reason_;
  info.upstream.attempt_count = attempts_;
  access_log::FormatContext context{.info = info};
  context.log_type = type;
  for (const auto& logger : proxy_->access_logs) logger->log(context, *worker_.runtime);
}

std::optional<uint64_t> TcpSession::hashKey() const {
  if (!proxy_->hash_source_ip || !connection_.info().remote_address.isIp()) return std::nullopt;
  return upstream::xxHash64(connection_.info().remote_address.ip());
}

}  // namespace baton::proxy
