// What a TCP session leaves behind when its client is gone and the upstream has not taken everything yet: the upstream
// connection with its unsent bytes and our end behind them. Lives until they are sent, the upstream breaks, or nothing
// has moved for the proxy's idle timeout. Owned by the worker's UpstreamFlushes, used on the worker's thread.
#pragma once

#include <memory>

#include "source/base/intrusive_list.h"
#include "source/network/connection.h"
#include "source/proxy/tcp/idle_timer.h"
#include "source/proxy/tcp/tcp_proxy.h"
#include "source/proxy/worker_context.h"

namespace baton::proxy {

class UpstreamFlushes;

class UpstreamFlush final : public base::ListLink<UpstreamFlush>, private network::ConnectionHandler {
 public:
  // `connection` is open, has unsent bytes, and endWrite() was said. The cluster is told when it is over.
  static void start(WorkerContext& worker, std::shared_ptr<const TcpProxy> proxy,
                    std::unique_ptr<network::Connection> connection, upstream::WorkerCluster& cluster,
                    upstream::HostPtr host);
  ~UpstreamFlush();

 private:
  UpstreamFlush(WorkerContext& worker, std::shared_ptr<const TcpProxy> proxy,
                std::unique_ptr<network::Connection> connection, upstream::WorkerCluster& cluster,
                upstream::HostPtr host);

  size_t onData(std::string_view bytes, bool) override { return bytes.size(); }
  void onClosed(network::CloseReason reason) override;
  void onIdle();

  event::Loop& loop_;
  UpstreamFlushes& flushes_;
  const std::shared_ptr<const TcpProxy> proxy_;
  std::unique_ptr<network::Connection> connection_;
  upstream::WorkerCluster& cluster_;
  const upstream::HostPtr host_;
  IdleTimer idle_timer_;
};

// Those of one worker. Owned by its WorkerContext.
class UpstreamFlushes {
 public:
  ~UpstreamFlushes();

  size_t size() const { return count_; }

 private:
  friend class UpstreamFlush;
  base::IntrusiveList<UpstreamFlush> flushes_;
  size_t count_ = 0;
};

}  // namespace baton::proxy
