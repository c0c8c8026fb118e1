// A try over HTTP: a stream of the cluster's pool. See UpstreamAttempt.
#pragma once

#include "source/base/recycled.h"
#include "source/proxy/http/upstream_attempt.h"

namespace baton::proxy {

class HttpAttempt final : public UpstreamAttempt,
                          public base::Recycled<HttpAttempt>,
                          private http::StreamReceiver,
                          private upstream::StreamWaiter {
 public:
  struct Request {
    http::HeaderMap& headers;  // the stream's own; auto_host_rewrite changes it
    http::StreamInfo& info;
    bool end_of_stream = false;  // the head is all there is
    bool auto_host_rewrite = false;
    bool append_x_forwarded_host = false;  // when the host is rewritten
  };
  // All must outlive the attempt.
  HttpAttempt(AttemptOwner& owner, upstream::WorkerCluster& cluster, const upstream::LoadBalancerContext& context,
              const upstream::StreamOptions& options, event::Loop& loop, const Request& request);
  ~HttpAttempt() override { reset(); }

  void start() override;
  void sendData(std::string_view bytes, bool end_of_stream) override;
  void sendTrailers(const http::HeaderMap& trailers) override;
  void pauseResponse() override;
  void resumeResponse() override;
  void reset() override;

 private:
  enum class State {
    kIdle,
    kWaiting,  // for a stream of the pool
    kActive,   // sender_ is valid
    kOver,
  };

  void onStreamReady(http::StreamSender& sender, const upstream::HostPtr& host, const network::Connection& connection,
                     bool connection_reused) override;
  void onStreamFailed(upstream::PoolFailure failure, std::string_view transport_failure_reason,
                      const upstream::HostPtr& host) override;

  void onInformational(http::HeaderMap&& headers) override;
  void onHeaders(http::HeaderMap&& headers, bool end_of_stream) override;
  void onData(std::string_view bytes, bool end_of_stream) override;
  void onTrailers(http::HeaderMap&& trailers) override;
  void onReset(http::StreamReset reason, std::string_view details) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;

  void noteSent(bool end_of_stream);
  void noteReceived(bool end_of_stream);

  AttemptOwner& owner_;
  upstream::WorkerCluster& cluster_;
  const upstream::LoadBalancerContext& context_;
  const upstream::StreamOptions options_;
  event::Loop& loop_;
  Request request_;
  State state_ = State::kIdle;
  upstream::PendingStream* pending_ = nullptr;
  http::StreamSender* sender_ = nullptr;
  bool request_ended_ = false;
  bool response_ended_ = false;
};

}  // namespace baton::proxy
