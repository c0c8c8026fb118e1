#include "source/proxy/tcp/upstream_flush.h"

namespace baton::proxy {

UpstreamFlush::UpstreamFlush(WorkerContext& worker, std::shared_ptr<const TcpProxy> proxy,
                             std::unique_ptr<network::Connection> connection, upstream::WorkerCluster& cluster,
                             upstream::HostPtr host)
    : loop_(worker.loop),
      proxy_(std::move(proxy)),
      connection_(std::move(connection)),
      cluster_(cluster),
      host_(std::move(host)) {
  proxy_->stats.upstream_flush_total.add();
  proxy_->stats.upstream_flush_active.add(1);
  connection_->setHandler(*this);
  if (proxy_->idle_timeout > proxy_->idle_timeout.zero()) {
    idle_timer_.emplace(loop_, [this] { onIdleTimer(); });
    idle_timer_->arm(proxy_->idle_timeout);
  }
}

UpstreamFlush::~UpstreamFlush() {
  proxy_->stats.upstream_flush_active.sub(1);
  cluster_.connectionEnded(*host_);
}

void UpstreamFlush::start(WorkerContext& worker, std::shared_ptr<const TcpProxy> proxy,
                          std::unique_ptr<network::Connection> connection, upstream::WorkerCluster& cluster,
                          upstream::HostPtr host) {
  if (worker.upstream_flushes == nullptr) worker.upstream_flushes = std::make_shared<UpstreamFlushes>();
  // Owned by the set from here on.
  auto* const flush = new UpstreamFlush(worker, std::move(proxy), std::move(connection), cluster, std::move(host));
  worker.upstream_flushes->flushes_.pushBack(*flush);
}

void UpstreamFlush::onClosed(network::CloseReason) {
  unlink();
  if (idle_timer_) idle_timer_->cancel();
  loop_.deleteLater(std::unique_ptr<UpstreamFlush>(this));
}

void UpstreamFlush::onIdleTimer() {
  const auto idle = loop_.now() - connection_->lastActivity();
  if (idle < proxy_->idle_timeout) return idle_timer_->arm(proxy_->idle_timeout - idle);
  proxy_->stats.idle_timeout.add();
  connection_->close(network::CloseType::kReset);
}

UpstreamFlushes::~UpstreamFlushes() {
  while (UpstreamFlush* flush = flushes_.popFront()) delete flush;
}

}  // namespace baton::proxy
