#include "source/http/http1/client_codec.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

using http::Http1Settings;
using http::StreamReset;

struct ResponseCase {
  std::string name;
  std::string bytes;
  std::string transcript;  // IDLE: the connection is good for another stream
  std::string method = "GET";
  bool end = false;  // the server closes afterwards
  Http1Settings settings = {};
};

std::string outcome(const ResponseCase& row, const std::vector<std::string_view>& pieces) {
  Http1Client client(row.settings);
  http::StreamSender& sender = client.open();
  http::HeaderMap headers = makeHeaders({{":method", row.method}, {":authority", "a:1"}, {":path", "/"}});
  const bool tunnel = row.method == "UPGRADE" || row.method == "CONNECT";
  if (row.method == "UPGRADE") {
    headers.set(":method", "GET");
    headers.set("connection", "upgrade");
    headers.set("upgrade", "websocket");
  }
  sender.sendHeaders(headers, !tunnel);
  for (const std::string_view piece : pieces) client.feed(piece);
  if (row.end) client.end();
  EXPECT_LE(client.closes, 1);
  return client.transcript();
}

std::string repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string ok(std::string_view fields, std::string_view body = {}) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

std::string failure(std::string_view details) {
  return "R{protocol error: http1." + std::string(details) + "} CLOSE";
}

