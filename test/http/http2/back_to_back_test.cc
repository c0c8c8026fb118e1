// A client codec and a server codec that talk to each other in memory.
#include "test/http/http2/harness.h"

namespace baton::http {
namespace {

struct Pair final : CodecHandler {
  explicit Pair(const Http2Settings& given = {}) : settings(given), loop(clock) {
    server = std::make_unique<Http2ServerCodec>(loop, from_server, user, settings, stats);
    client = std::make_unique<Http2ClientCodec>(loop, from_client, *this, settings, stats);
  }
  void onConnectionMustClose() override {}
  void onDispatchResumed() override {}

  // Carries bytes until both are silent, `step` at a time.
  void run(size_t step = SIZE_MAX) {
    std::string up;
    std::string down;
    for (int quiet = 0; quiet < 2;) {
      loop.runOnce();
      up += from_client.take();
      down += from_server.take();
      quiet = up.empty() && down.empty() ? quiet + 1 : 0;
      carry(up, step, *server);
      carry(down, step, *client);
    }
  }
  void carry(std::string& bytes, size_t step, Codec& to) {
    const std::string piece = bytes.substr(0, step);
    bytes.erase(0, piece.size());
    if (piece.empty()) return;
    EXPECT_EQ(to.dispatch(piece).status, DispatchStatus::kOk) << to.errorDetails();
  }
  Recorder& open(const test::H2Fields& fields, bool end) {
    Recorder& stream = streams.emplace_back();
    stream.sender = &client->newStream(stream);
    stream.sender->sendHeaders(makeHeaders(fields), end);
    return stream;
  }

