#include "source/http/http2/server_codec.h"

#include "test/http/http2/harness.h"

namespace baton::http {
namespace {

using namespace test;

TEST(Http2ServerCodec, AnswersAGetWithHeadersAndData) {
  ServerHarness server;
  server.answerAll("hello");
  server.start();
  EXPECT_EQ(server.send(h2Headers(1, h2Get("/a?b"), true)), DispatchStatus::kOk);
  ASSERT_EQ(server.user.streams.size(), 1u);
  const Recorder& request = server.user.streams[0];
  EXPECT_EQ(request.headers.method(), "GET");
  EXPECT_EQ(request.headers.path(), "/a?b");
  EXPECT_EQ(request.headers.authority(), "example.com");
  EXPECT_EQ(request.headers.scheme(), "http");
  EXPECT_TRUE(request.ended);
  ASSERT_NE(server.find(H2Type::kHeaders, 1), nullptr);
  EXPECT_EQ(server.find(H2Type::kHeaders, 1)->field(":status"), "200");
  EXPECT_EQ(server.body(1), "hello");
  EXPECT_TRUE(server.ended(1));
  EXPECT_EQ(server.codec->activeStreams(), 0u);
}

TEST(Http2ServerCodec, AnnouncesItsSettings) {
  Http2Settings settings;
  settings.max_concurrent_streams = 77;
  settings.allow_connect = true;
  ServerHarness server(settings);
  server.turn();
  ASSERT_FALSE(server.frames.empty());
  EXPECT_EQ(server.frames[0].type, H2Type::kSettings);
  const std::string& payload = server.frames[0].payload;
  EXPECT_NE(payload.find(h2Integer(3, 2) + h2Integer(77, 4)), std::string::npos);
  EXPECT_NE(payload.find(h2Integer(4, 2) + h2Integer(65536, 4)), std::string::npos);
  EXPECT_NE(payload.find(h2Integer(8, 2) + h2Integer(1, 4)), std::string::npos);
  EXPECT_NE(payload.find(h2Integer(6, 2) + h2Integer(61440, 4)), std::string::npos);
  const auto* update = server.find(H2Type::kWindowUpdate, 0);
  ASSERT_NE(update, nullptr);
  EXPECT_EQ(update->payload, h2Integer(1024 * 1024 - 65535, 4));
}

TEST(Http2ServerCodec, GivesABodyAndItsEndInOneCall) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post("/", {{"content-length", "4"}}), false));
  server.send(h2Data(1, "body", true));
  const Recorder& request = server.user.streams[0];
  EXPECT_EQ(request.body, "body");
  EXPECT_EQ(request.data_calls, 1u);
  EXPECT_TRUE(request.ended);
}

TEST(Http2ServerCodec, UnderstandsTheSameBytesOneByOne) {
  ServerHarness server;
  server.answerAll();
  const std::string bytes = std::string(kH2Preface) + h2Settings({}) + h2SettingsAck() + h2Headers(1, h2Post(), false) +
                            h2Data(1, "some ", false) + h2Data(1, "body", true);
  for (const char byte : bytes) EXPECT_EQ(server.send({&byte, 1}), DispatchStatus::kOk);
  ASSERT_EQ(server.user.streams.size(), 1u);
  EXPECT_EQ(server.user.streams[0].body, "some body");
  EXPECT_EQ(server.body(1), "hello");
}

TEST(Http2ServerCodec, PassesTrailersBothWays) {
  ServerHarness server;
  server.user.on_stream = [](Recorder& stream) {
    stream.on_end = [](Recorder& ended) {
      ended.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
      ended.sender->sendData("data", false);
      ended.sender->sendTrailers(makeHeaders({{"grpc-status", "0"}, {"x-checksum", "1"}}));
    };
  };
  server.start();
  server.send(h2Headers(1, h2Post(), false) + h2Data(1, "abc", false) + h2Headers(1, {{"x-trailer", "yes"}}, true));
  const Recorder& request = server.user.streams[0];
  ASSERT_TRUE(request.has_trailers);
  EXPECT_EQ(request.trailers.get("x-trailer"), "yes");
  const auto& end = server.frames.back();
  EXPECT_EQ(end.type, H2Type::kHeaders);
  EXPECT_TRUE(end.endStream());
  EXPECT_EQ(end.field("grpc-status"), "0");
  EXPECT_EQ(server.body(1), "data");
  EXPECT_EQ(server.stats.trailers.value(), 1u);
}

