// HTTP/2 towards the client: what differs from HTTP/1.1 in the connection manager and its streams.
#include "source/proxy/http/connection_manager.h"
#include "test/support/http_rig.h"

namespace baton::test {
namespace {

using namespace std::chrono_literals;

class Http2Test : public HttpRig {
 protected:
  H2Fields grpcPost(const H2Fields& more = {}) {
    H2Fields fields{{":method", "POST"},
                    {":scheme", "http"},
                    {":authority", "a.test"},
                    {":path", "/s/M"},
                    {"content-type", "application/grpc"},
                    {"te", "trailers"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  std::string dataOf(uint32_t stream) {
    std::string all;
    for (const H2ReadFrame& frame : frames()) {
      if (frame.type == H2Type::kData && frame.stream == stream) all += frame.payload;
    }
    return all;
  }
  size_t count(H2Type type) {
    size_t n = 0;
    for (const H2ReadFrame& frame : frames()) n += frame.type == type;
    return n;
  }
};

TEST_F(Http2Test, ThePrefaceIsRecognized) {
  startHttp2();
  EXPECT_STREQ(manager->kind(), "http2");
  sendHttp2(h2Headers(1, h2Get("/x"), true));
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().header(":path"), "/x");
  web().last().respond(200, "hello", {{"x-a", "1"}});
  settle();
  const H2ReadFrame* head = firstFrame(H2Type::kHeaders, 1);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->field(":status"), "200");
  EXPECT_EQ(head->field("x-a"), "1");
  EXPECT_EQ(dataOf(1), "hello");
  EXPECT_EQ(counter("http.test.downstream_cx_http2_total"), 1u);
  EXPECT_EQ(counter("http.test.downstream_rq_http2_total"), 1u);
}

TEST_F(Http2Test, ThePrefaceMayComeByteByByte) {
  start();
  for (const char c : kH2Preface) send(std::string_view(&c, 1));
  EXPECT_STREQ(manager->kind(), "http2");
}

TEST_F(Http2Test, WhatOnlyBeginsLikeThePrefaceIsHttp1) {
  start();
  send("PR");
  send("OPFIND / HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_TRUE(received().starts_with("HTTP/1.1 ") || web().requests() == 1u) << received();
}

TEST_F(Http2Test, StreamsAreServedInAnyOrder) {
  startHttp2();
  sendHttp2(h2Headers(1, h2Get("/1"), true) + h2Headers(3, h2Get("/3"), true));
  ASSERT_EQ(web().requests(), 2u);
  web().streams[1]->respond(200, "three");
  web().streams[0]->respond(200, "one");
  settle();
  EXPECT_EQ(dataOf(3), "three");
  EXPECT_EQ(dataOf(1), "one");
}

TEST_F(Http2Test, GrpcStreamsBothWaysWithTrailers) {
  startHttp2();
  sendHttp2(h2Headers(1, grpcPost(), false));
  sendHttp2(h2Data(1, "ping1", false));
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().body, "ping1");
  EXPECT_EQ(web().last().header("te"), "trailers");
  web().last().respondHeaders(200, false, {{"content-type", "application/grpc"}});
  web().last().respondData("pong1");
  settle();
  EXPECT_EQ(dataOf(1), "pong1");
  sendHttp2(h2Data(1, "ping2", true));
  EXPECT_EQ(web().last().body, "ping1ping2");
  web().last().respondTrailers({{"grpc-status", "0"}});
  settle();
  const auto all = frames();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.back().type, H2Type::kHeaders);
  EXPECT_EQ(all.back().field("grpc-status"), "0");
  EXPECT_TRUE(all.back().endStream());
}

TEST_F(Http2Test, AStreamThatTheClientResetsIsResetUpstream) {
  startHttp2();
  sendHttp2(h2Headers(1, h2Get(), true));
  sendHttp2(h2RstStream(1, H2Error::kCancel));
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_EQ(flags(), "DR");
  EXPECT_EQ(counter("http.test.downstream_rq_rx_reset"), 1u);
  EXPECT_FALSE(closed());
}

TEST_F(Http2Test, AResponseThatBreaksOffIsAReset) {
  startHttp2();
  sendHttp2(h2Headers(1, h2Get(), true));
  web().last().respondHeaders(200);
  web().last().fail(http::StreamReset::kConnectionTerminated);
  settle();
  EXPECT_NE(firstFrame(H2Type::kRstStream, 1), nullptr);
  EXPECT_FALSE(closed());
  EXPECT_EQ(counter("http.test.downstream_rq_tx_reset"), 1u);
}

TEST_F(Http2Test, AnEarlyResponseEndsTheStreamWithoutError) {
  startHttp2();
  H2Fields fields = h2Post();
  sendHttp2(h2Headers(1, fields, false));
  web().last().respond(401, "no");
  settle();
  EXPECT_EQ(dataOf(1), "no");
  const H2ReadFrame* reset = firstFrame(H2Type::kRstStream, 1);
  ASSERT_NE(reset, nullptr);
  EXPECT_EQ(reset->error(), H2Error::kNoError);
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_FALSE(closed());
}

TEST_F(Http2Test, AGrpcClientIsAnsweredInItsOwnTerms) {
  startHttp2();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, upstream::PoolFailure::kOverflow});
  sendHttp2(h2Headers(1, grpcPost(), true));
  const H2ReadFrame* head = firstFrame(H2Type::kHeaders, 1);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->field(":status"), "200");
  EXPECT_EQ(head->field("grpc-status"), "14");
  EXPECT_TRUE(head->endStream());
}

