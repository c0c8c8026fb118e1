// Decides when a peer has done too much of something cheap for it and dear for us. Pure: it is told what happens and
// when, and answers whether a limit was passed. Owned by a Session.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "source/base/clock.h"
#include "source/http/http2/settings.h"

namespace baton::http::http2 {

// The limits that end a connection with GOAWAY(ENHANCE_YOUR_CALM).
enum class Flood : uint8_t {
  kNone,
  kEmptyFrames,
  kPriority,
  kWindowUpdate,
  kContinuation,
  kHeaderBomb,       // a header section many times over its limit
  kPrematureResets,  // CVE-2023-44487
  kGlitches,         // CVE-2025-8671 among others
  kOverhead,
  kOutbound,
  kOutboundControl,
};
// For RESPONSE_CODE_DETAILS and logs: "http2.inbound_empty_frames_flood".
std::string_view details(Flood flood);

class TokenBucket {
 public:
  TokenBucket(uint32_t burst, uint32_t per_second) : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // False when none is left.
  bool take(base::MonotonicTime now) {
    if (now > filled_at_) {
      const double seconds = std::chrono::duration<double>(now - filled_at_).count();
      tokens_ = std::min<double>(burst_, tokens_ + seconds * per_second_);
      filled_at_ = now;
    }
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  base::MonotonicTime filled_at_{};
};

class FloodGuard {
 public:
  explicit FloodGuard(const Http2Settings& settings)
      : settings_(settings),
        resets_(settings.premature_reset_burst, settings.premature_resets_per_second),
        glitches_(settings.max_glitches, settings.glitches_per_second) {}

  // Bytes from the wire, and the part of them, or of what we sent, that is header fields or body.
  Flood onBytes(size_t bytes);
  void onPayload(size_t bytes) { payload_bytes_ += bytes; }
  // A HEADERS, CONTINUATION or DATA frame; `empty` when it carries nothing, not even the end of the stream.
  Flood onMessageFrame(bool empty);
  Flood onPriorityFrame();
  Flood onWindowUpdateFrame();
  void onStreamOpened() { ++streams_opened_; }
  // We reset a stream that the peer had not ended: what is on its way, up to a window of it, is not the peer's fault.
  void onStreamGivenUp() { payload_bytes_ += settings_.initial_stream_window_size / kMostOverhead; }
  void onDataFrameSent() { ++data_frames_sent_; }
  Flood onPrematureReset(base::MonotonicTime now);
  Flood onGlitch(base::MonotonicTime now);
  // Frames that wait to be sent; `streams` may each have a header section among them.
  Flood onOutboundQueue(size_t frames, size_t streams) const;

 private:
  // What is not payload may be so many times as much, after a start.
  static constexpr uint64_t kMostOverhead = 8;

  const Http2Settings& settings_;
  TokenBucket resets_;
  TokenBucket glitches_;
  uint64_t total_bytes_ = 0;
  uint64_t payload_bytes_ = 0;
  uint64_t streams_opened_ = 0;
  uint64_t data_frames_sent_ = 0;
  uint64_t priority_frames_ = 0;
  uint64_t window_update_frames_ = 0;
  uint64_t premature_resets_ = 0;
  uint32_t consecutive_empty_ = 0;
};

}  // namespace baton::http::http2