TEST(Http2ServerCodec, SendsTrailersWithoutABody) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true));
  Recorder& request = server.user.streams[0];
  request.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
  server.turn();
  request.sender->sendTrailers(makeHeaders({{"grpc-status", "5"}}));
  server.turn();
  EXPECT_EQ(server.count(H2Type::kData), 0u);
  EXPECT_EQ(server.frames.back().field("grpc-status"), "5");
  EXPECT_TRUE(server.frames.back().endStream());
  EXPECT_EQ(server.codec->activeStreams(), 0u);
}

TEST(Http2ServerCodec, SendsInterimResponsesFirst) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post("/", {{"expect", "100-continue"}}), false));
  Recorder& request = server.user.streams[0];
  request.sender->sendInformational(makeHeaders({{":status", "100"}}));
  server.turn();
  EXPECT_EQ(server.find(H2Type::kHeaders, 1)->field(":status"), "100");
  EXPECT_FALSE(server.find(H2Type::kHeaders, 1)->endStream());
  server.send(h2Data(1, "x", true));
  request.answer(204);
  server.turn();
  EXPECT_EQ(server.frames.back().field(":status"), "204");
  EXPECT_TRUE(server.frames.back().endStream());
}

TEST(Http2ServerCodec, RemovesWhatHttp2Forbids) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true));
  server.user.streams[0].sender->sendHeaders(makeHeaders({{"x-first", "1"},
                                                          {":status", "200"},
                                                          {"connection", "close, x-y"},
                                                          {"keep-alive", "timeout=5"},
                                                          {"proxy-connection", "close"},
                                                          {"transfer-encoding", "chunked"},
                                                          {"upgrade", "h2c"},
                                                          {"te", "gzip"},
                                                          {"x-last", "2"}}),
                                             true);
  server.turn();
  const H2Fields expected{{":status", "200"}, {"x-first", "1"}, {"x-last", "2"}};
  EXPECT_EQ(server.find(H2Type::kHeaders, 1)->fields, expected);
}

TEST(Http2ServerCodec, JoinsCookieCrumbs) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get("/", {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}}), true));
  EXPECT_EQ(server.user.streams[0].headers.get(HeaderName::kCookie), "a=1; b=2; c=3");
}

TEST(Http2ServerCodec, MakesAuthorityOfHost) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "h.example"}}, true));
  ASSERT_EQ(server.user.streams.size(), 1u);
  EXPECT_EQ(server.user.streams[0].headers.authority(), "h.example");
  EXPECT_FALSE(server.user.streams[0].headers.has(HeaderName::kHost));
}

