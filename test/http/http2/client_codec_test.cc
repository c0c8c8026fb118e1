#include "source/http/http2/client_codec.h"

#include "source/base/random.h"
#include "test/http/http2/harness.h"

namespace baton::http {
namespace {

using namespace test;

const H2Fields kOk{{":status", "200"}};

TEST(Http2ClientCodec, SendsARequestAndReadsItsResponse) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open(h2Post("/p", {{"x-a", "1"}}), false);
  stream.sender->sendData("body", true);
  client.turn();
  const H2Fields expected{
      {":method", "POST"}, {":scheme", "http"}, {":authority", "example.com"}, {":path", "/p"}, {"x-a", "1"}};
  ASSERT_NE(client.find(H2Type::kHeaders, 1), nullptr);
  EXPECT_EQ(client.find(H2Type::kHeaders, 1)->fields, expected);
  EXPECT_EQ(client.find(H2Type::kData, 1)->payload, "body");
  EXPECT_TRUE(client.find(H2Type::kData, 1)->endStream());
  client.send(h2Headers(1, {{":status", "200"}, {"x-b", "2"}}, false) + h2Data(1, "answer", true));
  EXPECT_EQ(stream.headers.status(), 200);
  EXPECT_EQ(stream.headers.get("x-b"), "2");
  EXPECT_EQ(stream.body, "answer");
  EXPECT_TRUE(stream.ended);
  EXPECT_EQ(client.codec->activeStreams(), 0u);
}

TEST(Http2ClientCodec, RequestIdsDoNotDriveOtherFieldsOutOfTheHeaderTable) {
  ClientHarness client;
  client.start();
  std::vector<size_t> sizes;
  for (uint32_t id = 1; id < 400; id += 2) {
    const std::string request_id = base::uuid4(base::threadRandom());
    client.open({{":method", "GET"},
                 {":scheme", "http"},
                 {":authority", "h"},
                 {":path", "/"},
                 {"x-kept", std::string(100, 'k')},
                 {"x-request-id", request_id}});
    const auto* head = client.find(H2Type::kHeaders, id);
    ASSERT_NE(head, nullptr);
    EXPECT_EQ(head->fields.back().second, request_id);
    sizes.push_back(head->payload.size());
    client.send(h2Headers(id, kOk, true));
  }
  EXPECT_GT(sizes[0], 90u) << "the first one spells the field out";
  for (size_t i = 1; i < sizes.size(); ++i) EXPECT_LT(sizes[i], 60u) << "request " << i;
}

TEST(Http2ClientCodec, AnnouncesThatItWantsNoPush) {
  ClientHarness client;
  client.turn();
  ASSERT_FALSE(client.frames.empty());
  EXPECT_NE(client.frames[0].payload.find(h2Integer(2, 2) + h2Integer(0, 4)), std::string::npos);
  client.start();
  client.open();
  client.send(h2Frame(H2Type::kPushPromise, kEndHeaders, 1, h2Integer(2, 4) + hpackBlock(h2Get())));
  EXPECT_EQ(client.last.status, DispatchStatus::kProtocolError);
}

TEST(Http2ClientCodec, PutsHostIntoAuthorityAndRemovesConnectionFields) {
  ClientHarness client;
  client.start();
  client.open({{":method", "GET"},
               {":path", "/"},
               {":scheme", "https"},
               {"host", "h"},
               {"connection", "close"},
               {"te", "trailers"}});
  const H2Fields expected{
      {":method", "GET"}, {":scheme", "https"}, {":authority", "h"}, {":path", "/"}, {"te", "trailers"}};
  EXPECT_EQ(client.find(H2Type::kHeaders, 1)->fields, expected);
}

TEST(Http2ClientCodec, ReportsInterimResponsesAndTrailers) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open();
  client.send(h2Headers(1, {{":status", "103"}, {"link", "</x>"}}, false) + h2Headers(1, {{":status", "100"}}, false) +
              h2Headers(1, kOk, false) + h2Data(1, "x", false) + h2Headers(1, {{"grpc-status", "0"}}, true));
  ASSERT_EQ(stream.informational.size(), 2u);
  EXPECT_EQ(stream.informational[0].status(), 103);
  EXPECT_EQ(stream.headers.status(), 200);
  EXPECT_EQ(stream.body, "x");
  EXPECT_EQ(stream.trailers.get("grpc-status"), "0");
  EXPECT_FALSE(stream.reset.has_value());
}

