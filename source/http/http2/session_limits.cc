// What a peer may do, and how much of it: the part of Session that says no.
#include <algorithm>

#include "source/http/http2/session.h"

namespace baton::http::http2 {

int Session::breach(uint32_t error_code, std::string_view details) {
  if (!breach_) breach_ = Breach{error_code, StreamReset::kProtocolError, details};
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Session::breach(Flood flood) {
  if (flood == Flood::kNone) return 0;
  if (breach_) return NGHTTP2_ERR_CALLBACK_FAILURE;
  breach_ = Breach{NGHTTP2_ENHANCE_YOUR_CALM, StreamReset::kOverflow, details(flood)};
  switch (flood) {
    case Flood::kNone:
      break;
    case Flood::kEmptyFrames:
      stats_.inbound_empty_frames_flood.add();
      break;
    case Flood::kPriority:
      stats_.inbound_priority_frames_flood.add();
      break;
    case Flood::kWindowUpdate:
      stats_.inbound_window_update_frames_flood.add();
      break;
    case Flood::kContinuation:
      stats_.inbound_continuation_flood.add();
      break;
    case Flood::kHeaderBomb:
      stats_.header_overflow.add();
      break;
    case Flood::kPrematureResets:
      stats_.premature_resets_flood.add();
      break;
    case Flood::kGlitches:
      stats_.glitches_flood.add();
      break;
    case Flood::kOverhead:
      stats_.overhead_flood.add();
      break;
    case Flood::kOutbound:
      stats_.outbound_flood.add();
      break;
    case Flood::kOutboundControl:
      stats_.outbound_control_flood.add();
      break;
  }
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Session::glitch() {
  return breach(flood_guard_.onGlitch(now()));
}

void Session::onMalformedMessage(Stream& stream, std::string_view details) {
  stats_.rx_messaging_error.add();
  if (!settings_.stream_error_on_invalid_http_message) {
    breach(NGHTTP2_PROTOCOL_ERROR, details);
    return;
  }
  stream.fail(NGHTTP2_PROTOCOL_ERROR, StreamReset::kProtocolError, details);
  glitch();
}

int Session::inspect(const FrameScanner::Frame& frame) {
  // Types up to CONTINUATION are RFC 9113's; PRIORITY_UPDATE is RFC 9218's.
  constexpr uint8_t kPriorityUpdateType = 0x10;
  constexpr uint32_t kPriorityBytes = 5;
  switch (frame.type) {
    case NGHTTP2_DATA:
      return checkLateFrame(frame.stream_id, frame.type);
    case NGHTTP2_PRIORITY:
      if (breach(flood_guard_.onPriorityFrame()) != 0) return NGHTTP2_ERR_CALLBACK_FAILURE;
      if (frame.stream_id == 0) return breach(NGHTTP2_PROTOCOL_ERROR, "http2.priority_on_stream_0");
      // RFC 7540 5.3.1, which peers of before RFC 9113 may rely on. A PRIORITY of another length is a FRAME_SIZE_ERROR,
      // of which nghttp2 speaks.
      if (frame.length == kPriorityBytes && frame.depends_on == frame.stream_id)
        return breach(NGHTTP2_PROTOCOL_ERROR, "http2.self_dependency");
      return 0;
    case kPriorityUpdateType:
      return breach(flood_guard_.onPriorityFrame());
    default:
      return frame.type > NGHTTP2_CONTINUATION ? glitch() : 0;
  }
}

int Session::checkLateFrame(int32_t id, uint8_t type) {
  if (side_ == Side::kClient || id % 2 == 0 || id > nghttp2_session_get_last_proc_stream_id(session_)) return 0;
  if (nghttp2_session_find_stream(session_, id) != nullptr || reset_by_us_.contains(id)) return 0;
  if (ended_by_peer_.contains(id)) return breach(NGHTTP2_STREAM_CLOSED, "http2.frame_on_closed_stream");
  // A stream that was passed over can't be opened any more (RFC 9113 5.1.1); DATA may be very late.
  if (type == NGHTTP2_HEADERS) return breach(NGHTTP2_PROTOCOL_ERROR, "http2.stream_id_went_back");
  return glitch();
}

void Session::hold(size_t bytes) {
  // The connection's window is given back although the bytes are not taken, so that one stream does not stall the
  // others; but what is held has a bound.
  const size_t credit = held_bytes_ + bytes <= settings_.initial_connection_window_size ? bytes : 0;
  held_bytes_ += bytes;
  uncredited_connection_ += bytes - credit;
  creditConnection(credit);
}

void Session::unhold(size_t bytes) {
  held_bytes_ -= bytes;
  const size_t credit = std::min(bytes, uncredited_connection_);
  uncredited_connection_ -= credit;
  creditConnection(credit);
}

void Session::creditConnection(size_t bytes) {
  if (bytes == 0 || terminated_) return;
  nghttp2_session_consume_connection(session_, bytes);
  flushSoon();
}

}  // namespace baton::http::http2