TEST(Http2ServerCodec, AnswersATooLargeHeaderSectionWith431) {
  ServerHarness server;
  server.start();
  const std::string large(20'000, 'v');
  const std::string block = hpackBlock(h2Get("/", {{"a", large}, {"b", large}, {"c", large}, {"d", large}}));
  std::string bytes;
  for (size_t at = 0; at < block.size(); at += 16'384) {
    const bool last = at + 16'384 >= block.size();
    bytes += h2Frame(at == 0 ? H2Type::kHeaders : H2Type::kContinuation,
                     static_cast<uint8_t>((at == 0 ? kEndStream : 0) | (last ? kEndHeaders : 0)), 1,
                     std::string_view(block).substr(at, 16'384));
  }
  EXPECT_EQ(server.send(bytes), DispatchStatus::kOk);
  ASSERT_EQ(server.user.streams.size(), 1u);
  EXPECT_FALSE(server.user.streams[0].has_headers);
  EXPECT_EQ(server.user.streams[0].error->details, "http2.headers_too_large");
  EXPECT_EQ(server.find(H2Type::kHeaders, 1)->field(":status"), "431");
  EXPECT_EQ(server.stats.header_overflow.value(), 1u);
  server.answerAll();
  server.send(h2Headers(3, h2Get(), true));
  EXPECT_EQ(server.body(3), "hello");
}

TEST(Http2ServerCodec, AnswersTooManyHeadersWith431AndTellsTheClientToStop) {
  Http2Settings settings;
  settings.max_headers_count = 10;
  ServerHarness server(settings);
  server.start();
  H2Fields fields = h2Post();
  for (int i = 0; i < 7; ++i) fields.emplace_back("x-" + std::to_string(i), "v");
  server.send(h2Headers(1, fields, false));
  EXPECT_EQ(server.find(H2Type::kHeaders, 1)->field(":status"), "431");
  EXPECT_FALSE(server.resetOf(1).has_value());
  server.advance(std::chrono::milliseconds(1000));
  EXPECT_EQ(server.resetOf(1), H2Error::kNoError);
  EXPECT_EQ(server.codec->activeStreams(), 0u);
}

TEST(Http2ServerCodec, ACookieInManyCrumbsIsOneField) {
  Http2Settings settings;
  settings.max_headers_count = 6;
  ServerHarness server(settings);
  server.start();
  H2Fields fields = h2Get();
  for (int i = 0; i < 50; ++i) fields.emplace_back("cookie", "c=" + std::to_string(i));
  server.send(h2Headers(1, fields, true));
  EXPECT_TRUE(server.user.streams[0].has_headers);
}

TEST(Http2ServerCodec, ResetsAStreamWhoseTrailersAreTooLarge) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  server.send(h2Headers(1, {{"x", std::string(16'300, 'x')}, {"y", std::string(60, 'y')}}, true));
  EXPECT_EQ(server.resetOf(1), H2Error::kEnhanceYourCalm);
  EXPECT_EQ(server.user.streams[0].reset, StreamReset::kOverflow);
}

TEST(Http2ServerCodec, RefusesStreamsAboveItsLimit) {
  Http2Settings settings;
  settings.max_concurrent_streams = 2;
  ServerHarness server(settings);
  server.start();
  for (uint32_t id : {1, 3, 5}) EXPECT_EQ(server.send(h2Headers(id, h2Get(), true)), DispatchStatus::kOk);
  EXPECT_EQ(server.user.streams.size(), 2u);
  EXPECT_EQ(server.resetOf(5), H2Error::kRefusedStream);
  server.user.streams[0].answer(200);
  server.turn();
  server.send(h2Headers(7, h2Get(), true));
  EXPECT_EQ(server.user.streams.size(), 3u);
}

TEST(Http2ServerCodec, ResetByTheUserSendsTheRightCode) {
  const std::pair<StreamReset, H2Error> cases[] = {
      {StreamReset::kLocalReset, H2Error::kInternal},    {StreamReset::kLocalRefused, H2Error::kRefusedStream},
      {StreamReset::kRemoteReset, H2Error::kInternal},   {StreamReset::kRemoteRefused, H2Error::kRefusedStream},
      {StreamReset::kProtocolError, H2Error::kProtocol}, {StreamReset::kOverflow, H2Error::kEnhanceYourCalm},
      {StreamReset::kConnectError, H2Error::kConnect},   {StreamReset::kConnectionTerminated, H2Error::kInternal},
  };
  ServerHarness server;
  server.start();
  uint32_t id = 1;
  for (const auto& [reason, code] : cases) {
    server.send(h2Headers(id, h2Get(), true));
    server.user.streams.back().sender->reset(reason);
    server.turn();
    EXPECT_EQ(server.resetOf(id), code) << toString(reason);
    EXPECT_FALSE(server.user.streams.back().reset.has_value());
    id += 2;
  }
  EXPECT_EQ(server.codec->activeStreams(), 0u);
  // The fault was not the client's.
  EXPECT_EQ(server.last.status, DispatchStatus::kOk);
}

TEST(Http2ServerCodec, ResetAfterTheWholeAnswerTellsTheClientToStopSending) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  Recorder& request = server.user.streams[0];
  request.answer(413, "too large");
  request.sender->reset(StreamReset::kLocalReset);
  server.turn();
  EXPECT_EQ(server.body(1), "too large");
  EXPECT_EQ(server.resetOf(1), H2Error::kNoError);
  EXPECT_EQ(server.codec->activeStreams(), 0u);
}

// What comes behind an answer that needed nothing of it is judged as if it did.
TEST(Http2ServerCodec, TheRestOfAnAnsweredRequestIsDroppedButJudged) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  server.user.streams[0].answer(200, "early");
  server.turn();
  server.send(h2Data(1, "abc", true));
  EXPECT_FALSE(server.resetOf(1).has_value());
  EXPECT_EQ(server.codec->activeStreams(), 0u);
  H2Fields fields = h2Post();
  fields.emplace_back("content-length", "1");
  server.send(h2Headers(3, fields, false));
  server.user.streams[1].answer(200, "early");
  server.turn();
  server.send(h2Data(3, "abc", true));
  EXPECT_EQ(server.resetOf(3), H2Error::kProtocol);
  server.send(h2Headers(5, h2Get(), true));
  EXPECT_EQ(server.user.streams.size(), 3u);
}

TEST(Http2ServerCodec, ResetAfterTheWholeAnswerWaitsForTheWindow) {
  ServerHarness server;
  server.start({{4, 10}});
  server.send(h2Headers(1, h2Post(), false));
  Recorder& request = server.user.streams[0];
  request.answer(413, "0123456789abcde");
  request.sender->reset(StreamReset::kLocalReset);
  server.turn();
  EXPECT_EQ(server.body(1), "0123456789");
  EXPECT_FALSE(server.resetOf(1).has_value());
  server.send(h2WindowUpdate(1, 100));
  EXPECT_EQ(server.body(1), "0123456789abcde");
  server.advance(std::chrono::milliseconds(1000));
  EXPECT_EQ(server.resetOf(1), H2Error::kNoError);
  EXPECT_FALSE(request.reset.has_value());
}

TEST(Http2ServerCodec, TellsTheUserOfTheClientsReset) {
  const std::pair<H2Error, StreamReset> cases[] = {{H2Error::kCancel, StreamReset::kRemoteReset},
                                                   {H2Error::kNoError, StreamReset::kRemoteReset},
                                                   {H2Error::kInternal, StreamReset::kRemoteReset},
                                                   {H2Error::kRefusedStream, StreamReset::kRemoteRefused},
                                                   {H2Error::kConnect, StreamReset::kConnectError}};
  ServerHarness server;
  server.start();
  uint32_t id = 1;
  for (const auto& [code, reason] : cases) {
    server.send(h2Headers(id, h2Get(), true));
    server.send(h2RstStream(id, code));
    EXPECT_EQ(server.user.streams.back().reset, reason);
    id += 2;
  }
  EXPECT_EQ(server.stats.rx_reset.value(), 5u);
  EXPECT_EQ(server.codec->activeStreams(), 0u);
}

TEST(Http2ServerCodec, TellsStreamsThatTheConnectionIsGone) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true) + h2Headers(3, h2Get(), true));
  server.codec->onConnectionClosed("gone");
  for (const Recorder& stream : server.user.streams) {
    EXPECT_EQ(stream.reset, StreamReset::kConnectionTerminated);
    EXPECT_EQ(stream.reset_details, "gone");
  }
  EXPECT_EQ(server.codec->activeStreams(), 0u);
}

TEST(Http2ServerCodec, AnswersAClientThatEndedItsDirection) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Get(), true) + h2Headers(3, h2Post(), false));
  server.codec->onEndOfInput();
  server.turn();
  EXPECT_EQ(server.user.streams[1].reset, StreamReset::kConnectionTerminated);
  EXPECT_EQ(server.user.must_close, 0);
  server.user.streams[0].answer(200, "late");
  server.turn();
  EXPECT_EQ(server.body(1), "late");
  EXPECT_EQ(server.codec->activeStreams(), 0u);
  EXPECT_EQ(server.user.must_close, 1);
}

