#include "source/upstream/client_codecs.h"

#include "source/http/http1/client_codec.h"
#include "source/http/http2/client_codec.h"

namespace baton::upstream {

namespace {

class RealCodecs final : public ClientCodecs {
 public:
  std::unique_ptr<http::ClientCodec> make(http::Protocol protocol, const ClusterInfo& info, event::Loop& loop,
                                          http::ByteSink& sink, http::CodecHandler& handler) const override {
    if (protocol == http::Protocol::kHttp2) {
      return std::make_unique<http::Http2ClientCodec>(loop, sink, handler, info.http2, info.http2_stats);
    }
    return std::make_unique<http::Http1ClientCodec>(sink, handler, info.http1, info.http1_stats);
  }
};

}  // namespace

const ClientCodecs& ClientCodecs::instance() {
  static const RealCodecs codecs;
  return codecs;
}

}  // namespace baton::upstream
