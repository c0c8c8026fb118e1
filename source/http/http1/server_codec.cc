#include "source/http/http1/server_codec.h"

#include <utility>

#include "source/http/message_rules.h"

namespace baton::http {

Http1ServerCodec::Http1ServerCodec(ByteSink& sink, ServerCodecHandler& handler, const Http1Settings& settings,
                                   const Http1Stats& stats)
    : handler_(handler), head_(HeadParser::Side::kRequest, settings, stats), body_(settings), writer_(sink, settings) {}

DispatchResult Http1ServerCodec::dispatch(std::string_view bytes) {
  dispatching_ = bytes_wait_ = true;
  paused_ = false;
  size_t consumed = 0;
  const uint64_t streams_before = stream_id_;
  bool yields = false;
  for (bool progress = true; progress && consumed < bytes.size() && !blocked();) {
    yields = stream_id_ - streams_before >= most_at_once_ && receiver_ == nullptr && input_ == Input::kHead;
    if (yields) break;
    const std::string_view rest = bytes.substr(consumed);
    if (input_ == Input::kIgnored) {
      consumed = bytes.size();
    } else if (input_ == Input::kHead) {
      progress = readHead(rest, consumed);
    } else {
      progress = readBody(rest, consumed);
    }
  }
  if (input_ == Input::kIgnored) consumed = bytes.size();
  dispatching_ = bytes_wait_ = false;
  if (std::exchange(protocol_error_, false)) return {DispatchStatus::kProtocolError, consumed};
  if (blocked()) {
    bytes_wait_ = consumed < bytes.size();
    paused_ = bytes_wait_ || pauses_ > 0;
  }
  if (yields) bytes_wait_ = true;
  if (input_ended_ && !bytes_wait_) finishInput();
  if (yields) return {DispatchStatus::kYielded, consumed};
  return {paused_ ? DispatchStatus::kPaused : DispatchStatus::kOk, consumed};
}

// A reason not to go on reading, although there may be bytes.
bool Http1ServerCodec::blocked() const {
  if (input_ == Input::kIgnored) return false;
  return pauses_ > 0 || input_ == Input::kWaiting || (receiver_ == nullptr && above_high_watermark_);
}

void Http1ServerCodec::resumeDispatch() {
  if (!paused_ || dispatching_ || blocked()) return;
  paused_ = false;
  handler_.onDispatchResumed();
}

void Http1ServerCodec::beginStream() {
  ++stream_id_;
  head_bytes_received_ = bytes_received_ = 0;
  writer_.resetCounts();
  pauses_ = 0;
  http_10_ = head_request_ = connect_ = upgrade_ = last_request_ = false;
  keep_alive_ = true;
  response_begun_ = response_ended_ = false;
  receiver_ = &handler_.onNewStream(*this);
}

bool Http1ServerCodec::readHead(std::string_view bytes, size_t& consumed) {
  const HeadParser::Result result = head_.parse(bytes);
  consumed += result.consumed;
  const bool begun = head_.started() || result.status == HeadParser::Status::kError;
  if (begun && receiver_ == nullptr) beginStream();
  bytes_received_ += result.consumed;
  head_bytes_received_ += result.consumed;
  // onNewStream() may have answered or closed already.
  if (receiver_ == nullptr || input_ != Input::kHead) return result.status != HeadParser::Status::kNeedMore;
  switch (result.status) {
    case HeadParser::Status::kNeedMore:
      return false;
    case HeadParser::Status::kError:
      requestFailed(head_.error());
      break;
    case HeadParser::Status::kDone: {
      const HeadFacts facts = head_.facts();
      HeaderMap headers = head_.takeHeaders();
      head_.reset();
      requestBegins(facts);
      receiver_->onHeaders(std::move(headers), input_ == Input::kWaiting && !connect_ && !upgrade_);
      break;
    }
  }
  return true;
}

void Http1ServerCodec::requestBegins(const HeadFacts& facts) {
  http_10_ = facts.http_10;
  head_request_ = facts.head;
  connect_ = facts.connect;
  upgrade_ = facts.upgrade;
  // RFC 9112 9.3.
  keep_alive_ = !facts.connection_close && (!facts.http_10 || facts.connection_keep_alive);
  last_request_ = !keep_alive_;
  if (facts.chunked) {
    input_ = Input::kBody;
    body_.beginChunked();
  } else if (facts.content_length.value_or(0) > 0) {
    input_ = Input::kBody;
    body_.beginLength(*facts.content_length);
  } else {
    input_ = Input::kWaiting;
  }
}

bool Http1ServerCodec::readBody(std::string_view bytes, size_t& consumed) {
  if (input_ == Input::kTunnel) {
    consumed += bytes.size();
    bytes_received_ += bytes.size();
    receiver_->onData(bytes, false);
    return true;
  }
  const BodyReader::Step step = body_.next(bytes);
  consumed += step.consumed;
  bytes_received_ += step.consumed;
  switch (step.status) {
    case BodyReader::Status::kNeedMore:
      return false;
    case BodyReader::Status::kError:
      requestFailed(body_.error());
      break;
    case BodyReader::Status::kData: {
      const bool end = body_.endsHere();
      if (end) requestBodyEnded();
      receiver_->onData(step.data, end && !connect_ && !upgrade_);
      break;
    }
    case BodyReader::Status::kDone: {
      HeaderMap trailers = body_.takeTrailers();
      requestBodyEnded();
      if (connect_ || upgrade_) break;
      trailers.empty() ? receiver_->onData({}, true) : receiver_->onTrailers(std::move(trailers));
      break;
    }
  }
  return true;
}

void Http1ServerCodec::requestBodyEnded() {
  input_ = response_begun_ && writer_.framing() == MessageWriter::Framing::kTunnel ? Input::kTunnel : Input::kWaiting;
}

void Http1ServerCodec::requestFailed(Http1Error error) {
  error_ = error;
  protocol_error_ = true;
  input_ = Input::kIgnored;
  keep_alive_ = false;
  head_.reset();
  if (response_begun_) {
    abandonStream(StreamReset::kProtocolError, detailsOf(error));
  } else {
    handler_.onRequestError(*this, requestError(error));
  }
}

void Http1ServerCodec::sendInformational(const HeaderMap& headers) {
  // RFC 9110 15.2: not to a client of HTTP/1.0.
  if (receiver_ == nullptr || response_begun_ || http_10_) return;
  if (!writer_.writeInformational(headers)) abandonStream(StreamReset::kProtocolError, "http1.invalid_response_header");
}

void Http1ServerCodec::sendHeaders(const HeaderMap& headers, bool end_of_stream) {
  if (receiver_ == nullptr || response_begun_) return;
  const bool request_incomplete = input_ != Input::kWaiting;
  // An answer that does not wait for the end of the request ends the connection. Whether a longer one will have waited
  // can't be known yet; errors usually have not.
  if (draining_ || (input_ended_ && !bytes_wait_) || connectionHas(headers, "close") ||
      (request_incomplete && (end_of_stream || headers.status() >= 300))) {
    keep_alive_ = false;
  }
  const MessageWriter::ResponseTo request{.head = head_request_,
                                          .connect = connect_,
                                          .upgrade = upgrade_,
                                          .http_10 = http_10_,
                                          .close = !keep_alive_,
                                          .keep_alive_10 = keep_alive_};
  if (!writer_.writeResponseHead(headers, request, end_of_stream)) {
    return abandonStream(StreamReset::kProtocolError, "http1.invalid_response_header");
  }
  response_begun_ = true;
  if (writer_.framing() == MessageWriter::Framing::kUntilClose) keep_alive_ = false;
  if (writer_.framing() == MessageWriter::Framing::kTunnel) openTunnel();
  if (end_of_stream && receiver_ != nullptr) endResponse(writer_.writeEnd());
}

void Http1ServerCodec::openTunnel() {
  keep_alive_ = false;
  if (input_ != Input::kWaiting) return;  // the rest of the request's body comes first
  input_ = Input::kTunnel;
  resumeDispatch();
  if (input_ended_ && !bytes_wait_) finishInput();
}

void Http1ServerCodec::sendData(std::string_view bytes, bool end_of_stream) {
  if (receiver_ == nullptr || !response_begun_ || response_ended_) return;
  bool complete = writer_.writeData(bytes);
  if (!complete) return endResponse(false);
  if (end_of_stream) endResponse(writer_.writeEnd());
}

void Http1ServerCodec::sendTrailers(const HeaderMap& trailers) {
  if (receiver_ == nullptr || !response_begun_ || response_ended_) return;
  endResponse(writer_.writeEnd(trailers));
}

// `complete`: what was sent is as long as was announced.
void Http1ServerCodec::endResponse(bool complete) {
  response_ended_ = true;
  if (writer_.framing() == MessageWriter::Framing::kTunnel && input_ != Input::kIgnored) {
    handler_.onTunnelSendingEnded();
    return;
  }
  const bool request_complete = input_ == Input::kWaiting;
  const bool refused_tunnel = request_complete && (connect_ || upgrade_);
  // What follows a refused CONNECT may be meant for the tunnel: it can't be taken for a request.
  const bool goes_on = complete && request_complete && keep_alive_ && !connect_ && (!input_ended_ || bytes_wait_);
  // What a tunnel's client sends may cross its refusal.
  peer_done_ = request_complete && last_request_ && !refused_tunnel && !bytes_wait_;
  StreamReceiver* receiver = forgetStream();
  input_ = goes_on ? Input::kHead : Input::kIgnored;
  if (refused_tunnel) receiver->onData({}, true);
  goes_on ? resumeDispatch() : mustClose();
}

void Http1ServerCodec::reset(StreamReset) {
  if (receiver_ == nullptr) return;
  forgetStream();
  input_ = Input::kIgnored;
  mustClose();
}

void Http1ServerCodec::resumeReading() {
  if (pauses_ > 0 && --pauses_ == 0) resumeDispatch();
}

StreamSender::WireBytes Http1ServerCodec::wireBytes() const {
  return {.headers_sent = writer_.headBytes(),
          .headers_received = head_bytes_received_,
          .sent = writer_.bytes(),
          .received = bytes_received_};
}

StreamReceiver* Http1ServerCodec::forgetStream() {
  pauses_ = 0;
  return std::exchange(receiver_, nullptr);
}

void Http1ServerCodec::abandonStream(StreamReset reason, std::string_view details) {
  input_ = Input::kIgnored;
  forgetStream()->onReset(reason, details);
  mustClose();
}

void Http1ServerCodec::mustClose() {
  if (std::exchange(must_close_, true)) return;
  handler_.onConnectionMustClose();
}

void Http1ServerCodec::onEndOfInput() {
  input_ended_ = true;
  // Bytes that wait come before the end.
  if (!bytes_wait_) finishInput();
}

void Http1ServerCodec::finishInput() {
  switch (input_) {
    case Input::kHead:
    case Input::kBody:
      if (receiver_ != nullptr) {
        abandonStream(StreamReset::kConnectionTerminated, detailsOf(Http1Error::kEndInMessage));
      } else {
        input_ = Input::kIgnored;
        mustClose();
      }
      break;
    case Input::kWaiting:  // a client that has sent all it wants to; it gets its response
    case Input::kIgnored:
      break;
    case Input::kTunnel: {
      input_ = Input::kIgnored;
      StreamReceiver* receiver = response_ended_ ? forgetStream() : receiver_;
      receiver->onData({}, true);
      if (response_ended_) mustClose();
      break;
    }
  }
}

void Http1ServerCodec::onConnectionClosed(std::string_view details) {
  must_close_ = true;
  input_ = Input::kIgnored;
  if (receiver_ != nullptr) forgetStream()->onReset(StreamReset::kConnectionTerminated, details);
}

void Http1ServerCodec::onConnectionAboveHighWatermark() {
  above_high_watermark_ = true;
  if (receiver_ != nullptr) receiver_->onAboveHighWatermark();
}

void Http1ServerCodec::onConnectionBelowLowWatermark() {
  above_high_watermark_ = false;
  if (receiver_ != nullptr) receiver_->onBelowLowWatermark();
  resumeDispatch();
}

}  // namespace baton::http
