// A server's bytes to the HTTP/2 client codec, whose user asks, sends, pauses and resets as the input says. Whatever
// comes: responses are well formed, as long as they say, told in order and once, and nothing is left at the end.
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "source/base/clock.h"
#include "source/base/strings.h"
#include "source/event/loop.h"
#include "source/http/http2/client_codec.h"
#include "test/fuzz/fuzz_target.h"
#include "test/support/h2_frames.h"

namespace baton::test {
namespace {

class Null final : public http::ByteSink {
 public:
  void write(std::string_view) override {}
  size_t unsentBytes() const override { return 0; }
};

class User;

class Asker final : public http::StreamReceiver {
 public:
  explicit Asker(User& user) : user_(user) {}

  void open(http::ClientCodec& codec, uint8_t choice);
  void act(uint8_t choice);
  void onInformational(http::HeaderMap&& headers) override;
  void onHeaders(http::HeaderMap&& headers, bool end) override;
  void onData(std::string_view bytes, bool end) override;
  void onTrailers(http::HeaderMap&&) override;
  void onReset(http::StreamReset, std::string_view) override;

 private:
  void received(bool end);
  void ask(bool end);
  void endIfBothHave();
  void finished();

  User& user_;
  http::StreamSender* sender_ = nullptr;
  std::optional<uint64_t> length_;
  uint64_t body_ = 0;
  bool head_request_ = false;
  bool asked_ = false;
  bool sent_end_ = false;
  bool head_ = false;
  bool ended_ = false;
  int pauses_ = 0;
};

class User final : public http::CodecHandler {
 public:
  explicit User(std::string_view choices) : choices_(choices) {}

  void onConnectionMustClose() override {}
  void onDispatchResumed() override {}
  uint8_t choose() { return choices_.empty() ? 0 : static_cast<uint8_t>(choices_[next_++ % choices_.size()]); }

  std::deque<Asker> askers;
  size_t open = 0;

