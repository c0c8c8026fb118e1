#include "source/http/http2/callbacks.h"

#include "source/http/http2/session.h"

namespace baton::http::http2 {

namespace {

bool has(uint8_t flags, uint8_t flag) {
  return (flags & flag) != 0;
}

std::string_view viewOf(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

// Errors of the peer that make nghttp2 reset a stream.
bool blamesPeer(uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_COMPRESSION_ERROR:
      return true;
    default:
      return false;
  }
}

}  // namespace

const nghttp2_session_callbacks* Callbacks::table() {
  static const nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_send_data_callback(made, sendData);
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, onBeginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, onBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback2(made, onHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, onDataChunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, onFrameReceived);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, onInvalidFrame);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, onFrameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, onFrameNotSent);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, onStreamClosed);
    nghttp2_session_callbacks_set_unpack_extension_callback(made, ignoreExtension);
    // No callback for invalid header fields: with one, nghttp2 1.52 drops such a field instead of the message.
    return made;
  }();
  return callbacks;
}

Stream* Callbacks::streamOf(nghttp2_session* session, int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

ssize_t Callbacks::readData(nghttp2_session*, int32_t, uint8_t*, size_t most, uint32_t* data_flags,
                            nghttp2_data_source* source, void*) {
  return static_cast<Stream*>(source->ptr)->prepareData(most, data_flags);
}

int Callbacks::sendData(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header, size_t length,
                        nghttp2_data_source* source, void* user_data) {
  static_cast<Stream*>(source->ptr)->writeData(frame_header, length);
  return static_cast<Session*>(user_data)->blocked_ ? NGHTTP2_ERR_PAUSE : 0;
}

int Callbacks::onBeginFrame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  self.frame_ = *header;
  self.frame_left_ = header->length;
  FloodGuard& guard = self.flood_guard_;
  const bool end_of_stream = has(header->flags, NGHTTP2_FLAG_END_STREAM);
  switch (header->type) {
    case NGHTTP2_HEADERS:
      if (const int late = self.checkLateFrame(header->stream_id, header->type); late != 0) return late;
      return self.breach(guard.onMessageFrame(header->length == 0 && !end_of_stream));
    case NGHTTP2_CONTINUATION:
      if (self.header_stream_ != nullptr) self.header_stream_->wire_.headers_received += 9 + header->length;
      return self.breach(guard.onMessageFrame(header->length == 0));
    case NGHTTP2_WINDOW_UPDATE:
      return self.breach(guard.onWindowUpdateFrame());
    case NGHTTP2_SETTINGS:
      if (has(header->flags, NGHTTP2_FLAG_ACK) || self.settings_frames_++ == 0) return 0;
      return self.glitch();
    case NGHTTP2_PRIORITY:
      // A client's are counted by inspect().
      return self.side_ == Session::Side::kClient ? self.breach(guard.onPriorityFrame()) : 0;
    default:
      return header->type > NGHTTP2_CONTINUATION ? self.glitch() : 0;
  }
}

int Callbacks::ignoreExtension(nghttp2_session*, void**, const nghttp2_frame_hd*, void*) {
  return NGHTTP2_ERR_CANCEL;
}

int Callbacks::onBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  const int32_t id = frame->hd.stream_id;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    if (self.open_streams_ >= self.settings_.max_concurrent_streams || self.terminated_) {
      // RFC 9113 5.1.2. Until the client has seen our SETTINGS it can't know better.
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
      if (self.settings_due_ == base::MonotonicTime::max() && self.glitch() != 0) return NGHTTP2_ERR_CALLBACK_FAILURE;
      self.reset_by_us_.add(id);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    nghttp2_session_set_stream_user_data(session, id, &self.newStream(id));
    self.flood_guard_.onStreamOpened();
  }
  Stream* const stream = streamOf(session, id);
  if (stream == nullptr) {
    self.stats_.headers_cb_no_stream.add();
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  stream->incoming_.clear();
  stream->cookies_.clear();
  stream->incoming_bytes_ = 0;
  stream->incoming_count_ = 0;
  stream->incoming_too_large_ = false;
  stream->wire_.headers_received += 9 + self.frame_.length;
  self.header_stream_ = stream;
  if (self.settings_.header_block_timeout.count() > 0) {
    self.header_block_due_ = self.now() + self.settings_.header_block_timeout;
  }
  return 0;
}

