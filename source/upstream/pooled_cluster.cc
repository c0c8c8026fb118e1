#include "source/upstream/pooled_cluster.h"

#include <algorithm>
#include <unordered_set>

#include "source/base/log.h"

namespace baton::upstream {

namespace {

PoolProtocol protocolFor(const ClusterInfo& info, http::Protocol downstream) {
  switch (info.protocol) {
    case UpstreamProtocol::kHttp1:
      return PoolProtocol::kHttp1;
    case UpstreamProtocol::kHttp2:
      return PoolProtocol::kHttp2;
    case UpstreamProtocol::kAuto:
      return PoolProtocol::kByAlpn;
    case UpstreamProtocol::kUseDownstream:
      return downstream == http::Protocol::kHttp2 ? PoolProtocol::kHttp2 : PoolProtocol::kHttp1;
  }
  return PoolProtocol::kHttp1;
}

std::unique_ptr<network::Transport> makeTransport(const ClusterInfo& info, const Host& host) {
  if (!info.transport) return network::makePlainTransport();
  network::TransportFactory::CreateOptions options;
  options.host_name = host.hostname;
  return info.transport->create(options);
}

// What is counted for a connection's life is given back.
void releaseConnection(const ClusterInfo& info, Host& host) {
  info.stats.upstream_cx_active.sub();
  info.stats.upstream_cx_destroy.add();
  host.active_connections.fetch_sub(1, std::memory_order_relaxed);
  info.breakers.connections(Priority::kDefault).release();
}

}  // namespace

// A TCP connection under way. Lives until the outcome is told or the user cancels.
class PooledCluster::TcpAttempt final : public PendingConnection,
                                        public base::ListLink<PooledCluster::TcpAttempt>,
                                        private network::ConnectionHandler {
 public:
  TcpAttempt(PooledCluster& cluster, HostPtr host, ConnectionWaiter& waiter)
      : cluster_(cluster), host_(std::move(host)), waiter_(waiter) {}

  void start() {
    const ClusterInfo& info = *cluster_.info_;
    connection_ = std::make_unique<network::Connection>(
        cluster_.context_.loop, makeTransport(info, *host_),
        network::ConnectionSettings{.buffer_limit_bytes = info.buffer_limit_bytes});
    connection_->setHandler(*this);
    connection_->connect(host_->address, info.connect_timeout, info.socketPreparation());
  }

  void cancel() override {
    cancelled_ = true;
    connection_->close(network::CloseType::kAbort);
  }

 private:
  void onConnected() override {
    const auto took = cluster_.context_.loop.now() - connection_->info().start_monotonic;
    cluster_.info_->stats.upstream_cx_connect_ms.record(
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    finish();
    ++cluster_.tcp_connections_;
    waiter_.onConnectionReady(std::move(connection_), host_);
  }
  size_t onData(std::string_view, bool) override { return 0; }
  void onClosed(network::CloseReason reason) override {
    ClusterStats& stats = cluster_.info_->stats;
    releaseConnection(*cluster_.info_, *host_);
    const std::string reason_text = connection_->info().transport_failure_reason;
    cluster_.context_.loop.deleteLater(std::move(connection_));
    finish();
    if (cancelled_) return;
    const bool timed_out = reason == network::CloseReason::kConnectTimeout;
    if (timed_out) stats.upstream_cx_connect_timeout.add();
    stats.upstream_cx_connect_fail.add();
    host_->connect_failures.fetch_add(1, std::memory_order_relaxed);
    const auto failure = timed_out                                          ? PoolFailure::kConnectTimeout
                         : reason == network::CloseReason::kTransportFailed ? PoolFailure::kTlsFailed
                                                                            : PoolFailure::kConnectFailed;
    waiter_.onConnectionFailed(failure, reason_text, host_);
  }

  void finish() {
    unlink();
    cluster_.context_.loop.deleteLater(std::unique_ptr<TcpAttempt>(this));
  }

  PooledCluster& cluster_;
  const HostPtr host_;
  ConnectionWaiter& waiter_;
  std::unique_ptr<network::Connection> connection_;
  bool cancelled_ = false;
};

PooledCluster::PooledCluster(PoolContext& context, std::shared_ptr<const ClusterInfo> info,
                             std::shared_ptr<const HostSnapshot> snapshot)
    : context_(context), info_(std::move(info)) {
  update(std::move(snapshot));
}

PooledCluster::~PooledCluster() {
  while (!attempts_.empty()) attempts_.front().cancel();
}

HostPtr PooledCluster::chooseHost(const LoadBalancerContext& context) {
  return balancer_->choose(context);
}

PendingStream* PooledCluster::newStream(const StreamOptions& options, const LoadBalancerContext& context,
                                        http::StreamReceiver& receiver, StreamWaiter& waiter) {
  const HostPtr host = balancer_->choose(context);
  if (host == nullptr) {
    info_->stats.upstream_cx_none_healthy.add();
    waiter.onStreamFailed(PoolFailure::kNoHealthyHost, {}, nullptr);
    return nullptr;
  }
  return poolFor(host, options, context).newStream(receiver, waiter, options.fresh_connection);
}

HostCounts PooledCluster::hostCounts() const {
  return {.total = snapshot_->total(), .healthy = snapshot_->healthy(), .degraded = snapshot_->degraded()};
}

HttpPool& PooledCluster::poolFor(const HostPtr& host, const StreamOptions& options,
                                 const LoadBalancerContext& context) {
  const PoolProtocol protocol = protocolFor(*info_, options.downstream_protocol);
  const bool by_name = info_->transport && (info_->auto_sni || info_->auto_san_validation);
  const std::string_view name = by_name ? context.serverNameOverride() : std::string_view();
  HostPools& of = pools_[host.get()];
  if (of.host == nullptr) of.host = host;
  for (const auto& pool : of.pools) {
    const PoolKey& key = pool->key();
    if (key.protocol == protocol && key.priority == options.priority && key.server_name == name) return *pool;
  }
  of.pools.push_back(
      std::make_unique<HttpPool>(context_, *this, info_, host, PoolKey{protocol, options.priority, std::string(name)}));
  return *of.pools.back();
}

PendingConnection* PooledCluster::newConnection(Priority, const LoadBalancerContext& context,
                                                ConnectionWaiter& waiter) {
  const HostPtr host = balancer_->choose(context);
  if (host == nullptr) {
    info_->stats.upstream_cx_none_healthy.add();
    waiter.onConnectionFailed(PoolFailure::kNoHealthyHost, {}, nullptr);
    return nullptr;
  }
  if (!info_->breakers.connections(Priority::kDefault).tryAcquire()) {
    info_->stats.upstream_cx_overflow.add();
    waiter.onConnectionFailed(PoolFailure::kOverflow, {}, host);
    return nullptr;
  }
  info_->stats.upstream_cx_total.add();
  info_->stats.upstream_cx_active.add();
  host->total_connections.fetch_add(1, std::memory_order_relaxed);
  host->active_connections.fetch_add(1, std::memory_order_relaxed);
  auto* attempt = new TcpAttempt(*this, host, waiter);
  attempts_.pushBack(*attempt);
  attempt->start();
  return attempt;
}

void PooledCluster::connectionEnded(const Host& host) {
  --tcp_connections_;
  releaseConnection(*info_, const_cast<Host&>(host));
}

void PooledCluster::report(Host& host, HostOutcome outcome, int) {
  if (outcome == HostOutcome::kSuccess) {
    host.request_successes.fetch_add(1, std::memory_order_relaxed);
  } else {
    host.request_errors.fetch_add(1, std::memory_order_relaxed);
  }
  if (info_->outlier) info_->outlier->report(host, outcome);
}

bool PooledCluster::tryStartRetry(Priority priority) {
  return info_->breakers.tryStartRetry(priority);
}

void PooledCluster::retryEnded(Priority priority) {
  info_->breakers.retryEnded(priority);
}

void PooledCluster::update(std::shared_ptr<const HostSnapshot> snapshot) {
  const std::shared_ptr<const HostSnapshot> before = std::move(snapshot_);
  snapshot_ = std::move(snapshot);
  balancer_ = LoadBalancer::make(*info_, snapshot_, context_.random);

  std::unordered_set<const Host*> members;
  for (const PriorityHosts& priority : snapshot_->priorities) {
    for (const HostPtr& host : priority.all.hosts) members.insert(host.get());
  }
  std::vector<HttpPool*> to_drain, to_close;
  for (auto at = pools_.begin(); at != pools_.end();) {
    HostPools& of = at->second;
    if (!members.contains(at->first)) {
      for (auto& pool : of.pools) {
        to_drain.push_back(pool.get());
        retired_.push_back(std::move(pool));
      }
      at = pools_.erase(at);
      continue;
    }
    const bool healthy = of.host->health() != HealthStatus::kUnhealthy;
    if (of.was_healthy && !healthy && info_->close_connections_on_host_health_failure) {
      for (auto& pool : of.pools) to_close.push_back(pool.get());
    }
    of.was_healthy = healthy;
    ++at;
  }
  if (info_->close_connections_on_host_set_change && before != nullptr) {
    size_t known = 0;
    size_t total_before = 0;
    for (const PriorityHosts& priority : before->priorities) {
      total_before += priority.all.hosts.size();
      for (const HostPtr& host : priority.all.hosts) known += members.contains(host.get()) ? 1 : 0;
    }
    if (known != members.size() || known != total_before) {
      // They are drained for good; new streams get new pools.
      for (auto& [host, of] : pools_) {
        for (auto& pool : of.pools) {
          to_drain.push_back(pool.get());
          retired_.push_back(std::move(pool));
        }
        of.pools.clear();
      }
    }
  }
  for (HttpPool* pool : to_close) pool->closeAll();
  for (HttpPool* pool : to_drain) pool->drain();
}

std::unique_ptr<HttpPool> PooledCluster::take(HttpPool& pool) {
  const auto takeFrom = [&pool](std::vector<std::unique_ptr<HttpPool>>& pools) {
    std::unique_ptr<HttpPool> taken;
    const auto at = std::find_if(pools.begin(), pools.end(), [&pool](const auto& p) { return p.get() == &pool; });
    if (at != pools.end()) {
      taken = std::move(*at);
      pools.erase(at);
    }
    return taken;
  };
  if (auto taken = takeFrom(retired_)) return taken;
  const auto of = pools_.find(pool.host().get());
  if (of == pools_.end()) return nullptr;
  auto taken = takeFrom(of->second.pools);
  if (of->second.pools.empty()) pools_.erase(of);
  return taken;
}

void PooledCluster::onPoolDrained(HttpPool& pool) {
  context_.loop.deleteLater(take(pool));
}

void PooledCluster::drainConnections() {
  std::vector<HttpPool*> all;
  for (const auto& [host, of] : pools_) {
    for (const auto& pool : of.pools) all.push_back(pool.get());
  }
  for (HttpPool* pool : all) pool->drain();
}

size_t PooledCluster::openConnections() const {
  size_t count = tcp_connections_;
  for (const auto& [host, of] : pools_) {
    for (const auto& pool : of.pools) count += pool->connections();
  }
  for (const auto& pool : retired_) count += pool->connections();
  return count;
}

}  // namespace baton::upstream