TEST(Http2ClientCodec, TooManyInterimResponsesAreAnError) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open();
  for (int i = 0; i < 17; ++i) client.send(h2Headers(1, {{":status", "100"}}, false));
  EXPECT_EQ(stream.informational.size(), 16u);
  EXPECT_EQ(stream.reset, StreamReset::kProtocolError);
  EXPECT_EQ(stream.reset_details, "http2.too_many_informational_responses");
}

TEST(Http2ClientCodec, RefusesResponsesThatAreNone) {
  const H2Fields cases[] = {
      {{"x", "no status"}},
      {{":status", "99"}},
      {{":status", "600"}},
      {{":status", "101"}},
      {{":status", "20"}},
      {{":status", "abc"}},
      {{":status", "200"}, {":status", "200"}},
      {{":status", "200"}, {":path", "/"}},
      {{"x", "1"}, {":status", "200"}},
      {{":status", "200"}, {"connection", "close"}},
      {{":status", "200"}, {"transfer-encoding", "chunked"}},
      {{":status", "200"}, {"Upper", "x"}},
      {{":status", "200"}, {"x", "a\r\nb: c"}},
      {{":status", "200"}, {"x", std::string("a\0b", 3)}},
      {{":status", "200"}, {"content-length", "x"}},
      {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}},
  };
  ClientHarness client;
  client.start();
  uint32_t id = 1;
  for (const H2Fields& fields : cases) {
    Recorder& stream = client.open();
    client.send(h2Headers(id, fields, false));
    EXPECT_EQ(stream.reset, StreamReset::kProtocolError) << fields[0].second << " " << fields.back().first;
    EXPECT_FALSE(stream.has_headers);
    EXPECT_EQ(client.resetOf(id), H2Error::kProtocol);
    id += 2;
  }
  EXPECT_EQ(client.codec->activeStreams(), 0u);
}

TEST(Http2ClientCodec, AWrongContentLengthIsAnError) {
  ClientHarness client;
  client.start();
  Recorder& brief = client.open();
  client.send(h2Headers(1, {{":status", "200"}, {"content-length", "5"}}, false) + h2Data(1, "1234", true));
  EXPECT_EQ(brief.reset, StreamReset::kProtocolError);
  EXPECT_FALSE(brief.ended);
  Recorder& lengthy = client.open();
  client.send(h2Headers(3, {{":status", "200"}, {"content-length", "5"}}, false) + h2Data(3, "123456", true));
  EXPECT_EQ(lengthy.reset, StreamReset::kProtocolError);
  Recorder& exact = client.open();
  client.send(h2Headers(5, {{":status", "200"}, {"content-length", "5"}}, false) + h2Data(5, "12345", true));
  EXPECT_FALSE(exact.reset.has_value());
  EXPECT_TRUE(exact.ended);
}

TEST(Http2ClientCodec, AResponseToHeadMayHaveALength) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open({{":method", "HEAD"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}});
  client.send(h2Headers(1, {{":status", "200"}, {"content-length", "500"}}, true));
  EXPECT_TRUE(stream.ended);
  EXPECT_FALSE(stream.reset.has_value());
}

TEST(Http2ClientCodec, TellsRefusedStreamsFromOtherResets) {
  ClientHarness client;
  client.start();
  const std::pair<H2Error, StreamReset> cases[] = {{H2Error::kRefusedStream, StreamReset::kRemoteRefused},
                                                   {H2Error::kCancel, StreamReset::kRemoteReset},
                                                   {H2Error::kInternal, StreamReset::kRemoteReset},
                                                   {H2Error::kConnect, StreamReset::kConnectError}};
  uint32_t id = 1;
  for (const auto& [code, reason] : cases) {
    Recorder& stream = client.open();
    client.send(h2RstStream(id, code));
    EXPECT_EQ(stream.reset, reason);
    id += 2;
  }
  EXPECT_EQ(client.stats.stream_refused_errors.value(), 1u);
}

TEST(Http2ClientCodec, StreamsAboveTheLastOfAGoawayAreRefusedOthersGoOn) {
  ClientHarness client;
  client.start();
  Recorder& first = client.open();
  Recorder& second = client.open();
  client.send(h2Goaway(1, H2Error::kNoError));
  EXPECT_EQ(client.goaways, 1);
  EXPECT_EQ(second.reset, StreamReset::kRemoteRefused);
  EXPECT_FALSE(first.reset.has_value());
  EXPECT_FALSE(client.codec->canOpenStream());
  EXPECT_TRUE(client.codec->exhausted());
  EXPECT_EQ(client.must_close, 0);
  client.send(h2Headers(1, kOk, true));
  EXPECT_TRUE(first.ended);
  EXPECT_EQ(client.must_close, 1);
}

