// The HTTP connections of one worker to one host, for one protocol, priority and server name. Streams take the most
// recently used connection that has room; without one they wait, within the circuit breakers, for a new connection.
// Owned by its PooledCluster.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "source/base/intrusive_list.h"
#include "source/event/loop.h"
#include "source/upstream/pool_context.h"
#include "source/upstream/pooled_connection.h"
#include "source/upstream/worker_clusters.h"

namespace baton::upstream {

enum class PoolProtocol : uint8_t { kHttp1, kHttp2, kByAlpn };

struct PoolKey {
  PoolProtocol protocol = PoolProtocol::kHttp1;
  Priority priority = Priority::kDefault;
  std::string server_name;  // SNI of this pool; empty: as configured
};

class HttpPool {
 public:
  class Owner {
   public:
    // A pool that drains has nothing left. It may be given to Loop::deleteLater() inside.
    virtual void onPoolDrained(HttpPool& pool) = 0;

   protected:
    ~Owner() = default;
  };

  HttpPool(PoolContext& context, Owner& owner, std::shared_ptr<const ClusterInfo> info, HostPtr host, PoolKey key);
  ~HttpPool();
  HttpPool(const HttpPool&) = delete;
  HttpPool& operator=(const HttpPool&) = delete;

  // See WorkerCluster::newStream(). `fresh`: idle connections are passed over.
  PendingStream* newStream(http::StreamReceiver& receiver, StreamWaiter& waiter, bool fresh = false);

  // Connections close when their last stream ends; idle ones now. Streams still get a connection, one for each.
  void drain();
  // All connections end, their streams are reset; streams that wait are told kConnectFailed.
  void closeAll();

  const PoolKey& key() const { return key_; }
  const HostPtr& host() const { return host_; }
  size_t connections() const { return count_; }
  // Nothing open and nobody waiting.
  bool empty() const { return count_ == 0 && waiting_count_ == 0; }

 private:
  friend class PooledConnection;
  class Waiting;

  void connectIfNeeded();
  // Streams that connections under way will be able to take.
  size_t comingCapacity() const;
  void attach(PooledConnection& connection, http::StreamReceiver& receiver, StreamWaiter& waiter);
  PooledConnection* readyConnection();
  // Waiting streams to connections that have room.
  void serve();
  void fail(PoolFailure failure, std::string_view reason);
  void forget(Waiting& waiting);

  // From connections.
  void moved(PooledConnection& connection, PooledConnection::State from);
  void connectFailed(PoolFailure failure, std::string_view reason);

  void tellIfDrained();
  void armIdleTimer();
  void closeIdle();

  std::list<std::unique_ptr<PooledConnection>>& listFor(PooledConnection::State state);

  PoolContext& context_;
  Owner& owner_;
  const std::shared_ptr<const ClusterInfo> info_;
  const HostPtr host_;
  const PoolKey key_;
  std::list<std::unique_ptr<PooledConnection>> connecting_, ready_, busy_, draining_;
  size_t count_ = 0;
  base::IntrusiveList<Waiting> waiting_;
  size_t waiting_count_ = 0;
  // How many streams a connection is expected to take at once; learned from those that are open.
  size_t streams_per_connection_;
  bool serving_ = false;
  bool draining_asked_ = false;
  event::Timer idle_timer_;
};

}  // namespace baton::upstream