TEST(Http2ServerCodec, DrainsInTwoSteps) {
  ServerHarness server;
  server.answerAll();
  server.start();
  server.send(h2Headers(1, h2Get(), true));
  server.codec->noticeOfDrain();
  server.turn();
  ASSERT_EQ(server.count(H2Type::kGoaway), 1u);
  EXPECT_EQ(server.frames.back().payload.substr(0, 4), h2Integer(0x7fffffff, 4));
  EXPECT_EQ(server.goaway(), H2Error::kNoError);
  // Opened before the client heard of it: served.
  server.send(h2Headers(3, h2Post(), false));
  ASSERT_EQ(server.user.streams.size(), 2u);
  server.codec->goAway();
  server.turn();
  ASSERT_EQ(server.count(H2Type::kGoaway), 2u);
  EXPECT_EQ(server.frames.back().payload.substr(0, 4), h2Integer(3, 4));
  EXPECT_EQ(server.user.must_close, 0);
  server.send(h2Headers(5, h2Get(), true));
  EXPECT_EQ(server.user.streams.size(), 2u);
  server.send(h2Data(3, "end", true));
  EXPECT_EQ(server.body(3), "hello");
  EXPECT_EQ(server.user.must_close, 1);
}

TEST(Http2ServerCodec, GoAwayOnAQuietConnectionClosesIt) {
  ServerHarness server;
  server.start();
  server.codec->goAway();
  server.turn();
  EXPECT_EQ(server.user.must_close, 1);
}

TEST(Http2ServerCodec, ReportsTheClientsGoaway) {
  ServerHarness server;
  server.answerAll();
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  server.send(h2Goaway(0, H2Error::kNoError));
  EXPECT_EQ(server.user.goaways, 1);
  server.send(h2Data(1, "x", true));
  EXPECT_EQ(server.body(1), "hello");
  EXPECT_EQ(server.user.must_close, 1);
}

