#include "source/http/http2/stream.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "source/base/strings.h"
#include "source/http/http2/callbacks.h"
#include "source/http/http2/rules.h"
#include "source/http/http2/session.h"

namespace baton::http::http2 {

namespace {

// Header fields on their way into nghttp2, which copies them. One at a time per thread.
thread_local std::vector<nghttp2_nv> block;

uint32_t errorCodeOf(StreamReset reason, Session::Side side) {
  switch (reason) {
    case StreamReset::kLocalRefused:
    case StreamReset::kRemoteRefused:
      return NGHTTP2_REFUSED_STREAM;
    case StreamReset::kProtocolError:
      return NGHTTP2_PROTOCOL_ERROR;
    case StreamReset::kOverflow:
      return NGHTTP2_ENHANCE_YOUR_CALM;
    case StreamReset::kConnectError:
      return NGHTTP2_CONNECT_ERROR;
    case StreamReset::kLocalReset:
    case StreamReset::kRemoteReset:
    case StreamReset::kConnectionTerminated:
      break;
  }
  return side == Session::Side::kClient ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
}

nghttp2_data_provider providerOf(Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::readData;
  return provider;
}

}  // namespace

void Stream::clear() {
  id_ = 0;
  receiver_ = nullptr;
  wire_ = {};
  incoming_.clear();
  cookies_.clear();
  if (cookies_.capacity() > 4096) cookies_.shrink_to_fit();
  incoming_bytes_ = 0;
  incoming_count_ = informational_count_ = read_pauses_ = 0;
  incoming_too_large_ = invalid_frame_ = head_received_ = end_received_ = remote_ended_ = ignore_rest_ = held_end_ =
      false;
  held_.clear();
  held_trailers_.reset();
  uncredited_ = 0;
  body_received_ = 0;
  content_length_.reset();
  remote_reset_code_.reset();
  send_buffer_.clear();
  direct_ = {};
  trailers_.reset();
  waiting_head_.reset();
  headers_sent_ = local_ended_ = end_sent_ = closed_ = reset_submitted_ = false;
  above_high_ = connection_above_high_ = told_above_high_ = failed_later_ = false;
  upgrade_.clear();
}

void Stream::sendInformational(const HeaderMap& headers) {
  assert(session_.side() == Session::Side::kServer);
  if (closed_ || reset_submitted_ || headers_sent_) return;
  session_.flood_guard_.onPayload(fillBlock(headers, BlockKind::kResponse, block));
  nghttp2_submit_headers(session_.session_, NGHTTP2_FLAG_NONE, id_, nullptr, block.data(), block.size(), nullptr);
  session_.flushSoon();
}

void Stream::sendHeaders(const HeaderMap& headers, bool end_of_stream) {
  assert(!headers_sent_);
  headers_sent_ = true;
  local_ended_ = end_of_stream;
  if (session_.side() == Session::Side::kClient) {
    submitRequest(headers);
  } else if (!closed_ && !reset_submitted_) {
    HeaderMap translated;  // must outlive the block
    if (upgrade_.extended_connect && headers.status() == 101) {
      translated = headers.clone();
      toExtendedConnectResponse(translated);
    }
    const HeaderMap& sent = translated.empty() ? headers : translated;
    session_.flood_guard_.onPayload(fillBlock(sent, BlockKind::kResponse, block));
    const nghttp2_data_provider provider = providerOf(*this);
    nghttp2_submit_response(session_.session_, id_, block.data(), block.size(), end_of_stream ? nullptr : &provider);
  }
  session_.flushSoon();
  if (end_of_stream) localEnded();
}

void Stream::submitRequest(const HeaderMap& headers) {
  if (isUpgradeRequest(headers) && !upgrade_.extended_connect) {
    HeaderMap translated = headers.clone();
    toExtendedConnect(translated, upgrade_);
    // RFC 8441 3: not before the server has said that it knows the extension.
    if (!session_.peer_settings_received_) {
      waiting_head_ = std::move(translated);
      return;
    }
    return submitRequest(translated);
  }
  if (upgrade_.extended_connect &&
      nghttp2_session_get_remote_settings(session_.session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) != 1) {
    failed_later_ = true;
    later_reason_ = StreamReset::kConnectError;
    later_details_ = "http2.extended_connect_not_supported";
    return session_.noticeSoon(*this);
  }
  session_.flood_guard_.onPayload(fillBlock(headers, BlockKind::kRequest, block));
  const nghttp2_data_provider provider = providerOf(*this);
  const bool bare = local_ended_ && unsentBytes() == 0 && !trailers_;
  const int32_t id =
      nghttp2_submit_request(session_.session_, nullptr, block.data(), block.size(), bare ? nullptr : &provider, this);
  if (id < 0 || session_.terminated_) {
    failed_later_ = true;
    later_reason_ = StreamReset::kRemoteRefused;
    later_details_ = "http2.no_more_streams";
    return session_.noticeSoon(*this);
  }
  id_ = id;
  session_.flood_guard_.onStreamOpened();
}

void Stream::sendData(std::string_view bytes, bool end_of_stream) {
  assert(headers_sent_ && !local_ended_);
  local_ended_ = end_of_stream;
  if (closed_ || reset_submitted_) {
    if (end_of_stream) localEnded();
    return;
  }
  session_.addPendingSend(static_cast<int64_t>(bytes.size()));
  // First, because the stream may close while it is flushed.
  if (end_of_stream) localEnded();
  const bool at_once = send_buffer_.empty() && id_ != 0 && !session_.busy() && !session_.blocked_;
  if (at_once) {
    direct_ = bytes;
    nghttp2_session_resume_data(session_.session_, id_);
    session_.flush();
    // What the windows did not let go.
    if (!direct_.empty()) {
      send_buffer_.append(direct_);
      direct_ = {};
    }
  } else {
    send_buffer_.append(bytes);
    if (id_ != 0) nghttp2_session_resume_data(session_.session_, id_);
    session_.flushSoon();
  }
  updateWatermark();
}

void Stream::sendTrailers(const HeaderMap& trailers) {
  assert(headers_sent_ && !local_ended_);
  local_ended_ = true;
  if (!closed_ && !reset_submitted_) {
    trailers_ = trailers.clone();
    if (id_ != 0) nghttp2_session_resume_data(session_.session_, id_);
    session_.flushSoon();
  }
  localEnded();
}

ssize_t Stream::prepareData(size_t most, uint32_t* data_flags) {
  const size_t available = unsentBytes();
  if (available == 0 && !local_ended_) return NGHTTP2_ERR_DEFERRED;
  if (reset_submitted_) return NGHTTP2_ERR_DEFERRED;
  *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  const size_t length = std::min(most, available);
  if (length < available || !local_ended_) return static_cast<ssize_t>(length);
  *data_flags |= NGHTTP2_DATA_FLAG_EOF;
  if (trailers_) {
    *data_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    session_.flood_guard_.onPayload(fillBlock(*trailers_, BlockKind::kTrailers, block));
    nghttp2_submit_trailer(session_.session_, id_, block.data(), block.size());
  }
  return static_cast<ssize_t>(length);
}

void Stream::writeData(const uint8_t* frame_header, size_t length) {
  session_.sink_.write({reinterpret_cast<const char*>(frame_header), 9});
  const size_t buffered = std::min(length, send_buffer_.size());
  if (buffered > 0) {
    session_.sink_.write(send_buffer_.view().substr(0, buffered));
    send_buffer_.drain(buffered);
  }
  if (length > buffered) {
    session_.sink_.write(direct_.substr(0, length - buffered));
    direct_.remove_prefix(length - buffered);
  }
  session_.addPendingSend(-static_cast<int64_t>(length));
  session_.flood_guard_.onPayload(length);
  if (receiver_ == nullptr) session_.flushProgress(*this);
  if (above_high_ && unsentBytes() <= session_.settings_.stream_buffer_bytes / 2) session_.noticeSoon(*this);
}

void Stream::updateWatermark() {
  const size_t high = session_.settings_.stream_buffer_bytes;
  if (unsentBytes() >= high) {
    above_high_ = true;
  } else if (unsentBytes() <= high / 2) {
    above_high_ = false;
  }
  const bool above = above_high_ || connection_above_high_;
  if (above == told_above_high_ || receiver_ == nullptr) return;
  told_above_high_ = above;
  if (above) {
    receiver_->onAboveHighWatermark();
  } else {
    receiver_->onBelowLowWatermark();
  }
}

void Stream::reset(StreamReset reason) {
  if (receiver_ == nullptr && (reset_submitted_ || closed_)) return;
  const bool server = session_.side() == Session::Side::kServer;
  // RFC 9113 8.1: a server that has answered completely may tell the client to stop sending; the answer goes first.
  const bool answered = server && local_ended_ && reason == StreamReset::kLocalReset;
  dropHeld();
  ignore_rest_ = true;
  if (answered && !end_sent_ && !closed_) {
    detach();
    return;
  }
  receiver_ = nullptr;
  if (server && headers_sent_ && !closed_) {
    // What was said before goes first: nghttp2 drops HEADERS that wait behind a RST_STREAM.
    session_.flush();
    if (closed_) return;  // and released: the end of the stream was among it
  }
  if (!closed_ && id_ != 0) {
    fail(answered ? static_cast<uint32_t>(NGHTTP2_NO_ERROR) : errorCodeOf(reason, session_.side()), reason, {});
    // The place of the stream is free for another when this call returns.
    session_.flushNow();
  } else {
    detach();
  }
}

void Stream::fail(uint32_t error_code, StreamReset reason, std::string_view details) {
  dropHeld();
  ignore_rest_ = true;
  session_.addPendingSend(-static_cast<int64_t>(unsentBytes()));
  send_buffer_.clear();
  direct_ = {};
  if (!closed_ && !reset_submitted_ && id_ != 0) {
    reset_submitted_ = true;
    nghttp2_submit_rst_stream(session_.session_, NGHTTP2_FLAG_NONE, id_, error_code);
    session_.flushSoon();
  }
  if (receiver_ != nullptr) tellReset(reason, details);
}

void Stream::tellReset(StreamReset reason, std::string_view details) {
  StreamReceiver* const receiver = std::exchange(receiver_, nullptr);
  detach();
  receiver->onReset(reason, details);
}

void Stream::resumeReading() {
  assert(read_pauses_ > 0);
  if (--read_pauses_ == 0 && (holding() || uncredited_ > 0)) session_.noticeSoon(*this);
}

void Stream::deliverHead(bool end_of_stream) {
  head_received_ = true;
  if (const std::string_view length = incoming_.get(HeaderName::kContentLength); !length.empty()) {
    content_length_ = base::parseNumber<uint64_t>(length);
  }
  if (receiver_ == nullptr) return;
  receiver_->onHeaders(std::move(incoming_), end_of_stream);
  if (end_of_stream) remoteEnded();
}

void Stream::ignoreRest() {
  ignore_rest_ = true;
  head_received_ = true;
  remote_ended_ = true;
}

void Stream::receiveData(std::string_view bytes, bool end_of_stream) {
  if (ignore_rest_ || receiver_ == nullptr) {
    session_.creditConnection(bytes.size());
    return;
  }
  if (read_pauses_ > 0 || holding()) {
    session_.hold(bytes.size());
    held_.append(bytes);
    held_end_ = end_of_stream;
    return;
  }
  session_.creditConnection(bytes.size());
  uncredited_ += bytes.size();
  receiver_->onData(bytes, end_of_stream);
  if (end_of_stream) {
    remoteEnded();
  } else if (read_pauses_ == 0) {
    returnCredit();
  }
}

void Stream::receiveTrailers() {
  session_.stats_.trailers.add();
  if (ignore_rest_ || receiver_ == nullptr) return;
  if (read_pauses_ > 0 || holding()) {
    held_trailers_ = std::move(incoming_);
    return;
  }
  receiver_->onTrailers(std::move(incoming_));
  remoteEnded();
}

void Stream::deliverHeld() {
  if (read_pauses_ > 0 || receiver_ == nullptr) return;
  if (!held_.empty() || held_end_) {
    base::Buffer bytes;
    bytes.swap(held_);
    const bool end = std::exchange(held_end_, false);
    session_.unhold(bytes.size());
    uncredited_ += bytes.size();
    receiver_->onData(bytes.view(), end);
    if (end) remoteEnded();
  }
  if (held_trailers_ && read_pauses_ == 0 && receiver_ != nullptr) {
    HeaderMap trailers = std::move(*held_trailers_);
    held_trailers_.reset();
    receiver_->onTrailers(std::move(trailers));
    remoteEnded();
  }
  if (read_pauses_ == 0) returnCredit();
  // RST_STREAM followed the complete message: it can be told now.
  if (closed_ && remote_ended_ && receiver_ != nullptr) {
    tellReset(StreamReset::kRemoteReset, "http2.remote_reset_after_end");
  }
}

void Stream::dropHeld() {
  session_.unhold(held_.size());
  held_.clear();
  held_end_ = false;
  held_trailers_.reset();
}

void Stream::returnCredit() {
  if (uncredited_ == 0) return;
  const size_t bytes = std::exchange(uncredited_, 0);
  if (closed_ || end_received_ || reset_submitted_) return;
  nghttp2_session_consume_stream(session_.session_, id_, bytes);
  session_.flushSoon();
}

void Stream::remoteEnded() {
  remote_ended_ = true;
  if (local_ended_) detach();
}

void Stream::localEnded() {
  if (remote_ended_) detach();
}

void Stream::detach() {
  receiver_ = nullptr;
  if (closed_ || id_ == 0) {
    session_.release(*this);
  } else if (!end_sent_ && !reset_submitted_) {
    session_.awaitFlush(*this);
  } else if (end_sent_) {
    afterEndSent();
  }
}

void Stream::afterEndSent() {
  end_sent_ = true;
  if (receiver_ != nullptr) return;
  // Nobody listens to the rest of the request any more, but most of it may be on its way.
  if (session_.side() == Session::Side::kServer && !end_received_ && !closed_) session_.awaitEnd(*this);
}

void Stream::onClosed(uint32_t error_code) {
  closed_ = true;
  session_.addPendingSend(-static_cast<int64_t>(unsentBytes()));
  send_buffer_.clear();
  direct_ = {};
  if (receiver_ == nullptr) return session_.release(*this);
  // A response that is complete stays one, whatever the server says after it; a request that is taken back does not.
  const bool reset_by_server = session_.side() == Session::Side::kClient && remote_reset_code_;
  if (end_received_ && !remote_ended_ && (local_ended_ || error_code == NGHTTP2_NO_ERROR || reset_by_server)) {
    return;  // complete, but the receiver has yet to take it
  }
  if (remote_reset_code_) {
    const uint32_t code = *remote_reset_code_;
    if (code == NGHTTP2_REFUSED_STREAM) return tellReset(StreamReset::kRemoteRefused, "http2.remote_refused");
    if (code == NGHTTP2_CONNECT_ERROR) return tellReset(StreamReset::kConnectError, "http2.remote_connect_error");
    return tellReset(StreamReset::kRemoteReset, "http2.remote_reset");
  }
  if (error_code == NGHTTP2_REFUSED_STREAM) return tellReset(StreamReset::kRemoteRefused, "http2.goaway");
  tellReset(StreamReset::kProtocolError, "http2.invalid_message");
}

}  // namespace baton::http::http2
