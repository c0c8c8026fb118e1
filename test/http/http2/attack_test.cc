// Clients that try to make us work or keep more than they do themselves. For each defence: the attack ends the
// connection, says why, is counted, and what stays below the limit goes on.
#include <malloc.h>

#include "test/http/http2/harness.h"

namespace baton::http {
namespace {

using namespace test;

// Sends `piece` again and again until the connection ends; how often it was taken.
template <typename Piece>
size_t repeat(ServerHarness& server, size_t most, Piece&& piece) {
  for (size_t i = 0; i < most; ++i) {
    if (server.send(piece(i)) != DispatchStatus::kOk) return i;
  }
  return most;
}

std::string repeated(const std::string& piece, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += piece;
  return all;
}

void expectCalm(const ServerHarness& server, std::string_view details) {
  EXPECT_EQ(server.last.status, DispatchStatus::kProtocolError);
  EXPECT_EQ(server.goaway(), H2Error::kEnhanceYourCalm);
  EXPECT_EQ(server.codec->errorDetails(), details);
  for (const Recorder& stream : server.user.streams) {
    if (!stream.ended) {
      EXPECT_TRUE(stream.reset.has_value());
    }
  }
}

TEST(Http2Attack, RapidReset) {
  ServerHarness server;
  server.start();
  const size_t taken = repeat(server, 1000, [](size_t i) {
    const uint32_t id = static_cast<uint32_t>(2 * i + 1);
    return h2Headers(id, h2Get(), true) + h2RstStream(id, H2Error::kCancel);
  });
  EXPECT_EQ(taken, 200u);
  expectCalm(server, "http2.too_many_premature_resets");
  EXPECT_EQ(server.stats.premature_resets_flood.value(), 1u);
}

TEST(Http2Attack, RapidResetInOneReadIsBoundedToo) {
  ServerHarness server;
  server.start();
  std::string bytes;
  for (uint32_t id = 1; id < 4000; id += 2) bytes += h2Headers(id, h2Get(), true) + h2RstStream(id, H2Error::kCancel);
  server.send(bytes);
  expectCalm(server, "http2.too_many_premature_resets");
  EXPECT_LE(server.user.streams.size(), 201u);
}

TEST(Http2Attack, ResetsAtAModerateRateAreFine) {
  ServerHarness server;
  server.answerAll();
  server.start();
  server.send(h2WindowUpdate(0, 1'000'000));
  uint32_t id = 1;
  for (int second = 0; second < 100; ++second) {
    server.advance(std::chrono::seconds(1));
    for (int i = 0; i < 15; ++i, id += 6) {
      ASSERT_EQ(server.send(h2Headers(id, h2Post(), false) + h2RstStream(id, H2Error::kCancel)), DispatchStatus::kOk);
      ASSERT_EQ(server.send(h2Headers(id + 2, h2Get(), true) + h2Headers(id + 4, h2Get(), true)), DispatchStatus::kOk);
    }
  }
}

TEST(Http2Attack, MostOfManyStreamsResetAtOnceIsTooMuchEvenSlowly) {
  ServerHarness server;
  server.start();
  uint32_t id = 1;
  int resets = 0;
  for (; resets < 2000; ++resets, id += 2) {
    server.advance(std::chrono::milliseconds(60));
    if (server.send(h2Headers(id, h2Get(), true) + h2RstStream(id, H2Error::kCancel)) != DispatchStatus::kOk) break;
  }
  EXPECT_EQ(resets, 499);
  expectCalm(server, "http2.too_many_premature_resets");
}

TEST(Http2Attack, ResetsOfLongLivedStreamsAreNotPremature) {
  ServerHarness server;
  server.start();
  uint32_t id = 1;
  for (int round = 0; round < 20; ++round) {
    std::string open;
    std::string close;
    for (int i = 0; i < 100; ++i, id += 2) {
      open += h2Headers(id, h2Get(), true);
      close += h2RstStream(id, H2Error::kCancel);
    }
    ASSERT_EQ(server.send(open), DispatchStatus::kOk);
    server.clock.advance(std::chrono::milliseconds(1500));
    server.turn();
    ASSERT_EQ(server.send(close), DispatchStatus::kOk);
  }
}

// CVE-2025-8671: frames that make the server itself reset the stream.
TEST(Http2Attack, MadeYouReset) {
  const std::function<std::string(uint32_t)> provocations[] = {
      [](uint32_t id) { return h2WindowUpdate(id, 0x7fffffff); },
      [](uint32_t id) {
        return h2Headers(id, {{"x", "1"}}, false);
      },
  };
  for (const auto& provoke : provocations) {
    ServerHarness server;
    server.start();
    const size_t taken = repeat(server, 1000, [&](size_t i) {
      const uint32_t id = static_cast<uint32_t>(2 * i + 1);
      return h2Headers(id, h2Post(), false) + provoke(id);
    });
    EXPECT_LE(taken, 101u);
    EXPECT_EQ(server.codec->errorDetails(), "http2.too_many_glitches");
    EXPECT_EQ(server.goaway(), H2Error::kEnhanceYourCalm);
    EXPECT_EQ(server.stats.glitches_flood.value(), 1u);
  }
}

TEST(Http2Attack, AStreamThatWeResetIsOverForItsUser) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false) + h2WindowUpdate(1, 0));
  EXPECT_EQ(server.user.streams[0].reset, StreamReset::kProtocolError);
  EXPECT_EQ(server.codec->activeStreams(), 0u);
}

