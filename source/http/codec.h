// What HTTP/1.1 and HTTP/2 have in common, for both sides: a codec turns bytes into streams and streams into bytes.
// A stream is a request and its response. Whoever uses a codec sees the same calls whichever protocol is spoken:
//
//   server: codec -> StreamReceiver: request;   StreamSender -> codec: response
//   client: StreamSender -> codec: request;     codec -> StreamReceiver: response
//
// Upgrades (WebSocket) have their HTTP/1.1 form on both sides of a codec: GET with connection: upgrade and upgrade: X,
// answered by 101; the HTTP/2 codecs translate from and to extended CONNECT (RFC 8441). CONNECT has :method CONNECT and
// :authority. After a 101, or a 2xx to CONNECT, data is the tunnel's bytes in both directions.
//
// All calls on the connection's loop. Callbacks never throw; a callback may call any method of its stream or codec.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "source/http/header_map.h"

namespace baton::http {

enum class Protocol : uint8_t { kHttp10, kHttp11, kHttp2 };
std::string_view toString(Protocol protocol);  // "HTTP/1.1"

// Why a stream ended before its messages were complete.
enum class StreamReset : uint8_t {
  kLocalReset,            // reset() by us
  kLocalRefused,          // we refused the stream; it was not worked on
  kRemoteReset,           // RST_STREAM by the peer (CANCEL, INTERNAL_ERROR, ...)
  kRemoteRefused,         // REFUSED_STREAM, or above the last id of a GOAWAY: safe to send again
  kConnectionTerminated,  // the connection closed or was reset
  kProtocolError,         // the peer broke the protocol on this stream or connection
  kOverflow,              // a limit of ours (header size, flood) was passed
  kConnectError,          // RST_STREAM(CONNECT_ERROR), or a tunnel's far side failed
};
std::string_view toString(StreamReset reset);

// The direction towards the peer. Owned by the codec. Valid until the stream is over: onReset() was called, reset()
// was called, or both directions have ended; after the call that completes this the codec forgets both sides.
class StreamSender {
 public:
  // Server only: a 1xx other than 101, before the final response.
  virtual void sendInformational(const HeaderMap& headers) = 0;
  // The head. A server's 101 and a 2xx to CONNECT turn the stream into a tunnel (end_of_stream is false then).
  virtual void sendHeaders(const HeaderMap& headers, bool end_of_stream) = 0;
  virtual void sendData(std::string_view bytes, bool end_of_stream) = 0;
  // Ends this direction. Dropped, with an empty end, where trailers are not enabled for HTTP/1.1.
  virtual void sendTrailers(const HeaderMap& trailers) = 0;
  // Ends the stream in both directions at once. HTTP/1.1 can say this only by closing the connection, which the
  // codec's owner is told by onConnectionMustClose(). No callback of this stream follows.
  virtual void reset(StreamReset reason) = 0;

  // Backpressure on what the peer sends: counted, like Connection's.
  virtual void pauseReading() = 0;
  virtual void resumeReading() = 0;

  // Bytes of this stream accepted by sendData() and not yet given to the connection.
  virtual size_t unsentBytes() const = 0;
  virtual uint64_t id() const = 0;  // HTTP/2: the stream id; HTTP/1.1: a running number of the connection
  virtual Protocol protocol() const = 0;
  // Bytes on the wire for this stream so far, as far as the protocol can tell them apart.
  struct WireBytes {
    uint64_t headers_sent = 0;
    uint64_t headers_received = 0;
    uint64_t sent = 0;
    uint64_t received = 0;
  };
  virtual WireBytes wireBytes() const = 0;

 protected:
  ~StreamSender() = default;
};

// The direction from the peer. Owned by the user of the codec; must live as long as the stream (see StreamSender).
class StreamReceiver {
 public:
  // Client only: 1xx other than 101.
  virtual void onInformational(HeaderMap&&) {}
  virtual void onHeaders(HeaderMap&& headers, bool end_of_stream) = 0;
  virtual void onData(std::string_view bytes, bool end_of_stream) = 0;
  // Ends this direction.
  virtual void onTrailers(HeaderMap&& trailers) = 0;
  // The stream is over; the sender must not be used any more.
  virtual void onReset(StreamReset reason, std::string_view details) = 0;
  // What was sent on this stream piles up, or the connection below does; and has gone down again.
  virtual void onAboveHighWatermark() {}
  virtual void onBelowLowWatermark() {}