int Callbacks::onHeader(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name_buffer, nghttp2_rcbuf* value_buffer,
                        uint8_t, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  Stream* const stream = self.header_stream_;
  if (stream == nullptr) return 0;
  const std::string_view name = viewOf(name_buffer);
  const std::string_view value = viewOf(value_buffer);
  const size_t most_bytes =
      stream->head_received_ ? self.settings_.max_trailers_bytes : self.settings_.max_headers_bytes;
  const size_t most_fields =
      stream->head_received_ ? self.settings_.max_trailers_count : self.settings_.max_headers_count;
  stream->incoming_bytes_ += name.size() + value.size() + 32;
  // The header section must be decoded to its end to keep the compression state, but not at any price.
  if (stream->incoming_bytes_ > 4 * most_bytes + 64 * 1024) return self.breach(Flood::kHeaderBomb);
  const bool crumb = name == "cookie";
  if (!crumb || stream->cookies_.empty()) ++stream->incoming_count_;
  if (stream->incoming_bytes_ > most_bytes || stream->incoming_count_ > most_fields) {
    stream->incoming_too_large_ = true;
    return 0;
  }
  self.flood_guard_.onPayload(name.size() + value.size());
  if (crumb && self.side_ == Session::Side::kServer) {
    // RFC 9113 8.2.3.
    if (!stream->cookies_.empty()) stream->cookies_ += "; ";
    stream->cookies_ += value;
  } else {
    stream->incoming_.add(name, value);
  }
  return 0;
}

int Callbacks::onDataChunk(nghttp2_session* session, uint8_t flags, int32_t stream_id, const uint8_t* data,
                           size_t length, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  self.frame_left_ -= std::min(self.frame_left_, length);
  self.flood_guard_.onPayload(length);
  Stream* const stream = streamOf(session, stream_id);
  if (stream == nullptr) {
    self.creditConnection(length);
    return 0;
  }
  stream->body_received_ += length;
  // The end goes along with the last bytes, unless nghttp2 has yet to find that the length is wrong.
  const bool last = has(flags, NGHTTP2_FLAG_END_STREAM) && !has(flags, NGHTTP2_FLAG_PADDED) && self.frame_left_ == 0 &&
                    (!stream->content_length_ || *stream->content_length_ == stream->body_received_);
  if (last) stream->end_received_ = true;
  stream->receiveData({reinterpret_cast<const char*>(data), length}, last);
  return 0;
}

int Callbacks::onFrameReceived(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      return onHeadersReceived(self, *frame);
    case NGHTTP2_DATA: {
      const bool end_of_stream = has(frame->hd.flags, NGHTTP2_FLAG_END_STREAM);
      const bool empty = frame->hd.length == frame->data.padlen && !end_of_stream;
      Stream* const stream = streamOf(session, frame->hd.stream_id);
      if (stream != nullptr) {
        stream->wire_.received += 9 + frame->hd.length;
        if (end_of_stream && !stream->end_received_) {
          stream->end_received_ = true;
          stream->receiveData({}, true);
        }
      }
      return self.breach(self.flood_guard_.onMessageFrame(empty));
    }
    case NGHTTP2_RST_STREAM: {
      self.stats_.rx_reset.add();
      if (frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM) self.stats_.stream_refused_errors.add();
      Stream* const stream = streamOf(session, frame->hd.stream_id);
      return stream == nullptr ? 0 : onResetReceived(self, *stream, frame->rst_stream.error_code);
    }
    case NGHTTP2_SETTINGS:
      if (has(frame->hd.flags, NGHTTP2_FLAG_ACK)) {
        self.settings_due_ = base::MonotonicTime::max();
      } else {
        self.settings_in_dispatch_ = true;
        self.onPeerSettings();
      }
      return 0;
    case NGHTTP2_GOAWAY:
      self.goaway_received_ = true;
      self.handler_.onGoAway();
      return 0;
    default:
      return 0;
  }
}

int Callbacks::onHeadersReceived(Session& self, const nghttp2_frame& frame) {
  Stream* const stream = std::exchange(self.header_stream_, nullptr);
  self.header_block_due_ = base::MonotonicTime::max();
  if (stream == nullptr) return 0;
  if (has(frame.hd.flags, NGHTTP2_FLAG_PRIORITY) && frame.headers.pri_spec.stream_id == frame.hd.stream_id) {
    stream->fail(NGHTTP2_PROTOCOL_ERROR, StreamReset::kProtocolError, "http2.self_dependency");
    return self.glitch();
  }
  if (!stream->cookies_.empty()) stream->incoming_.add(HeaderName::kCookie, stream->cookies_);
  const bool end_of_stream = has(frame.hd.flags, NGHTTP2_FLAG_END_STREAM);
  if (end_of_stream) stream->end_received_ = true;
  stream->wire_.received = stream->wire_.received + stream->wire_.headers_received;
  if (!stream->head_received_) {
    self.role_.onMessageHead(*stream, end_of_stream);
    return self.breach_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }
  if (stream->incoming_too_large_) {
    self.stats_.header_overflow.add();
    stream->fail(NGHTTP2_ENHANCE_YOUR_CALM, StreamReset::kOverflow, "http2.trailers_too_large");
    return 0;
  }
  stream->receiveTrailers();
  return 0;
}