TEST(Http2Attack, MalformedRequestsWithoutEnd) {
  ServerHarness server;
  server.start();
  const size_t taken = repeat(server, 1000, [](size_t i) {
    return h2Headers(static_cast<uint32_t>(2 * i + 1), h2Get("/", {{"connection", "x"}}), true);
  });
  EXPECT_LE(taken, 101u);
  expectCalm(server, "http2.too_many_glitches");
}

TEST(Http2Attack, StreamsAboveTheLimitWithoutEnd) {
  ServerHarness server;
  server.start();
  const size_t taken =
      repeat(server, 1000, [](size_t i) { return h2Headers(static_cast<uint32_t>(2 * i + 1), h2Get(), true); });
  EXPECT_LE(taken, 201u);
  EXPECT_EQ(server.user.streams.size(), 100u);
  expectCalm(server, "http2.too_many_glitches");
}

TEST(Http2Attack, ContinuationFlood) {
  ServerHarness server;
  server.start();
  server.send(h2Frame(H2Type::kHeaders, kEndStream, 1, hpackBlock(h2Get())));
  const size_t taken = repeat(server, 1000, [](size_t i) {
    return h2Frame(H2Type::kContinuation, 0, 1, hpackLiteral("x-" + std::to_string(i), "y"));
  });
  EXPECT_LE(taken, 8u);
  EXPECT_EQ(server.codec->errorDetails(), "http2.inbound_continuation_flood");
  EXPECT_EQ(server.stats.inbound_continuation_flood.value(), 1u);
}

TEST(Http2Attack, EmptyContinuations) {
  ServerHarness server;
  server.start();
  server.send(h2Frame(H2Type::kHeaders, kEndStream, 1, hpackBlock(h2Get())));
  const size_t taken = repeat(server, 1000, [](size_t) { return h2Frame(H2Type::kContinuation, 0, 1, ""); });
  EXPECT_LE(taken, 1u);
  expectCalm(server, "http2.inbound_empty_frames_flood");
}

TEST(Http2Attack, EmptyDataFlood) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  EXPECT_EQ(repeat(server, 100, [](size_t) { return h2Data(1, "", false); }), 1u);
  expectCalm(server, "http2.inbound_empty_frames_flood");
  EXPECT_EQ(server.stats.inbound_empty_frames_flood.value(), 1u);
}

TEST(Http2Attack, DataOfNothingButPadding) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  EXPECT_EQ(
      repeat(server, 100, [](size_t) { return h2Frame(H2Type::kData, kPadded, 1, "\x10" + std::string(16, '\0')); }),
      1u);
  expectCalm(server, "http2.inbound_empty_frames_flood");
}

TEST(Http2Attack, EmptyDataNowAndThenIsFine) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  EXPECT_EQ(repeat(server, 100, [](size_t) { return h2Data(1, "", false) + h2Data(1, "x", false); }), 100u);
}

TEST(Http2Attack, PriorityFlood) {
  ServerHarness server;
  server.start();
  EXPECT_EQ(repeat(server, 1000, [](size_t i) { return h2Priority(static_cast<uint32_t>(2 * i + 1), 0); }), 100u);
  expectCalm(server, "http2.inbound_priority_frames_flood");
  EXPECT_EQ(server.stats.inbound_priority_frames_flood.value(), 1u);
}

TEST(Http2Attack, WindowUpdateFlood) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true));
  EXPECT_LE(repeat(server, 1000, [](size_t) { return h2WindowUpdate(1, 1); }), 7u);
  expectCalm(server, "http2.inbound_window_update_frames_flood");
  EXPECT_EQ(server.stats.inbound_window_update_frames_flood.value(), 1u);
}

TEST(Http2Attack, WindowUpdatesThatFollowDataAreFine) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true));
  server.user.streams[0].sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
  for (int i = 0; i < 500; ++i) {
    server.user.streams[0].sender->sendData("1234567890", false);
    ASSERT_EQ(server.send(h2WindowUpdate(1, 10) + h2WindowUpdate(0, 10)), DispatchStatus::kOk);
  }
}