TEST(Http2ClientCodec, NoticeOfAServersDrainStopsNewStreamsOnly) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open();
  client.send(h2Goaway(0x7fffffff, H2Error::kNoError));
  EXPECT_TRUE(client.codec->exhausted());
  client.send(h2Headers(1, kOk, true));
  EXPECT_TRUE(stream.ended);
}

TEST(Http2ClientCodec, AStreamOpenedBeforeTheGoawayAndSentAfterItIsRefused) {
  ClientHarness client;
  client.start();
  Recorder stream;
  stream.sender = &client.codec->newStream(stream);
  client.send(h2Goaway(0, H2Error::kNoError));
  stream.sender->sendHeaders(makeHeaders(h2Get()), true);
  client.turn();
  EXPECT_EQ(stream.reset, StreamReset::kRemoteRefused);
  EXPECT_EQ(client.codec->activeStreams(), 0u);
}

TEST(Http2ClientCodec, KeepsToTheServersLimit) {
  Http2Settings settings;
  settings.max_concurrent_streams = 10;
  ClientHarness client(settings);
  EXPECT_EQ(client.codec->maxConcurrentStreams(), 10u);
  client.start({{3, 2}});
  EXPECT_EQ(client.codec->maxConcurrentStreams(), 2u);
  client.open();
  EXPECT_TRUE(client.codec->canOpenStream());
  Recorder& second = client.open();
  EXPECT_FALSE(client.codec->canOpenStream());
  EXPECT_FALSE(client.codec->exhausted());
  second.sender->reset(StreamReset::kLocalReset);
  client.turn();
  EXPECT_EQ(client.resetOf(3), H2Error::kCancel);
  EXPECT_TRUE(client.codec->canOpenStream());
}

TEST(Http2ClientCodec, AResetBeforeTheHeadersLeavesNoTrace) {
  ClientHarness client;
  client.start();
  Recorder stream;
  stream.sender = &client.codec->newStream(stream);
  EXPECT_EQ(client.codec->activeStreams(), 1u);
  stream.sender->reset(StreamReset::kLocalReset);
  client.turn();
  EXPECT_EQ(client.codec->activeStreams(), 0u);
  EXPECT_EQ(client.find(H2Type::kHeaders, 1), nullptr);
}

TEST(Http2ClientCodec, AResetInTheSameTurnAsTheHeadersIsClean) {
  ClientHarness client;
  client.start();
  Recorder stream;
  stream.sender = &client.codec->newStream(stream);
  stream.sender->sendHeaders(makeHeaders(h2Get()), true);
  stream.sender->reset(StreamReset::kLocalReset);
  client.turn();
  EXPECT_EQ(client.codec->activeStreams(), 0u);
  EXPECT_TRUE(client.codec->canOpenStream());
  Recorder& next = client.open();
  const uint32_t id = static_cast<uint32_t>(next.sender->id());
  client.send(h2Headers(id, kOk, true));
  EXPECT_TRUE(next.ended);
}

TEST(Http2ClientCodec, ACompleteResponseIsNotLostToTheResetThatFollowsIt) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open(h2Post(), false);
  stream.sender->pauseReading();
  client.send(h2Headers(1, {{":status", "413"}}, false) + h2Data(1, "too large", true) +
              h2RstStream(1, H2Error::kNoError));
  EXPECT_FALSE(stream.reset.has_value());
  EXPECT_EQ(stream.body, "");
  stream.sender->sendData("more", false);  // dropped
  stream.sender->resumeReading();
  client.turn();
  EXPECT_EQ(stream.body, "too large");
  EXPECT_TRUE(stream.ended);
  EXPECT_EQ(stream.reset, StreamReset::kRemoteReset);
  EXPECT_EQ(client.codec->activeStreams(), 0u);
}

TEST(Http2ClientCodec, APausedResponseOutlivesItsStreamInTheSession) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open();
  stream.sender->pauseReading();
  client.send(h2Headers(1, kOk, false) + h2Data(1, "answer", true));
  EXPECT_EQ(client.codec->activeStreams(), 1u);
  stream.sender->resumeReading();
  client.turn();
  EXPECT_EQ(stream.body, "answer");
  EXPECT_TRUE(stream.ended);
  EXPECT_FALSE(stream.reset.has_value());
  EXPECT_EQ(client.codec->activeStreams(), 0u);
}

