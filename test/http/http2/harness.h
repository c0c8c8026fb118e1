// Codecs in memory for the tests of this folder: a loop with simulated time, a sink that collects bytes, and users of
// the codec that record what they are told.
#pragma once

#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/base/clock.h"
#include "source/event/loop.h"
#include "source/http/http2/client_codec.h"
#include "source/http/http2/server_codec.h"
#include "test/support/h2_frames.h"

namespace baton::http {

class StringSink final : public ByteSink {
 public:
  void write(std::string_view bytes) override { bytes_ += bytes; }
  size_t unsentBytes() const override { return bytes_.size(); }
  std::string take() { return std::exchange(bytes_, {}); }

 private:
  std::string bytes_;
};

// The user of a stream on either side.
struct Recorder final : StreamReceiver {
  StreamSender* sender = nullptr;
  uint64_t id = 0;
  std::vector<HeaderMap> informational;
  HeaderMap headers;
  bool has_headers = false;
  std::string body;
  size_t data_calls = 0;
  HeaderMap trailers;
  bool has_trailers = false;
  bool ended = false;
  std::optional<StreamReset> reset;
  std::string reset_details;
  std::optional<RequestError> error;
  int above = 0;
  int below = 0;
  std::function<void(Recorder&)> on_headers;
  std::function<void(Recorder&)> on_data;
  std::function<void(Recorder&)> on_end;
  std::function<void(Recorder&)> on_reset;

  void onInformational(HeaderMap&& map) override { informational.push_back(std::move(map)); }
  void onHeaders(HeaderMap&& map, bool end) override {
    headers = std::move(map);
    has_headers = true;
    ended = end;
    if (on_headers) on_headers(*this);
    if (end && on_end) on_end(*this);
  }
  void onData(std::string_view bytes, bool end) override {
    EXPECT_FALSE(ended);
    body += bytes;
    ++data_calls;
    ended = end;
    if (on_data) on_data(*this);
    if (end && on_end) on_end(*this);
  }
  void onTrailers(HeaderMap&& map) override {
    EXPECT_FALSE(ended);
    trailers = std::move(map);
    has_trailers = true;
    ended = true;
    if (on_end) on_end(*this);
  }
  void onReset(StreamReset reason, std::string_view details) override {
    EXPECT_FALSE(reset.has_value());
    reset = reason;
    reset_details = details;
    if (on_reset) on_reset(*this);
  }
  void onAboveHighWatermark() override { ++above; }
  void onBelowLowWatermark() override { ++below; }

  void answer(int status, std::string_view text = {}) {
    HeaderMap map;
    map.setStatus(status);
    sender->sendHeaders(map, text.empty());
    if (!text.empty()) sender->sendData(text, true);
  }
};

inline HeaderMap makeHeaders(const test::H2Fields& fields) {
  HeaderMap map;
  for (const auto& [name, value] : fields) map.add(name, value);
  return map;
}

struct ServerUser final : ServerCodecHandler {
  std::deque<Recorder> streams;  // in order of arrival
  std::function<void(Recorder&)> on_stream;
  int must_close = 0;
  int goaways = 0;

  void onConnectionMustClose() override { ++must_close; }
  void onGoAway() override { ++goaways; }
  void onDispatchResumed() override {}
  StreamReceiver& onNewStream(StreamSender& sender) override {
    Recorder& recorder = streams.emplace_back();
    recorder.sender = &sender;
    recorder.id = sender.id();
    if (on_stream) on_stream(recorder);
    return recorder;
  }
  void onRequestError(StreamSender& sender, const RequestError& error) override {
    Recorder& recorder = streams.back();
    EXPECT_EQ(recorder.sender, &sender);
    recorder.error = error;
    recorder.answer(error.status);
  }
};

// A server codec whose client is a test that writes frames.
class ServerHarness {
 public:
  explicit ServerHarness(const Http2Settings& given = {}) : settings(given), loop(clock) {
    codec = std::make_unique<Http2ServerCodec>(loop, sink, user, settings, stats);
  }

  // Feeds bytes and runs what is due; collects the frames of the answer.
  DispatchStatus send(std::string_view bytes) {
    last = codec->dispatch(bytes);
    turn();
    return last.status;
  }
  void turn() {
    loop.runOnce();
    for (auto& frame : reader.read(sink.take())) frames.push_back(std::move(frame));
  }
  void advance(std::chrono::milliseconds by) {
    clock.advance(by);
    turn();
  }
  // The preface, empty SETTINGS and the ACK of the codec's.
  void start(const std::vector<std::pair<uint16_t, uint32_t>>& client_settings = {}) {
    send(std::string(test::kH2Preface) + test::h2Settings(client_settings) + test::h2SettingsAck());
  }
  // Streams answer by themselves when their request is complete.
  void answerAll(std::string text = "hello") {
    user.on_stream = [text = std::move(text)](Recorder& stream) {
      stream.on_end = [text](Recorder& ended) { ended.answer(200, text); };
    };
  }

