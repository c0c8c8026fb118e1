// One try of a request at one endpoint: over HTTP, or as bare TCP for a CONNECT that ends here. Owned by its router,
// which destroys it at the end of the turn in which it is over.
#pragma once

#include <string_view>

#include "source/http/codec.h"
#include "source/http/header_map.h"
#include "source/http/stream_info.h"
#include "source/upstream/worker_clusters.h"

namespace baton::proxy {

class UpstreamAttempt;

// The router's side. None of these is called after reset() or after the attempt ended.
class AttemptOwner {
 public:
  // The request may be written now; its head has been.
  virtual void onAttemptReady() = 0;
  virtual void onPoolFailure(upstream::PoolFailure failure, std::string_view transport_failure_reason) = 0;
  virtual void onUpstreamInformational(http::HeaderMap&& headers) = 0;
  virtual void onUpstreamHeaders(http::HeaderMap&& headers, bool end_of_stream) = 0;
  virtual void onUpstreamData(std::string_view bytes, bool end_of_stream) = 0;
  virtual void onUpstreamTrailers(http::HeaderMap&& trailers) = 0;
  virtual void onUpstreamReset(http::StreamReset reason, std::string_view details) = 0;
  // Both directions ended, and what flushing() meant has gone: the attempt is over.
  virtual void onUpstreamFlushed() = 0;
  virtual void onUpstreamAboveHighWatermark() = 0;
  virtual void onUpstreamBelowLowWatermark() = 0;

 protected:
  ~AttemptOwner() = default;
};

class UpstreamAttempt {
 public:
  virtual ~UpstreamAttempt() = default;
  // Looks for an upstream. The outcome may be told before this returns.
  virtual void start() = 0;

  // Preconditions: ready().
  virtual void sendData(std::string_view bytes, bool end_of_stream) = 0;
  virtual void sendTrailers(const http::HeaderMap& trailers) = 0;
  virtual void pauseResponse() = 0;
  virtual void resumeResponse() = 0;
  // Ends it, at any time; nothing is told afterwards.
  virtual void reset() = 0;

  // Both directions have ended, but the upstream has yet to take the last bytes of the request.
  virtual bool flushing() const { return false; }

  bool ready() const { return ready_; }
  // The connection had carried a request before, so its server may have been about to close it.
  bool reusedConnection() const { return reused_connection_; }
  const upstream::HostPtr& host() const { return host_; }

 protected:
  bool ready_ = false;
  bool reused_connection_ = false;
  upstream::HostPtr host_;
};

}  // namespace baton::proxy