TEST(Http2ClientCodec, UpgradesGoOutAsExtendedConnect) {
  ClientHarness client;
  client.start({{8, 1}});
  Recorder& stream = client.open({{":method", "GET"},
                                  {":scheme", "http"},
                                  {":authority", "example.com"},
                                  {":path", "/chat"},
                                  {"connection", "keep-alive, Upgrade"},
                                  {"upgrade", "websocket"},
                                  {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                  {"sec-websocket-version", "13"}},
                                 false);
  const H2Fields expected{{":method", "CONNECT"}, {":scheme", "http"},        {":authority", "example.com"},
                          {":path", "/chat"},     {":protocol", "websocket"}, {"sec-websocket-version", "13"}};
  ASSERT_NE(client.find(H2Type::kHeaders, 1), nullptr);
  EXPECT_EQ(client.find(H2Type::kHeaders, 1)->fields, expected);
  client.send(h2Headers(1, kOk, false));
  EXPECT_EQ(stream.headers.status(), 101);
  EXPECT_EQ(stream.headers.get(HeaderName::kUpgrade), "websocket");
  // The example of RFC 6455 1.3.
  EXPECT_EQ(stream.headers.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  stream.sender->sendData("up", false);
  client.send(h2Data(1, "down", false));
  EXPECT_EQ(client.find(H2Type::kData, 1)->payload, "up");
  EXPECT_EQ(stream.body, "down");
}

TEST(Http2ClientCodec, AnUpgradeWaitsForTheServersSettings) {
  ClientHarness client;
  const H2Fields upgrade{{":method", "GET"}, {":scheme", "http"},       {":authority", "a"},
                         {":path", "/"},     {"connection", "upgrade"}, {"upgrade", "websocket"}};
  Recorder& stream = client.open(upgrade, false);
  EXPECT_EQ(client.find(H2Type::kHeaders, 1), nullptr);
  client.start({{8, 1}});
  ASSERT_NE(client.find(H2Type::kHeaders, 1), nullptr);
  EXPECT_EQ(client.find(H2Type::kHeaders, 1)->field(":protocol"), "websocket");
  EXPECT_FALSE(stream.reset.has_value());
}

TEST(Http2ClientCodec, AnUpgradeToAServerThatDoesNotKnowItFails) {
  ClientHarness client;
  const H2Fields upgrade{{":method", "GET"}, {":scheme", "http"},       {":authority", "a"},
                         {":path", "/"},     {"connection", "upgrade"}, {"upgrade", "websocket"}};
  Recorder& waiting = client.open(upgrade, false);
  client.start();
  EXPECT_EQ(waiting.reset, StreamReset::kConnectError);
  Recorder& later = client.open(upgrade, false);
  EXPECT_EQ(later.reset, StreamReset::kConnectError);
  EXPECT_EQ(client.codec->activeStreams(), 0u);
}

TEST(Http2ClientCodec, LargeResponseHeadersResetTheStream) {
  ClientHarness client;
  client.start();
  Recorder& stream = client.open();
  const std::string large(15'000, 'v');
  std::string block = hpackBlock({{":status", "200"}});
  std::string bytes;
  for (int i = 0; i < 5; ++i) {
    bytes += h2Frame(i == 0 ? H2Type::kHeaders : H2Type::kContinuation, i == 4 ? kEndHeaders : 0, 1,
                     (i == 0 ? block : "") + hpackLiteral("x", large));
  }
  client.send(bytes);
  EXPECT_EQ(stream.reset, StreamReset::kOverflow);
  EXPECT_EQ(stream.reset_details, "http2.headers_too_large");
}

TEST(Http2ClientCodec, AConnectionErrorOfTheServerEndsAllStreams) {
  ClientHarness client;
  client.start();
  Recorder& first = client.open();
  Recorder& second = client.open();
  client.send(h2Data(0, "on stream 0", false));
  EXPECT_EQ(client.last.status, DispatchStatus::kProtocolError);
  EXPECT_EQ(first.reset, StreamReset::kProtocolError);
  EXPECT_EQ(second.reset, StreamReset::kProtocolError);
  EXPECT_EQ(client.codec->errorDetails(), "http2.protocol_error");
  EXPECT_TRUE(client.codec->exhausted());
}

TEST(Http2ClientCodec, PingsAQuietConnectionBeforeItIsUsedAgain) {
  Http2Settings settings;
  settings.keepalive_interval = std::chrono::milliseconds(0);
  settings.connection_idle_interval = std::chrono::seconds(5);
  ClientHarness client(settings);
  client.start();
  client.open();
  EXPECT_EQ(client.find(H2Type::kPing, 0), nullptr);
  client.advance(std::chrono::seconds(6));
  client.open();
  EXPECT_NE(client.find(H2Type::kPing, 0), nullptr);
}

}  // namespace
}  // namespace baton::http
