#include "source/proxy/tcp/upstream_flush.h"

namespace baton::proxy {

UpstreamFlush::UpstreamFlush(WorkerContext& worker, std::shared_ptr<const TcpProxy> proxy,
                             std::unique_ptr<network::Connection> connection, upstream::WorkerCluster& cluster,
                             upstream::HostPtr host)
    : loop_(worker.loop),
      flushes_(*worker.upstream_flushes),
      proxy_(std::move(proxy)),
      connection_(std::move(connection)),
      cluster_(cluster),
      host_(std::move(host)),
      idle_timer_(
          loop_, proxy_->idle_timeout, [this] { return connection_->lastActivity(); }, [this] { onIdle(); }) {
  proxy_->stats.upstream_flush_total.add();
  proxy_->stats.upstream_flush_active.add(1);
  connection_->setHandler(*this);
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
  ++worker.upstream_flushes->count_;
}

void UpstreamFlush::onClosed(network::CloseReason) {
  unlink();
  --flushes_.count_;
  idle_timer_.cancel();
  loop_.deleteLater(std::unique_ptr<UpstreamFlush>(this));
}

void UpstreamFlush::onIdle() {
  proxy_->stats.idle_timeout.add();
  connection_->close(network::CloseType::kReset);
}

UpstreamFlushes::~UpstreamFlushes() {
  while (UpstreamFlush* flush = flushes_.popFront()) delete flush;
}

}  // namespace baton::proxy
