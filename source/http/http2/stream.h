// One request and its response on an HTTP/2 connection, on either side. Made and recycled by its Session.
//
// Towards the peer it holds what flow control does not let go yet; from the peer it holds what arrives while reading is
// paused, which the stream's window bounds. It outlives its user: once both directions have ended, or the user has
// reset it, the receiver is forgotten ("detached") and the stream lives on until its last frame is out.
#pragma once

#include <optional>
#include <string>

#include <nghttp2/nghttp2.h>

#include "source/base/buffer.h"
#include "source/base/clock.h"
#include "source/base/intrusive_list.h"
#include "source/http/codec.h"
#include "source/http/http2/upgrade.h"

namespace baton::http::http2 {

class Session;
struct NoticeTag;
struct FlushTag;

class Stream final : public StreamSender,
                     public base::ListLink<Stream>,
                     public base::ListLink<NoticeTag>,
                     public base::ListLink<FlushTag> {
 public:
  explicit Stream(Session& session) : session_(session) {}

  // StreamSender.
  void sendInformational(const HeaderMap& headers) override;
  void sendHeaders(const HeaderMap& headers, bool end_of_stream) override;
  void sendData(std::string_view bytes, bool end_of_stream) override;
  void sendTrailers(const HeaderMap& trailers) override;
  void reset(StreamReset reason) override;
  void pauseReading() override { ++read_pauses_; }
  void resumeReading() override;
  size_t unsentBytes() const override { return send_buffer_.size() + direct_.size(); }
  uint64_t id() const override { return static_cast<uint64_t>(id_); }
  Protocol protocol() const override { return Protocol::kHttp2; }
  WireBytes wireBytes() const override { return wire_; }

  // From here on: for the session and the codecs.
  void attach(StreamReceiver& receiver) { receiver_ = &receiver; }
  StreamReceiver* receiver() const { return receiver_; }
  // The header section that has just been received.
  HeaderMap& incoming() { return incoming_; }
  bool incomingTooLarge() const { return incoming_too_large_; }
  UpgradeState& upgrade() { return upgrade_; }
  // A head other than an interim one was received: from now on HEADERS are trailers.
  void headReceived() { head_received_ = true; }
  bool countInformational(uint32_t most) { return ++informational_count_ <= most; }
  // Hands the received head to the receiver.
  void deliverHead(bool end_of_stream);
  // What else comes from the peer is dropped.
  void ignoreRest();
  // Resets the stream for the peer's or our own fault, and tells the receiver.
  void fail(uint32_t error_code, StreamReset reason, std::string_view details);

 private:
  friend class Session;
  friend struct Callbacks;

  void clear();
  void submitRequest(const HeaderMap& headers);
  void receiveData(std::string_view bytes, bool end_of_stream);
  void receiveTrailers();
  void deliverHeld();
  void dropHeld();
  void returnCredit();
  void remoteEnded();
  void localEnded();
  void detach();
  void tellReset(StreamReset reason, std::string_view details);
  void updateWatermark();
  // nghttp2 asks for the next DATA frame, and then to write it.
  ssize_t prepareData(size_t most, uint32_t* data_flags);
  void writeData(const uint8_t* frame_header, size_t length);
  void afterEndSent();
  // nghttp2 has closed the stream.
  void onClosed(uint32_t error_code);
  bool holding() const { return !held_.empty() || held_end_ || held_trailers_.has_value(); }

  Session& session_;
  int32_t id_ = 0;  // 0: a request that was not submitted
  StreamReceiver* receiver_ = nullptr;
  base::MonotonicTime created_{};
  WireBytes wire_;

  // From the peer.
  HeaderMap incoming_;
  std::string cookies_;  // crumbs, joined
  size_t incoming_bytes_ = 0;
  uint32_t incoming_count_ = 0;
  uint32_t informational_count_ = 0;
  uint32_t read_pauses_ = 0;
  bool incoming_too_large_ = false;
  bool invalid_frame_ = false;  // nghttp2 complained about a frame of the stream
  bool head_received_ = false;
  bool end_received_ = false;  // END_STREAM arrived
  bool remote_ended_ = false;  // and the receiver was told
  bool ignore_rest_ = false;
  bool held_end_ = false;
  base::Buffer held_;
  std::optional<HeaderMap> held_trailers_;
  size_t uncredited_ = 0;  // delivered, but not yet given back to the stream's window
  uint64_t body_received_ = 0;
  std::optional<uint64_t> content_length_;
  std::optional<uint32_t> remote_reset_code_;

  // To the peer.
  base::Buffer send_buffer_;
  std::string_view direct_;  // the argument of the sendData() that is on the stack
  std::optional<HeaderMap> trailers_;
  std::optional<HeaderMap> waiting_head_;  // extended CONNECT that waits for the server's SETTINGS
  bool headers_sent_ = false;
  bool local_ended_ = false;  // the user ended its direction
  bool end_sent_ = false;     // END_STREAM is written
  bool closed_ = false;       // nghttp2 has forgotten the stream
  bool reset_submitted_ = false;
  bool above_high_ = false;
  bool connection_above_high_ = false;
  bool told_above_high_ = false;
  bool failed_later_ = false;  // a reset that could not be told at once
  StreamReset later_reason_{};
  std::string_view later_details_;
  base::MonotonicTime flush_progress_{};
  UpgradeState upgrade_;
};

}  // namespace baton::http::http2
