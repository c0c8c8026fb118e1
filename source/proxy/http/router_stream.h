// A stream as its router sees it: what filters see, and the way back to the client.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "source/http/header_map.h"
#include "source/proxy/http/http_filter.h"

namespace baton::proxy {

class RouterStream : public FilterStream {
 public:
  virtual void sendInformational(http::HeaderMap&& headers) = 0;
  virtual void sendResponseHeaders(http::HeaderMap&& headers, bool end_of_stream) = 0;
  virtual void sendResponseData(std::string_view bytes, bool end_of_stream) = 0;
  virtual void sendResponseTrailers(http::HeaderMap&& trailers) = 0;
  // Both directions of a tunnel have ended and the upstream has taken everything.
  virtual void tunnelFlushed() = 0;
  // The response can't be completed. The client is told as the protocol can.
  virtual void abortResponse(LocalReplyReason reason, std::string_view details = {}) = 0;

  // For internal redirects. Whether a request like this would have a route; how many have been followed; and the
  // request anew, through all filters and with a router of its own. The caller has ended what it did upstream, and
  // does nothing any more. `headers`: of the request; `status`: of the redirect.
  virtual bool hasRoute(const http::HeaderMap& headers) = 0;
  virtual uint32_t redirects() const = 0;
  virtual void startAgain(int status, http::HeaderMap&& headers, std::string body,
                          std::optional<http::HeaderMap>&& trailers) = 0;

  // Holds back the client, or lets it go on. Counted.
  virtual void pauseRequest() = 0;
  virtual void resumeRequest() = 0;

  // "websocket" and the like in lower case, "connect", or empty: what the client asked to be made of the stream, and
  // was granted.
  virtual std::string_view upgrade() const = 0;

 protected:
  ~RouterStream() = default;
};

}  // namespace baton::proxy
