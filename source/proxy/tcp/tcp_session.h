// One connection of a TCP proxy: it connects upstream at once, and then carries bytes both ways. Where both sides are
// plain it gives the sockets to a Relay; where one is TLS it passes bytes between the two connections, each of which
// stops the other's reads when it is slow. Owned by the listener's connection, on its worker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/http/stream_info.h"
#include "source/network/network_filter.h"
#include "source/network/relay.h"
#include "source/proxy/tcp/idle_timer.h"
#include "source/proxy/tcp/tcp_proxy.h"
#include "source/proxy/worker_context.h"
#include "source/upstream/worker_clusters.h"

namespace baton::proxy {

class TcpSession final : public network::Session,
                         private upstream::ConnectionWaiter,
                         private upstream::LoadBalancerContext,
                         private network::Relay::Owner {
 public:
  TcpSession(std::shared_ptr<const TcpProxy> proxy, const network::SessionContext& context);
  ~TcpSession() override;

  // Connects to `cluster`, or when that is empty to one of the proxy's. May close the downstream connection.
  void start(const std::string& cluster);

  // network::Session, the downstream side
  size_t onData(std::string_view bytes, bool end_of_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClosed(network::CloseReason reason) override;
  void terminate() override;
  const char* kind() const override { return "tcp"; }

 private:
  // The other side.
  struct Upstream final : network::ConnectionHandler {
    explicit Upstream(TcpSession& session) : session(session) {}
    size_t onData(std::string_view bytes, bool end_of_stream) override {
      return session.onUpstreamData(bytes, end_of_stream);
    }
    void onAboveHighWatermark() override { session.pauseDownstream(); }
    void onBelowLowWatermark() override { session.resumeDownstream(); }
    void onClosed(network::CloseReason reason) override { session.onUpstreamClosed(reason); }

    TcpSession& session;
  };

  enum class State { kConnecting, kPassing, kRelaying, kOver };

  void connectUpstream();
  void connectLater();
  // The endpoint that is asked now.
  void tryHost(const upstream::HostPtr& host);
  void onConnectionReady(std::unique_ptr<network::Connection> connection, const upstream::HostPtr& host) override;
  void onConnectionFailed(upstream::PoolFailure failure, std::string_view transport_failure_reason,
                          const upstream::HostPtr& host) override;
  void startRelay();
  size_t onUpstreamData(std::string_view bytes, bool end_of_stream);
  void onUpstreamClosed(network::CloseReason reason);
  void onRelayProgress() override;
  void onRelayEnded(network::Relay::Ending ending) override;
  // Adds what came since to the statistics.
  void countPassed(uint64_t received, uint64_t sent);
  void pauseDownstream();
  void resumeDownstream();

  void armTimers();
  void onIdle();
  void onMaxDuration();
  base::MonotonicTime lastActivity() const;
  // Ends everything that is still there, counts and logs. Once.
  void finish(network::CloseType downstream, network::CloseType upstream);
  void letUpstreamGo();
  void log(std::string_view type) const;
  void onLogTimer();

  // upstream::LoadBalancerContext
  std::optional<uint64_t> hashKey() const override;
  const network::ConnectionInfo* downstream() const override { return &connection_.info(); }

  const std::shared_ptr<const TcpProxy> proxy_;
  event::Loop& loop_;
  network::Connection& connection_;
  network::SessionOwner& owner_;
  WorkerContext& worker_;
  State state_ = State::kConnecting;
  upstream::WorkerCluster* cluster_ = nullptr;
  upstream::PendingConnection* pending_ = nullptr;
  uint32_t attempts_ = 0;
  Upstream upstream_handler_{*this};
  std::unique_ptr<network::Connection> upstream_;
  std::unique_ptr<network::Relay> relay_;
  std::optional<event::Timer> connect_timer_;  // between attempts
  std::optional<IdleTimer> idle_timer_;
  std::optional<event::Timer> duration_timer_;
  std::optional<event::Timer> log_timer_;

  // For the log line.
  upstream::HostPtr host_;
  std::vector<http::UpstreamInfo::Attempted> earlier_hosts_;  // of attempts before host_
  bool counted_by_cluster_ = false;                           // connectionEnded() is owed
  http::ResponseFlags flags_;
  std::string transport_failure_reason_;
  const char* details_ = "";
  network::Address upstream_local_;
  uint64_t upstream_id_ = 0;
  uint64_t received_ = 0;  // from downstream
  uint64_t sent_ = 0;      // to downstream
  // What the gauges have of the relay's bytes.
  size_t reported_downstream_unsent_ = 0;
  size_t reported_upstream_unsent_ = 0;
};

}  // namespace baton::proxy