TEST_F(Http2Test, UnderscoresAreRefusedAsOverHttp1) {
  startHttp2();
  sendHttp2(h2Headers(1, h2Get("/", {{"x_y", "1"}}), true));
  const H2ReadFrame* head = firstFrame(H2Type::kHeaders, 1);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->field(":status"), "400");
  EXPECT_EQ(counter("http2.requests_rejected_with_underscores_in_headers"), 1u);
}

TEST_F(Http2Test, UnderscoresCanBeDropped) {
  config.common_http_protocol_options.headers_with_underscores_action =
      api::HttpProtocolOptions::HeadersWithUnderscoresAction::kDropHeader;
  startHttp2();
  sendHttp2(h2Headers(1, h2Get("/", {{"x_y", "1"}, {"x-z", "2"}}), true));
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().header("x_y"), "");
  EXPECT_EQ(web().last().header("x-z"), "2");
}

TEST_F(Http2Test, ADrainIsAnnouncedTwice) {
  startHttp2();
  sendHttp2(h2Headers(1, h2Get("/1"), true));
  drain.probability = 1;
  web().last().respond(200);
  settle();
  const H2ReadFrame* notice = firstFrame(H2Type::kGoaway, 0);
  ASSERT_NE(notice, nullptr);
  EXPECT_EQ(notice->payload.substr(0, 4), h2Integer(0x7fffffff, 4));
  // A stream that was on its way is served.
  sendHttp2(h2Headers(3, h2Get("/3"), true));
  ASSERT_EQ(web().requests(), 2u);
  advance(5200ms);
  EXPECT_EQ(count(H2Type::kGoaway), 2u);
  EXPECT_FALSE(closed());
  web().last().respond(200, "late");
  settle();
  EXPECT_EQ(dataOf(3), "late");
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_drain_close"), 1u);
}

TEST_F(Http2Test, AQuietConnectionIsDrainedToo) {
  startHttp2();
  drain.probability = 1;
  manager->onDrain(drain);
  settle();
  EXPECT_EQ(count(H2Type::kGoaway), 1u);
  manager->onDrain(drain);
  advance(5200ms);
  EXPECT_EQ(count(H2Type::kGoaway), 2u);
  EXPECT_TRUE(closed());
}

TEST_F(Http2Test, AnOldConnectionIsDrained) {
  config.common_http_protocol_options.max_connection_duration = 10s;
  startHttp2();
  sendHttp2(h2SettingsAck());
  advance(10200ms);
  EXPECT_EQ(count(H2Type::kGoaway), 1u);
  advance(5200ms);
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_max_duration_reached"), 1u);
}