TEST(Http2ServerCodec, ExtendedConnectIsAnUpgradeRequest) {
  Http2Settings settings;
  settings.allow_connect = true;
  ServerHarness server(settings);
  server.start();
  server.send(h2Headers(1,
                        {{":method", "CONNECT"},
                         {":protocol", "websocket"},
                         {":scheme", "https"},
                         {":authority", "example.com"},
                         {":path", "/chat"},
                         {"sec-websocket-version", "13"}},
                        false));
  ASSERT_EQ(server.user.streams.size(), 1u);
  Recorder& request = server.user.streams[0];
  EXPECT_EQ(request.headers.method(), "GET");
  EXPECT_EQ(request.headers.get(HeaderName::kConnection), "upgrade");
  EXPECT_EQ(request.headers.get(HeaderName::kUpgrade), "websocket");
  EXPECT_EQ(request.headers.path(), "/chat");
  EXPECT_EQ(request.headers.get("sec-websocket-key").size(), 24u);
  EXPECT_FALSE(request.headers.has(HeaderName::kProtocol));
  request.sender->sendHeaders(makeHeaders({{":status", "101"},
                                           {"connection", "upgrade"},
                                           {"upgrade", "websocket"},
                                           {"sec-websocket-accept", "x"},
                                           {"sec-websocket-protocol", "chat"}}),
                              false);
  server.turn();
  const H2Fields expected{{":status", "200"}, {"sec-websocket-protocol", "chat"}};
  EXPECT_EQ(server.find(H2Type::kHeaders, 1)->fields, expected);
  server.send(h2Data(1, "up", false));
  EXPECT_EQ(request.body, "up");
  request.sender->sendData("down", false);
  server.turn();
  EXPECT_EQ(server.body(1), "down");
}

TEST(Http2ServerCodec, ExtendedConnectIsMalformedUnlessAnnounced) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1,
                        {{":method", "CONNECT"},
                         {":protocol", "websocket"},
                         {":scheme", "https"},
                         {":authority", "example.com"},
                         {":path", "/chat"}},
                        false));
  EXPECT_EQ(server.resetOf(1), H2Error::kProtocol);
  EXPECT_TRUE(server.user.streams.empty());
}

TEST(Http2ServerCodec, ConnectOpensATunnel) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, {{":method", "CONNECT"}, {":authority", "db.example:5432"}}, false));
  ASSERT_EQ(server.user.streams.size(), 1u);
  Recorder& request = server.user.streams[0];
  EXPECT_EQ(request.headers.method(), "CONNECT");
  EXPECT_EQ(request.headers.authority(), "db.example:5432");
  request.sender->sendHeaders(makeHeaders({{":status", "200"}}), false);
  server.send(h2Data(1, "select", false));
  EXPECT_EQ(request.body, "select");
}

TEST(Http2ServerCodec, CountsTheBytesOfAStream) {
  ServerHarness server;
  server.start();
  const std::string head = h2Headers(1, h2Post(), false);
  const std::string body = h2Data(1, "body", true);
  StreamSender::WireBytes wire;
  server.user.on_stream = [&wire](Recorder& stream) {
    stream.on_end = [&wire](Recorder& ended) { wire = ended.sender->wireBytes(); };
  };
  server.send(head + body);
  EXPECT_EQ(wire.headers_received, head.size());
  // The frame's own count follows its bytes.
  EXPECT_EQ(wire.received, head.size());
}

TEST(Http2ServerCodec, AHundredThousandStreamsLeaveNothingBehind) {
  ServerHarness server;
  server.answerAll("x");
  server.start();
  server.send(h2WindowUpdate(0, 1'000'000));
  uint32_t id = 1;
  for (int i = 0; i < 100'000; ++i, id += 2) {
    server.codec->dispatch(h2Headers(id, h2Get(), true));
    if (i % 100 == 99) {
      server.loop.runOnce();
      server.sink.take();
      server.user.streams.clear();
    }
  }
  server.loop.runOnce();
  EXPECT_EQ(server.codec->errorDetails(), "");
  EXPECT_EQ(server.codec->activeStreams(), 0u);
  EXPECT_EQ(server.stats.streams_active.value(), 0);
  EXPECT_EQ(server.stats.pending_send_bytes.value(), 0);
}

}  // namespace
}  // namespace baton::http
