// HTTP/2 towards a client. Owned by the connection manager of one downstream connection, on its worker. Requests whose
// header section is malformed never surface; those that deserve an answer (431) come as onRequestError().
//
// Extended CONNECT (RFC 8441) surfaces as the HTTP/1.1 upgrade request that it stands for, and a 101 goes out as 200.
#pragma once

#include "source/http/http2/session.h"

namespace baton::http {

class Http2ServerCodec final : public Codec, private http2::Session::Role {
 public:
  // `settings` and `stats` must outlive the codec. Our SETTINGS are written at once.
  Http2ServerCodec(event::Loop& loop, ByteSink& sink, ServerCodecHandler& handler, const Http2Settings& settings,
                   const Http2Stats& stats);

  Protocol protocol() const override { return Protocol::kHttp2; }
  DispatchResult dispatch(std::string_view bytes) override { return session_.dispatch(bytes); }
  void onEndOfInput() override { session_.onEndOfInput(); }
  void onConnectionClosed(std::string_view details) override { session_.onConnectionClosed(details); }
  void onConnectionAboveHighWatermark() override { session_.onConnectionAboveHighWatermark(); }
  void onConnectionBelowLowWatermark() override { session_.onConnectionBelowLowWatermark(); }
  void noticeOfDrain() override { session_.noticeOfDrain(); }
  void goAway() override { session_.goAway(); }
  size_t activeStreams() const override { return session_.activeStreams(); }
  std::string_view errorDetails() const override { return session_.errorDetails(); }

 private:
  void onMessageHead(http2::Stream& stream, bool end_of_stream) override;

  ServerCodecHandler& handler_;
  http2::Session session_;
};

}  // namespace baton::http
