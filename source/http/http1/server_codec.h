// HTTP/1.1 and 1.0 towards a client. Owned by the connection manager of one downstream connection, on its worker.
//
// One stream at a time: what a client sends ahead (pipelining) is left unconsumed until the response before it is
// complete and its bytes have not piled up. A stream begins with the first byte of a request, so that a slow head can
// be timed out by answering on it. The stream of an upgrade or CONNECT request has no end of input before its tunnel
// ends; when the request is refused, onData({}, true) follows the end of the response.
//
// Framing is the codec's: content-length is checked against what is sent, transfer-encoding and connection are written
// as needed. A response with `connection: close` closes the connection after it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "source/http/codec.h"
#include "source/http/http1/body_reader.h"
#include "source/http/http1/head_parser.h"
#include "source/http/http1/message_writer.h"
#include "source/http/http1/settings.h"

namespace baton::http {

class Http1ServerCodec final : public Codec, private StreamSender {
 public:
  // `settings` and `stats` must outlive the codec.
  Http1ServerCodec(ByteSink& sink, ServerCodecHandler& handler, const Http1Settings& settings, const Http1Stats& stats);

  // How many requests one dispatch() takes at most before it yields, so that a client with many small ones in one piece
  // does not keep the others waiting.
  void limitRequestsAtOnce(uint64_t most) { most_at_once_ = std::max<uint64_t>(most, 1); }

  // Of the request that was read last: HTTP/1.1 until there is one.
  Protocol protocol() const override { return http_10_ ? Protocol::kHttp10 : Protocol::kHttp11; }
  DispatchResult dispatch(std::string_view bytes) override;
  void onEndOfInput() override;
  void onConnectionClosed(std::string_view details) override;
  void onConnectionAboveHighWatermark() override;
  void onConnectionBelowLowWatermark() override;
  void noticeOfDrain() override { draining_ = true; }
  void goAway() override { draining_ = true; }
  size_t activeStreams() const override { return receiver_ != nullptr ? 1 : 0; }
  bool peerIsDone() const override { return peer_done_; }
  std::string_view errorDetails() const override { return detailsOf(error_); }

 private:
  // What the bytes from the peer are.
  enum class Input : uint8_t {
    kHead,     // of the next request
    kBody,     // of the current one
    kWaiting,  // for the end of the response, or for a tunnel to open
    kTunnel,
    kIgnored,  // no request will follow
  };

  // StreamSender, of the current stream.
  void sendInformational(const HeaderMap& headers) override;
  void sendHeaders(const HeaderMap& headers, bool end_of_stream) override;
  void sendData(std::string_view bytes, bool end_of_stream) override;
  void sendTrailers(const HeaderMap& trailers) override;
  void reset(StreamReset reason) override;
  void pauseReading() override { ++pauses_; }
  void resumeReading() override;
  size_t unsentBytes() const override { return 0; }
  uint64_t id() const override { return stream_id_; }
  WireBytes wireBytes() const override;
  void beginStream();
  // These add to `consumed` and return false when they need more bytes than there are.
  bool readHead(std::string_view bytes, size_t& consumed);
  bool readBody(std::string_view bytes, size_t& consumed);
  void requestBegins(const HeadFacts& facts);
  void requestBodyEnded();
  void requestFailed(Http1Error error);
  void openTunnel();
  void endResponse(bool complete);
  void abandonStream(StreamReset reason, std::string_view details);
  StreamReceiver* forgetStream();
  void mustClose();
  void finishInput();
  bool blocked() const;
  void resumeDispatch();

  ServerCodecHandler& handler_;
  HeadParser head_;
  BodyReader body_;
  MessageWriter writer_;
  StreamReceiver* receiver_ = nullptr;  // of the current stream; null between streams
  uint64_t stream_id_ = 0;
  uint64_t head_bytes_received_ = 0;
  uint64_t bytes_received_ = 0;
  uint64_t most_at_once_ = UINT64_MAX;
  int pauses_ = 0;
  Http1Error error_ = Http1Error::kNone;
  Input input_ = Input::kHead;
  // Of the current request.
  bool http_10_ = false;
  bool head_request_ = false;
  bool connect_ = false;
  bool upgrade_ = false;
  bool last_request_ = false;  // the client said that it sends no other
  bool keep_alive_ = true;     // false as well when the response said that the connection closes
  bool response_begun_ = false;
  bool response_ended_ = false;
  // Of the connection.
  bool draining_ = false;
  bool must_close_ = false;
  bool peer_done_ = false;
  bool input_ended_ = false;
  bool above_high_watermark_ = false;
  bool dispatching_ = false;
  bool paused_ = false;          // dispatch() said kPaused and onDispatchResumed() has not been said since
  bool bytes_wait_ = false;      // the owner has bytes that were not consumed
  bool protocol_error_ = false;  // to be returned by the dispatch() that is running
};

}  // namespace baton::http
