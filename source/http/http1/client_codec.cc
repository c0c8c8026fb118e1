#include "source/http/http1/client_codec.h"

#include <cassert>
#include <utility>

#include "source/http/message_rules.h"

namespace baton::http {
namespace {

constexpr uint8_t kMaxInterimResponses = 16;
constexpr size_t kHeldHighWatermark = 64 * 1024;

}  // namespace

Http1ClientCodec::Http1ClientCodec(ByteSink& sink, CodecHandler& handler, const Http1Settings& settings,
                                   const Http1Stats& stats)
    : handler_(handler),
      stats_(stats),
      head_(HeadParser::Side::kResponse, settings, stats),
      body_(settings),
      writer_(sink, settings) {}

StreamSender& Http1ClientCodec::newStream(StreamReceiver& receiver) {
  assert(canOpenStream());
  ++stream_id_;
  receiver_ = &receiver;
  head_bytes_received_ = bytes_received_ = 0;
  writer_.resetCounts();
  pauses_ = 0;
  input_ = Input::kHead;
  interim_responses_ = 0;
  http_10_ = head_request_ = connect_ = upgrade_ = false;
  request_begun_ = request_ended_ = tunnel_open_ = end_held_ = held_above_ = false;
  return *this;
}

DispatchResult Http1ClientCodec::dispatch(std::string_view bytes) {
  dispatching_ = bytes_wait_ = true;
  paused_ = false;
  size_t consumed = 0;
  for (bool progress = true; progress && consumed < bytes.size() && pauses_ == 0;) {
    const std::string_view rest = bytes.substr(consumed);
    switch (input_) {
      case Input::kHead:
        progress = readHead(rest, consumed);
        break;
      case Input::kBody:
      case Input::kTunnel:
        progress = readBody(rest, consumed);
        break;
      case Input::kEnded:
        // What could it be? An answer to a question that somebody smuggled past us.
        stats_.response_flood.add();
        failStream(StreamReset::kProtocolError, Http1Error::kUnexpectedBytes);
        break;
      case Input::kIgnored:
        progress = false;
        break;
    }
  }
  if (input_ == Input::kIgnored) consumed = bytes.size();
  dispatching_ = bytes_wait_ = false;
  if (std::exchange(protocol_error_, false)) return {DispatchStatus::kProtocolError, consumed};
  if (pauses_ > 0) {
    paused_ = true;
    bytes_wait_ = consumed < bytes.size();
  }
  if (input_ended_ && !bytes_wait_) finishInput();
  return {paused_ ? DispatchStatus::kPaused : DispatchStatus::kOk, consumed};
}

void Http1ClientCodec::resumeDispatch() {
  if (!paused_ || dispatching_ || pauses_ > 0) return;
  paused_ = false;
  handler_.onDispatchResumed();
}

bool Http1ClientCodec::readHead(std::string_view bytes, size_t& consumed) {
  // A response before its request was sent answers something else.
  if (!request_begun_) {
    failStream(StreamReset::kProtocolError, Http1Error::kUnexpectedBytes);
    return true;
  }
  const HeadParser::Result result = head_.parse(bytes);
  consumed += result.consumed;
  bytes_received_ += result.consumed;
  head_bytes_received_ += result.consumed;
  if (result.status == HeadParser::Status::kNeedMore) return false;
  if (result.status == HeadParser::Status::kError) {
    failStream(StreamReset::kProtocolError, head_.error());
  } else if (head_.facts().status < 200 && head_.facts().status != 101) {
    interimResponse();
  } else {
    responseHead();
  }
  return true;
}

void Http1ClientCodec::interimResponse() {
  HeaderMap headers = head_.takeHeaders();
  head_.reset();
  if (++interim_responses_ > kMaxInterimResponses) {
    return failStream(StreamReset::kProtocolError, Http1Error::kTooManyInterimResponses);
  }
  receiver_->onInformational(std::move(headers));
}

void Http1ClientCodec::responseHead() {
  const HeadFacts facts = head_.facts();
  HeaderMap headers = head_.takeHeaders();
  head_.reset();
  if (facts.status == 101 && !(upgrade_ && facts.upgrade)) {
    return failStream(StreamReset::kProtocolError, Http1Error::kUnexpectedSwitch);
  }
  beginResponse(facts);
  if (input_ == Input::kTunnel || facts.status == 204) headers.remove(HeaderName::kContentLength);
  const bool end = input_ == Input::kEnded;
  const uint64_t stream = stream_id_;
  receiver_->onHeaders(std::move(headers), end);
  if (receiver_ == nullptr || stream_id_ != stream) return;
  if (end) {
    responseEnded();
  } else if (input_ == Input::kTunnel) {
    openTunnel();
  }
}

// RFC 9112 6.3: how long the response is, and 9.3: whether another may follow.
void Http1ClientCodec::beginResponse(const HeadFacts& facts) {
  http_10_ = facts.http_10;
  if (facts.connection_close || (facts.http_10 && !facts.connection_keep_alive)) reusable_ = false;
  if (facts.status == 101 || (connect_ && facts.status < 300)) {
    reusable_ = false;
    tunnel_open_ = true;
    input_ = Input::kTunnel;
  } else if (head_request_ || facts.status == 304) {
    input_ = Input::kEnded;
  } else if (facts.status == 204) {
    // Servers that announce content here may send it as well: what follows can't be trusted.
    if (facts.chunked || facts.content_length.value_or(0) > 0) reusable_ = false;
    input_ = Input::kEnded;
  } else if (facts.chunked) {
    input_ = Input::kBody;
    body_.beginChunked();
  } else if (facts.content_length.has_value()) {
    input_ = *facts.content_length > 0 ? Input::kBody : Input::kEnded;
    body_.beginLength(*facts.content_length);
  } else {
    reusable_ = false;
    input_ = Input::kBody;
    body_.beginUntilClose();
  }
  // What was kept for a tunnel has no meaning without it.
  if (!tunnel_open_ && writer_.framing() == MessageWriter::Framing::kTunnel) {
    held_ = std::string();
    if (connect_) reusable_ = false;
  }
}

void Http1ClientCodec::openTunnel() {
  sendHeld();
  if (end_held_) endRequest(true);
}

void Http1ClientCodec::sendHeld() {
  if (!held_.empty()) static_cast<void>(writer_.writeData(std::exchange(held_, std::string())));
  if (std::exchange(held_above_, false) && !above_high_watermark_) receiver_->onBelowLowWatermark();
}

bool Http1ClientCodec::readBody(std::string_view bytes, size_t& consumed) {
  if (input_ == Input::kTunnel) {
    consumed += bytes.size();
    bytes_received_ += bytes.size();
    receiver_->onData(bytes, false);
    return true;
  }
  const uint64_t stream = stream_id_;
  const BodyReader::Step step = body_.next(bytes);
  consumed += step.consumed;
  bytes_received_ += step.consumed;
  switch (step.status) {
    case BodyReader::Status::kNeedMore:
      return false;
    case BodyReader::Status::kError:
      failStream(StreamReset::kProtocolError, body_.error());
      return true;
    case BodyReader::Status::kData:
      if (!body_.endsHere()) {
        receiver_->onData(step.data, false);
        return true;
      }
      input_ = Input::kEnded;
      receiver_->onData(step.data, true);
      break;
    case BodyReader::Status::kDone: {
      HeaderMap trailers = body_.takeTrailers();
      input_ = Input::kEnded;
      trailers.empty() ? receiver_->onData({}, true) : receiver_->onTrailers(std::move(trailers));
      break;
    }
  }
  if (receiver_ != nullptr && stream_id_ == stream) responseEnded();
  return true;
}

void Http1ClientCodec::sendHeaders(const HeaderMap& headers, bool end_of_stream) {
  if (receiver_ == nullptr || request_begun_) return;
  if (!writer_.writeRequestHead(headers, end_of_stream)) {
    // Nothing has been written: the connection is as good as before.
    input_ = Input::kEnded;
    forgetStream()->onReset(StreamReset::kLocalReset, "http1.invalid_request_header");
    return;
  }
  request_begun_ = true;
  head_request_ = isHead(headers);
  connect_ = isConnect(headers);
  upgrade_ = isUpgrade(headers);
  if (connectionHas(headers, "close")) reusable_ = false;
  if (!end_of_stream) return;
  writer_.framing() == MessageWriter::Framing::kTunnel ? void(end_held_ = true) : endRequest(writer_.writeEnd());
}

void Http1ClientCodec::sendData(std::string_view bytes, bool end_of_stream) {
  if (receiver_ == nullptr || !request_begun_ || request_ended_) return;
  if (writer_.framing() == MessageWriter::Framing::kTunnel && !tunnel_open_) {
    if (input_ == Input::kHead) held_.append(bytes);
    end_held_ |= end_of_stream;
    if (held_.size() > kHeldHighWatermark && !std::exchange(held_above_, true)) receiver_->onAboveHighWatermark();
    if (input_ == Input::kEnded && end_of_stream) endRequest(true);
    return;
  }
  if (!writer_.writeData(bytes)) return endRequest(false);
  if (end_of_stream) endRequest(writer_.writeEnd());
}

void Http1ClientCodec::sendTrailers(const HeaderMap& trailers) {
  if (receiver_ == nullptr || !request_begun_ || request_ended_) return;
  if (writer_.framing() == MessageWriter::Framing::kTunnel) return sendData({}, true);
  endRequest(writer_.writeEnd(trailers));
}

// `complete`: what was sent is as long as was announced.
void Http1ClientCodec::endRequest(bool complete) {
  if (!complete) return abandonStream(StreamReset::kLocalReset, "http1.request_length_mismatch");
  request_ended_ = true;
  if (input_ == Input::kEnded) {
    finishStream();
  } else if (input_ == Input::kTunnel) {
    handler_.onTunnelSendingEnded();
  }
}

void Http1ClientCodec::responseEnded() {
  if (request_ended_ || end_held_) finishStream();
}

void Http1ClientCodec::finishStream() {
  forgetStream();
  if (!reusable_ || draining_) {
    input_ = Input::kIgnored;
    mustClose();
  } else {
    resumeDispatch();
  }
}

void Http1ClientCodec::reset(StreamReset) {
  if (receiver_ == nullptr) return;
  if (!request_begun_) {
    forgetStream();
    input_ = Input::kEnded;
    return;
  }
  // A request that asked for a tunnel and was refused was complete with its head.
  const bool refused_tunnel = writer_.framing() == MessageWriter::Framing::kTunnel && !tunnel_open_;
  if (input_ == Input::kEnded && refused_tunnel) return finishStream();
  forgetStream();
  reusable_ = false;
  input_ = Input::kIgnored;
  mustClose();
}

void Http1ClientCodec::resumeReading() {
  if (pauses_ > 0 && --pauses_ == 0) resumeDispatch();
}

StreamSender::WireBytes Http1ClientCodec::wireBytes() const {
  return {.headers_sent = writer_.headBytes(),
          .headers_received = head_bytes_received_,
          .sent = writer_.bytes(),
          .received = bytes_received_};
}

void Http1ClientCodec::failStream(StreamReset reason, Http1Error error) {
  error_ = error;
  protocol_error_ = true;
  head_.reset();
  abandonStream(reason, detailsOf(error));
}

void Http1ClientCodec::abandonStream(StreamReset reason, std::string_view details) {
  reusable_ = false;
  input_ = Input::kIgnored;
  if (StreamReceiver* receiver = forgetStream(); receiver != nullptr) receiver->onReset(reason, details);
  mustClose();
}

StreamReceiver* Http1ClientCodec::forgetStream() {
  pauses_ = 0;
  if (!held_.empty()) held_ = std::string();
  return std::exchange(receiver_, nullptr);
}

void Http1ClientCodec::mustClose() {
  if (std::exchange(must_close_, true)) return;
  handler_.onConnectionMustClose();
}

void Http1ClientCodec::onEndOfInput() {
  input_ended_ = true;
  // Bytes that wait come before the end.
  if (!bytes_wait_) finishInput();
}

void Http1ClientCodec::finishInput() {
  const bool until_close = input_ == Input::kBody && body_.untilClose();
  reusable_ = false;
  if (receiver_ != nullptr && until_close) {
    input_ = Input::kEnded;
    receiver_->onData({}, true);
    if (receiver_ != nullptr) responseEnded();
  } else if (receiver_ != nullptr && input_ == Input::kTunnel) {
    input_ = Input::kEnded;
    StreamReceiver* receiver = request_ended_ ? forgetStream() : receiver_;
    receiver->onData({}, true);
    if (request_ended_) mustClose();
  } else if (receiver_ != nullptr && input_ == Input::kEnded) {
    // The server has answered and goes, without waiting for the rest of the request: nobody would read it.
    abandonStream(StreamReset::kConnectionTerminated, "http1.connection_ended_after_early_response");
  } else if (receiver_ != nullptr) {
    abandonStream(StreamReset::kConnectionTerminated, detailsOf(Http1Error::kEndInMessage));
  } else if (input_ != Input::kIgnored) {
    input_ = Input::kIgnored;
    mustClose();
  }
}

void Http1ClientCodec::onConnectionClosed(std::string_view details) {
  must_close_ = true;
  reusable_ = false;
  input_ = Input::kIgnored;
  if (receiver_ != nullptr) forgetStream()->onReset(StreamReset::kConnectionTerminated, details);
}

void Http1ClientCodec::onConnectionAboveHighWatermark() {
  above_high_watermark_ = true;
  if (receiver_ != nullptr && !held_above_) receiver_->onAboveHighWatermark();
}

void Http1ClientCodec::onConnectionBelowLowWatermark() {
  above_high_watermark_ = false;
  if (receiver_ != nullptr && !held_above_) receiver_->onBelowLowWatermark();
}

}  // namespace baton::http
