// What a worker's proxies see of upstream: clusters by name, each with its load balancer and pools on this worker.
// One WorkerClusters per worker (and one on the main thread for health checks' and filters' own requests), created and
// used on that thread only. Host sets and settings reach it as immutable snapshots, posted by the ClusterManager.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/event/loop.h"
#include "source/http/codec.h"
#include "source/network/connection.h"
#include "source/upstream/cluster_info.h"
#include "source/upstream/host.h"
#include "source/upstream/outlier_reporting.h"

namespace baton::upstream {

// What a request tells the load balancer about itself. Lives as long as the attempt.
class LoadBalancerContext {
 public:
  virtual ~LoadBalancerContext() = default;
  virtual std::optional<uint64_t> hashKey() const { return std::nullopt; }
  // A retry host predicate: true to look for another host (at most hostSelectionAttempts() times).
  virtual bool refuses(const Host&) const { return false; }
  virtual uint32_t hostSelectionAttempts() const { return 1; }
  virtual const network::ConnectionInfo* downstream() const { return nullptr; }
  // For auto_sni / auto_san_validation: the request's host name. Empty: not asked for.
  virtual std::string_view serverNameOverride() const { return {}; }
};

enum class PoolFailure : uint8_t {
  kNoHealthyHost,   // UH
  kOverflow,        // UO: a circuit breaker is open
  kConnectFailed,   // UF, immediate or remote
  kConnectTimeout,  // UF
  kTlsFailed,       // UF; transport_failure_reason says why
};

// Waits for a stream of an upstream connection. Called at most once, then never again; not after cancel().
class StreamWaiter {
 public:
  // `sender`: the request goes there. `connection`: for logs and addresses; valid as long as the stream.
  virtual void onStreamReady(http::StreamSender& sender, const HostPtr& host, const network::Connection& connection,
                             bool connection_reused) = 0;
  virtual void onStreamFailed(PoolFailure failure, std::string_view transport_failure_reason, const HostPtr& host) = 0;

 protected:
  ~StreamWaiter() = default;
};

// A stream that is waited for. cancel() ends the wait; the object is gone afterwards.
class PendingStream {
 public:
  virtual void cancel() = 0;

 protected:
  ~PendingStream() = default;
};

// Waits for a TCP connection of its own.
class ConnectionWaiter {
 public:
  virtual void onConnectionReady(std::unique_ptr<network::Connection> connection, const HostPtr& host) = 0;
  virtual void onConnectionFailed(PoolFailure failure, std::string_view transport_failure_reason,
                                  const HostPtr& host) = 0;

 protected:
  ~ConnectionWaiter() = default;
};
class PendingConnection {
 public:
  virtual void cancel() = 0;

 protected:
  ~PendingConnection() = default;
};

struct StreamOptions {
  Priority priority = Priority::kDefault;
  // The downstream's protocol, for use_downstream_protocol_config.
  http::Protocol downstream_protocol = http::Protocol::kHttp11;
  // Not a connection that has carried a request before: the request failed on such a one, because its server had just
  // closed it.
  bool fresh_connection = false;
};

struct HostCounts {
  size_t total = 0;
  size_t healthy = 0;
  size_t degraded = 0;
};

class WorkerCluster {
 public:
  virtual ~WorkerCluster() = default;
  virtual const ClusterInfo& info() const = 0;
  // The balancer's choice; null when no host can be used. Counts lb_healthy_panic and the like.
  virtual HostPtr chooseHost(const LoadBalancerContext& context) = 0;
  virtual HostCounts hostCounts() const = 0;

  // Asks the pool of a chosen host for a stream to `receiver`. The outcome may come before this returns, and then null
  // is returned. The pool checks the circuit breakers and counts.
  virtual PendingStream* newStream(const StreamOptions& options, const LoadBalancerContext& context,
                                   http::StreamReceiver& receiver, StreamWaiter& waiter) = 0;
  // Likewise for TCP. The connection's end must be told by connectionEnded() so that cx_active and breakers stay right.
  virtual PendingConnection* newConnection(Priority priority, const LoadBalancerContext& context,
                                           ConnectionWaiter& waiter) = 0;
  virtual void connectionEnded(const Host& host) = 0;

  // Tells outlier detection and the host's counters.
  virtual void report(Host& host, HostOutcome outcome, int status) = 0;

  // Retry budget of the circuit breakers: true when one more retry may run now; retryEnded() gives it back.
  virtual bool tryStartRetry(Priority priority) = 0;
  virtual void retryEnded(Priority priority) = 0;
};

class WorkerClusters {
 public:
  virtual ~WorkerClusters() = default;
  // Null when there is none of that name. Valid until the end of the turn, or as long as a stream of it is open.
  virtual WorkerCluster* find(std::string_view name) = 0;
  virtual void forEach(const std::function<void(WorkerCluster&)>& visit) = 0;
  // Drain: idle connections are closed, others when their streams end.
  virtual void drainConnections() = 0;
  virtual size_t openConnections() const = 0;
};

}  // namespace baton::upstream
