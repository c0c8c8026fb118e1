// A look at an accepted connection before its filter chain is chosen: it reads the PROXY header, or peeks at the
// ClientHello. Filters of a listener run one after the other. Factories are immutable and shared; a filter belongs to
// one pending connection of one worker.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/listener.h"

#include "source/base/result.h"
#include "source/network/connection_info.h"
#include "source/stats/store.h"

namespace baton::network {

// An accepted socket on its way to a filter chain.
struct AcceptedSocket {
  int fd = -1;  // the listener's
  ConnectionInfo info;
};

class ListenerFilter {
 public:
  enum class Verdict {
    kContinue,  // done; the next filter's turn
    kWait,      // more bytes are needed
    kClose,     // nothing good will come of this connection
  };
  virtual ~ListenerFilter() = default;
  // Called at once, and again whenever something more arrived, until it is done. Bytes that belong to the stream stay
  // in the socket.
  virtual Verdict look(AcceptedSocket& socket) = 0;
};

class ListenerFilterFactory {
 public:
  virtual ~ListenerFilterFactory() = default;
  virtual std::unique_ptr<ListenerFilter> create() const = 0;

  // For the kinds that there are: tls_inspector, proxy_protocol, http_inspector, original_dst.
  static base::Result<std::shared_ptr<const ListenerFilterFactory>> build(const api::ListenerFilter& filter,
                                                                          const stats::Scope& root);
};

}  // namespace baton::network
