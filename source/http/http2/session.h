// What both sides of HTTP/2 share: the nghttp2 session, its streams, limits and deadlines. Owned by a codec, on its
// loop.
//
// Frames go out when a stream sends from outside dispatch(), at the end of dispatch(), and at the end of the turn;
// while the connection is above its high watermark none do. DATA goes from the sender's memory to the sink without a
// copy as far as the windows allow. Windows are given back as the receivers take the bytes: a stream that does not
// read stalls only itself, until what such streams hold together reaches the size of the connection's window.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "source/base/intrusive_list.h"
#include "source/event/loop.h"
#include "source/http/codec.h"
#include "source/http/http2/flood_guard.h"
#include "source/http/http2/frame_scanner.h"
#include "source/http/http2/settings.h"
#include "source/http/http2/stats.h"
#include "source/http/http2/stream.h"

namespace baton::http::http2 {

// errorDetails() of a connection whose peer began a header section and did not finish it in time.
inline constexpr std::string_view kHeaderBlockTimeout = "http2.header_block_timeout";

class Session final : private event::EndOfTurnTask {
 public:
  enum class Side { kServer, kClient };

  // What the two codecs do differently.
  class Role {
   public:
    // The header section that begins a message is in stream.incoming(), pseudo-headers checked as far as nghttp2 does.
    // Interim responses included.
    virtual void onMessageHead(Stream& stream, bool end_of_stream) = 0;

   protected:
    ~Role() = default;
  };

  Session(Side side, Role& role, event::Loop& loop, ByteSink& sink, CodecHandler& handler,
          const Http2Settings& settings, const Http2Stats& stats);
  ~Session();

  // As in Codec.
  DispatchResult dispatch(std::string_view bytes);
  void onEndOfInput();
  void onConnectionClosed(std::string_view details);
  void onConnectionAboveHighWatermark();
  void onConnectionBelowLowWatermark();
  void noticeOfDrain();
  void goAway();
  size_t activeStreams() const { return terminated_ ? 0 : live_streams_; }
  std::string_view errorDetails() const { return error_details_; }

  // Client.
  Stream& openStream(StreamReceiver& receiver);
  bool canOpenStream() const;
  bool exhausted() const;
  size_t maxOutgoingStreams() const;

  // For streams and codecs.
  Side side() const { return side_; }
  const Http2Settings& settings() const { return settings_; }
  const Http2Stats& stats() const { return stats_; }
  // A message that breaks the rules of RFC 9113 8 in a way that nghttp2 does not see.
  void onMalformedMessage(Stream& stream, std::string_view details);
  base::MonotonicTime now() const { return loop_.now(); }

 private:
  friend class Stream;
  friend struct Callbacks;

  void atEndOfTurn() override;

  // Writes what nghttp2 has to say, unless the connection is above its high watermark.
  void flush();
  // At the end of dispatch(), or of the turn.
  void flushSoon();
  // At once, if nghttp2 is not on the stack.
  void flushNow();
  bool busy() const { return dispatching_ || flushing_; }
  // What must wait until nghttp2 is not on the stack: watermarks, held data, resets.
  void noticeSoon(Stream& stream);
  void deliverNotices();
  void writeFrames(std::string_view bytes);

  // Remember a breach of the protocol or of a limit; dispatch() then ends the connection.
  int breach(uint32_t error_code, std::string_view details);
  int breach(Flood flood);
  // A breach that is forgiven a number of times.
  int glitch();
  void terminate(uint32_t error_code, StreamReset reason, std::string_view details);
  void failStreams(StreamReset reason, std::string_view details);
  void mustClose();
  // True when the session has nothing more to do, and the connection is to be closed.
  bool checkFinished();

  Stream& newStream(int32_t id);
  void release(Stream& stream);
  void requestNotSent(int32_t id);
  void recycleReleased();

  void hold(size_t bytes);
  void unhold(size_t bytes);
  void creditConnection(size_t bytes);
  void addPendingSend(int64_t bytes) { stats_.pending_send_bytes.add(bytes); }

  void awaitFlush(Stream& stream);
  void flushProgress(Stream& stream);
  // The response is whole before the request is: the rest of the request is read and dropped for kRequestEndGrace, so
  // that what is on its way is still judged by the protocol's rules; then the stream is reset.
  void awaitEnd(Stream& stream);

  void submitSettings();
  void onPeerSettings();
  void onTimer();
  void armTimer();
  void sendPing();

  // Streams that closed lately, for frames that come late: RFC 9113 5.1 wants them to be ignored when the reset was
  // ours, and an error when the peer itself had ended the stream.
  class RecentStreams {
   public:
    void add(int32_t id) { ids_[next_++ % ids_.size()] = id; }
    bool contains(int32_t id) const { return std::find(ids_.begin(), ids_.end(), id) != ids_.end(); }

   private:
    std::array<int32_t, 128> ids_{};
    size_t next_ = 0;
  };
  int checkLateFrame(int32_t stream_id, uint8_t type);
  // What nghttp2 would not tell of a client's frame.
  int inspect(const FrameScanner::Frame& frame);
  void receive(std::string_view bytes);

  const Side side_;
  Role& role_;
  event::Loop& loop_;
  ByteSink& sink_;
  CodecHandler& handler_;
  const Http2Settings& settings_;
  const Http2Stats& stats_;
  FloodGuard flood_guard_;
  FrameScanner scanner_;
  nghttp2_session* session_ = nullptr;

  base::IntrusiveList<Stream> streams_;
  base::IntrusiveList<Stream> released_;
  base::IntrusiveList<Stream, NoticeTag> notices_;
  // A stream is in one of these at most, the oldest first.
  base::IntrusiveList<Stream, FlushTag> awaiting_flush_;
  base::IntrusiveList<Stream, FlushTag> awaiting_end_;
  std::vector<std::unique_ptr<Stream>> free_;
  size_t live_streams_ = 0;  // those not given back
  size_t open_streams_ = 0;  // those that count against the concurrency limit
  size_t held_bytes_ = 0;
  size_t uncredited_connection_ = 0;

  // The frame that is being received.
  nghttp2_frame_hd frame_{};
  size_t frame_left_ = 0;
  Stream* header_stream_ = nullptr;
  uint64_t settings_frames_ = 0;
  bool settings_in_dispatch_ = false;

  bool dispatching_ = false;
  bool flushing_ = false;
  bool flush_again_ = false;
  bool blocked_ = false;  // the connection is above its high watermark
  bool settings_written_ = false;
  bool peer_settings_received_ = false;
  bool goaway_received_ = false;
  bool draining_ = false;  // the final GOAWAY is submitted
  bool input_ended_ = false;
  bool terminated_ = false;  // no stream is left and none will be
  bool must_close_told_ = false;
  uint32_t goaway_error_sent_ = 0;
  struct Breach {
    uint32_t error_code;
    StreamReset reason;
    std::string_view details;
  };
  std::optional<Breach> breach_;
  std::string_view error_details_;

  RecentStreams ended_by_peer_;
  RecentStreams reset_by_us_;

  event::Timer timer_;
  base::MonotonicTime timer_due_ = base::MonotonicTime::max();
  base::MonotonicTime last_received_{};
  base::MonotonicTime ping_sent_{};
  bool ping_outstanding_ = false;
  std::chrono::nanoseconds ping_interval_{0};
  base::MonotonicTime settings_due_ = base::MonotonicTime::max();
  base::MonotonicTime header_block_due_ = base::MonotonicTime::max();
};

}  // namespace baton::http::http2
