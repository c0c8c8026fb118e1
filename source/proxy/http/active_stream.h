// One request of a client and its response: checks, filters, timeouts, local replies, statistics, the log line. Made by
// the ConnectionManager when the codec sees a request begin, destroyed at the end of the turn in which it is over.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/recycled.h"
#include "source/event/loop.h"
#include "source/http/codec.h"
#include "source/proxy/http/http_config.h"
#include "source/proxy/http/router.h"
#include "source/proxy/http/router_stream.h"

namespace baton::proxy {

class ActiveStream;

// The ConnectionManager as its streams see it.
class StreamOwner {
 public:
  virtual WorkerContext& worker() = 0;
  virtual const HttpConfig& config() const = 0;
  virtual const network::ConnectionInfo& connectionInfo() const = 0;
  virtual bool closedByUs() const = 0;
  // The head of a response is about to be sent: a good moment to say that the connection will end.
  virtual void onResponseBegins() = 0;
  virtual void tunnelOpened() = 0;
  virtual std::shared_ptr<void>& connectionState(const void* key) = 0;
  // No method of the stream's sender is called any more. The stream is to be destroyed later in this turn.
  virtual void streamEnded(ActiveStream& stream) = 0;

 protected:
  ~StreamOwner() = default;
};

class ActiveStream final : public RouterStream,
                           public http::StreamReceiver,
                           public base::ListLink<ActiveStream>,
                           public base::Recycled<ActiveStream> {
 public:
  ActiveStream(StreamOwner& owner, http::StreamSender& sender);
  ~ActiveStream();

  // The codec refuses the request.
  void refuse(const http::RequestError& error);
  bool isTunnel() const { return tunnel_; }
  http::StreamSender& sender() { return sender_; }

  // FilterStream.
  http::HeaderMap& requestHeaders() override { return request_headers_; }
  http::HeaderMap* responseHeaders() override { return response_started_ ? &response_headers_ : nullptr; }
  http::StreamInfo& info() override { return info_; }
  WorkerContext& worker() override { return worker_; }
  bool internalRequest() const override { return internal_; }
  uint64_t random() const override { return random_; }
  const RouteChoice& route() override;
  void clearRoute() override;
  const RouteFilterConfig* routeConfig(size_t place) override;
  void continueRequest() override;
  void sendLocalReply(LocalReply reply) override;
  std::shared_ptr<void>& connectionState(const void* key) override { return owner_.connectionState(key); }
  void setCollectLimit(size_t bytes) override { collect_limit_ = bytes; }
  void addRequestData(std::string_view bytes) override;
  void addResponseData(std::string_view bytes) override;
  void collectResponse(size_t most) override { collected_response_.emplace(CollectedResponse{response_filter_, most}); }

  // RouterStream.
  void sendInformational(http::HeaderMap&& headers) override;
  void sendResponseHeaders(http::HeaderMap&& headers, bool end_of_stream) override;
  void sendResponseData(std::string_view bytes, bool end_of_stream) override;
  void sendResponseTrailers(http::HeaderMap&& trailers) override;
  void tunnelFlushed() override { finish(); }
  void abortResponse(LocalReplyReason reason, std::string_view details) override;
  void pauseRequest() override;
  void resumeRequest() override;
  std::string_view upgrade() const override { return upgrade_; }
  bool hasRoute(const http::HeaderMap& headers) override;
  uint32_t redirects() const override { return redirects_; }
  void startAgain(int status, http::HeaderMap&& headers, std::string body,
                  std::optional<http::HeaderMap>&& trailers) override;

 private:
  // StreamReceiver.
  void onHeaders(http::HeaderMap&& headers, bool end_of_stream) override;
  void onData(std::string_view bytes, bool end_of_stream) override;
  void onTrailers(http::HeaderMap&& trailers) override;
  void onReset(http::StreamReset reason, std::string_view details) override;
  void onAboveHighWatermark() override { router_->downstreamAboveHighWatermark(); }
  void onBelowLowWatermark() override { router_->downstreamBelowLowWatermark(); }

  // False when the request was answered.
  bool acceptRequest();
  bool checkUnderscores();
  bool checkPath();
  bool checkUpgrade();
  void requestReceived();
  void createFilters();

  // The request from the filter at `from` on.
  void passHeaders(size_t from);
  void passData(size_t from, std::string_view bytes, bool end_of_stream);
  void passTrailers(size_t from);
  void collected();
  void releaseHeld();
  // Runs a piece through response filters, from the one before `below` down to the first, and to the client.
  void writeData(size_t below, std::string_view bytes, bool end_of_stream);
  void writeHeaders(bool end_of_stream, bool from_upstream);
  void passResponseHeaders(size_t below, bool end_of_stream, bool from_upstream);
  void responseCollected();

  void noteWireBytes(uint64_t more_headers, uint64_t more);
  void responseEnded();
  void note(LocalReplyReason reason, std::string_view details);
  void finish();
  void log();
  void chargeEnd();
  bool done() const { return over_ || response_ended_; }

  void armTimer();
  void onTimer();
  void touch() { last_activity_ = worker_.loop.now(); }
  Milliseconds idleTimeout();
  bool waitsForClose() const;

  StreamOwner& owner_;
  http::StreamSender& sender_;
  const HttpConfig& config_;
  WorkerContext& worker_;
  const uint64_t random_;
  http::StreamInfo info_;
  http::HeaderMap request_headers_;
  http::HeaderMap response_headers_;
  std::optional<http::HeaderMap> response_trailers_;

  struct Filter {
    std::unique_ptr<HttpFilter> filter;
    size_t place = 0;
  };
  std::vector<Filter> filters_;
  Router first_router_;
  std::unique_ptr<Router> next_router_;  // after an internal redirect
  Router* router_ = &first_router_;
  RouteChoice route_;
  std::string upgrade_;

  // While a filter holds the request back: what came after it.
  enum class Hold : uint8_t { kNone, kStopped, kCollecting };
  Hold hold_ = Hold::kNone;
  size_t held_at_ = 0;
  std::string held_body_;
  std::optional<http::HeaderMap> held_trailers_;
  size_t collect_limit_;
  bool held_paused_ = false;  // because held_body_ is full
  bool held_end_ = false;     // the request ends after held_body_
  // What a filter collects of a response.
  struct CollectedResponse {
    size_t at = 0;
    size_t most = 0;
    bool from_upstream = false;
    std::string body;
  };
  std::optional<CollectedResponse> collected_response_;
  // The filters that are being run, for data that they add.
  size_t request_filter_ = 0;
  size_t response_filter_ = 0;

  event::Timer timer_;
  base::MonotonicTime last_activity_;
  base::MonotonicTime timer_at_ = base::MonotonicTime::max();
  std::optional<base::MonotonicTime> headers_deadline_;
  std::optional<base::MonotonicTime> request_deadline_;
  std::optional<base::MonotonicTime> duration_deadline_;

  uint32_t request_pauses_ = 0;
  uint32_t redirects_ = 0;
  bool internal_ = false;
  bool route_chosen_ = false;
  bool headers_received_ = false;
  bool request_complete_ = false;
  bool headers_end_ = false;  // the request has neither body nor trailers
  bool response_started_ = false;
  bool response_ended_ = false;
  bool local_reply_ = false;
  bool tunnel_ = false;
  bool over_ = false;
};

}  // namespace baton::proxy
