// A client's bytes to the HTTP/2 server codec, whose user answers, pauses and resets as the input says. Whatever comes:
// no more streams at once than were allowed, nothing after a stream is over, bounded buffers, and nothing left at the
// end.
#include <deque>
#include <memory>
#include <string>

#include "source/base/clock.h"
#include "source/event/loop.h"
#include "source/http/http2/server_codec.h"
#include "test/fuzz/fuzz_target.h"
#include "test/support/h2_frames.h"

namespace baton::test {
namespace {

class Sink final : public http::ByteSink {
 public:
  void write(std::string_view bytes) override { written += bytes.size(); }
  size_t unsentBytes() const override { return 0; }

  size_t written = 0;
};

class User;

class Receiver final : public http::StreamReceiver {
 public:
  Receiver(User& user, http::StreamSender& sender) : user_(user), sender_(&sender) {}

  void onHeaders(http::HeaderMap&& headers, bool end) override;
  void onData(std::string_view bytes, bool end) override;
  void onTrailers(http::HeaderMap&&) override;
  void onReset(http::StreamReset, std::string_view) override;
  void onAboveHighWatermark() override {
    fuzzCheck(!above_, "told twice that it is above");
    above_ = true;
  }
  void onBelowLowWatermark() override {
    fuzzCheck(above_, "told that it is below without having been above");
    above_ = false;
  }
  void act(uint8_t choice);
  void gone() { sender_ = nullptr; }
  bool over() const { return sender_ == nullptr; }

 private:
  void received(bool end);
  void finished();

  User& user_;
  http::StreamSender* sender_;
  bool head_ = false;
  bool ended_ = false;
  bool sent_head_ = false;
  bool sent_end_ = false;
  bool above_ = false;
  int pauses_ = 0;
};

class User final : public http::ServerCodecHandler {
 public:
  explicit User(std::string_view choices) : choices_(choices) {}

  void onConnectionMustClose() override {}
  void onDispatchResumed() override {}
  http::StreamReceiver& onNewStream(http::StreamSender& sender) override {
    ++open;
    fuzzCheck(open <= most, "more streams than were allowed");
    return receivers.emplace_back(*this, sender);
  }
  void onRequestError(http::StreamSender& sender, const http::RequestError& error) override {
    http::HeaderMap headers;
    headers.setStatus(error.status);
    receivers.back().gone();
    --open;
    sender.sendHeaders(headers, true);
  }
  uint8_t choose() { return choices_.empty() ? 0 : static_cast<uint8_t>(choices_[next_++ % choices_.size()]); }

  std::deque<Receiver> receivers;
  size_t open = 0;
  size_t most = 0;

