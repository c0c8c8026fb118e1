// A stream that a pool has given out: stands between the codec and the user on both directions to know when the stream
// is over. Made and destroyed by its PooledConnection; the user sees the StreamSender.
#pragma once

#include "source/base/recycled.h"
#include "source/http/codec.h"
#include "source/upstream/circuit_breakers.h"

namespace baton::upstream {

class PooledConnection;

class PooledStream final : public http::StreamSender,
                           public http::StreamReceiver,
                           public base::Recycled<PooledStream> {
 public:
  PooledStream(PooledConnection& connection, http::StreamReceiver& receiver);
  ~PooledStream() = default;

  void attach(http::StreamSender& codec_stream) { codec_stream_ = &codec_stream; }

  void sendInformational(const http::HeaderMap& headers) override;
  void sendHeaders(const http::HeaderMap& headers, bool end_of_stream) override;
  void sendData(std::string_view bytes, bool end_of_stream) override;
  void sendTrailers(const http::HeaderMap& trailers) override;
  void reset(http::StreamReset reason) override;
  void pauseReading() override;
  void resumeReading() override;
  size_t unsentBytes() const override;
  uint64_t id() const override { return id_; }
  http::Protocol protocol() const override { return protocol_; }
  WireBytes wireBytes() const override;

  void onInformational(http::HeaderMap&& headers) override;
  void onHeaders(http::HeaderMap&& headers, bool end_of_stream) override;
  void onData(std::string_view bytes, bool end_of_stream) override;
  void onTrailers(http::HeaderMap&& trailers) override;
  void onReset(http::StreamReset reason, std::string_view details) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;

 private:
  void localEnded();
  void remoteEnded();
  void over();

  PooledConnection& connection_;
  http::StreamReceiver& receiver_;
  http::StreamSender* codec_stream_ = nullptr;  // null when the stream is over
  WireBytes last_wire_;                         // what the codec said before it forgot the stream
  uint64_t id_ = 0;
  http::Protocol protocol_ = http::Protocol::kHttp11;
  bool local_ended_ = false;
  bool remote_ended_ = false;

  friend class PooledConnection;
};

}  // namespace baton::upstream
