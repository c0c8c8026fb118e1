// Hop-by-hop rules, names and dates that messages share.
#include <chrono>
#include <gtest/gtest.h>
#include <string>

#include "source/http/cookie.h"
#include "source/http/date.h"
#include "source/http/field_syntax.h"
#include "source/http/grpc.h"
#include "source/http/message_rules.h"
#include "source/http/status.h"
#include "source/http/stream_info.h"
#include "test/support/http1_ends.h"

namespace baton::http {
namespace {

using test::makeHeaders;
using test::toText;
using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

TEST(MessageRules, RequestsLoseWhatIsForOneHop) {
  struct Row {
    Fields headers;
    std::string expected;
    bool keep_upgrade = false;
  };
  const Row rows[] = {
      {{{"x-a", "1"}, {"connection", "close"}}, "x-a: 1|"},
      {{{"connection", "keep-alive, X-A"}, {"x-a", "1"}, {"x-b", "2"}, {"x-a", "3"}}, "x-b: 2|"},
      {{{"connection", "x-a"}, {"connection", "x-b"}, {"x-a", "1"}, {"x-b", "2"}}, ""},
      {{{"keep-alive", "5"}, {"proxy-connection", "x"}, {"transfer-encoding", "chunked"}, {"http2-settings", "x"}}, ""},
      {{{"te", "trailers"}}, "te: trailers|"},
      {{{"te", "gzip, Trailers"}}, "te: trailers|"},
      {{{"te", "gzip"}}, ""},
      {{{"te", "trailers"}, {"connection", "te"}}, "te: trailers|"},
      {{{"connection", "upgrade"}, {"upgrade", "websocket"}}, ""},
      {{{"connection", "keep-alive, Upgrade, x-a"}, {"upgrade", "websocket"}, {"x-a", "1"}},
       "connection: upgrade|upgrade: websocket|",
       true},
      {{{"connection", "keep-alive"}, {"upgrade", "websocket"}}, "", true},
      // Nobody can take away what the message is routed and framed by.
      {{{":path", "/"},
        {":authority", "a"},
        {"content-length", "1"},
        {"connection", ":path, :authority, host, content-length"}},
       ":path: /|:authority: a|content-length: 1|"},
      {{{"connection", "cookie"}, {"cookie", "a=b"}}, ""},
  };
  for (const Row& row : rows) {
    HeaderMap headers = makeHeaders(row.headers);
    const std::string before = toText(headers);
    stripRequestHopByHop(headers, row.keep_upgrade);
    EXPECT_EQ(toText(headers), row.expected) << before;
  }
}

TEST(MessageRules, ResponsesLoseWhatIsForOneHop) {
  HeaderMap headers =
      makeHeaders({{":status", "101"}, {"connection", "Upgrade"}, {"upgrade", "x"}, {"keep-alive", "1"}});
  HeaderMap copy = headers.clone();
  stripResponseHopByHop(headers, true);
  EXPECT_EQ(toText(headers), ":status: 101|connection: upgrade|upgrade: x|");
  stripResponseHopByHop(copy, false);
  EXPECT_EQ(toText(copy), ":status: 101|");
}

TEST(MessageRules, RecognizesUpgrades) {
  EXPECT_TRUE(isUpgrade(makeHeaders({{"connection", "a, Upgrade"}, {"upgrade", "x"}})));
  EXPECT_FALSE(isUpgrade(makeHeaders({{"connection", "close"}, {"upgrade", "x"}})));
  EXPECT_FALSE(isUpgrade(makeHeaders({{"connection", "upgrade"}})));
  EXPECT_TRUE(isWebSocketUpgrade(makeHeaders({{"connection", "upgrade"}, {"upgrade", "WebSocket"}})));
  EXPECT_TRUE(isConnect(makeHeaders({{":method", "CONNECT"}})));
  EXPECT_TRUE(hasNoContent("HEAD", 200));
  EXPECT_TRUE(hasNoContent("GET", 304));
  EXPECT_FALSE(hasNoContent("GET", 200));
  EXPECT_TRUE(isIdempotentMethod("PUT"));
  EXPECT_FALSE(isIdempotentMethod("POST"));
}

TEST(FieldSyntax, Authorities) {
  for (const std::string_view good : {"a", "a.b:80", "a:0", "a:65535", "127.0.0.1:1", "[::1]", "[::ffff:1.2.3.4]:80",
                                      "a_b", "a%20b", "a-b.", "xn--4"}) {
    EXPECT_TRUE(isAuthority(good)) << good;
  }
  for (const std::string_view bad :
       {"",    ":80", "a:",   "a:65536", "a:+1", "a:1:2", "[",   "[]",  "[::1", "[::1]a", "[1]",   "::1",  "a/b",
        "a b", "a@b", "a\\b", "a%2",     "a%zz", "a\tb",  "a?b", "a#b", "a<b",  "a\"",    "a\x7f", "a\xff"}) {
    EXPECT_FALSE(isAuthority(bad)) << bad;
  }
  EXPECT_EQ(hostOf("[::1]:80"), "[::1]");
  EXPECT_EQ(portOf("[::1]:80"), "80");
  EXPECT_EQ(hostOf("a.b"), "a.b");
  EXPECT_EQ(portOf("a.b"), "");
  EXPECT_TRUE(isAuthorityWithPort("a:1"));
  EXPECT_FALSE(isAuthorityWithPort("a"));
}

TEST(FieldSyntax, EveryByteOfAValueIsJudgedWhereverItStands) {
  for (int c = 0; c < 256; ++c) {
    const bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
    for (const size_t size : {1, 5, 16, 17, 33, 50}) {
      for (size_t at = 0; at < size; ++at) {
        std::string value(size, 'a');
        value[at] = static_cast<char>(c);
        ASSERT_EQ(isFieldValue(value), good) << c << " at " << at << " of " << size;
      }
    }
  }
  EXPECT_TRUE(isFieldValue(""));
  EXPECT_FALSE(isToken(""));
  EXPECT_TRUE(isToken("a!#$%&'*+-.^_`|~9Z"));
  for (const char c : std::string_view("\"(),/:;<=>?@[\\]{} \t\x7f\x80")) {
    EXPECT_FALSE(isToken(std::string("a") + c)) << c;
  }
}

TEST(Date, IsWrittenAndReadAsHttpHasIt) {
  const base::WallTime time{std::chrono::seconds(784111777)};
  EXPECT_EQ(formatHttpDate(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), time);
  for (const int64_t seconds : {0L, 951782400L, 1709164800L, 4102444799L}) {
    const base::WallTime each{std::chrono::seconds(seconds)};
    EXPECT_EQ(parseHttpDate(formatHttpDate(each)), each);
  }
  for (const std::string_view bad :
       {"", "Sun, 06 Nov 1994 08:49:37", "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Non 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(parseHttpDate(bad), std::nullopt) << bad;
  }
}

TEST(Date, TheCacheFollowsTheClock) {
  base::SimulatedClock clock;
  clock.setWall(base::WallTime{std::chrono::seconds(784111777)});
  DateCache cache(clock);
  EXPECT_EQ(cache.now(), "Sun, 06 Nov 1994 08:49:37 GMT");
  clock.advance(std::chrono::milliseconds(999));
  EXPECT_EQ(cache.now(), "Sun, 06 Nov 1994 08:49:37 GMT");
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(cache.now(), "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST(Status, HasReasonsAndGrpcNames) {
  EXPECT_EQ(reasonPhrase(200), "OK");
  EXPECT_EQ(reasonPhrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reasonPhrase(299), "Unknown");
  EXPECT_EQ(grpcStatusCamel(1), "Canceled");
  EXPECT_EQ(grpcStatusSnake(4), "DEADLINE_EXCEEDED");
  EXPECT_EQ(grpcStatusCamel(17), "");
  EXPECT_EQ(grpcStatusCamel(-1), "");
  EXPECT_EQ(httpToGrpcStatus(404), GrpcStatus::kUnimplemented);
  EXPECT_EQ(httpToGrpcStatus(503), GrpcStatus::kUnavailable);
  EXPECT_EQ(httpToGrpcStatus(418), GrpcStatus::kUnknown);
  EXPECT_EQ(grpcToHttpStatus(0), 200);
  EXPECT_EQ(grpcToHttpStatus(14), 503);
  EXPECT_EQ(grpcToHttpStatus(99), 500);
}

TEST(Grpc, ContentTypesAndTimeouts) {
  EXPECT_TRUE(isGrpcContentType("application/grpc"));
  EXPECT_TRUE(isGrpcContentType("application/grpc+proto"));
  EXPECT_TRUE(isGrpcContentType("application/grpc; x=y"));
  EXPECT_FALSE(isGrpcContentType("application/grpc-web"));
  EXPECT_FALSE(isGrpcContentType("application/json"));
  EXPECT_TRUE(isGrpcWebContentType("application/grpc-web-text+proto"));
  using std::chrono::milliseconds;
  EXPECT_EQ(parseGrpcTimeout("5S"), milliseconds(5000));
  EXPECT_EQ(parseGrpcTimeout("100m"), milliseconds(100));
  EXPECT_EQ(parseGrpcTimeout("1u"), milliseconds(1));
  EXPECT_EQ(parseGrpcTimeout("1000001n"), milliseconds(2));
  EXPECT_EQ(parseGrpcTimeout("99999999H"), milliseconds(99999999LL * 3600 * 1000));
  for (const std::string_view bad : {"", "S", "5", "123456789S", "-1S", "5s", "5 S", "+5S", "0x1S"}) {
    EXPECT_EQ(parseGrpcTimeout(bad), std::nullopt) << bad;
  }
}

TEST(Grpc, MessagesSurviveHeaders) {
  EXPECT_EQ(encodeGrpcMessage("a%b\n\xc3\xa4"), "a%25b%0A%C3%A4");
  EXPECT_EQ(decodeGrpcMessage("a%25b%0A%C3%A4"), "a%b\n\xc3\xa4");
  HeaderMap reply;
  reply.setStatus(503);
  makeGrpcTrailersOnly(reply, GrpcStatus::kUnavailable, "no healthy upstream");
  EXPECT_EQ(toText(reply),
            ":status: 200|content-type: application/grpc|grpc-status: 14|grpc-message: no healthy upstream|");
}

TEST(Cookie, IsFoundAndMade) {
  const HeaderMap headers = makeHeaders({{"cookie", "a=1; b=\"2\";c=3=4"}, {"cookie", " d=5 ;a=6;e"}});
  EXPECT_EQ(findCookie(headers, "a"), "1");
  EXPECT_EQ(findCookie(headers, "b"), "2");
  EXPECT_EQ(findCookie(headers, "c"), "3=4");
  EXPECT_EQ(findCookie(headers, "d"), "5");
  EXPECT_EQ(findCookie(headers, "e"), std::nullopt);
  EXPECT_EQ(findCookie(headers, "x"), std::nullopt);
  CookieAttributes attributes;
  attributes.path = "/p";
  attributes.max_age = std::chrono::seconds(60);
  attributes.others = {{"SameSite", "Lax"}, {"Secure", ""}};
  EXPECT_EQ(makeSetCookie("s", "v", attributes), "s=\"v\"; Max-Age=60; Path=/p; SameSite=Lax; Secure; HttpOnly");
}

TEST(StreamInfo, FlagsHaveNames) {
  for (unsigned i = 0; i < static_cast<unsigned>(ResponseFlag::kCount); ++i) {
    const auto flag = static_cast<ResponseFlag>(i);
    EXPECT_EQ(parseResponseFlag(shortName(flag)), flag);
    EXPECT_FALSE(longName(flag).empty());
  }
  EXPECT_EQ(shortName(ResponseFlag::kUpstreamMaxStreamDurationReached), "UMSDR");
  EXPECT_EQ(parseResponseFlag("XX"), std::nullopt);
  ResponseFlags flags;
  flags.set(ResponseFlag::kNoRouteFound);
  EXPECT_TRUE(flags.has(ResponseFlag::kNoRouteFound));
  EXPECT_FALSE(flags.has(ResponseFlag::kUpstreamOverflow));
}

}  // namespace
}  // namespace baton::http
