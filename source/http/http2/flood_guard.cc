#include "source/http/http2/flood_guard.h"

namespace baton::http::http2 {

std::string_view details(Flood flood) {
  switch (flood) {
    case Flood::kNone:
      return "";
    case Flood::kEmptyFrames:
      return "http2.inbound_empty_frames_flood";
    case Flood::kPriority:
      return "http2.inbound_priority_frames_flood";
    case Flood::kWindowUpdate:
      return "http2.inbound_window_update_frames_flood";
    case Flood::kContinuation:
      return "http2.inbound_continuation_flood";
    case Flood::kHeaderBomb:
      return "http2.header_bomb";
    case Flood::kPrematureResets:
      return "http2.too_many_premature_resets";
    case Flood::kGlitches:
      return "http2.too_many_glitches";
    case Flood::kOverhead:
      return "http2.overhead_flood";
    case Flood::kOutbound:
      return "http2.outbound_flood";
    case Flood::kOutboundControl:
      return "http2.outbound_control_flood";
  }
  return "";
}

Flood FloodGuard::onBytes(size_t bytes) {
  total_bytes_ += bytes;
  return total_bytes_ / kMostOverhead > payload_bytes_ + settings_.max_overhead_bytes ? Flood::kOverhead : Flood::kNone;
}

Flood FloodGuard::onMessageFrame(bool empty) {
  if (!empty) {
    consecutive_empty_ = 0;
    return Flood::kNone;
  }
  return ++consecutive_empty_ > settings_.max_consecutive_inbound_frames_with_empty_payload ? Flood::kEmptyFrames
                                                                                            : Flood::kNone;
}

Flood FloodGuard::onPriorityFrame() {
  const uint64_t most = settings_.max_inbound_priority_frames_per_stream * (1 + streams_opened_);
  return ++priority_frames_ > most ? Flood::kPriority : Flood::kNone;
}

Flood FloodGuard::onWindowUpdateFrame() {
  const uint64_t per_data = settings_.max_inbound_window_update_frames_per_data_frame_sent;
  const uint64_t most = 5 + 2 * (streams_opened_ + per_data * data_frames_sent_);
  return ++window_update_frames_ > most ? Flood::kWindowUpdate : Flood::kNone;
}

Flood FloodGuard::onPrematureReset(base::MonotonicTime now) {
  ++premature_resets_;
  if (!resets_.take(now)) return Flood::kPrematureResets;
  const bool judgeable = streams_opened_ >= settings_.premature_reset_total_stream_count;
  if (judgeable && premature_resets_ * 100 > streams_opened_ * settings_.premature_reset_percent) {
    return Flood::kPrematureResets;
  }
  return Flood::kNone;
}

Flood FloodGuard::onGlitch(base::MonotonicTime now) {
  return glitches_.take(now) ? Flood::kNone : Flood::kGlitches;
}

Flood FloodGuard::onOutboundQueue(size_t frames, size_t streams) const {
  if (frames > settings_.max_outbound_frames) return Flood::kOutbound;
  // A stream's share: its header section, one more for interim ones or trailers, and a WINDOW_UPDATE.
  return frames > settings_.max_outbound_control_frames + 3 * streams ? Flood::kOutboundControl : Flood::kNone;
}

}  // namespace baton::http::http2
