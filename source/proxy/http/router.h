// The last filter of every chain: sends the request to an endpoint of its route's cluster, again if need be, and the
// response back. Owned by its stream, on the stream's worker.
//
// The body is passed on as it comes. It is kept only while no upstream stream is there yet, or while it may have to be
// sent again, and never more of it than the route's buffer limit.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/buffer.h"
#include "source/proxy/http/request_timeouts.h"
#include "source/proxy/http/retry_state.h"
#include "source/proxy/http/router_stream.h"
#include "source/proxy/http/shadow.h"
#include "source/proxy/http/upstream_attempt.h"

namespace baton::proxy {

class Router final : public AttemptOwner, public upstream::LoadBalancerContext {
 public:
  Router(RouterStream& stream, const HttpConfig& config);
  ~Router() override;

  // The request, after all filters.
  void requestHeaders(bool end_of_stream);
  void requestData(std::string_view bytes, bool end_of_stream);
  void requestTrailers(http::HeaderMap& trailers);
  // The client does not take what it is sent, or does again.
  void downstreamAboveHighWatermark();
  void downstreamBelowLowWatermark();
  // The stream is over. Ends whatever goes on upstream.
  void streamEnded();

  // A tunnel: 101, or 2xx to CONNECT, has been sent to the client.
  bool tunnelling() const { return tunnel_; }
  // Both directions have ended, but the upstream has yet to take the last bytes: RouterStream::tunnelFlushed() follows.
  bool flushing() const { return attempt_ != nullptr && attempt_->flushing(); }

 private:
  enum class State {
    kIdle,
    kTrying,      // attempt_ waits for a stream or for the response
    kBackOff,     // between two tries
    kResponding,  // the response's head is on its way to the client
    kOver,
  };

  // AttemptOwner.
  void onAttemptReady() override;
  void onPoolFailure(upstream::PoolFailure failure, std::string_view transport_failure_reason) override;
  void onUpstreamInformational(http::HeaderMap&& headers) override;
  void onUpstreamHeaders(http::HeaderMap&& headers, bool end_of_stream) override;
  void onUpstreamData(std::string_view bytes, bool end_of_stream) override;
  void onUpstreamTrailers(http::HeaderMap&& trailers) override;
  void onUpstreamReset(http::StreamReset reason, std::string_view details) override;
  void onUpstreamFlushed() override;
  void onUpstreamAboveHighWatermark() override;
  void onUpstreamBelowLowWatermark() override;

  // LoadBalancerContext.
  std::optional<uint64_t> hashKey() const override { return hash_key_; }
  bool refuses(const upstream::Host& host) const override;
  uint32_t hostSelectionAttempts() const override;
  const network::ConnectionInfo* downstream() const override;
  std::string_view serverNameOverride() const override;

  bool passesStrictCheck();
  // False when the request was answered here.
  bool findCluster(const RouteChoice& route);
  void answerWithoutUpstream(const RouteChoice& route);
  void startMirrors(const ForwardAction& action);

  void startAttempt(bool fresh_connection);
  void dropAttempt();
  // All of the body so far is here, so the request can be sent again.
  bool replayable() const;
  // It is worth keeping for that.
  bool mayReplay() const;
  void stopKeeping();
  // The body is larger than what is kept of it: counted once for a request.
  void abandonRetryOrShadow();
  void requestReceived();
  void armDurationTimer();
  void armTryTimers();

  // The retry policy has a say: the request can be sent again, or it would not be anyway.
  bool retryCounts() const;
  // True when the request will be tried again.
  bool retry(RetryState::Verdict verdict);
  bool sendAgainOnFreshConnection(http::StreamReset reason);
  // True when the stream goes on elsewhere, as the response's location says.
  bool followRedirect(const http::HeaderMap& response);
  bool mayFollowRedirect(const http::HeaderMap& response);
  void onTryTimer();
  void onTryIdleTimer();
  void streamTooLong();
  void tryTimedOut(LocalReplyReason before_response, LocalReplyReason in_response);
  void routeTimedOut();
  void fail(LocalReplyReason reason, std::string_view details = {}, std::string_view transport_failure = {});
  void decorateResponse(http::HeaderMap& headers);
  void chargeResponse(int status, bool canary);
  void chargeTime();
  void report(upstream::HostOutcome outcome, int status);
  // Of a gRPC call it counts what its grpc-status means.
  void reportAnswer(int status, const http::HeaderMap& headers_or_trailers);
  void upstreamDone();
  void touch();

  RouterStream& stream_;
  const HttpConfig& config_;
  WorkerContext& worker_;
  State state_ = State::kIdle;
  const RouteEntry* entry_ = nullptr;
  const ClusterTarget* target_ = nullptr;
  const ForwardAction* action_ = nullptr;
  upstream::WorkerCluster* cluster_ = nullptr;
  std::optional<RetryState> retry_;
  std::unique_ptr<UpstreamAttempt> attempt_;
  std::vector<upstream::HostPtr> tried_hosts_;
  std::optional<uint64_t> hash_key_;
  std::vector<std::string> new_cookies_;
  std::vector<std::unique_ptr<Shadow>> shadows_;  // until the request is complete

  RequestTimeouts timeouts_;
  std::optional<event::Timer> route_timer_;
  std::optional<event::Timer> try_timer_;  // per try, and the back-off between two
  std::optional<event::Timer> try_idle_timer_;
  std::optional<event::Timer> duration_timer_;  // max_stream_duration of the cluster
  base::MonotonicTime request_received_at_{};
  base::MonotonicTime last_upstream_activity_{};

  http::HeaderMap original_headers_;  // before the route's edits; kept for internal redirects
  base::Buffer kept_body_;
  std::optional<http::HeaderMap> trailers_;
  bool request_complete_ = false;  // including trailers
  bool head_only_ = false;         // it has neither body nor trailers
  bool keep_body_ = true;          // it may be sent again
  bool abandoned_ = false;         // a retry or a mirror, for its size
  bool request_paused_ = false;    // because kept_body_ is full
  bool upstream_full_ = false;
  bool tunnel_ = false;
  bool tcp_ = false;
  bool sent_again_ = false;  // once, on a fresh connection
  bool saw_informational_ = false;
  bool response_over_ = false;  // of a tunnel whose other direction goes on
  bool internal_ = false;
  bool canary_ = false;
  bool grpc_ = false;
  bool grpc_outcome_due_ = false;  // with the trailers
  int response_pauses_ = 0;
  uint32_t attempts_ = 0;
  std::string_view upgrade_;
};

}  // namespace baton::proxy
