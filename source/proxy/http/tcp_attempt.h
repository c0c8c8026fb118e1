// A CONNECT (or POST) whose payload goes upstream as bare TCP: a connection of the cluster in place of a stream. To the
// router it looks like an upstream that answers 200 as soon as it is connected. See UpstreamAttempt.
#pragma once

#include <memory>

#include "source/network/connection.h"
#include "source/proxy/http/upstream_attempt.h"

namespace baton::proxy {

class TcpAttempt final : public UpstreamAttempt,
                         private upstream::ConnectionWaiter,
                         private network::ConnectionHandler {
 public:
  // All must outlive the attempt.
  TcpAttempt(AttemptOwner& owner, upstream::WorkerCluster& cluster, const upstream::LoadBalancerContext& context,
             upstream::Priority priority, http::StreamInfo& info);
  ~TcpAttempt() override { reset(); }

  void start() override;
  void sendData(std::string_view bytes, bool end_of_stream) override;
  void sendTrailers(const http::HeaderMap& trailers) override;
  void pauseResponse() override;
  void resumeResponse() override;
  void reset() override;
  bool flushing() const override { return state_ == State::kActive && request_ended_ && response_ended_; }

 private:
  enum class State { kIdle, kWaiting, kActive, kOver };

  void onConnectionReady(std::unique_ptr<network::Connection> connection, const upstream::HostPtr& host) override;
  void onConnectionFailed(upstream::PoolFailure failure, std::string_view transport_failure_reason,
                          const upstream::HostPtr& host) override;
  size_t onData(std::string_view bytes, bool end_of_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClosed(network::CloseReason reason) override;

  void letConnectionGo();

  AttemptOwner& owner_;
  upstream::WorkerCluster& cluster_;
  const upstream::LoadBalancerContext& context_;
  const upstream::Priority priority_;
  http::StreamInfo& info_;
  State state_ = State::kIdle;
  upstream::PendingConnection* pending_ = nullptr;
  std::unique_ptr<network::Connection> connection_;
  bool request_ended_ = false;
  bool response_ended_ = false;
};

}  // namespace baton::proxy