TEST_F(Http2Test, AnIdleConnectionIsDrained) {
  config.common_http_protocol_options.idle_timeout = 20s;
  config.http2_protocol_options.connection_keepalive.emplace();
  startHttp2();
  sendHttp2(h2SettingsAck());
  advance(20200ms);
  EXPECT_EQ(count(H2Type::kGoaway), 1u);
  advance(5200ms);
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_idle_timeout"), 1u);
}

TEST_F(Http2Test, AConnectionEndsAfterItsLastAllowedRequest) {
  config.common_http_protocol_options.max_requests_per_connection = 2;
  startHttp2();
  sendHttp2(h2Headers(1, h2Get(), true));
  EXPECT_EQ(count(H2Type::kGoaway), 0u);
  sendHttp2(h2Headers(3, h2Get(), true));
  EXPECT_EQ(count(H2Type::kGoaway), 1u);
}

TEST_F(Http2Test, AClientThatBreaksTheProtocolEndsAllItsStreams) {
  startHttp2();
  sendHttp2(h2Headers(1, h2Get(), true));
  sendHttp2(h2Data(0, "on stream 0", false));
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_NE(firstFrame(H2Type::kGoaway, 0), nullptr);
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_protocol_error"), 1u);
}

TEST_F(Http2Test, HeadersThatAreTooLargeGet431) {
  config.max_request_headers_kb = 1;
  startHttp2();
  sendHttp2(h2Headers(1, h2Get("/", {{"x-large", std::string(3000, 'a')}}), true));
  const H2ReadFrame* head = firstFrame(H2Type::kHeaders, 1);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->field(":status"), "431");
  EXPECT_EQ(web().requests(), 0u);
  EXPECT_FALSE(closed());
}

TEST_F(Http2Test, AWebSocketOverHttp2IsTheUpgradeThatItStandsFor) {
  config.upgrade_configs = {{.upgrade_type = "websocket"}};
  config.http2_protocol_options.allow_connect = true;
  startHttp2();
  sendHttp2(h2Headers(1,
                      {{":method", "CONNECT"},
                       {":protocol", "websocket"},
                       {":scheme", "http"},
                       {":authority", "a.test"},
                       {":path", "/chat"}},
                      false));
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().header(":method"), "GET");
  EXPECT_EQ(web().last().header("upgrade"), "websocket");
  web().last().respondHeaders(101, false, {{"connection", "upgrade"}, {"upgrade", "websocket"}});
  settle();
  ASSERT_NE(firstFrame(H2Type::kHeaders, 1), nullptr);
  EXPECT_EQ(firstFrame(H2Type::kHeaders, 1)->field(":status"), "200");
  sendHttp2(h2Data(1, "ping", false));
  EXPECT_EQ(web().last().body, "ping");
  web().last().respondData("pong");
  settle();
  EXPECT_EQ(dataOf(1), "pong");
  sendHttp2(h2Data(1, "", true));
  EXPECT_TRUE(web().last().ended);
  web().last().respondData("", true);
  settle();
  EXPECT_EQ(gauge("http.test.downstream_rq_active"), 0);
}

TEST_F(Http2Test, ASlowStreamStopsItsOwnUpstreamOnly) {
  startHttp2();
  sendHttp2(h2Headers(1, h2Get("/slow"), true) + h2Headers(3, h2Get("/fast"), true));
  web().streams[0]->respondHeaders(200);
  // The client's window is 65,535 bytes.
  for (int i = 0; i < 40 && web().streams[0]->pauses == 0; ++i) {
    web().streams[0]->respondData(std::string(8192, 'x'));
    settle();
    client->received();
  }
  EXPECT_GT(web().streams[0]->pauses, 0);
  EXPECT_EQ(web().streams[1]->pauses, 0);
  sendHttp2(h2WindowUpdate(0, 1'000'000) + h2WindowUpdate(1, 1'000'000));
  client->received();
  settle();
  EXPECT_EQ(web().streams[0]->pauses, 0);
}

}  // namespace
}  // namespace baton::test
