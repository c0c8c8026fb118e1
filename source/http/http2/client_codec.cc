#include "source/http/http2/client_codec.h"

#include "source/http/http2/rules.h"

namespace baton::http {

using http2::Session;
using http2::Stream;

Http2ClientCodec::Http2ClientCodec(event::Loop& loop, ByteSink& sink, CodecHandler& handler,
                                   const Http2Settings& settings, const Http2Stats& stats)
    : session_(Session::Side::kClient, *this, loop, sink, handler, settings, stats) {}

StreamSender& Http2ClientCodec::newStream(StreamReceiver& receiver) {
  return session_.openStream(receiver);
}

bool Http2ClientCodec::canOpenStream() const {
  return session_.canOpenStream();
}

void Http2ClientCodec::onMessageHead(Stream& stream, bool end_of_stream) {
  if (stream.incomingTooLarge()) {
    session_.stats().header_overflow.add();
    return stream.fail(NGHTTP2_ENHANCE_YOUR_CALM, StreamReset::kOverflow, "http2.headers_too_large");
  }
  HeaderMap& response = stream.incoming();
  if (const std::string_view wrong = http2::checkResponse(response); !wrong.empty()) {
    return session_.onMalformedMessage(stream, wrong);
  }
  if (response.status() / 100 == 1) {
    if (!stream.countInformational(session_.settings().max_informational_responses)) {
      return session_.onMalformedMessage(stream, "http2.too_many_informational_responses");
    }
    if (stream.receiver() != nullptr) stream.receiver()->onInformational(std::move(response));
    return;
  }
  if (stream.upgrade().extended_connect) http2::fromExtendedConnectResponse(response, stream.upgrade());
  stream.deliverHead(end_of_stream);
}

}  // namespace baton::http