TEST(Http2Attack, SettingsFlood) {
  ServerHarness server;
  server.start();
  EXPECT_LE(repeat(server, 1000, [](size_t i) { return h2Settings({{4, static_cast<uint32_t>(i)}}); }), 101u);
  expectCalm(server, "http2.too_many_glitches");
}

TEST(Http2Attack, OneSettingsFrameWithManyEntries) {
  ServerHarness server;
  server.start();
  std::vector<std::pair<uint16_t, uint32_t>> entries(2000, {uint16_t{4}, 1000u});
  EXPECT_EQ(server.send(h2Settings(entries)), DispatchStatus::kProtocolError);
}

TEST(Http2Attack, PingsToAPeerThatDoesNotRead) {
  ServerHarness server;
  server.start();
  server.codec->onConnectionAboveHighWatermark();
  const size_t taken = repeat(server, 100'000, [](size_t) { return h2Ping("12345678"); });
  EXPECT_LE(taken, 1001u);
  EXPECT_EQ(server.codec->errorDetails(), "http2.outbound_control_flood");
  EXPECT_EQ(server.stats.outbound_control_flood.value(), 1u);
}

TEST(Http2Attack, ResetsToAPeerThatDoesNotRead) {
  Http2Settings settings;
  settings.max_glitches = 1'000'000;
  settings.max_outbound_control_frames = 50;
  ServerHarness server(settings);
  server.start();
  server.codec->onConnectionAboveHighWatermark();
  const size_t taken = repeat(server, 10'000, [](size_t i) {
    return h2Headers(static_cast<uint32_t>(2 * i + 1), h2Get("/", {{"connection", "x"}}), true);
  });
  EXPECT_LE(taken, 400u);
  EXPECT_EQ(server.codec->errorDetails(), "http2.outbound_control_flood");
}

