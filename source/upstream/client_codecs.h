// Makes the client codec of an upstream connection. An interface so that pools can be tested without a wire format.
#pragma once

#include <memory>

#include "source/event/loop.h"
#include "source/http/codec.h"
#include "source/upstream/cluster_info.h"

namespace baton::upstream {

class ClientCodecs {
 public:
  virtual ~ClientCodecs() = default;
  // `loop`, `sink` and `handler` outlive the codec; `info` too.
  virtual std::unique_ptr<http::ClientCodec> make(http::Protocol protocol, const ClusterInfo& info, event::Loop& loop,
                                                  http::ByteSink& sink, http::CodecHandler& handler) const = 0;
  // The real ones.
  static const ClientCodecs& instance();
};

}  // namespace baton::upstream