 protected:
  ~StreamReceiver() = default;
};

// A request that HTTP/1.1 or HTTP/2 can't accept but that deserves an answer before the end.
struct RequestError {
  int status = 400;          // 400, 408, 413, 414, 426, 431, 501, 505
  std::string_view details;  // RESPONSE_CODE_DETAILS, static text: "http1.headers_too_large"
};

// Where a codec writes. http::ConnectionSink writes to a network::Connection; tests collect a string.
class ByteSink {
 public:
  // Bytes are copied or written before it returns.
  virtual void write(std::string_view bytes) = 0;
  // Unsent bytes below this sink, for the codec's own limits.
  virtual size_t unsentBytes() const = 0;

 protected:
  ~ByteSink() = default;
};

enum class DispatchStatus {
  kOk,
  kYielded,        // enough for one turn of the loop: call dispatch() again in the next, with the rest
  kPaused,         // a stream or the codec does not want more now; call dispatch() again after onDispatchResumed()
  kProtocolError,  // the connection must be closed after what is buffered is sent (see errorDetails())
};

struct DispatchResult {
  DispatchStatus status = DispatchStatus::kOk;
  size_t consumed = 0;
};

// The user's side of any codec.
class CodecHandler {
 public:
  // The connection must be closed once everything written is flushed: after this response no other can follow, or a
  // stream was reset. May be called inside any call of the codec or of a StreamSender.
  virtual void onConnectionMustClose() = 0;
  // HTTP/1.1: our direction of a tunnel has ended while the peer's goes on: Connection::endWrite().
  virtual void onTunnelSendingEnded() { onConnectionMustClose(); }
  // The peer's GOAWAY (HTTP/2). No new streams; existing ones go on.
  virtual void onGoAway() {}
  // HTTP/2: streams have ended, or others may be opened, outside of any call of the codec.
  virtual void onStreamsChanged() {}
  // A paused dispatch() may go on: the owner offers the unconsumed bytes again from the loop, not from inside.
  virtual void onDispatchResumed() = 0;

 protected:
  ~CodecHandler() = default;
};

class ServerCodecHandler : public CodecHandler {
 public:
  // A request begins. The receiver gets its headers next (or onReset). Never null.
  virtual StreamReceiver& onNewStream(StreamSender& sender) = 0;
  // Instead of headers for the newest stream: the request is refused with this error. The user answers on the sender
  // (sendHeaders with end or data); for HTTP/1.1 the connection closes afterwards. Also said when the body of a request
  // whose headers came breaks the protocol of HTTP/1.1 while the response has not begun: no more of it will come.
  virtual void onRequestError(StreamSender& sender, const RequestError& error) = 0;

 protected:
  ~ServerCodecHandler() = default;
};

class Codec {
 public:
  virtual ~Codec() = default;

  virtual Protocol protocol() const = 0;
  // Bytes from the peer; what was not consumed is to be offered again, with what follows.
  virtual DispatchResult dispatch(std::string_view bytes) = 0;
  // The peer will send no more. Ends or resets streams as the protocol says.
  virtual void onEndOfInput() = 0;
  // The connection is gone: every stream gets onReset(kConnectionTerminated).
  virtual void onConnectionClosed(std::string_view details) = 0;
  // The connection's unsent bytes passed its watermarks; streams are told.
  virtual void onConnectionAboveHighWatermark() = 0;
  virtual void onConnectionBelowLowWatermark() = 0;
  // First step of a drain: HTTP/2 sends GOAWAY with the highest id; HTTP/1.1 will say `connection: close` on its next
  // response. Streams that arrive meanwhile are served.
  virtual void noticeOfDrain() = 0;
  // Second step: HTTP/2 sends the final GOAWAY; later streams are refused.
  virtual void goAway() = 0;
  virtual size_t activeStreams() const = 0;
  // The peer has said that it sends no more, and nothing that it sent is unread: the connection can be closed without
  // waiting for the peer, for nothing will come that the kernel would answer with a reset.
  virtual bool peerIsDone() const { return false; }
  // Why dispatch() gave kProtocolError: static text, e.g. "http2.inbound_empty_frames_flood".
  virtual std::string_view errorDetails() const = 0;
};

class ClientCodec : public Codec {
 public:
  // Precondition: canOpenStream().
  virtual StreamSender& newStream(StreamReceiver& receiver) = 0;
  // False while the peer's limit is reached, after a GOAWAY, or (HTTP/1.1) while a request is under way or the
  // connection can't be used again.
  virtual bool canOpenStream() const = 0;
  // True when no further stream will ever be possible on this connection.
  virtual bool exhausted() const = 0;
  // HTTP/2: as the peer's SETTINGS say; HTTP/1.1: 1.
  virtual size_t maxConcurrentStreams() const = 0;
};

}  // namespace baton::http
