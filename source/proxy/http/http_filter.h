// What an HTTP filter is and what it sees. A filter object belongs to one stream and dies with it; its factory is
// immutable and shared by all workers. Requests pass the filters in order, responses in reverse.
//
// To add a filter: one file in filters/, and one line in filters/registry.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/header_map.h"
#include "source/http/stream_info.h"
#include "source/proxy/http/local_reply_reason.h"
#include "source/proxy/http/route/filter_settings.h"
#include "source/proxy/http/route/route_table.h"
#include "source/proxy/worker_context.h"

namespace baton::proxy {

struct LocalReply {
  LocalReplyReason reason = LocalReplyReason::kRequestError;
  int status = 0;                                            // 0: the reason's
  std::optional<std::string> body;                           // none: the reason's
  std::string_view content_type;                             // empty: text/plain when there is a body
  std::string details;                                       // empty: the reason's
  std::vector<std::pair<std::string, std::string>> headers;  // in lower case
  bool edited_by_route = false;                              // response_headers_to_add and the like of the route apply
  std::optional<uint32_t> grpc_status;                       // for gRPC requests; none: as the status says
};

// The route that was chosen for a stream.
struct RouteChoice {
  RouteMatch::Kind kind = RouteMatch::Kind::kNone;
  const RouteEntry* entry = nullptr;
  const ClusterTarget* target = nullptr;
  std::string cluster;  // empty when the route forwards to none
};

// A stream as its filters see it.
class FilterStream {
 public:
  virtual http::HeaderMap& requestHeaders() = 0;
  // Null before the response.
  virtual http::HeaderMap* responseHeaders() = 0;
  virtual http::StreamInfo& info() = 0;
  virtual WorkerContext& worker() = 0;
  // x-envoy-internal: the client is one of ours.
  virtual bool internalRequest() const = 0;
  // The stream's own random number.
  virtual uint64_t random() const = 0;

  // Chosen when first asked for.
  virtual const RouteChoice& route() = 0;
  // The headers changed so that another route may match.
  virtual void clearRoute() = 0;
  // What the route says about the filter at this place of the chain; null when nothing.
  virtual const RouteFilterConfig* routeConfig(size_t place) = 0;

  // Goes on after a filter answered kStop.
  virtual void continueRequest() = 0;
  // Ends the request here with a response of our own; it passes the encoding side of the filters. Ends the stream when
  // a response has begun already.
  virtual void sendLocalReply(LocalReply reply) = 0;
  // A place for what a filter keeps for as long as the connection lasts; `key`: its own.
  virtual std::shared_ptr<void>& connectionState(const void* key) = 0;
  // Bytes that a kCollect filter may keep; a longer body is answered by 413.
  virtual void setCollectLimit(size_t bytes) = 0;
  // Body bytes of a filter's own, in front of what it was just given (or of the trailers).
  virtual void addRequestData(std::string_view bytes) = 0;
  virtual void addResponseData(std::string_view bytes) = 0;
  // From responseHeaders() of a response with a body: nothing of it passes before all of it is here and the filter is
  // asked again by responseComplete(). What is longer than `most` is cut off, and trailers are dropped.
  virtual void collectResponse(size_t most) = 0;

 protected:
  ~FilterStream() = default;
};

// A piece of a body on its way through the filters. A filter may replace it, by nothing even.
struct BodyPiece {
  std::string_view bytes;
  bool end_of_stream = false;

  void replace(std::string replacement) {
    storage = std::move(replacement);
    bytes = storage;
  }
  std::string storage;
};

class HttpFilter {
 public:
  enum class Verdict {
    kContinue,
    kStop,     // nothing passes until continueRequest(); the client is held back meanwhile
    kCollect,  // the filter is asked again by requestComplete() when the whole request is here
  };

  virtual ~HttpFilter() = default;
  virtual Verdict requestHeaders(http::HeaderMap& headers, bool end_of_stream) = 0;
  // After kCollect. `body` is what goes on.
  virtual void requestComplete(http::HeaderMap& headers, std::string& body) { (void)headers, (void)body; }
  virtual void requestData(BodyPiece& piece) { (void)piece; }
  virtual void requestTrailers(http::HeaderMap& trailers) { (void)trailers; }

  virtual void responseHeaders(http::HeaderMap& headers, bool end_of_stream) { (void)headers, (void)end_of_stream; }
  virtual void responseData(BodyPiece& piece) { (void)piece; }
  virtual void responseTrailers(http::HeaderMap& trailers) { (void)trailers; }
  // After collectResponse(). `body` is what goes on.
  virtual void responseComplete(http::HeaderMap& headers, std::string& body) { (void)headers, (void)body; }

  // The stream is over; it must not be used any more. Always called, once.
  virtual void streamEnded() {}
};

class HttpFilterFactory {
 public:
  virtual ~HttpFilterFactory() = default;
  // Null when this stream needs no such filter. `place`: for FilterStream::routeConfig().
  virtual std::unique_ptr<HttpFilter> create(FilterStream& stream, size_t place) const = 0;
};

}  // namespace baton::proxy
