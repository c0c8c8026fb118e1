#include "source/http/http1/server_codec.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

using http::HeaderName;
using http::Http1Settings;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

std::string request(std::string_view method, std::string_view fields = {}, std::string_view body = {}) {
  return std::string(method) + " / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

// A server whose requests wait for the test's answer.
struct ManualServer : Http1Server {
  explicit ManualServer(Http1Settings with = {}) : Http1Server(std::move(with)) { auto_answer = false; }

  void headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields, bool end) {
    last().sender->sendHeaders(makeHeaders(fields), end);
  }
};

Http1Settings http10() {
  Http1Settings settings;
  settings.accept_http_10 = true;
  return settings;
}

// What a response with these headers and this body looks like, to a request.
std::string respond(std::string_view request_bytes,
                    std::initializer_list<std::pair<std::string_view, std::string_view>> f, std::string_view body,
                    bool* closes = nullptr, Http1Settings settings = http10()) {
  ManualServer server(std::move(settings));
  server.feed(request_bytes);
  server.headers(f, false);
  server.last().sender->sendData(body, true);
  if (closes != nullptr) *closes = server.closes > 0;
  return server.sink.text;
}

TEST(Http1ServerCodec, FramesResponsesAsTheRequestAllows) {
  struct Row {
    std::string name;
    std::string request;
    std::initializer_list<std::pair<std::string_view, std::string_view>> headers;
    std::string body;
    std::string wire;
    bool closes;
  };
  const std::string old = "GET / HTTP/1.0\r\nHost: a\r\n";
  const Row rows[] = {
      {"length",
       std::string(kGet),
       {{":status", "200"}, {"content-length", "2"}},
       "hi",
       "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
       false},
      {"chunked",
       std::string(kGet),
       {{":status", "200"}, {"x-a", "1"}},
       "hello world, hello",
       "HTTP/1.1 200 OK\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n12\r\nhello world, hello\r\n0\r\n\r\n",
       false},
      {"empty chunked",
       std::string(kGet),
       {{":status", "200"}},
       "",
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
       false},
      {"HTTP/1.0", old + "\r\n", {{":status", "200"}}, "hi", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi", true},
      {"HTTP/1.0 with length",
       old + "\r\n",
       {{":status", "200"}, {"content-length", "2"}},
       "hi",
       "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",
       true},
      {"HTTP/1.0 keep-alive with length",
       old + "Connection: keep-alive\r\n\r\n",
       {{":status", "200"}, {"content-length", "2"}},
       "hi",
       "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi",
       false},
      {"HEAD with length",
       request("HEAD"),
       {{":status", "200"}, {"content-length", "2"}},
       "hi",
       "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
       false},
      {"HEAD without length", request("HEAD"), {{":status", "200"}}, "", "HTTP/1.1 200 OK\r\n\r\n", false},
      {"204",
       std::string(kGet),
       {{":status", "204"}, {"content-length", "2"}},
       "hi",
       "HTTP/1.1 204 No Content\r\n\r\n",
       false},
      {"304",
       std::string(kGet),
       {{":status", "304"}, {"content-length", "2"}},
       "",
       "HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\n\r\n",
       false},
      {"connection fields are ours",
       std::string(kGet),
       {{":status", "200"},
        {"connection", "x-a"},
        {"keep-alive", "timeout=5"},
        {"transfer-encoding", "gzip"},
        {"upgrade", "h2c"},
        {"content-length", "0"}},
       "",
       "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
       false},
      {"connection close by us",
       std::string(kGet),
       {{":status", "200"}, {"connection", "close"}, {"content-length", "0"}},
       "",
       "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
       true},
      {"connection close by the client",
       request("GET", "Connection: close\r\n"),
       {{":status", "200"}, {"content-length", "0"}},
       "",
       "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
       true},
      {"too much is cut",
       std::string(kGet),
       {{":status", "200"}, {"content-length", "2"}},
       "high",
       "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
       true},
      {"too little closes",
       std::string(kGet),
       {{":status", "200"}, {"content-length", "3"}},
       "hi",
       "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi",
       true},
      {"unknown status",
       std::string(kGet),
       {{":status", "299"}, {"content-length", "0"}},
       "",
       "HTTP/1.1 299 Unknown\r\ncontent-length: 0\r\n\r\n",
       false},
      {"426 says what to ask for",
       std::string(kGet),
       {{":status", "426"}, {"upgrade", "websocket"}, {"content-length", "0"}},
       "",
       "HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 0\r\n\r\n",
       false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    bool closes = false;
    EXPECT_EQ(respond(row.request, row.headers, row.body, &closes), row.wire);
    EXPECT_EQ(closes, row.closes);
  }
}

TEST(Http1ServerCodec, AResponseWithoutBodySaysSo) {
  ManualServer server;
  server.feed(kGet);
  server.headers({{":status", "404"}}, true);
  EXPECT_EQ(server.sink.text, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(server.codec.activeStreams(), 0u);
}

TEST(Http1ServerCodec, HeaderNamesAreWrittenInProperCaseWhenAsked) {
  Http1Settings settings;
  settings.proper_case_header_keys = true;
  EXPECT_EQ(respond(kGet, {{":status", "200"}, {"x-request-id", "1"}, {"etag", "x"}}, "", nullptr, settings),
            "HTTP/1.1 200 OK\r\nX-Request-Id: 1\r\nEtag: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST(Http1ServerCodec, PipelinedRequestsAreAnsweredInOrderOneAtATime) {
  ManualServer server;
  server.feed("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const std::string_view path : {"/1", "/2", "/3"}) {
    ASSERT_EQ(server.last().request.headers.path(), path);
    EXPECT_EQ(server.feeder.paused, path != "/3");
    server.answer(server.last(), 200, path);
    server.pump();
  }
  EXPECT_EQ(server.exchanges.size(), 3u);
  EXPECT_LT(server.sink.text.find("/1"), server.sink.text.find("/2"));
  EXPECT_LT(server.sink.text.find("/2"), server.sink.text.find("/3"));
  EXPECT_EQ(server.closes, 0);
}

TEST(Http1ServerCodec, AThousandPipelinedRequestsAnsweredAtOnceDoNotNest) {
  Http1Server server;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += kGet;
  server.feed(many);
  EXPECT_EQ(server.exchanges.size(), 1000u);
  EXPECT_EQ(server.closes, 0);
}

TEST(Http1ServerCodec, SoManyRequestsAtOnceAsItIsToldAndTheRestInLaterTurns) {
  Http1Server server;
  server.codec.limitRequestsAtOnce(8);
  std::string left;
  for (int i = 0; i < 20; ++i) left += kGet;
  for (const size_t taken : {8u, 16u}) {
    const http::DispatchResult result = server.codec.dispatch(left);
    EXPECT_EQ(result.status, http::DispatchStatus::kYielded);
    left.erase(0, result.consumed);
    EXPECT_EQ(server.exchanges.size(), taken);
    // The client has ended its direction: what it sent before is answered all the same.
    if (taken == 8) server.codec.onEndOfInput();
    EXPECT_EQ(server.closes, 0);
  }
  EXPECT_EQ(server.codec.dispatch(left).status, http::DispatchStatus::kOk);
  EXPECT_EQ(server.exchanges.size(), 20u);
  EXPECT_EQ(server.closes, 1);
}

TEST(Http1ServerCodec, NoFurtherRequestIsReadWhileResponsesPileUp) {
  Http1Server server;
  server.codec.onConnectionAboveHighWatermark();
  server.feed(kGet);
  EXPECT_TRUE(server.exchanges.empty());
  EXPECT_TRUE(server.feeder.paused);
  server.codec.onConnectionBelowLowWatermark();
  server.pump();
  EXPECT_EQ(server.exchanges.size(), 1u);
}

TEST(Http1ServerCodec, TheStreamIsToldAboutWatermarks) {
  ManualServer server;
  server.feed(kGet);
  server.codec.onConnectionAboveHighWatermark();
  server.codec.onConnectionBelowLowWatermark();
  EXPECT_EQ(server.last().request.above, 1);
  EXPECT_EQ(server.last().request.below, 1);
}

TEST(Http1ServerCodec, APausedStreamGetsNoMoreBody) {
  ManualServer server;
  server.feed(request("POST", "Content-Length: 10\r\n", "01234"));
  server.last().sender->pauseReading();
  server.last().sender->pauseReading();
  server.feed("56789");
  EXPECT_EQ(server.last().request.data, "01234");
  EXPECT_TRUE(server.feeder.paused);
  server.last().sender->resumeReading();
  server.pump();
  EXPECT_EQ(server.last().request.data, "01234");
  server.last().sender->resumeReading();
  server.pump();
  EXPECT_EQ(server.last().request.data, "0123456789");
  EXPECT_TRUE(server.last().request.ended);
}

TEST(Http1ServerCodec, PausingInsideACallbackStopsTheDispatch) {
  ManualServer server;
  server.feed(request("POST", "Transfer-Encoding: chunked\r\n"));
  server.last().request.on_data = [&server] { server.last().sender->pauseReading(); };
  server.feed("1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  EXPECT_EQ(server.last().request.data, "a");
  server.last().sender->resumeReading();
  server.pump();
  EXPECT_EQ(server.last().request.data, "ab");
  EXPECT_FALSE(server.last().request.ended);
  server.last().sender->resumeReading();
  server.pump();
  EXPECT_TRUE(server.last().request.ended);
}

TEST(Http1ServerCodec, AStreamBeginsWithTheFirstByteSoThatASlowHeadCanBeTimedOut) {
  ManualServer server;
  server.feed("\r\n");
  EXPECT_TRUE(server.exchanges.empty());
  server.feed("GET / HT");
  ASSERT_EQ(server.exchanges.size(), 1u);
  EXPECT_FALSE(server.last().request.got_headers);
  server.answer(server.last(), 408);
  EXPECT_EQ(server.sink.text, "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(server.closes, 1);
  server.feed("TP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(server.last().request.got_headers);
  EXPECT_EQ(server.exchanges.size(), 1u);
}

TEST(Http1ServerCodec, AnAnswerBeforeTheEndOfTheRequestClosesTheConnection) {
  ManualServer server;
  server.feed(request("POST", "Content-Length: 10\r\n", "012"));
  server.answer(server.last(), 413, "no");
  EXPECT_NE(server.sink.text.find("connection: close\r\n"), std::string::npos);
  EXPECT_EQ(server.closes, 1);
  server.feed(std::string("3456789") + std::string(kGet));
  EXPECT_EQ(server.exchanges.size(), 1u);
  EXPECT_EQ(server.last().request.data, "012");
  EXPECT_EQ(server.codec.activeStreams(), 0u);
}

TEST(Http1ServerCodec, AResponseThatBeginsEarlyButEndsLaterKeepsTheConnection) {
  ManualServer server;
  server.feed(request("POST", "Content-Length: 4\r\n", "ab"));
  server.headers({{":status", "200"}}, false);
  server.last().sender->sendData("ab", false);
  server.feed("cd");
  EXPECT_TRUE(server.last().request.ended);
  server.last().sender->sendData("cd", true);
  EXPECT_EQ(server.closes, 0);
  server.feed(kGet);
  EXPECT_EQ(server.exchanges.size(), 2u);
}

TEST(Http1ServerCodec, InterimResponsesComeBeforeTheFinalOne) {
  ManualServer server;
  server.feed(request("POST", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(server.last().request.headers.get(HeaderName::kExpect), "100-continue");
  server.last().sender->sendInformational(makeHeaders({{":status", "100"}}));
  server.last().sender->sendInformational(makeHeaders({{":status", "103"}, {"link", "</a>"}}));
  server.feed("hi");
  server.answer(server.last(), 200);
  server.last().sender->sendInformational(makeHeaders({{":status", "103"}}));
  EXPECT_EQ(server.sink.text,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST(Http1ServerCodec, InterimResponsesAreNotForHttp10) {
  ManualServer server(http10());
  server.feed("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  EXPECT_EQ(server.last().sender->protocol(), http::Protocol::kHttp10);
  server.last().sender->sendInformational(makeHeaders({{":status", "103"}}));
  EXPECT_EQ(server.sink.text, "");
}

TEST(Http1ServerCodec, TrailersAreWrittenWhenEnabled) {
  for (const bool enabled : {true, false}) {
    Http1Settings settings;
    settings.enable_trailers = enabled;
    ManualServer server(settings);
    server.feed(kGet);
    server.headers({{":status", "200"}}, false);
    server.last().sender->sendData("x", false);
    server.last().sender->sendTrailers(makeHeaders({{"x-t", "1"}, {"content-length", "9"}, {"x-bad", "a\r\nb"}}));
    EXPECT_EQ(server.sink.text, std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n") +
                                    (enabled ? "x-t: 1\r\n\r\n" : "\r\n"));
    EXPECT_EQ(server.closes, 0);
  }
}

TEST(Http1ServerCodec, ResponsesThatWouldNotBeWhatTheySayAreRefused) {
  using namespace std::string_view_literals;
  const std::pair<std::string_view, std::string_view> bad[] = {{"x-a", "1\r\nset-cookie: a"},
                                                               {"x-a", "1\n"},
                                                               {"x-a", "\0"sv},
                                                               {"x-a", "\x7f"},
                                                               {"x a", "1"},
                                                               {"", "1"},
                                                               {"x:a", "1"},
                                                               {"x\r\ny", "1"},
                                                               {"server", "a\rb"}};
  for (const auto& field : bad) {
    ManualServer server;
    server.feed(kGet);
    server.headers({{":status", "200"}, field}, true);
    EXPECT_EQ(server.sink.text, "") << field.first;
    EXPECT_EQ(server.last().request.reset, "protocol error: http1.invalid_response_header");
    EXPECT_EQ(server.closes, 1);
  }
  for (const std::string_view status : {"", "0", "99", "100", "101", "1000", "abc", "-1"}) {
    ManualServer server;
    server.feed(kGet);
    server.headers({{":status", status}}, true);
    EXPECT_EQ(server.sink.text, "") << status;
    EXPECT_EQ(server.closes, 1) << status;
  }
}

TEST(Http1ServerCodec, AWebSocketBecomesATunnel) {
  ManualServer server;
  server.feed(request("GET", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"));
  EXPECT_FALSE(server.last().request.ended);
  server.feed("early");
  EXPECT_EQ(server.last().request.data, "");
  server.headers({{":status", "101"}, {"connection", "upgrade"}, {"upgrade", "websocket"}, {"x-a", "1"}}, false);
  server.pump();
  EXPECT_EQ(server.sink.take(),
            "HTTP/1.1 101 Switching Protocols\r\nx-a: 1\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  EXPECT_EQ(server.last().request.data, "early");
  server.feed(kGet);
  EXPECT_EQ(server.last().request.data, "early" + std::string(kGet));
  server.last().sender->sendData("down", false);
  EXPECT_EQ(server.sink.take(), "down");

  server.last().sender->sendData("end", true);
  EXPECT_EQ(server.tunnel_ends, 1);
  EXPECT_EQ(server.closes, 0);
  EXPECT_EQ(server.codec.activeStreams(), 1u);
  server.end();
  EXPECT_TRUE(server.last().request.ended);
  EXPECT_EQ(server.closes, 1);
  EXPECT_EQ(server.codec.activeStreams(), 0u);
}

TEST(Http1ServerCodec, ATunnelWhoseClientEndsFirstGoesOnDownwards) {
  ManualServer server;
  server.feed("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n");
  EXPECT_EQ(server.last().request.head, ":method: CONNECT|:authority: b:443|");
  server.headers({{":status", "200"}, {"content-length", "5"}}, false);
  EXPECT_EQ(server.sink.take(), "HTTP/1.1 200 OK\r\n\r\n");
  server.feed("up");
  server.end();
  EXPECT_TRUE(server.last().request.ended);
  EXPECT_EQ(server.closes, 0);
  server.last().sender->sendData("down", true);
  EXPECT_EQ(server.sink.take(), "down");
  EXPECT_EQ(server.closes, 1);
}

TEST(Http1ServerCodec, ARefusedUpgradeIsAnOrdinaryRequest) {
  ManualServer server;
  server.feed(request("GET", "Connection: upgrade\r\nUpgrade: websocket\r\n") + std::string(kGet));
  server.answer(server.last(), 403, "no");
  EXPECT_TRUE(server.last().request.ended);
  server.pump();
  EXPECT_EQ(server.exchanges.size(), 2u);
  EXPECT_EQ(server.closes, 0);
}

TEST(Http1ServerCodec, WhatFollowsARefusedConnectIsNoRequest) {
  ManualServer server;
  server.feed("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n" + std::string(kGet));
  server.answer(server.last(), 403);
  EXPECT_TRUE(server.last().request.ended);
  server.pump();
  EXPECT_EQ(server.exchanges.size(), 1u);
  EXPECT_EQ(server.closes, 1);
}

TEST(Http1ServerCodec, AnUpgradeWithABodyHasTheBodyFirst) {
  ManualServer server;
  server.feed(request("POST", "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n", "h"));
  server.headers({{":status", "101"}, {"upgrade", "x"}}, false);
  server.feed("itunnel");
  EXPECT_EQ(server.last().request.data, "hitunnel");
  EXPECT_FALSE(server.last().request.ended);
}

TEST(Http1ServerCodec, AClientThatHalfClosesGetsItsResponses) {
  ManualServer server;
  server.feed(std::string(kGet) + std::string(kGet));
  server.end();
  EXPECT_EQ(server.closes, 0);
  server.answer(server.last(), 200, "1");
  server.pump();
  ASSERT_EQ(server.exchanges.size(), 2u);
  EXPECT_EQ(server.closes, 0);
  server.answer(server.last(), 200, "2");
  EXPECT_EQ(server.closes, 1);
  EXPECT_NE(server.sink.text.find("connection: close"), std::string::npos);
}

TEST(Http1ServerCodec, AnEndInsideARequestResetsIt) {
  for (const std::string_view part :
       {"GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"}) {
    Http1Server server;
    server.feed(part);
    server.end();
    EXPECT_EQ(server.last().request.reset, "connection termination: http1.connection_ended_in_message") << part;
    EXPECT_EQ(server.closes, 1);
    EXPECT_EQ(server.sink.text, "");
  }
}

TEST(Http1ServerCodec, AnEndBetweenRequestsCloses) {
  Http1Server server;
  server.feed(kGet);
  server.feed("\r\n");
  server.end();
  EXPECT_EQ(server.closes, 1);
  EXPECT_EQ(server.exchanges.size(), 1u);
}

TEST(Http1ServerCodec, AClosedConnectionResetsTheStream) {
  ManualServer server;
  server.feed(kGet);
  server.codec.onConnectionClosed("why");
  EXPECT_EQ(server.last().request.reset, "connection termination: why");
  server.last().sender->sendHeaders(makeHeaders({{":status", "200"}}), true);
  EXPECT_EQ(server.sink.text, "");
  EXPECT_EQ(server.closes, 0);
}

TEST(Http1ServerCodec, OnlyAClientThatSaidCloseAndSentNothingMoreIsDone) {
  struct Row {
    std::string name;
    std::string bytes;
    bool done;
  };
  const Row rows[] = {
      {"says close", request("GET", "Connection: close\r\n"), true},
      {"an old client", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", true},
      {"an old client that keeps its connection", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", false},
      {"says nothing", std::string(kGet), false},
      {"sends more behind its last request", request("GET", "Connection: close\r\n") + "more", false},
      {"has not sent its body", request("POST", "Connection: close\r\nContent-Length: 3\r\n", "ab"), false},
      {"asked for a tunnel", request("GET", "Connection: close, upgrade\r\nUpgrade: websocket\r\n"), false},
  };
  for (const Row& row : rows) {
    ManualServer server(http10());
    server.feed(row.bytes);
    server.codec.noticeOfDrain();
    server.answer(server.last(), 200, "x");
    EXPECT_EQ(server.codec.peerIsDone(), row.done) << row.name;
  }
}

TEST(Http1ServerCodec, AResetClosesWithoutACallback) {
  ManualServer server;
  server.feed(kGet);
  server.headers({{":status", "200"}}, false);
  server.last().sender->reset(http::StreamReset::kLocalReset);
  EXPECT_EQ(server.last().request.reset, "");
  EXPECT_EQ(server.closes, 1);
  EXPECT_EQ(server.codec.activeStreams(), 0u);
}

TEST(Http1ServerCodec, ABadChunkAfterTheResponseBeganResetsTheStream) {
  ManualServer server;
  server.feed(request("POST", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n"));
  server.headers({{":status", "200"}}, false);
  server.feed("nonsense\r\n");
  EXPECT_EQ(server.last().request.reset, "protocol error: http1.bad_chunk_size");
  EXPECT_EQ(server.last().error_status, 0);
  EXPECT_EQ(server.closes, 1);
  EXPECT_TRUE(server.feeder.protocol_error);
}

TEST(Http1ServerCodec, ADrainingCodecSaysCloseOnItsNextResponse) {
  ManualServer server;
  server.feed(kGet);
  server.answer(server.last(), 200);
  server.feed(kGet);
  server.codec.noticeOfDrain();
  server.sink.take();
  server.answer(server.last(), 200);
  EXPECT_EQ(server.sink.text, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(server.closes, 1);
}

TEST(Http1ServerCodec, CountsBytesOfEachStream) {
  ManualServer server;
  server.feed(request("POST", "Content-Length: 5\r\n", "hello"));
  server.headers({{":status", "200"}, {"content-length", "2"}}, false);
  const size_t head_sent = server.sink.text.size();
  server.last().sender->sendData("h", false);
  const auto wire = server.last().sender->wireBytes();
  EXPECT_EQ(wire.headers_received, request("POST", "Content-Length: 5\r\n").size());
  EXPECT_EQ(wire.received, wire.headers_received + 5);
  EXPECT_EQ(wire.headers_sent, head_sent);
  EXPECT_EQ(wire.sent, head_sent + 1);
}

}  // namespace
}  // namespace baton::test
