#include "source/http/http2/server_codec.h"

#include "source/http/http2/rules.h"

namespace baton::http {

using http2::Session;
using http2::Stream;

Http2ServerCodec::Http2ServerCodec(event::Loop& loop, ByteSink& sink, ServerCodecHandler& handler,
                                   const Http2Settings& settings, const Http2Stats& stats)
    : handler_(handler), session_(Session::Side::kServer, *this, loop, sink, handler, settings, stats) {}

void Http2ServerCodec::onMessageHead(Stream& stream, bool end_of_stream) {
  if (stream.incomingTooLarge()) {
    session_.stats().header_overflow.add();
    stream.ignoreRest();
    stream.attach(handler_.onNewStream(stream));
    handler_.onRequestError(stream, RequestError{431, "http2.headers_too_large"});
    return;
  }
  HeaderMap& request = stream.incoming();
  if (const std::string_view wrong = http2::checkRequest(request); !wrong.empty()) {
    return session_.onMalformedMessage(stream, wrong);
  }
  if (request.has(HeaderName::kProtocol)) http2::fromExtendedConnect(request, stream.upgrade());
  stream.attach(handler_.onNewStream(stream));
  stream.deliverHead(end_of_stream);
}

}  // namespace baton::http