 private:
  std::string_view choices_;
  size_t next_ = 0;
};

void Asker::open(http::ClientCodec& codec, uint8_t choice) {
  ++user_.open;
  head_request_ = (choice & 16) != 0;
  sender_ = &codec.newStream(*this);
  ask((choice & 32) != 0);
}

void Asker::ask(bool end) {
  http::HeaderMap headers;
  headers.add(":method", head_request_ ? "HEAD" : end ? "GET" : "POST");
  headers.add(":scheme", "http");
  headers.add(":authority", "a");
  headers.add(":path", "/");
  asked_ = true;
  sent_end_ = end;
  sender_->sendHeaders(headers, end);
}

void Asker::act(uint8_t choice) {
  if (sender_ == nullptr) return;
  switch (choice % 8) {
    case 0:
    case 1: {
      if (sent_end_) break;
      const bool end = choice % 8 == 1;
      sent_end_ = end;
      sender_->sendData(std::string(1u << (choice / 16), 'x'), end);
      break;
    }
    case 2: {
      if (sent_end_) break;
      sent_end_ = true;
      http::HeaderMap trailers;
      trailers.add("x-t", "1");
      sender_->sendTrailers(trailers);
      break;
    }
    case 3: {
      if (choice < 128) break;
      http::StreamSender* const sender = sender_;
      finished();
      return sender->reset(http::StreamReset::kLocalReset);
    }
    case 4:
      ++pauses_;
      sender_->pauseReading();
      break;
    case 5:
    case 6:
      if (pauses_ == 0) break;
      --pauses_;
      sender_->resumeReading();
      break;
    default:
      break;
  }
  endIfBothHave();
}

void Asker::endIfBothHave() {
  if (sent_end_ && ended_) finished();
}

void Asker::finished() {
  if (sender_ == nullptr) return;
  sender_ = nullptr;
  --user_.open;
}

void Asker::received(bool end) {
  fuzzCheck(sender_ != nullptr, "something came after the end");
  fuzzCheck(!ended_, "the response ended before");
  ended_ = end;
  if (end && length_ && !head_request_) fuzzCheck(*length_ == body_, "another length than it says");
  if (end && sent_end_) return finished();
  act(user_.choose());
}

void Asker::onInformational(http::HeaderMap&& headers) {
  fuzzCheck(!head_, "an interim response after the final one");
  fuzzCheck(headers.status() / 100 == 1 && headers.status() != 101, "no interim response");
  received(false);
}

void Asker::onHeaders(http::HeaderMap&& headers, bool end) {
  fuzzCheck(!head_, "two heads");
  head_ = true;
  fuzzCheck(headers.status() >= 200 && headers.status() < 600, "no status");
  headers.forEach([](http::HeaderName, std::string_view name, std::string_view value) {
    for (const char c : name) fuzzCheck(c > 0x20 && c < 0x7f && !(c >= 'A' && c <= 'Z'), "a bad character in a name");
    for (const char c : value) fuzzCheck(c != '\r' && c != '\n' && c != '\0', "a bad character in a value");
  });
  for (const std::string_view name : {"connection", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection"}) {
    fuzzCheck(!headers.has(name), "a field of a connection");
  }
  if (const auto length = headers.get("content-length"); !length.empty()) {
    // 204 and 304 have no content, whatever they say; the codec lets through what they say.
    if (headers.status() != 204 && headers.status() != 304) length_ = base::parseNumber<uint64_t>(length);
  }
  received(end);
}

void Asker::onData(std::string_view bytes, bool end) {
  fuzzCheck(head_, "data before the head");
  body_ += bytes.size();
  received(end);
}

void Asker::onTrailers(http::HeaderMap&& trailers) {
  fuzzCheck(head_, "trailers before the head");
  trailers.forEach([](http::HeaderName, std::string_view name, std::string_view) {
    fuzzCheck(!name.starts_with(':'), "a pseudo-header in trailers");
  });
  received(true);
}

void Asker::onReset(http::StreamReset, std::string_view) {
  fuzzCheck(sender_ != nullptr, "reset after the end");
  finished();
}

}  // namespace

BATON_FUZZ_TARGET(h2_client, input) {
  FuzzInput from(input);
  const uint8_t bits = from.byte();
  const uint8_t step = from.byte();
  const std::string choices(from.text(8));
  http::Http2Settings settings;
  settings.max_concurrent_streams = 1 + (bits & 3);
  settings.stream_error_on_invalid_http_message = (bits & 4) == 0;
  settings.max_headers_bytes = 1024;
  settings.max_headers_count = 20;
  settings.stream_buffer_bytes = 4096;
  settings.initial_connection_window_size = (bits & 8) != 0 ? 1024 : 128 * 1024;

  const base::SimulatedClock clock;
  event::Loop loop(clock);
  const auto store = stats::Store::inMemory();
  const http::Http2Stats stats{stats::Scope(*store, "http2.")};
  Null sink;
  User user(choices);
  auto owned = std::make_unique<http::Http2ClientCodec>(loop, sink, user, settings, stats);
  http::Http2ClientCodec& codec = *owned;
  if ((bits & 16) == 0) codec.dispatch(h2Settings({}) + h2SettingsAck());

  const std::string_view bytes = from.rest();
  const size_t piece = step == 0 ? bytes.size() + 1 : step;
  for (size_t at = 0; at < bytes.size() && at < 100 * piece; at += piece) {
    for (const uint8_t choice = user.choose(); codec.canOpenStream() && user.askers.size() < 50;) {
      user.askers.emplace_back(user).open(codec, choice);
      fuzzCheck(user.open <= settings.max_concurrent_streams, "more streams than are allowed");
    }
    loop.runOnce();
    const http::DispatchResult result = codec.dispatch(bytes.substr(at, piece));
    fuzzCheck(result.consumed == std::min(piece, bytes.size() - at), "it left bytes");
    loop.runOnce();
    if (result.status == http::DispatchStatus::kProtocolError) break;
    for (Asker& asker : user.askers) asker.act(user.choose());
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
  }
  if ((bits & 32) != 0) codec.onEndOfInput();
  loop.runOnce();
  codec.onConnectionClosed("over");
  loop.runOnce();
  fuzzCheck(user.open == 0, "a stream was left behind");
  fuzzCheck(codec.activeStreams() == 0, "the codec kept a stream");
  fuzzCheck(stats.pending_send_bytes.value() == 0, "the buffered bytes do not add up");
  owned.reset();
  fuzzCheck(stats.streams_active.value() == 0, "the streams do not add up");
}

}  // namespace baton::test
