#include "source/http/http2/session.h"

#include <string>
#include <utility>

#include "source/http/http2/callbacks.h"
#include "source/http/http2/memory.h"

namespace baton::http::http2 {

namespace {

constexpr size_t kFrameHeaderBytes = 9;
constexpr uint32_t kUnlimited = (1u << 31) - 1;

std::string_view detailsOfError(uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_FLOW_CONTROL_ERROR:
      return "http2.flow_control_error";
    case NGHTTP2_STREAM_CLOSED:
      return "http2.frame_on_closed_stream";
    case NGHTTP2_FRAME_SIZE_ERROR:
      return "http2.frame_size_error";
    case NGHTTP2_COMPRESSION_ERROR:
      return "http2.compression_error";
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return "http2.enhance_your_calm";
    case NGHTTP2_INTERNAL_ERROR:
      return "http2.internal_error";
    default:
      return "http2.protocol_error";
  }
}

// What our SETTINGS say; what equals the protocol's default is left out.
std::vector<nghttp2_settings_entry> settingsEntries(const Http2Settings& settings, Session::Side side) {
  std::vector<nghttp2_settings_entry> entries;
  const auto add = [&](int32_t id, uint32_t value) { entries.push_back({id, value}); };
  if (settings.hpack_table_size != NGHTTP2_DEFAULT_HEADER_TABLE_SIZE) {
    add(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, settings.hpack_table_size);
  }
  if (side == Session::Side::kServer) {
    // Session refuses streams above the limit with REFUSED_STREAM, as RFC 9113 5.1.2 wants; nghttp2 would end the
    // connection. So nghttp2 is told a higher number than the client: see writeFrames().
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kUnlimited);
    if (settings.allow_connect) add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
  } else {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  }
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.initial_stream_window_size);
  add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(settings.max_headers_bytes));
  add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  for (const auto& [id, value] : settings.custom_settings) add(id, value);
  return entries;
}

}  // namespace

Session::Session(Side side, Role& role, event::Loop& loop, ByteSink& sink, CodecHandler& handler,
                 const Http2Settings& settings, const Http2Stats& stats)
    : side_(side),
      role_(role),
      loop_(loop),
      sink_(sink),
      handler_(handler),
      settings_(settings),
      stats_(stats),
      flood_guard_(settings),
      timer_(loop, [this] { onTimer(); }) {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_continuations(option, settings.mostContinuationFrames());
  nghttp2_option_set_max_outbound_ack(option, settings.max_outbound_control_frames);
  nghttp2_option_set_max_send_header_block_length(option, 1024 * 1024);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
  nghttp2_option_set_peer_max_concurrent_streams(option, 100);
  // FloodGuard counts resets, and says why the connection ends.
  nghttp2_option_set_stream_reset_rate_limit(option, kUnlimited, kUnlimited);
  if (side == Side::kClient) {
    // nghttp2 tells of frames of unknown types when it is to receive them. A client's frames are seen by FrameScanner.
    for (int type = NGHTTP2_CONTINUATION + 1; type <= 0xff; ++type) {
      nghttp2_option_set_user_recv_extension_type(option, static_cast<uint8_t>(type));
    }
  }
  const auto make = side == Side::kServer ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  const int failed = make(&session_, Callbacks::table(), this, option, sessionMemory());
  nghttp2_option_del(option);
  if (failed != 0) throw std::bad_alloc();
  last_received_ = now();
  ping_interval_ = settings.keepalive_interval;
  submitSettings();
  flush();
  armTimer();
}

Session::~Session() {
  // A codec may be destroyed with streams that nobody was told about: their owner is going too.
  nghttp2_session_del(session_);
  while (Stream* stream = streams_.popFront()) {
    if (!stream->closed_) stats_.streams_active.sub();
    addPendingSend(-static_cast<int64_t>(stream->unsentBytes()));
    delete stream;
  }
  while (Stream* stream = released_.popFront()) delete stream;
}

