// HTTP/2 towards a server. Owned by one connection of an upstream pool, on its worker.
//
// An HTTP/1.1 upgrade request goes out as extended CONNECT (RFC 8441), once the server's SETTINGS allow it, and its
// 200 comes back as 101.
#pragma once

#include "source/http/http2/session.h"

namespace baton::http {

class Http2ClientCodec final : public ClientCodec, private http2::Session::Role {
 public:
  // `settings` and `stats` must outlive the codec. The preface and our SETTINGS are written at once.
  Http2ClientCodec(event::Loop& loop, ByteSink& sink, CodecHandler& handler, const Http2Settings& settings,
                   const Http2Stats& stats);

  Protocol protocol() const override { return Protocol::kHttp2; }
  DispatchResult dispatch(std::string_view bytes) override { return session_.dispatch(bytes); }
  void onEndOfInput() override { session_.onEndOfInput(); }
  void onConnectionClosed(std::string_view details) override { session_.onConnectionClosed(details); }
  void onConnectionAboveHighWatermark() override { session_.onConnectionAboveHighWatermark(); }
  void onConnectionBelowLowWatermark() override { session_.onConnectionBelowLowWatermark(); }
  void noticeOfDrain() override {}
  void goAway() override { session_.goAway(); }
  size_t activeStreams() const override { return session_.activeStreams(); }
  std::string_view errorDetails() const override { return session_.errorDetails(); }

  StreamSender& newStream(StreamReceiver& receiver) override;
  bool canOpenStream() const override;
  bool exhausted() const override { return session_.exhausted(); }
  size_t maxConcurrentStreams() const override { return session_.maxOutgoingStreams(); }

 private:
  void onMessageHead(http2::Stream& stream, bool end_of_stream) override;

  http2::Session session_;
};

}  // namespace baton::http