  base::SimulatedClock clock;
  Http2Settings settings;
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  Http2Stats stats{stats::Scope(*store, "http2.")};
  event::Loop loop;
  StringSink from_server;
  StringSink from_client;
  ServerUser user;
  std::deque<Recorder> streams;
  std::unique_ptr<Http2ServerCodec> server;
  std::unique_ptr<Http2ClientCodec> client;
};

TEST(Http2BackToBack, LargeBodiesBothWaysInPiecesOfAnySize) {
  for (const size_t step : {size_t{7}, size_t{1000}, size_t{65'536}}) {
    Pair pair;
    pair.user.on_stream = [](Recorder& stream) {
      stream.on_end = [](Recorder& ended) {
        ended.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
        ended.sender->sendData(ended.body, true);
      };
    };
    std::string body;
    for (int i = 0; body.size() < 100 * std::min<size_t>(step, 20'000); ++i) body += std::to_string(i);
    Recorder& stream = pair.open(test::h2Post(), false);
    stream.sender->sendData(body, true);
    pair.run(step);
    EXPECT_TRUE(stream.ended);
    EXPECT_EQ(stream.body, body);
    EXPECT_EQ(pair.client->activeStreams(), 0u);
    EXPECT_EQ(pair.server->activeStreams(), 0u);
    EXPECT_EQ(pair.stats.pending_send_bytes.value(), 0);
  }
}

TEST(Http2BackToBack, AThousandStreamsAtOnce) {
  Http2Settings settings;
  settings.max_concurrent_streams = 1000;
  Pair pair(settings);
  pair.run();
  pair.user.on_stream = [](Recorder& stream) {
    stream.on_end = [](Recorder& ended) { ended.answer(200, ended.headers.path()); };
  };
  for (int i = 0; i < 1000; ++i) pair.open(test::h2Get("/" + std::to_string(i)), true);
  EXPECT_FALSE(pair.client->canOpenStream());
  pair.run();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pair.streams[static_cast<size_t>(i)].body, "/" + std::to_string(i));
  EXPECT_TRUE(pair.client->canOpenStream());
  EXPECT_EQ(pair.stats.streams_active.value(), 0);
}

TEST(Http2BackToBack, AStreamInBothDirectionsAtOnce) {
  Pair pair;
  pair.user.on_stream = [](Recorder& stream) {
    stream.on_headers = [](Recorder& begun) {
      begun.sender->sendHeaders(makeHeaders({{":status", "200"}, {"content-type", "application/grpc"}}), false);
    };
    stream.on_data = [](Recorder& each) {
      each.sender->sendData("echo:" + each.body, false);
      each.body.clear();
    };
    stream.on_end = [](Recorder& ended) { ended.sender->sendTrailers(makeHeaders({{"grpc-status", "0"}})); };
  };
  Recorder& stream = pair.open(test::h2Post("/svc/Chat", {{"te", "trailers"}}), false);
  pair.run();
  EXPECT_EQ(stream.headers.status(), 200);
  for (const std::string word : {"one", "two", "three"}) {
    stream.body.clear();
    stream.sender->sendData(word, false);
    pair.run();
    EXPECT_EQ(stream.body, "echo:" + word);
  }
  stream.sender->sendTrailers(makeHeaders({{"x-end", "1"}}));
  pair.run();
  EXPECT_EQ(stream.trailers.get("grpc-status"), "0");
  EXPECT_EQ(pair.user.streams[0].trailers.get("x-end"), "1");
}

TEST(Http2BackToBack, ResetsReachTheOtherSide) {
  Pair pair;
  Recorder& first = pair.open(test::h2Get(), true);
  Recorder& second = pair.open(test::h2Get(), true);
  pair.run();
  first.sender->reset(StreamReset::kLocalReset);
  pair.user.streams[1].sender->reset(StreamReset::kLocalRefused);
  pair.run();
  EXPECT_EQ(pair.user.streams[0].reset, StreamReset::kRemoteReset);
  EXPECT_EQ(second.reset, StreamReset::kRemoteRefused);
}

TEST(Http2BackToBack, AWebSocketFromOneHttp11FormToTheOther) {
  Http2Settings settings;
  settings.allow_connect = true;
  Pair pair(settings);
  pair.user.on_stream = [](Recorder& stream) {
    stream.on_headers = [](Recorder& begun) {
      EXPECT_EQ(begun.headers.method(), "GET");
      EXPECT_EQ(begun.headers.get(HeaderName::kUpgrade), "websocket");
      begun.sender->sendHeaders(makeHeaders({{":status", "101"}, {"connection", "upgrade"}, {"upgrade", "websocket"}}),
                                false);
    };
    stream.on_data = [](Recorder& each) { each.sender->sendData(std::exchange(each.body, {}), false); };
  };
  Recorder& stream = pair.open({{":method", "GET"},
                                {":scheme", "http"},
                                {":authority", "a"},
                                {":path", "/chat"},
                                {"connection", "Upgrade"},
                                {"upgrade", "websocket"},
                                {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}},
                               false);
  pair.run();
  EXPECT_EQ(stream.headers.status(), 101);
  EXPECT_EQ(stream.headers.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  stream.sender->sendData("frames", false);
  pair.run();
  EXPECT_EQ(stream.body, "frames");
}

TEST(Http2BackToBack, ARefusedUpgradeKeepsItsStatus) {
  Http2Settings settings;
  settings.allow_connect = true;
  Pair pair(settings);
  pair.user.on_stream = [](Recorder& stream) { stream.on_headers = [](Recorder& begun) { begun.answer(403, "no"); }; };
  Recorder& stream = pair.open({{":method", "GET"},
                                {":scheme", "http"},
                                {":authority", "a"},
                                {":path", "/chat"},
                                {"connection", "Upgrade"},
                                {"upgrade", "websocket"}},
                               false);
  pair.run();
  EXPECT_EQ(stream.headers.status(), 403);
  EXPECT_EQ(stream.body, "no");
}

TEST(Http2BackToBack, LargeHeadersThatAreWithinTheLimit) {
  Pair pair;
  pair.user.on_stream = [](Recorder& stream) {
    stream.on_end = [](Recorder& ended) {
      HeaderMap map = makeHeaders({{":status", "200"}});
      map.add("x-back", ended.headers.get("x-large"));
      ended.sender->sendHeaders(map, true);
    };
  };
  const std::string large(50'000, 'v');
  Recorder& stream = pair.open(test::h2Get("/", {{"x-large", large}}), true);
  pair.run();
  EXPECT_EQ(stream.headers.get("x-back"), large);
}

TEST(Http2BackToBack, ADrainLosesNoStream) {
  Pair pair;
  pair.run();
  pair.user.on_stream = [](Recorder& stream) { stream.on_end = [](Recorder& ended) { ended.answer(200, "ok"); }; };
  for (int i = 0; i < 20; ++i) pair.open(test::h2Get(), true);
  pair.server->noticeOfDrain();
  pair.run();
  EXPECT_TRUE(pair.client->exhausted());
  pair.server->goAway();
  pair.run();
  for (Recorder& stream : pair.streams) {
    EXPECT_FALSE(stream.reset.has_value());
    EXPECT_EQ(stream.body, "ok");
  }
  EXPECT_EQ(pair.user.must_close, 1);
}

}  // namespace
}  // namespace baton::http