std::vector<ResponseCase> responses() {
  using namespace std::string_literals;
  Http1Settings trailers;
  trailers.enable_trailers = true;
  Http1Settings chunked_length;
  chunked_length.allow_chunked_length = true;
  const std::string cut = "R{connection termination: http1.connection_ended_in_message} CLOSE";
  return {
      // Frames.
      {"length", ok("Content-Length: 2\r\n", "hi"), "H{:status: 200|content-length: 2|} D{hi} E IDLE"},
      {"length zero", ok("Content-Length: 0\r\n"), "H{:status: 200|content-length: 0|} E IDLE"},
      {"chunked", ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"),
       "H{:status: 200|transfer-encoding: chunked|} D{hi} E IDLE"},
      {"chunked with trailers", ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n"),
       "H{:status: 200|transfer-encoding: chunked|} D{hi} T{x-t: 1|} E IDLE", "GET", false, trailers},
      {"until close", ok("X-A: 1\r\n", "hello"), "H{:status: 200|x-a: 1|} D{hello} E CLOSE", "GET", true},
      {"empty until close", ok(""), "H{:status: 200|} E CLOSE", "GET", true},
      {"until close, not closed yet", ok("", "hello"), "H{:status: 200|} D{hello} BUSY"},
      {"HEAD with length", ok("Content-Length: 2\r\n"), "H{:status: 200|content-length: 2|} E IDLE", "HEAD"},
      {"HEAD chunked", ok("Transfer-Encoding: chunked\r\n"), "H{:status: 200|transfer-encoding: chunked|} E IDLE",
       "HEAD"},
      {"HEAD without length", ok(""), "H{:status: 200|} E IDLE", "HEAD"},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", "H{:status: 204|} E IDLE"},
      {"204 with length zero", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "H{:status: 204|} E IDLE"},
      {"204 with length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "H{:status: 204|} E CLOSE"},
      {"204 chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
       "H{:status: 204|transfer-encoding: chunked|} E CLOSE"},
      {"304 with length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
       "H{:status: 304|content-length: 5|} E IDLE"},
      {"205 has a frame", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
       "H{:status: 205|content-length: 0|} E IDLE"},
      // The status line.
      {"no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "H{:status: 200|content-length: 0|} E IDLE"},
      {"no reason and no space", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
       "H{:status: 200|content-length: 0|} E IDLE"},
      {"high bytes in the reason", "HTTP/1.1 200 \xc3\xa4\tb\r\nContent-Length: 0\r\n\r\n",
       "H{:status: 200|content-length: 0|} E IDLE"},
      {"599", "HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n", "H{:status: 599|content-length: 0|} E IDLE"},
      {"600", "HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"099", "HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"four digits", "HTTP/1.1 2000 x\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"two digits", "HTTP/1.1 20 x\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"letters", "HTTP/1.1 2xx x\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"negative", "HTTP/1.1 -20 x\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"two spaces", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"no status", "HTTP/1.1\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"lower case", "http/1.1 200 OK\r\n\r\n", failure("bad_status_line")},
      {"ICY", "ICY 200 OK\r\n\r\n", failure("bad_status_line")},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", failure("bad_status_line")},
      {"HTTP/0.9", "<html>hello</html>", failure("bad_status_line")},
      {"TLS alert", "\x15\x03\x01\0\x02\x02\x46"s, failure("bad_status_line")},
      {"leading CRLF", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", failure("bad_status_line")},
      {"NUL in reason", "HTTP/1.1 200 \0\r\n\r\n"s, failure("bad_status_line")},
      {"CR in reason", "HTTP/1.1 200 a\rb\r\n\r\n", failure("bad_status_line")},
      {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", failure("bare_line_feed")},
      // Fields.
      {"folded", ok("X-A: 1\r\n 2\r\nContent-Length: 0\r\n"), failure("obs_fold")},
      {"space before colon", ok("Content-Length : 0\r\n"), failure("space_before_colon")},
      {"no colon", ok("X-A\r\n"), failure("bad_header_name")},
      {"NUL in value", ok("X-A: \0\r\n"s), failure("bad_header_value")},
      {"CR in value", ok("X-A: a\rb\r\n"), failure("bad_header_value")},
      {"underscores are fine", ok("X_A: 1\r\nContent-Length: 0\r\n"),
       "H{:status: 200|x_a: 1|content-length: 0|} E IDLE"},
      {"101 fields", ok(repeat("A: b\r\n", 101)), failure("too_many_headers")},
      {"large head", ok("X-A: " + std::string(61 * 1024, 'a') + "\r\n"), failure("headers_too_large")},
      {"endless status line", "HTTP/1.1 200 " + std::string(61 * 1024, 'a'), failure("headers_too_large")},
      {"host is just a field", ok("Host: a b\r\nContent-Length: 0\r\n"),
       "H{:status: 200|host: a b|content-length: 0|} E IDLE"},
      // Doubtful frames.
      {"length and chunked", ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       failure("content_length_and_chunked_not_allowed")},
      {"length and chunked allowed", ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "H{:status: 200|transfer-encoding: chunked|} E IDLE", "GET", false, chunked_length},
      {"two lengths", ok("Content-Length: 2\r\nContent-Length: 3\r\n", "hi"), failure("several_content_lengths")},
      {"list of lengths", ok("Content-Length: 2, 2\r\n", "hi"), failure("several_content_lengths")},
      {"bad length", ok("Content-Length: two\r\n", "hi"), failure("bad_content_length")},
      {"gzip", ok("Transfer-Encoding: gzip\r\n", "hi"), failure("bad_transfer_encoding")},
      {"gzip, chunked", ok("Transfer-Encoding: gzip, chunked\r\n", "hi"), failure("unsupported_transfer_encoding")},
      {"identity", ok("Transfer-Encoding: identity\r\n", "hi"), failure("bad_transfer_encoding")},
      {"chunked twice", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       failure("bad_transfer_encoding")},
      {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       failure("transfer_encoding_not_allowed_in_http_10")},
      {"bad chunk", ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\nxx"),
       "H{:status: 200|transfer-encoding: chunked|} D{hi} " + failure("bad_chunk_size")},
      // Interim responses.
      {"100", "HTTP/1.1 100 Continue\r\n\r\n" + ok("Content-Length: 0\r\n"),
       "I{:status: 100|} H{:status: 200|content-length: 0|} E IDLE"},
      {"103 twice", repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 2) + ok("Content-Length: 0\r\n"),
       "I{:status: 103|link: </a>|} I{:status: 103|link: </a>|} H{:status: 200|content-length: 0|} E IDLE"},
      {"16 interim responses", repeat("HTTP/1.1 100 \r\n\r\n", 16) + ok("Content-Length: 0\r\n"),
       repeat("I{:status: 100|} ", 16) + "H{:status: 200|content-length: 0|} E IDLE"},
      {"17 interim responses", repeat("HTTP/1.1 100 \r\n\r\n", 17) + ok("Content-Length: 0\r\n"),
       repeat("I{:status: 100|} ", 16) + failure("too_many_1xx_headers")},
      {"interim response with length",
       "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + ok("Content-Length: 0\r\n"),
       "I{:status: 100|content-length: 5|} H{:status: 200|content-length: 0|} E IDLE"},
      {"101 that nobody asked for", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
       failure("unexpected_101")},
      // Keep-alive.
      {"connection close", ok("Content-Length: 0\r\nConnection: close\r\n"),
       "H{:status: 200|content-length: 0|connection: close|} E CLOSE"},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
       "H{:status: 200|content-length: 2|} D{hi} E CLOSE"},
      {"HTTP/1.0 keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi",
       "H{:status: 200|content-length: 2|connection: keep-alive|} D{hi} E IDLE"},
      {"bytes after the response", ok("Content-Length: 2\r\n", "hi!"),
       "H{:status: 200|content-length: 2|} D{hi} E CLOSE"},
      {"two responses", ok("Content-Length: 2\r\n", "hi") + ok("Content-Length: 2\r\n", "hi"),
       "H{:status: 200|content-length: 2|} D{hi} E CLOSE"},
      {"bytes after HEAD", ok("Content-Length: 2\r\n", "hi"), "H{:status: 200|content-length: 2|} E CLOSE", "HEAD"},
      {"bytes after 304", "HTTP/1.1 304 x\r\nContent-Length: 2\r\n\r\nhi",
       "H{:status: 304|content-length: 2|} E CLOSE"},
      // The server goes away.
      {"end at once", "", cut, "GET", true},
      {"end in status line", "HTTP/1.1 2", cut, "GET", true},
      {"end in head", "HTTP/1.1 200 OK\r\nX-A: 1\r\n", cut, "GET", true},
      {"end after interim", "HTTP/1.1 100 \r\n\r\n", "I{:status: 100|} " + cut, "GET", true},
      {"end in length", ok("Content-Length: 3\r\n", "hi"), "H{:status: 200|content-length: 3|} D{hi} " + cut, "GET",
       true},
      {"end in chunk", ok("Transfer-Encoding: chunked\r\n", "3\r\nhi"),
       "H{:status: 200|transfer-encoding: chunked|} D{hi} " + cut, "GET", true},
      {"end before last chunk", ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n"),
       "H{:status: 200|transfer-encoding: chunked|} D{hi} " + cut, "GET", true},
      {"end in trailers", ok("Transfer-Encoding: chunked\r\n", "0\r\nX-A: 1"),
       "H{:status: 200|transfer-encoding: chunked|} " + cut, "GET", true},
      {"end when idle", ok("Content-Length: 0\r\n"), "H{:status: 200|content-length: 0|} E CLOSE", "GET", true},
      // Tunnels.
      {"websocket", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
       "H{:status: 101|connection: Upgrade|upgrade: websocket|} D{hello} BUSY", "UPGRADE"},
      {"websocket ends", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200",
       "H{:status: 101|connection: Upgrade|upgrade: websocket|} D{HTTP/1.1 200} E BUSY", "UPGRADE", true},
      {"101 without upgrade", "HTTP/1.1 101 x\r\n\r\n", failure("unexpected_101"), "UPGRADE"},
      {"upgrade refused", ok("Content-Length: 2\r\n", "no"), "H{:status: 200|content-length: 2|} D{no} E BUSY",
       "UPGRADE"},
      {"CONNECT", ok("Content-Length: 2\r\n", "hello"), "H{:status: 200|} D{hello} BUSY", "CONNECT"},
      {"CONNECT chunked", ok("Transfer-Encoding: chunked\r\n", "hello"),
       "H{:status: 200|transfer-encoding: chunked|} D{hello} BUSY", "CONNECT"},
      {"CONNECT refused", "HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nno",
       "H{:status: 403|content-length: 2|} D{no} E BUSY", "CONNECT"},
  };
}

TEST(Http1ClientCodec, ResponsesMeanTheSameHoweverTheyAreSplit) {
  for (const ResponseCase& row : responses()) {
    SCOPED_TRACE(row.name);
    const std::string_view bytes = row.bytes;
    EXPECT_EQ(outcome(row, {bytes}), row.transcript);
    const size_t step = bytes.size() > 2000 ? bytes.size() / 97 : 1;
    for (size_t at = 1; at < bytes.size(); at += at + 64 < bytes.size() && at > 64 ? step : 1) {
      EXPECT_EQ(outcome(row, {bytes.substr(0, at), bytes.substr(at)}), row.transcript) << "split at " << at;
    }
    std::vector<std::string_view> single;
    for (size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
    EXPECT_EQ(outcome(row, single), row.transcript) << "byte by byte";
  }
}

struct RequestCase {
  std::string name;
  std::initializer_list<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;  // null: the headers end the stream
  std::string wire;       // empty: refused
  Http1Settings settings = {};
};

TEST(Http1ClientCodec, WritesRequests) {
  using namespace std::string_view_literals;
  Http1Settings absolute;
  absolute.send_fully_qualified_url = true;
  Http1Settings proper;
  proper.proper_case_header_keys = true;
  const RequestCase rows[] = {
      {"GET",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/p?q"}, {":authority", "a:1"}, {"x-b", "1"}},
       {},
       "GET /p?q HTTP/1.1\r\nhost: a:1\r\nx-b: 1\r\n\r\n"},
      {"POST without body",
       {{":method", "POST"}, {":path", "/"}, {":authority", "a"}},
       {},
       "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"},
      {"DELETE without body",
       {{":method", "DELETE"}, {":path", "/"}, {":authority", "a"}},
       {},
       "DELETE / HTTP/1.1\r\nhost: a\r\n\r\n"},
      {"length",
       {{":method", "PUT"}, {":path", "/"}, {":authority", "a"}, {"content-length", "2"}},
       "hi",
       "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"},
      {"chunked",
       {{":method", "PUT"}, {":path", "/"}, {":authority", "a"}},
       "hi",
       "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"},
      {"asterisk",
       {{":method", "OPTIONS"}, {":path", "*"}, {":authority", "a"}},
       {},
       "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"},
      {"CONNECT",
       {{":method", "CONNECT"}, {":authority", "a:443"}},
       ""sv,
       "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n"},
      {"upgrade",
       {{":method", "GET"},
        {":path", "/"},
        {":authority", "a"},
        {"connection", "Upgrade"},
        {"upgrade", "websocket"},
        {"sec-websocket-key", "k"}},
       ""sv,
       "GET / HTTP/1.1\r\nhost: a\r\nsec-websocket-key: k\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"},
      {"hop-by-hop fields",
       {{":method", "GET"},
        {":path", "/"},
        {":authority", "a"},
        {"host", "b"},
        {"connection", "keep-alive"},
        {"keep-alive", "1"},
        {"proxy-connection", "x"},
        {"transfer-encoding", "chunked"},
        {"upgrade", "h2c"},
        {"http2-settings", "x"},
        {"te", "trailers"}},
       {},
       "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n"},
      {"absolute",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/p"}, {":authority", "a"}},
       {},
       "GET https://a/p HTTP/1.1\r\nhost: a\r\n\r\n",
       absolute},
      {"proper case",
       {{":method", "GET"}, {":path", "/p"}, {":authority", "a"}, {"x-request-id", "1"}},
       {},
       "GET /p HTTP/1.1\r\nHost: a\r\nX-Request-Id: 1\r\n\r\n",
       proper},
      {"high bytes in path",
       {{":method", "GET"}, {":path", "/\xc3\xa4"}, {":authority", "a"}},
       {},
       "GET /\xc3\xa4 HTTP/1.1\r\nhost: a\r\n\r\n"},
      // Refused.
      {"no method", {{":path", "/"}, {":authority", "a"}}, {}, ""},
      {"method with space", {{":method", "GET /x"}, {":path", "/"}, {":authority", "a"}}, {}, ""},
      {"no path", {{":method", "GET"}, {":authority", "a"}}, {}, ""},
      {"path with space", {{":method", "GET"}, {":path", "/ HTTP/1.1"}, {":authority", "a"}}, {}, ""},
      {"path with CRLF", {{":method", "GET"}, {":path", "/\r\nx: y"}, {":authority", "a"}}, {}, ""},
      {"path with NUL", {{":method", "GET"}, {":path", "/\0"sv}, {":authority", "a"}}, {}, ""},
      {"authority with CRLF", {{":method", "GET"}, {":path", "/"}, {":authority", "a\r\nx: y"}}, {}, ""},
      {"authority with user", {{":method", "GET"}, {":path", "/"}, {":authority", "u@a"}}, {}, ""},
      {"value with CRLF", {{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"x-a", "1\r\nx: y"}}, {}, ""},
      {"value with NUL", {{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"x-a", "\0"sv}}, {}, ""},
      {"name with colon", {{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"x:a", "1"}}, {}, ""},
      {"name with CRLF", {{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"x\r\ny", "1"}}, {}, ""},
      {"upgrade with CRLF",
       {{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"connection", "upgrade"}, {"upgrade", "x\r\ny"}},
       ""sv,
       ""},
      {"length without body",
       {{":method", "PUT"}, {":path", "/"}, {":authority", "a"}, {"content-length", "2"}},
       {},
       ""},
  };
  for (const RequestCase& row : rows) {
    SCOPED_TRACE(row.name);
    Http1Client client(row.settings);
    http::StreamSender& sender = client.open();
    sender.sendHeaders(makeHeaders(row.headers), row.body.data() == nullptr);
    if (row.body.data() != nullptr) sender.sendData(row.body, !row.body.empty());
    EXPECT_EQ(client.sink.text, row.wire);
    if (row.wire.empty()) {
      EXPECT_EQ(client.response->reset, "local reset: http1.invalid_request_header");
      EXPECT_TRUE(client.codec.canOpenStream());
      EXPECT_EQ(client.closes, 0);
    }
  }
}

TEST(Http1ClientCodec, AConnectionIsReusedForManyRequests) {
  Http1Client client;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.codec.canOpenStream());
    client.request("GET");
    EXPECT_FALSE(client.codec.canOpenStream());
    client.feed(ok("Content-Length: 2\r\n", "hi"));
    EXPECT_EQ(client.response->data, "hi");
  }
  EXPECT_EQ(client.closes, 0);
  EXPECT_FALSE(client.codec.exhausted());
}

TEST(Http1ClientCodec, ANewStreamMayBeOpenedWhenTheOldOneEnds) {
  Http1Client client;
  client.request("GET");
  client.response->on_end = [&client] { EXPECT_FALSE(client.codec.canOpenStream()); };
  client.feed(ok("Content-Length: 2\r\n", "hi"));
  EXPECT_TRUE(client.codec.canOpenStream());
}

TEST(Http1ClientCodec, BytesThatNobodyAskedForMakeAConnectionUseless) {
  Http1Client client;
  client.feed("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_TRUE(client.feeder.protocol_error);
  EXPECT_EQ(client.codec.errorDetails(), "http1.unexpected_bytes_after_response");
  EXPECT_FALSE(client.codec.canOpenStream());
  EXPECT_EQ(client.closes, 1);
}

TEST(Http1ClientCodec, AResponseBeforeTheRequestIsRefused) {
  Http1Client client;
  client.open();
  client.feed(ok("Content-Length: 0\r\n"));
  EXPECT_EQ(client.transcript(), failure("unexpected_bytes_after_response"));
}

TEST(Http1ClientCodec, AnEarlyResponseLetsTheRequestGoOn) {
  Http1Client client;
  http::StreamSender& sender = client.open();
  sender.sendHeaders(makeHeaders({{":method", "POST"}, {":path", "/"}, {":authority", "a"}, {"content-length", "4"}}),
                     false);
  sender.sendData("ab", false);
  client.feed(ok("Content-Length: 2\r\n", "hi"));
  EXPECT_EQ(client.transcript(), "H{:status: 200|content-length: 2|} D{hi} E BUSY");
  sender.sendData("cd", true);
  EXPECT_TRUE(client.codec.canOpenStream());
}

TEST(Http1ClientCodec, AnEarlyResponseAndAResetCloseTheConnection) {
  Http1Client client;
  http::StreamSender& sender = client.open();
  sender.sendHeaders(makeHeaders({{":method", "POST"}, {":path", "/"}, {":authority", "a"}}), false);
  client.feed("HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n");
  sender.reset(StreamReset::kLocalReset);
  EXPECT_EQ(client.closes, 1);
  EXPECT_EQ(client.response->reset, "");
  EXPECT_FALSE(client.codec.canOpenStream());
}

TEST(Http1ClientCodec, AServerThatAnswersEarlyAndCloses) {
  Http1Client client;
  http::StreamSender& sender = client.open();
  sender.sendHeaders(makeHeaders({{":method", "POST"}, {":path", "/"}, {":authority", "a"}}), false);
  client.feed("HTTP/1.1 413 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  client.end();
  EXPECT_EQ(client.transcript(),
            "H{:status: 413|content-length: 0|connection: close|} E "
            "R{connection termination: http1.connection_ended_after_early_response} CLOSE");
}

TEST(Http1ClientCodec, AStreamThatWasNeverUsedLeavesTheConnectionGood) {
  Http1Client client;
  client.open().reset(StreamReset::kLocalReset);
  EXPECT_TRUE(client.codec.canOpenStream());
  EXPECT_EQ(client.closes, 0);
}

TEST(Http1ClientCodec, AResetInTheMiddleClosesTheConnection) {
  Http1Client client;
  http::StreamSender& sender = client.request("GET");
  client.feed(ok("Content-Length: 5\r\n", "hi"));
  sender.reset(StreamReset::kLocalReset);
  EXPECT_EQ(client.closes, 1);
  client.feed("more");
  EXPECT_EQ(client.response->data, "hi");
}

TEST(Http1ClientCodec, ARequestOfAnotherLengthThanAnnouncedIsReset) {
  for (const std::string_view body : {"h", "hello"}) {
    Http1Client client;
    http::StreamSender& sender = client.open();
    sender.sendHeaders(makeHeaders({{":method", "POST"}, {":path", "/"}, {":authority", "a"}, {"content-length", "2"}}),
                       false);
    sender.sendData(body, true);
    EXPECT_EQ(client.response->reset, "local reset: http1.request_length_mismatch");
    EXPECT_EQ(client.closes, 1);
  }
}

TEST(Http1ClientCodec, PausedReadingStopsTheResponse) {
  Http1Client client;
  http::StreamSender& sender = client.request("GET");
  client.response->on_headers = [&sender] { sender.pauseReading(); };
  client.feed(ok("Content-Length: 4\r\n", "body"));
  EXPECT_EQ(client.response->data, "");
  EXPECT_TRUE(client.feeder.paused);
  sender.resumeReading();
  client.pump();
  EXPECT_EQ(client.transcript(), "H{:status: 200|content-length: 4|} D{body} E IDLE");
}

TEST(Http1ClientCodec, AnEndWhilePausedComesAfterTheBytesThatWait) {
  Http1Client client;
  http::StreamSender& sender = client.request("GET");
  client.response->on_headers = [&sender] { sender.pauseReading(); };
  client.feed(ok("", "body"));
  client.end();
  EXPECT_FALSE(client.response->ended);
  sender.resumeReading();
  client.pump();
  EXPECT_EQ(client.transcript(), "H{:status: 200|} D{body} E CLOSE");
}

TEST(Http1ClientCodec, WhatIsSentBeforeTheTunnelOpensIsKept) {
  Http1Client client;
  http::StreamSender& sender = client.open();
  sender.sendHeaders(makeHeaders({{":method", "GET"},
                                  {":path", "/"},
                                  {":authority", "a"},
                                  {"connection", "upgrade"},
                                  {"upgrade", "websocket"}}),
                     false);
  client.sink.take();
  sender.sendData("early", false);
  EXPECT_EQ(client.sink.text, "");
  EXPECT_EQ(sender.unsentBytes(), 5u);
  sender.sendData(std::string(70'000, 'x'), false);
  EXPECT_EQ(client.response->above, 1);
  client.feed("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(client.sink.take(), "early" + std::string(70'000, 'x'));
  EXPECT_EQ(client.response->below, 1);
  sender.sendData("more", true);
  EXPECT_EQ(client.sink.take(), "more");
  EXPECT_EQ(client.tunnel_ends, 1);
  client.end();
  EXPECT_TRUE(client.response->ended);
  EXPECT_EQ(client.closes, 1);
}

TEST(Http1ClientCodec, ATunnelWhoseServerEndsFirstGoesOnUpwards) {
  Http1Client client;
  http::StreamSender& sender = client.open();
  sender.sendHeaders(makeHeaders({{":method", "CONNECT"}, {":authority", "a:1"}}), false);
  client.sink.take();
  client.feed(ok(""));
  client.end();
  EXPECT_TRUE(client.response->ended);
  EXPECT_EQ(client.closes, 0);
  sender.sendData("more", true);
  EXPECT_EQ(client.sink.text, "more");
  EXPECT_EQ(client.closes, 1);
}

TEST(Http1ClientCodec, ARefusedUpgradeLeavesTheConnectionGood) {
  for (const bool reset : {true, false}) {
    Http1Client client;
    http::StreamSender& sender = client.open();
    sender.sendHeaders(makeHeaders({{":method", "GET"},
                                    {":path", "/"},
                                    {":authority", "a"},
                                    {"connection", "upgrade"},
                                    {"upgrade", "websocket"}}),
                       false);
    client.sink.take();
    sender.sendData("early", false);
    client.feed("HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nno");
    EXPECT_TRUE(client.response->ended);
    reset ? sender.reset(StreamReset::kLocalReset) : sender.sendData({}, true);
    EXPECT_EQ(client.sink.text, "");
    EXPECT_TRUE(client.codec.canOpenStream());
    EXPECT_EQ(client.closes, 0);
  }
}

TEST(Http1ClientCodec, TrailersAreWrittenWhenEnabled) {
  Http1Settings settings;
  settings.enable_trailers = true;
  Http1Client client(settings);
  http::StreamSender& sender = client.open();
  sender.sendHeaders(makeHeaders({{":method", "POST"}, {":path", "/"}, {":authority", "a"}}), false);
  sender.sendTrailers(makeHeaders({{"x-t", "1"}}));
  EXPECT_EQ(client.sink.text, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n");
}

TEST(Http1ClientCodec, AClosedConnectionResetsTheStream) {
  Http1Client client;
  client.request("GET");
  client.codec.onConnectionClosed("reset by peer");
  EXPECT_EQ(client.response->reset, "connection termination: reset by peer");
  EXPECT_TRUE(client.codec.exhausted());
  EXPECT_EQ(client.closes, 0);
}

TEST(Http1ClientCodec, ADrainedCodecFinishesItsStreamAndCloses) {
  Http1Client client;
  client.request("GET");
  client.codec.goAway();
  EXPECT_TRUE(client.codec.exhausted());
  client.feed(ok("Content-Length: 0\r\n"));
  EXPECT_TRUE(client.response->ended);
  EXPECT_EQ(client.closes, 1);
}

}  // namespace
}  // namespace baton::test
