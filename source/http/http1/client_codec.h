// HTTP/1.1 towards a server. Owned by one connection of an upstream pool, on its worker. One stream at a time.
//
// A connection is good for another stream when both messages of the last one ended as announced and neither side said
// close. Bytes that nobody asked for make it useless at once.
//
// What is sent to an upgrade or CONNECT request before the server has agreed is kept, and dropped if it refuses.
#pragma once

#include <cstdint>
#include <string>

#include "source/http/codec.h"
#include "source/http/http1/body_reader.h"
#include "source/http/http1/head_parser.h"
#include "source/http/http1/message_writer.h"
#include "source/http/http1/settings.h"

namespace baton::http {

class Http1ClientCodec final : public ClientCodec, private StreamSender {
 public:
  // `settings` and `stats` must outlive the codec.
  Http1ClientCodec(ByteSink& sink, CodecHandler& handler, const Http1Settings& settings, const Http1Stats& stats);

  // Of the response that was read last: HTTP/1.1 until there is one.
  Protocol protocol() const override { return http_10_ ? Protocol::kHttp10 : Protocol::kHttp11; }
  DispatchResult dispatch(std::string_view bytes) override;
  void onEndOfInput() override;
  void onConnectionClosed(std::string_view details) override;
  void onConnectionAboveHighWatermark() override;
  void onConnectionBelowLowWatermark() override;
  void noticeOfDrain() override { draining_ = true; }
  void goAway() override { draining_ = true; }
  size_t activeStreams() const override { return receiver_ != nullptr ? 1 : 0; }
  std::string_view errorDetails() const override { return detailsOf(error_); }

  StreamSender& newStream(StreamReceiver& receiver) override;
  bool canOpenStream() const override { return receiver_ == nullptr && !exhausted(); }
  bool exhausted() const override { return !reusable_ || draining_ || must_close_; }
  size_t maxConcurrentStreams() const override { return 1; }

 private:
  enum class Input : uint8_t {
    kHead,   // of the response, interim ones included
    kBody,   // of the final response
    kEnded,  // the response is complete, or there is no stream
    kTunnel,
    kIgnored,  // the connection is of no more use
  };

  // StreamSender, of the current stream.
  void sendInformational(const HeaderMap&) override {}
  void sendHeaders(const HeaderMap& headers, bool end_of_stream) override;
  void sendData(std::string_view bytes, bool end_of_stream) override;
  void sendTrailers(const HeaderMap& trailers) override;
  void reset(StreamReset reason) override;
  void pauseReading() override { ++pauses_; }
  void resumeReading() override;
  size_t unsentBytes() const override { return held_.size(); }
  uint64_t id() const override { return stream_id_; }
  WireBytes wireBytes() const override;

  // These add to `consumed` and return false when they need more bytes than there are.
  bool readHead(std::string_view bytes, size_t& consumed);
  bool readBody(std::string_view bytes, size_t& consumed);
  void responseHead();
  void interimResponse();
  void beginResponse(const HeadFacts& facts);
  void openTunnel();
  void sendHeld();
  void endRequest(bool complete);
  void responseEnded();
  void finishStream();
  void failStream(StreamReset reason, Http1Error error);
  void abandonStream(StreamReset reason, std::string_view details);
  StreamReceiver* forgetStream();
  void mustClose();
  void finishInput();
  void resumeDispatch();

  CodecHandler& handler_;
  const Http1Stats& stats_;
  HeadParser head_;
  BodyReader body_;
  MessageWriter writer_;
  StreamReceiver* receiver_ = nullptr;  // of the current stream; null between streams
  std::string held_;                    // for a tunnel that is not open yet
  uint64_t stream_id_ = 0;
  uint64_t head_bytes_received_ = 0;
  uint64_t bytes_received_ = 0;
  int pauses_ = 0;
  Http1Error error_ = Http1Error::kNone;
  Input input_ = Input::kEnded;
  // Of the current stream.
  uint8_t interim_responses_ = 0;
  bool http_10_ = false;
  bool head_request_ = false;
  bool connect_ = false;
  bool upgrade_ = false;
  bool request_begun_ = false;
  bool request_ended_ = false;
  bool tunnel_open_ = false;
  bool end_held_ = false;  // the end of a tunnel that is not open yet
  bool held_above_ = false;
  // Of the connection.
  bool reusable_ = true;
  bool draining_ = false;
  bool must_close_ = false;
  bool input_ended_ = false;
  bool above_high_watermark_ = false;
  bool paused_ = false;  // dispatch() said kPaused and onDispatchResumed() has not been said since
  bool bytes_wait_ = false;
  bool dispatching_ = false;
  bool protocol_error_ = false;  // to be returned by the dispatch() that is running
};

}  // namespace baton::http
