// Windows and watermarks: who stalls whom, and how much is kept.
#include "test/http/http2/harness.h"

namespace baton::http {
namespace {

using namespace test;

size_t creditGiven(const std::vector<H2ReadFrame>& frames, uint32_t stream) {
  size_t sum = 0;
  for (const auto& frame : frames) {
    if (frame.type != H2Type::kWindowUpdate || frame.stream != stream) continue;
    for (int i = 0, shift = 24; i < 4; ++i, shift -= 8) {
      sum += static_cast<size_t>(static_cast<uint8_t>(frame.payload[i])) << shift;
    }
  }
  return sum;
}

TEST(Http2FlowControl, ABodyThatIsReadGetsItsWindowsBack) {
  ServerHarness server;
  server.start();
  server.frames.clear();
  server.send(h2Headers(1, h2Post(), false));
  const std::string chunk(16'000, 'b');
  for (int i = 0; i < 100; ++i) server.send(h2Data(1, chunk, false));
  EXPECT_EQ(server.user.streams[0].body.size(), 1'600'000u);
  EXPECT_GT(creditGiven(server.frames, 1), 1'600'000u - 65'536u);
  EXPECT_GT(creditGiven(server.frames, 0), 1'600'000u - 1'048'576u);
}

TEST(Http2FlowControl, APausedStreamHoldsItsWindowAndStallsOnlyItself) {
  ServerHarness server;
  server.start();
  server.frames.clear();
  server.send(h2Headers(1, h2Post(), false) + h2Headers(3, h2Post(), false));
  server.user.streams[0].sender->pauseReading();
  const std::string chunk(16'384, 'b');
  for (int i = 0; i < 4; ++i) server.send(h2Data(1, chunk, false));
  EXPECT_EQ(server.user.streams[0].body.size(), 0u);
  EXPECT_EQ(creditGiven(server.frames, 1), 0u);
  // The other goes on far beyond the connection's window.
  for (int i = 0; i < 200; ++i) EXPECT_EQ(server.send(h2Data(3, chunk, false)), DispatchStatus::kOk);
  EXPECT_EQ(server.user.streams[1].body.size(), 200u * 16'384);
  EXPECT_GT(creditGiven(server.frames, 0), 200u * 16'384 - 1'048'576);
  // One byte above the stalled stream's window is the client's fault.
  server.user.streams[0].sender->resumeReading();
  server.turn();
  EXPECT_EQ(server.user.streams[0].body.size(), 4u * 16'384);
  EXPECT_EQ(creditGiven(server.frames, 1), 4u * 16'384);
}

TEST(Http2FlowControl, AStreamThatOverrunsItsWindowIsReset) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  server.user.streams[0].sender->pauseReading();
  const std::string chunk(16'384, 'b');
  for (int i = 0; i < 4; ++i) server.send(h2Data(1, chunk, false));
  server.send(h2Data(1, "x", false));
  const bool stream_error = server.resetOf(1) == H2Error::kFlowControl;
  const bool connection_error = server.goaway() == H2Error::kFlowControl;
  EXPECT_TRUE(stream_error || connection_error);
  EXPECT_TRUE(server.user.streams[0].reset.has_value());
}

TEST(Http2FlowControl, PausedStreamsTogetherHoldNoMoreThanTwoConnectionWindows) {
  Http2Settings settings;
  settings.initial_connection_window_size = 256 * 1024;
  ServerHarness server(settings);
  server.start();
  server.frames.clear();
  const std::string chunk(16'384, 'b');
  size_t window = 256 * 1024;
  size_t sent = 0;
  uint32_t id = 1;
  server.user.on_stream = [](Recorder& stream) { stream.sender->pauseReading(); };
  for (; id < 199; id += 2) {
    server.send(h2Headers(id, h2Post(), false));
    for (int i = 0; i < 4; ++i) {
      window += creditGiven(server.frames, 0);
      server.frames.clear();
      if (window < chunk.size()) break;
      EXPECT_EQ(server.send(h2Data(id, chunk, false)), DispatchStatus::kOk);
      window -= chunk.size();
      sent += chunk.size();
    }
  }
  EXPECT_GE(sent, 256u * 1024);
  EXPECT_LE(sent, 2u * 256 * 1024);
  // All of it arrives when they read again, and the connection's window is whole.
  for (Recorder& stream : server.user.streams) stream.sender->resumeReading();
  server.turn();
  size_t received = 0;
  for (Recorder& stream : server.user.streams) received += stream.body.size();
  EXPECT_EQ(received, sent);
  window += creditGiven(server.frames, 0);
  EXPECT_GT(window, 128u * 1024);
}

TEST(Http2FlowControl, PausedDataThatIsDroppedGivesTheConnectionItsWindowBack) {
  Http2Settings settings;
  settings.initial_connection_window_size = 70'000;
  ServerHarness server(settings);
  server.start();
  server.user.on_stream = [](Recorder& stream) { stream.sender->pauseReading(); };
  const std::string chunk(16'384, 'b');
  uint32_t id = 1;
  for (int round = 0; round < 50; ++round, id += 2) {
    server.send(h2Headers(id, h2Post(), false));
    for (int i = 0; i < 4; ++i) ASSERT_EQ(server.send(h2Data(id, chunk, false)), DispatchStatus::kOk);
    server.user.streams.back().sender->reset(StreamReset::kLocalReset);
    server.turn();
  }
  EXPECT_GE(creditGiven(server.frames, 0), 49u * 65'536);
}

TEST(Http2FlowControl, EndAndTrailersWaitForAPausedReader) {
  ServerHarness server;
  server.start();
  server.user.on_stream = [](Recorder& stream) { stream.sender->pauseReading(); };
  server.send(h2Headers(1, h2Post(), false) + h2Data(1, "one", false) + h2Headers(1, {{"t", "1"}}, true));
  server.send(h2Headers(3, h2Post(), false) + h2Data(3, "three", true));
  Recorder& first = server.user.streams[0];
  Recorder& second = server.user.streams[1];
  EXPECT_EQ(first.body, "");
  EXPECT_FALSE(first.has_trailers);
  EXPECT_FALSE(second.ended);
  first.sender->resumeReading();
  second.sender->resumeReading();
  EXPECT_EQ(first.body, "");  // not from inside resumeReading()
  server.turn();
  EXPECT_EQ(first.body, "one");
  EXPECT_TRUE(first.has_trailers);
  EXPECT_EQ(second.body, "three");
  EXPECT_TRUE(second.ended);
}

TEST(Http2FlowControl, AReaderThatPausesInsideItsCallbackGetsNoMore) {
  ServerHarness server;
  server.start();
  server.user.on_stream = [](Recorder& stream) {
    stream.on_data = [](Recorder& each) { each.sender->pauseReading(); };
  };
  server.send(h2Headers(1, h2Post(), false) + h2Data(1, "one", false) + h2Data(1, "two", false));
  Recorder& stream = server.user.streams[0];
  EXPECT_EQ(stream.body, "one");
  stream.sender->resumeReading();
  server.turn();
  EXPECT_EQ(stream.body, "onetwo");
}

TEST(Http2FlowControl, PausesAreCounted) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  Recorder& stream = server.user.streams[0];
  stream.sender->pauseReading();
  stream.sender->pauseReading();
  server.send(h2Data(1, "x", false));
  stream.sender->resumeReading();
  server.turn();
  EXPECT_EQ(stream.body, "");
  stream.sender->resumeReading();
  server.turn();
  EXPECT_EQ(stream.body, "x");
}

TEST(Http2FlowControl, AResponseStopsAtTheStreamsWindowAndTellsItsSender) {
  ServerHarness server;
  server.start();
  server.send(h2WindowUpdate(0, 10'000'000));
  server.send(h2Headers(1, h2Get(), true));
  Recorder& stream = server.user.streams[0];
  stream.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
  const std::string bytes(200'000, 'r');
  stream.sender->sendData(bytes, false);
  server.turn();
  EXPECT_EQ(server.body(1).size(), 65'535u);
  EXPECT_EQ(stream.sender->unsentBytes(), 200'000u - 65'535u);
  EXPECT_EQ(server.stats.pending_send_bytes.value(), 200'000 - 65'535);
  EXPECT_EQ(stream.above, 1);
  EXPECT_EQ(stream.below, 0);
  server.send(h2WindowUpdate(1, 100'000));
  EXPECT_EQ(stream.sender->unsentBytes(), 34'465u);
  EXPECT_EQ(stream.below, 0);
  server.send(h2WindowUpdate(1, 10'000));
  EXPECT_EQ(stream.below, 1);
  stream.sender->sendData("end", true);
  server.send(h2WindowUpdate(1, 100'000));
  EXPECT_EQ(server.body(1), bytes + "end");
  EXPECT_TRUE(server.ended(1));
  EXPECT_EQ(server.codec->activeStreams(), 0u);
  EXPECT_EQ(server.stats.pending_send_bytes.value(), 0);
}

TEST(Http2FlowControl, ASlowReaderOfOneStreamDoesNotStallAnother) {
  ServerHarness server;
  server.start();
  server.send(h2WindowUpdate(0, 10'000'000));
  server.send(h2Headers(1, h2Get(), true) + h2Headers(3, h2Get(), true));
  for (Recorder& stream : server.user.streams) stream.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
  server.user.streams[0].sender->sendData(std::string(100'000, 'a'), false);
  server.send(h2WindowUpdate(3, 10'000'000));
  for (int i = 0; i < 100; ++i) server.user.streams[1].sender->sendData(std::string(10'000, 'b'), false);
  server.turn();
  EXPECT_EQ(server.body(1).size(), 65'535u);
  EXPECT_EQ(server.body(3).size(), 1'000'000u);
  EXPECT_EQ(server.user.streams[1].above, 0);
}

TEST(Http2FlowControl, SettingsOfThePeerChangeTheWindowsOfOpenStreams) {
  ServerHarness server;
  server.start({{4, 10}});
  server.send(h2Headers(1, h2Get(), true));
  Recorder& stream = server.user.streams[0];
  stream.answer(200, std::string(100, 'x'));
  server.turn();
  EXPECT_EQ(server.body(1).size(), 10u);
  server.send(h2Settings({{4, 30}}));
  EXPECT_EQ(server.body(1).size(), 30u);
  server.send(h2Settings({{4, 0}}) + h2WindowUpdate(1, 20));
  EXPECT_EQ(server.body(1).size(), 30u);  // the window was -30
  server.send(h2Settings({{4, 1000}}));
  EXPECT_EQ(server.body(1).size(), 100u);
  EXPECT_TRUE(server.ended(1));
}

TEST(Http2FlowControl, NothingIsWrittenWhileTheConnectionIsFull) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true));
  Recorder& stream = server.user.streams[0];
  server.codec->onConnectionAboveHighWatermark();
  EXPECT_EQ(stream.above, 1);
  stream.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
  stream.sender->sendData(std::string(40'000, 'x'), true);
  server.turn();
  EXPECT_EQ(server.find(H2Type::kHeaders, 1), nullptr);
  server.codec->onConnectionBelowLowWatermark();
  server.turn();
  EXPECT_EQ(server.body(1).size(), 40'000u);
  EXPECT_TRUE(server.ended(1));
}

TEST(Http2FlowControl, AConnectionThatFillsUpStopsTheFlushBetweenFrames) {
  ServerHarness server;
  server.start();
  server.send(h2WindowUpdate(0, 1'000'000) + h2Headers(1, h2Get(), true));
  struct FullAfter final : ByteSink {
    Http2ServerCodec* codec = nullptr;
    size_t bytes = 0;
    void write(std::string_view more) override {
      bytes += more.size();
      if (bytes > 32 * 1024) codec->onConnectionAboveHighWatermark();
    }
    size_t unsentBytes() const override { return bytes; }
  };
  Http2Settings settings;
  FullAfter sink;
  ServerUser user;
  Http2ServerCodec codec(server.loop, sink, user, settings, server.stats);
  sink.codec = &codec;
  codec.dispatch(std::string(kH2Preface) + h2Settings({{4, 1'000'000}}) + h2SettingsAck() +
                 h2WindowUpdate(0, 1'000'000) + h2Headers(1, h2Get(), true));
  Recorder& stream = user.streams[0];
  stream.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
  stream.sender->sendData(std::string(500'000, 'x'), false);
  EXPECT_LT(sink.bytes, 64u * 1024);
  EXPECT_EQ(stream.above, 1);
  for (int i = 0; i < 100 && stream.sender->unsentBytes() > 0; ++i) {
    sink.bytes = 0;
    codec.onConnectionBelowLowWatermark();
    server.loop.runOnce();
    EXPECT_LT(sink.bytes, 64u * 1024);
  }
  EXPECT_EQ(stream.sender->unsentBytes(), 0u);
  sink.bytes = 0;
  codec.onConnectionBelowLowWatermark();
  server.loop.runOnce();
  EXPECT_EQ(stream.below, stream.above);
}

TEST(Http2FlowControl, AStreamWhosePeerOpensNoWindowIsGivenUp) {
  Http2Settings settings;
  settings.keepalive_interval = std::chrono::milliseconds(0);
  settings.stream_flush_timeout = std::chrono::seconds(60);
  ServerHarness server(settings);
  server.start({{4, 100}});
  server.send(h2Headers(1, h2Get(), true));
  server.user.streams[0].answer(200, std::string(1000, 'x'));
  server.turn();
  EXPECT_EQ(server.codec->activeStreams(), 1u);
  server.advance(std::chrono::seconds(50));
  server.send(h2WindowUpdate(1, 100));  // progress
  server.advance(std::chrono::seconds(50));
  EXPECT_FALSE(server.resetOf(1).has_value());
  server.advance(std::chrono::seconds(11));
  EXPECT_EQ(server.resetOf(1), H2Error::kCancel);
  EXPECT_EQ(server.codec->activeStreams(), 0u);
  EXPECT_EQ(server.stats.tx_flush_timeout.value(), 1u);
  EXPECT_EQ(server.stats.pending_send_bytes.value(), 0);
}

}  // namespace
}  // namespace baton::http