TEST(Http2Attack, PingsThatAreReadButCarryNothing) {
  ServerHarness server;
  server.start();
  std::string pings;
  for (int i = 0; i < 900; ++i) pings += h2Ping("12345678");
  const size_t taken = repeat(server, 10'000, [&](size_t) { return pings; });
  EXPECT_LT(taken, 600u);  // 8 MiB
  EXPECT_EQ(server.codec->errorDetails(), "http2.overhead_flood");
  EXPECT_EQ(server.stats.overhead_flood.value(), 1u);
}

TEST(Http2Attack, UnknownFrames) {
  ServerHarness server;
  server.start();
  EXPECT_LE(repeat(server, 1000, [](size_t) { return h2Frame(0xee, 0, 0, "x"); }), 101u);
  expectCalm(server, "http2.too_many_glitches");
}

// The other side: what a server does to the proxy.
TEST(Http2Attack, UnknownFramesOfAServer) {
  for (const uint8_t type : {uint8_t{0x0a}, uint8_t{0x10}, uint8_t{0xee}, uint8_t{0xff}}) {
    ClientHarness client;
    client.start();
    client.open();
    EXPECT_EQ(client.send(repeated(h2Frame(type, 0, 0, "x") + h2Frame(type, 0xff, 1, ""), 50)), DispatchStatus::kOk);
    EXPECT_EQ(client.send(h2Frame(type, 0, 0, "x")), DispatchStatus::kProtocolError);
    EXPECT_EQ(client.codec->errorDetails(), "http2.too_many_glitches");
    EXPECT_EQ(client.stats.glitches_flood.value(), 1u);
    EXPECT_TRUE(client.streams[0].reset.has_value());
  }
}

TEST(Http2Attack, PriorityFloodOfAServer) {
  ClientHarness client;
  client.start();
  client.open();
  EXPECT_EQ(client.send(repeated(h2Priority(1, 0), 200)), DispatchStatus::kOk);
  EXPECT_EQ(client.send(h2Priority(1, 0)), DispatchStatus::kProtocolError);
  EXPECT_EQ(client.codec->errorDetails(), "http2.inbound_priority_frames_flood");
  EXPECT_EQ(client.stats.inbound_priority_frames_flood.value(), 1u);
}

TEST(Http2Attack, WhatAServerHadSentForAStreamThatWeGaveUpIsNotItsFault) {
  ClientHarness client;
  client.start();
  const std::string window = repeated("123456789abcdef0", 4096);
  for (uint32_t id = 1; id < 800; id += 2) {
    client.open().sender->reset(StreamReset::kLocalReset);
    client.turn();
    for (size_t at = 0; at < window.size(); at += 16'384) {
      ASSERT_EQ(client.send(h2Data(id, window.substr(at, 16'384), false)), DispatchStatus::kOk) << id;
    }
  }
}

TEST(Http2Attack, HpackBomb) {
  ServerHarness server;
  server.start();
  // One field of 4 KiB in the dynamic table, then a byte for each further copy of it.
  const std::string large(3900, 'b');
  const std::string block = hpackBlock(h2Get()) + hpackIndexedLiteral("x", large) + std::string(12'000, '\xbe');
  const size_t before = mallinfo2().uordblks;
  EXPECT_EQ(server.send(h2Frame(H2Type::kHeaders, kEndHeaders | kEndStream, 1, block)), DispatchStatus::kProtocolError);
  EXPECT_LT(mallinfo2().uordblks, before + 1024 * 1024);
  expectCalm(server, "http2.header_bomb");
  EXPECT_TRUE(server.user.streams.empty());
}

TEST(Http2Attack, CookieCrumbsCostNoMoreThanTheHeaderLimit) {
  ServerHarness server;
  server.start();
  const std::string block = hpackBlock(h2Get()) + hpackIndexedLiteral("cookie", "a") + std::string(10'000, '\xbe');
  server.send(h2Frame(H2Type::kHeaders, kEndHeaders | kEndStream, 1, block));
  EXPECT_NE(server.last.status, DispatchStatus::kPaused);
  for (const Recorder& stream : server.user.streams) EXPECT_FALSE(stream.has_headers);
}

TEST(Http2Attack, HeadersThatNeverEnd) {
  Http2Settings settings;
  settings.keepalive_interval = std::chrono::milliseconds(0);
  ServerHarness server(settings);
  server.start();
  server.send(h2Frame(H2Type::kHeaders, kEndStream, 1, hpackBlock(h2Get())));
  server.advance(std::chrono::seconds(9));
  EXPECT_EQ(server.user.must_close, 0);
  server.advance(std::chrono::seconds(2));
  EXPECT_EQ(server.user.must_close, 1);
  EXPECT_EQ(server.codec->errorDetails(), "http2.header_block_timeout");
}

TEST(Http2Attack, HeadersThatEndInTimeStopTheClock) {
  Http2Settings settings;
  settings.keepalive_interval = std::chrono::milliseconds(0);
  ServerHarness server(settings);
  server.start();
  server.send(h2Frame(H2Type::kHeaders, kEndStream, 1, hpackBlock(h2Get())));
  server.advance(std::chrono::seconds(9));
  server.send(h2Frame(H2Type::kContinuation, kEndHeaders, 1, hpackLiteral("x", "y")));
  server.advance(std::chrono::seconds(60));
  EXPECT_EQ(server.user.must_close, 0);
  EXPECT_EQ(server.user.streams.size(), 1u);
}

TEST(Http2Attack, SettingsThatAreNeverAcknowledged) {
  Http2Settings settings;
  settings.keepalive_interval = std::chrono::milliseconds(0);
  ServerHarness server(settings);
  server.send(std::string(kH2Preface) + h2Settings({}));
  server.advance(std::chrono::seconds(11));
  EXPECT_EQ(server.user.must_close, 1);
  EXPECT_EQ(server.goaway(), H2Error::kSettingsTimeout);
}

TEST(Http2Attack, AQuietPeerIsPingedAndGivenUp) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true));
  server.advance(std::chrono::seconds(31));
  EXPECT_EQ(server.count(H2Type::kPing), 1u);
  server.send(h2Ping(server.find(H2Type::kPing, 0)->payload, true));
  server.advance(std::chrono::seconds(20));
  EXPECT_EQ(server.user.must_close, 0);
  server.advance(std::chrono::seconds(20));
  EXPECT_EQ(server.count(H2Type::kPing), 2u);
  server.advance(std::chrono::seconds(11));
  EXPECT_EQ(server.user.must_close, 1);
  EXPECT_EQ(server.stats.keepalive_timeout.value(), 1u);
  EXPECT_EQ(server.user.streams[0].reset, StreamReset::kConnectionTerminated);
  EXPECT_EQ(server.codec->errorDetails(), "http2.ping_timeout");
}

TEST(Http2Attack, ZeroWindowsDoNotGrowMemory) {
  ServerHarness server;
  server.user.on_stream = [](Recorder& stream) {
    stream.on_end = [](Recorder& ended) {
      ended.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
      // As a proxy does: it goes on until it is told to stop.
      while (ended.above == 0) ended.sender->sendData(std::string(16'384, 'x'), false);
    };
  };
  server.start({{4, 0}});
  uint32_t id = 1;
  for (int i = 0; i < 100; ++i, id += 2) server.send(h2Headers(id, h2Get(), true));
  EXPECT_LE(server.stats.pending_send_bytes.value(), 100 * (64 * 1024 + 16'384));
  server.codec->onConnectionClosed("test");
  EXPECT_EQ(server.stats.pending_send_bytes.value(), 0);
}

}  // namespace
}  // namespace baton::http