 private:
  std::string_view choices_;
  size_t next_ = 0;
};

void Receiver::received(bool end) {
  fuzzCheck(!over(), "something came after the end");
  fuzzCheck(!ended_, "the request ended before");
  ended_ = end;
  if (end && sent_end_) return finished();
  act(user_.choose());
}

void Receiver::finished() {
  if (over()) return;
  sender_ = nullptr;
  --user_.open;
}

void Receiver::onHeaders(http::HeaderMap&& headers, bool end) {
  fuzzCheck(!head_, "two heads");
  head_ = true;
  fuzzCheck(!headers.method().empty() && !headers.authority().empty(), "a request without its target");
  headers.forEach([](http::HeaderName, std::string_view name, std::string_view value) {
    for (const char c : name) fuzzCheck(c > 0x20 && c < 0x7f && !(c >= 'A' && c <= 'Z'), "a bad character in a name");
    for (const char c : value) fuzzCheck(c != '\r' && c != '\n' && c != '\0', "a bad character in a value");
  });
  received(end);
}

void Receiver::onData(std::string_view, bool end) {
  fuzzCheck(head_, "data before the head");
  received(end);
}

void Receiver::onTrailers(http::HeaderMap&&) {
  received(true);
}

void Receiver::onReset(http::StreamReset, std::string_view) {
  fuzzCheck(!over(), "reset after the end");
  finished();
}

void Receiver::act(uint8_t choice) {
  if (over()) return;
  http::HeaderMap headers;
  switch (choice % 12) {
    case 0:
    case 1:
      if (sent_head_) break;
      sent_head_ = sent_end_ = true;
      headers.setStatus(200);
      sender_->sendHeaders(headers, true);
      break;
    case 2:
      if (sent_head_) break;
      headers.setStatus(103);
      sender_->sendInformational(headers);
      break;
    case 3:
    case 4:
      if (!sent_head_) {
        sent_head_ = true;
        headers.setStatus(200);
        sender_->sendHeaders(headers, false);
      }
      if (!sent_end_ && !above_) sender_->sendData(std::string(1u << (choice / 12), 'x'), false);
      break;
    case 5:
      if (!sent_head_ || sent_end_) break;
      sent_end_ = true;
      sender_->sendData("the end", true);
      break;
    case 6:
      if (!sent_head_ || sent_end_) break;
      sent_end_ = true;
      headers.add("grpc-status", "0");
      sender_->sendTrailers(headers);
      break;
    case 7: {
      http::StreamSender* const sender = sender_;
      finished();
      sender->reset(static_cast<http::StreamReset>(choice / 12 % 8));
      return;
    }
    case 8:
      ++pauses_;
      sender_->pauseReading();
      break;
    case 9:
      if (pauses_ == 0) break;
      --pauses_;
      sender_->resumeReading();
      break;
    default:
      break;
  }
  if (sent_end_ && ended_) finished();
}

}  // namespace

BATON_FUZZ_TARGET(h2_session, input) {
  FuzzInput from(input);
  const uint8_t bits = from.byte();
  const uint8_t step = from.byte();
  const std::string choices(from.text(8));
  http::Http2Settings settings;
  settings.max_concurrent_streams = 1 + (bits & 7);
  settings.allow_connect = (bits & 8) != 0;
  settings.stream_error_on_invalid_http_message = (bits & 16) == 0;
  settings.max_headers_bytes = 1024;
  settings.max_headers_count = 20;
  settings.stream_buffer_bytes = 4096;
  settings.initial_connection_window_size = (bits & 32) != 0 ? 1024 : 128 * 1024;

  const base::SimulatedClock clock;
  event::Loop loop(clock);
  const auto store = stats::Store::inMemory();
  const http::Http2Stats stats{stats::Scope(*store, "http2.")};
  Sink sink;
  User user(choices);
  user.most = settings.max_concurrent_streams;
  http::Http2ServerCodec codec(loop, sink, user, settings, stats);
  const std::string start =
      (bits & 64) != 0 ? std::string() : std::string(kH2Preface) + h2Settings({}) + h2SettingsAck();
  codec.dispatch(start);

  const std::string_view bytes = from.rest();
  const size_t piece = step == 0 ? bytes.size() + 1 : step;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const http::DispatchResult result = codec.dispatch(bytes.substr(at, piece));
    fuzzCheck(result.consumed == std::min(piece, bytes.size() - at), "it left bytes");
    loop.runOnce();
    if (result.status == http::DispatchStatus::kProtocolError) break;
    for (Receiver& receiver : user.receivers) receiver.act(user.choose());
    switch (user.choose() % 8) {
      case 0:
        codec.onConnectionAboveHighWatermark();
        break;
      case 1:
        codec.onConnectionBelowLowWatermark();
        break;
      default:
        break;
    }
    loop.runOnce();
    const int64_t most = static_cast<int64_t>(user.receivers.size()) * (4096 + (1 << 21));
    fuzzCheck(stats.pending_send_bytes.value() <= most, "more is buffered than was sent");
  }
  if ((bits & 128) != 0) codec.onEndOfInput();
  loop.runOnce();
  codec.onConnectionClosed("over");
  loop.runOnce();
  fuzzCheck(user.open == 0, "a stream was left behind");
  fuzzCheck(codec.activeStreams() == 0, "the codec kept a stream");
  fuzzCheck(stats.pending_send_bytes.value() == 0, "the buffered bytes do not add up");
}

}  // namespace baton::test