void Session::submitSettings() {
  const std::vector<nghttp2_settings_entry> entries = settingsEntries(settings_, side_);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  if (settings_.initial_connection_window_size > NGHTTP2_INITIAL_CONNECTION_WINDOW_SIZE) {
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<int32_t>(settings_.initial_connection_window_size));
  }
  if (settings_.settings_ack_timeout.count() > 0) settings_due_ = now() + settings_.settings_ack_timeout;
}

DispatchResult Session::dispatch(std::string_view bytes) {
  if (terminated_) return {DispatchStatus::kProtocolError, bytes.size()};
  last_received_ = now();
  ping_outstanding_ = false;
  dispatching_ = true;
  settings_in_dispatch_ = false;
  if (breach(flood_guard_.onBytes(bytes.size())) == 0) {
    size_t fed = 0;
    size_t at = 0;
    while (side_ == Side::kServer && !breach_ && scanner_.next(bytes, at)) {
      if (inspect(scanner_.frame()) != 0) break;
      // What follows is judged by the state that a reset leaves.
      if (scanner_.frame().type != NGHTTP2_RST_STREAM || at + scanner_.left() > bytes.size()) continue;
      const size_t end = at + scanner_.left();
      receive(bytes.substr(fed, end - fed));
      fed = end;
    }
    if (!breach_) receive(bytes.substr(fed));
  }
  dispatching_ = false;
  flush();
  if (!breach_) breach(flood_guard_.onOutboundQueue(nghttp2_session_get_outbound_queue_size(session_), open_streams_));
  if (breach_) terminate(breach_->error_code, breach_->reason, breach_->details);
  if (!terminated_ && checkFinished() && !terminated_) mustClose();
  armTimer();
  return {terminated_ ? DispatchStatus::kProtocolError : DispatchStatus::kOk, bytes.size()};
}

void Session::flushSoon() {
  if (!busy()) loop_.schedule(*this);
  if (flushing_) flush_again_ = true;
}

void Session::flushNow() {
  flushSoon();
  flush();
}

void Session::flush() {
  if (dispatching_) return;
  if (flushing_) {
    flush_again_ = true;
    return;
  }
  flushing_ = true;
  do {
    flush_again_ = false;
    while (!blocked_) {
      const uint8_t* frame = nullptr;
      const ssize_t length = nghttp2_session_mem_send(session_, &frame);
      if (length <= 0) break;
      writeFrames({reinterpret_cast<const char*>(frame), static_cast<size_t>(length)});
    }
  } while (flush_again_ && !blocked_);
  flushing_ = false;
  if (!released_.empty() || breach_) loop_.schedule(*this);
}