int Callbacks::onResetReceived(Session& self, Stream& stream, uint32_t error_code) {
  stream.remote_reset_code_ = error_code;
  const bool premature = self.side_ == Session::Side::kServer && !stream.end_sent_ &&
                         self.now() - stream.created_ < self.settings_.premature_reset_lifetime;
  return premature ? self.breach(self.flood_guard_.onPrematureReset(self.now())) : 0;
}

int Callbacks::onInvalidFrame(nghttp2_session* session, const nghttp2_frame* frame, int, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  self.stats_.rx_messaging_error.add();
  if (Stream* const stream = streamOf(session, frame->hd.stream_id)) stream->invalid_frame_ = true;
  if (frame->hd.type == NGHTTP2_HEADERS) {
    self.header_stream_ = nullptr;
    self.header_block_due_ = base::MonotonicTime::max();
    if (!self.settings_.stream_error_on_invalid_http_message) {
      return self.breach(NGHTTP2_PROTOCOL_ERROR, "http2.invalid_message");
    }
  }
  return 0;
}

int Callbacks::onFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  Stream* const stream = streamOf(session, frame->hd.stream_id);
  const bool end_of_stream = has(frame->hd.flags, NGHTTP2_FLAG_END_STREAM);
  switch (frame->hd.type) {
    case NGHTTP2_DATA:
      self.flood_guard_.onDataFrameSent();
      [[fallthrough]];
    case NGHTTP2_HEADERS:
      if (stream == nullptr) return 0;
      stream->wire_.sent += 9 + frame->hd.length;
      if (frame->hd.type == NGHTTP2_HEADERS) stream->wire_.headers_sent += 9 + frame->hd.length;
      if (end_of_stream) stream->afterEndSent();
      return 0;
    case NGHTTP2_RST_STREAM:
      self.stats_.tx_reset.add();
      self.reset_by_us_.add(frame->hd.stream_id);
      if (stream != nullptr && !stream->end_received_) self.flood_guard_.onStreamGivenUp();
      if (frame->rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR && self.settings_in_dispatch_) {
        // RFC 9113 6.9.2: SETTINGS that overflow a window are the connection's error, not the stream's.
        self.breach(NGHTTP2_FLOW_CONTROL_ERROR, "http2.flow_control_error");
      }
      if (blamesPeer(frame->rst_stream.error_code) && (stream == nullptr || !stream->reset_submitted_)) {
        // A body that is not as long as its content-length: no frame of it is invalid.
        if (stream != nullptr && frame->rst_stream.error_code == NGHTTP2_PROTOCOL_ERROR && !stream->invalid_frame_) {
          self.stats_.rx_messaging_error.add();
        }
        self.glitch();
      }
      return 0;
    case NGHTTP2_GOAWAY:
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR) self.goaway_error_sent_ = frame->goaway.error_code;
      return 0;
    default:
      return 0;
  }
}

int Callbacks::onFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (Stream* const stream = streamOf(session, frame->hd.stream_id); stream != nullptr) {
    if (stream->closed_) return 0;
    if (error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED || error == NGHTTP2_ERR_SESSION_CLOSING) {
      stream->fail(NGHTTP2_CANCEL, StreamReset::kRemoteRefused, "http2.goaway");
    } else {
      // Too large to send, most likely: nothing of this message can follow.
      stream->fail(NGHTTP2_INTERNAL_ERROR, StreamReset::kOverflow, "http2.headers_not_sent");
    }
    return 0;
  }
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self.requestNotSent(frame->hd.stream_id);
  return 0;
}

int Callbacks::onStreamClosed(nghttp2_session* session, int32_t stream_id, uint32_t error_code, void* user_data) {
  Session& self = *static_cast<Session*>(user_data);
  Stream* const stream = streamOf(session, stream_id);
  if (stream == nullptr) return 0;
  nghttp2_session_set_stream_user_data(session, stream_id, nullptr);
  if (self.header_stream_ == stream) self.header_stream_ = nullptr;
  if (stream->end_received_ || stream->remote_reset_code_) self.ended_by_peer_.add(stream_id);
  --self.open_streams_;
  self.stats_.streams_active.sub();
  stream->onClosed(error_code);
  return 0;
}

}  // namespace baton::http::http2