  // What was received on a stream so far.
  const test::H2ReadFrame* find(test::H2Type type, uint32_t stream) const {
    for (const auto& frame : frames) {
      if (frame.type == type && frame.stream == stream) return &frame;
    }
    return nullptr;
  }
  size_t count(test::H2Type type) const {
    size_t number = 0;
    for (const auto& frame : frames) number += frame.type == type;
    return number;
  }
  std::optional<test::H2Error> resetOf(uint32_t stream) const {
    const auto* frame = find(test::H2Type::kRstStream, stream);
    return frame == nullptr ? std::nullopt : std::optional(frame->error());
  }
  std::optional<test::H2Error> goaway() const {
    const auto* frame = find(test::H2Type::kGoaway, 0);
    return frame == nullptr ? std::nullopt : std::optional(frame->error());
  }
  std::string body(uint32_t stream) const {
    std::string bytes;
    for (const auto& frame : frames) {
      if (frame.type == test::H2Type::kData && frame.stream == stream) bytes += frame.payload;
    }
    return bytes;
  }
  bool ended(uint32_t stream) const {
    for (const auto& frame : frames) {
      const bool message = frame.type == test::H2Type::kData || frame.type == test::H2Type::kHeaders;
      if (message && frame.stream == stream && frame.endStream()) return true;
    }
    return false;
  }

  base::SimulatedClock clock;
  Http2Settings settings;
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  Http2Stats stats{stats::Scope(*store, "http2.")};
  event::Loop loop;
  StringSink sink;
  ServerUser user;
  test::H2Reader reader;
  std::vector<test::H2ReadFrame> frames;
  DispatchResult last;
  std::unique_ptr<Http2ServerCodec> codec;
};

// A client codec whose server is a test that writes frames.
class ClientHarness final : public CodecHandler {
 public:
  explicit ClientHarness(const Http2Settings& given = {}) : settings(given), loop(clock) {
    codec = std::make_unique<Http2ClientCodec>(loop, sink, *this, settings, stats);
  }
  void onConnectionMustClose() override { ++must_close; }
  void onGoAway() override { ++goaways; }
  void onDispatchResumed() override {}

  DispatchStatus send(std::string_view bytes) {
    last = codec->dispatch(bytes);
    turn();
    return last.status;
  }
  void turn() {
    loop.runOnce();
    std::string bytes = sink.take();
    if (!preface_seen && bytes.size() >= test::kH2Preface.size()) {
      EXPECT_TRUE(bytes.starts_with(test::kH2Preface));
      bytes.erase(0, test::kH2Preface.size());
      preface_seen = true;
    }
    for (auto& frame : reader.read(bytes)) frames.push_back(std::move(frame));
  }
  void advance(std::chrono::milliseconds by) {
    clock.advance(by);
    turn();
  }
  void start(const std::vector<std::pair<uint16_t, uint32_t>>& server_settings = {}) {
    send(test::h2Settings(server_settings) + test::h2SettingsAck());
  }
  Recorder& open(const test::H2Fields& fields = test::h2Get(), bool end = true) {
    Recorder& stream = streams.emplace_back();
    stream.sender = &codec->newStream(stream);
    stream.sender->sendHeaders(makeHeaders(fields), end);
    turn();
    return stream;
  }
  const test::H2ReadFrame* find(test::H2Type type, uint32_t stream) const {
    for (const auto& frame : frames) {
      if (frame.type == type && frame.stream == stream) return &frame;
    }
    return nullptr;
  }
  std::optional<test::H2Error> resetOf(uint32_t stream) const {
    const auto* frame = find(test::H2Type::kRstStream, stream);
    return frame == nullptr ? std::nullopt : std::optional(frame->error());
  }

  base::SimulatedClock clock;
  Http2Settings settings;
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  Http2Stats stats{stats::Scope(*store, "cluster.c.http2.")};
  event::Loop loop;
  StringSink sink;
  test::H2Reader reader;
  std::vector<test::H2ReadFrame> frames;
  std::deque<Recorder> streams;
  int must_close = 0;
  int goaways = 0;
  bool preface_seen = false;
  DispatchResult last;
  std::unique_ptr<Http2ClientCodec> codec;
};

}  // namespace baton::http