void Session::writeFrames(std::string_view bytes) {
  if (settings_written_ || side_ == Side::kClient) return sink_.write(bytes);
  // The server's first frame: SETTINGS. The client is told the limit that this session keeps.
  settings_written_ = true;
  std::string frame(bytes);
  for (size_t at = kFrameHeaderBytes; at + 6 <= frame.size(); at += 6) {
    if (frame[at] != 0 || frame[at + 1] != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
    for (int byte = 0; byte < 4; ++byte) {
      frame[at + 2 + byte] = static_cast<char>(settings_.max_concurrent_streams >> (24 - 8 * byte));
    }
    break;
  }
  sink_.write(frame);
}

void Session::atEndOfTurn() {
  if (!terminated_) {
    const size_t open_before = open_streams_;
    const size_t live_before = live_streams_;
    deliverNotices();
    flush();
    if (open_streams_ != open_before || live_streams_ != live_before) handler_.onStreamsChanged();
    if (breach_ && !terminated_) {
      terminate(breach_->error_code, breach_->reason, breach_->details);
      mustClose();
    }
    if (!terminated_ && checkFinished()) mustClose();
    armTimer();
  }
  recycleReleased();
}

void Session::noticeSoon(Stream& stream) {
  auto& link = static_cast<base::ListLink<NoticeTag>&>(stream);
  if (!link.linked()) notices_.pushBack(stream);
  loop_.schedule(*this);
}

void Session::deliverNotices() {
  // One pass: what a receiver causes now is for the next turn's end, which comes at once.
  base::IntrusiveList<Stream, NoticeTag> pending;
  pending.splice(notices_);
  while (Stream* const stream = pending.popFront()) {
    if (stream->receiver_ == nullptr) continue;
    if (stream->failed_later_) {
      stream->tellReset(stream->later_reason_, stream->later_details_);
      continue;
    }
    stream->updateWatermark();
    stream->deliverHeld();
  }
}

bool Session::checkFinished() {
  if (busy() || terminated_) return false;
  const bool quiet = nghttp2_session_want_write(session_) == 0;
  if (goaway_error_sent_ != 0) {
    terminated_ = true;
    error_details_ = detailsOfError(goaway_error_sent_);
    failStreams(StreamReset::kProtocolError, error_details_);
    return true;
  }
  if (!quiet) return false;
  if (nghttp2_session_want_read(session_) == 0) return true;
  return (draining_ || input_ended_) && live_streams_ == 0;
}

void Session::mustClose() {
  if (std::exchange(must_close_told_, true)) return;
  handler_.onConnectionMustClose();
}

void Session::receive(std::string_view bytes) {
  const ssize_t result =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (result >= 0 || breach_) return;
  if (result == NGHTTP2_ERR_FLOODED) {
    breach(Flood::kOutboundControl);
  } else if (result == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
    breach(NGHTTP2_PROTOCOL_ERROR, "http2.invalid_preface");
  } else {
    breach(Flood::kContinuation);
  }
}

void Session::terminate(uint32_t error_code, StreamReset reason, std::string_view details) {
  if (std::exchange(terminated_, true)) return;
  error_details_ = details;
  failStreams(reason, details);
  nghttp2_session_terminate_session(session_, error_code);
  blocked_ = false;
  flush();
}

void Session::failStreams(StreamReset reason, std::string_view details) {
  // A receiver may reset other streams meanwhile, so that the list is walked anew after each.
  while (true) {
    Stream* next = nullptr;
    streams_.forEach([&](Stream& stream) {
      if (next == nullptr && stream.receiver_ != nullptr) next = &stream;
    });
    if (next == nullptr) break;
    next->dropHeld();
    next->ignore_rest_ = true;
    next->tellReset(reason, details);
  }
  streams_.forEach([&](Stream& stream) {
    addPendingSend(-static_cast<int64_t>(stream.unsentBytes()));
    stream.send_buffer_.clear();
    stream.direct_ = {};
    stream.reset_submitted_ = true;
  });
}

void Session::onConnectionClosed(std::string_view details) {
  if (terminated_ && live_streams_ == 0) return;
  terminated_ = true;
  must_close_told_ = true;
  if (error_details_.empty()) error_details_ = details;
  timer_.cancel();
  failStreams(StreamReset::kConnectionTerminated, details);
}

void Session::onEndOfInput() {
  if (terminated_) return;
  input_ended_ = true;
  // What the peer has not finished never will be.
  std::vector<Stream*> unfinished;
  streams_.forEach([&](Stream& stream) {
    if (!stream.end_received_ || stream.id_ == 0) unfinished.push_back(&stream);
  });
  for (Stream* stream : unfinished) {
    if (stream->receiver_ == nullptr && stream->reset_submitted_) continue;
    stream->fail(NGHTTP2_CANCEL, StreamReset::kConnectionTerminated, "http2.peer_ended_connection");
  }
  flushSoon();
}

void Session::onConnectionAboveHighWatermark() {
  blocked_ = true;
  std::vector<Stream*> told;
  streams_.forEach([&](Stream& stream) { told.push_back(&stream); });
  for (Stream* stream : told) {
    stream->connection_above_high_ = true;
    stream->updateWatermark();
  }
}

void Session::onConnectionBelowLowWatermark() {
  blocked_ = false;
  streams_.forEach([&](Stream& stream) {
    if (!stream.connection_above_high_) return;
    stream.connection_above_high_ = false;
    noticeSoon(stream);
  });
  flush();
  loop_.schedule(*this);
}

void Session::noticeOfDrain() {
  if (terminated_ || draining_) return;
  nghttp2_submit_shutdown_notice(session_);
  flushNow();
}

void Session::goAway() {
  if (terminated_ || std::exchange(draining_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  flushNow();
}

}  // namespace baton::http::http2
