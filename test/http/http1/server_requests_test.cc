// Tables of requests: what is refused and how, what is accepted and what it means. Every row is given at once, byte by
// byte, and split at every point: the outcome must not depend on it.
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

using http::Http1Settings;

std::string outcome(const Http1Settings& settings, const std::vector<std::string_view>& pieces, std::string* sent) {
  Http1Server server(settings);
  for (const std::string_view piece : pieces) server.feed(piece);
  if (sent != nullptr) *sent = server.sink.text;
  EXPECT_LE(server.closes, 1);
  return server.transcript();
}

// Feeds `bytes` in many ways; returns the one outcome that all of them must have.
std::string outcomeOfAllSplits(const Http1Settings& settings, std::string_view bytes, std::string* sent = nullptr) {
  std::string whole_sent;
  const std::string whole = outcome(settings, {bytes}, &whole_sent);
  if (sent != nullptr) *sent = whole_sent;
  // Long inputs are split where something happens: near both ends and at some places between.
  const size_t step = bytes.size() > 2000 ? bytes.size() / 97 : 1;
  for (size_t at = 1; at < bytes.size(); at += at + 64 < bytes.size() && at > 64 ? step : 1) {
    std::string split_sent;
    EXPECT_EQ(outcome(settings, {bytes.substr(0, at), bytes.substr(at)}, &split_sent), whole) << "split at " << at;
    EXPECT_EQ(split_sent, whole_sent) << "split at " << at;
  }
  std::vector<std::string_view> single;
  for (size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
  if (bytes.size() <= 20'000) {
    EXPECT_EQ(outcome(settings, single, nullptr), whole) << "byte by byte";
  }
  return whole;
}

struct BadRequest {
  std::string name;
  std::string bytes;
  int status;
  std::string details;  // without "http1."
};

std::string get(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view fields, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}
std::string line(std::string_view request_line) {
  return std::string(request_line) + "\r\nHost: a\r\n\r\n";
}
std::string repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<BadRequest> badRequests() {
  using namespace std::string_literals;
  return {
      // The request line.
      {"no version", line("GET /"), 400, "bad_request_line"},
      {"no target", line("GET"), 400, "bad_request_line"},
      {"empty target", line("GET  HTTP/1.1"), 400, "bad_request_line"},
      {"two spaces after the method", line("GET  / HTTP/1.1"), 400, "bad_request_line"},
      {"two spaces before the version", line("GET /  HTTP/1.1"), 400, "bad_version"},
      {"space before the method", line(" GET / HTTP/1.1"), 400, "bad_method"},
      {"space after the version", line("GET / HTTP/1.1 "), 400, "bad_version"},
      {"tab for space", line("GET\t/ HTTP/1.1"), 400, "bad_method"},
      {"tab before the version", line("GET /\tHTTP/1.1"), 400, "bad_request_line"},
      {"space in the target", line("GET /a b HTTP/1.1"), 400, "bad_version"},
      {"lower case version", line("GET / http/1.1"), 400, "bad_version"},
      {"short version", line("GET / HTTP/1"), 400, "bad_version"},
      {"long version", line("GET / HTTP/1.10"), 400, "bad_version"},
      {"version with comma", line("GET / HTTP/1,1"), 400, "bad_version"},
      {"version with leading zero", line("GET / HTTP/01.1"), 400, "bad_version"},
      {"no version number", line("GET / HTTP/"), 400, "bad_version"},
      {"other protocol", line("GET / RTSP/1.0"), 400, "bad_version"},
      {"version 2.0", line("GET / HTTP/2.0"), 505, "unsupported_version"},
      {"version 0.9", line("GET / HTTP/0.9"), 505, "unsupported_version"},
      {"version 1.2", line("GET / HTTP/1.2"), 505, "unsupported_version"},
      {"version 3.0", line("GET / HTTP/3.0"), 505, "unsupported_version"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "unsupported_version"},
      {"version 1.0", line("GET / HTTP/1.0"), 426, "http_10_not_accepted"},
      {"unknown method", line("BREW / HTTP/1.1"), 501, "unknown_method"},
      {"lower case method", line("get / HTTP/1.1"), 501, "unknown_method"},
      {"method with parenthesis", line("GE(T / HTTP/1.1"), 400, "bad_method"},
      {"method with NUL", line("GE\0T / HTTP/1.1"s), 400, "bad_method"},
      {"method with high byte", line("GE\xc3\xa4T / HTTP/1.1"), 400, "bad_method"},
      {"very long method", line(std::string(65, 'A') + " / HTTP/1.1"), 400, "bad_method"},
      {"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a\n"s, 400, "bad_method"},
      {"colon first", line(":GET / HTTP/1.1"), 400, "bad_method"},
      {"bare LF after request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "bare_line_feed"},
      {"bare CR in request line", line("GET /\r HTTP/1.1"), 400, "bad_target"},
      {"only CRs", "\r\r\r\nGET / HTTP/1.1\r\n\r\n", 400, "bad_method"},
      {"nine leading CRLFs", repeat("\r\n", 9) + get(""), 400, "too_many_leading_crlf"},
      {"leading bare LF", "\n" + get(""), 400, "bad_method"},
      // Targets.
      {"target without slash", line("GET index.html HTTP/1.1"), 400, "bad_target"},
      {"asterisk for GET", line("GET * HTTP/1.1"), 400, "bad_target"},
      {"asterisk and more", line("OPTIONS *x HTTP/1.1"), 400, "bad_target"},
      {"fragment", line("GET /a#b HTTP/1.1"), 400, "bad_target"},
      {"high byte in target", line("GET /\xc3\xa4 HTTP/1.1"), 400, "bad_target"},
      {"NUL in target", line("GET /\0 HTTP/1.1"s), 400, "bad_target"},
      {"DEL in target", line("GET /\x7f HTTP/1.1"), 400, "bad_target"},
      {"ftp target", line("GET ftp://a/b HTTP/1.1"), 400, "bad_target"},
      {"absolute without host", line("GET http:///b HTTP/1.1"), 400, "bad_target"},
      {"absolute with user", line("GET http://u@a/b HTTP/1.1"), 400, "bad_target"},
      {"absolute with user and password", line("GET http://u:p@a/b HTTP/1.1"), 400, "bad_target"},
      {"absolute with bad port", line("GET http://a:99999/b HTTP/1.1"), 400, "bad_target"},
      {"absolute with empty port", line("GET http://a:/b HTTP/1.1"), 400, "bad_target"},
      {"one slash", line("GET http:/a HTTP/1.1"), 400, "bad_target"},
      {"authority for GET", line("GET a:80 HTTP/1.1"), 400, "bad_target"},
      {"CONNECT with path", line("CONNECT / HTTP/1.1"), 400, "bad_target"},
      {"CONNECT without port", line("CONNECT a HTTP/1.1"), 400, "bad_target"},
      {"CONNECT with scheme", line("CONNECT http://a:80 HTTP/1.1"), 400, "bad_target"},
      {"CONNECT with user", line("CONNECT u@a:80 HTTP/1.1"), 400, "bad_target"},
      {"CONNECT with bad port", line("CONNECT a:0x50 HTTP/1.1"), 400, "bad_target"},
      {"long target", line("GET /" + std::string(16 * 1024, 'a') + " HTTP/1.1"), 414, "target_too_long"},
      {"long target without end", "GET /" + std::string(16 * 1024, 'a'), 414, "target_too_long"},
      {"endless first line after the target", "GET / HTTP/1.1" + std::string(61 * 1024, 'a'), 431, "headers_too_large"},
      // Host.
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400, "missing_host"},
      {"two hosts", get("Host: b\r\n"), 400, "several_hosts"},
      {"the same host twice", get("Host: a\r\n"), 400, "several_hosts"},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad_host"},
      {"host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "bad_host"},
      {"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_host"},
      {"host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_host"},
      {"host with bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, "bad_host"},
      {"host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400, "bad_host"},
      {"host with port out of range", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, "bad_host"},
      {"host with high byte", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400, "bad_host"},
      {"open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "bad_host"},
      {"text after bracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400, "bad_host"},
      {"name in brackets", "GET / HTTP/1.1\r\nHost: [abc]\r\n\r\n", 400, "bad_host"},
      {"host with bad escape", "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", 400, "bad_host"},
      {"absolute target and bad host", "GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", 400, "bad_host"},
      {"absolute target and no host", "GET http://a/ HTTP/1.1\r\n\r\n", 400, "missing_host"},
      {"absolute target and two hosts", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "several_hosts"},
      // Fields.
      {"space before colon", get("X-A : 1\r\n"), 400, "space_before_colon"},
      {"tab before colon", get("X-A\t: 1\r\n"), 400, "space_before_colon"},
      {"space in name", get("X A: 1\r\n"), 400, "space_before_colon"},
      {"no colon", get("X-A\r\n"), 400, "bad_header_name"},
      {"empty name", get(": 1\r\n"), 400, "bad_header_name"},
      {"folded", get("X-A: 1\r\n 2\r\n"), 400, "obs_fold"},
      {"folded with tab", get("X-A: 1\r\n\t2\r\n"), 400, "obs_fold"},
      {"folded host", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", 400, "bad_host"},
      {"first field folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "obs_fold"},
      {"line of spaces", get("   \r\n"), 400, "obs_fold"},
      {"bare LF after field", get("X-A: 1\n"), 400, "bare_line_feed"},
      {"bare LF in field", get("X-A: 1\nX-B: 2\r\n"), 400, "bare_line_feed"},
      {"bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "bare_line_feed"},
      {"bare CR in value", get("X-A: 1\r2\r\n"), 400, "bad_header_value"},
      {"two CRs", get("X-A: 1\r\r\n"), 400, "bad_header_value"},
      {"NUL in value", get("X-A: 1\0002\r\n"s), 400, "bad_header_value"},
      {"NUL in name", get("X\0A: 1\r\n"s), 400, "bad_header_name"},
      {"control in value", get("X-A: \x01\r\n"), 400, "bad_header_value"},
      {"DEL in value", get("X-A: \x7f\r\n"), 400, "bad_header_value"},
      {"escape in a long value", get("X-A: " + std::string(40, 'a') + "\x1b" + std::string(40, 'a') + "\r\n"), 400,
       "bad_header_value"},
      {"high byte in name", get("X-\xc3\xa4: 1\r\n"), 400, "bad_header_name"},
      {"pseudo-header", get(":method: POST\r\n"), 400, "bad_header_name"},
      {"parenthesis in name", get("X(A): 1\r\n"), 400, "bad_header_name"},
      {"quote in name", get("X\"A: 1\r\n"), 400, "bad_header_name"},
      {"underscore in name", get("X_A: 1\r\n"), 400, "unexpected_underscore"},
      {"underscored length", post("Content_Length: 5\r\n", "hello"), 400, "unexpected_underscore"},
      {"101 fields", "GET / HTTP/1.1\r\nHost: a\r\n" + repeat("A: b\r\n", 100) + "\r\n", 431, "too_many_headers"},
      {"large field", get("X-A: " + std::string(60 * 1024, 'a') + "\r\n"), 431, "headers_too_large"},
      {"many fields too large together", get(repeat("X-A: " + std::string(1000, 'a') + "\r\n", 61)), 431,
       "headers_too_large"},
      {"endless field", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + std::string(60 * 1024, 'a'), 431, "headers_too_large"},
      // The frame of the body.
      {"length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400,
       "content_length_and_chunked_not_allowed"},
      {"chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400,
       "content_length_and_chunked_not_allowed"},
      {"two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400, "several_content_lengths"},
      {"the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400,
       "several_content_lengths"},
      {"list of lengths", post("Content-Length: 5, 5\r\n", "hello"), 400, "several_content_lengths"},
      {"negative length", post("Content-Length: -5\r\n", "hello"), 400, "bad_content_length"},
      {"signed length", post("Content-Length: +5\r\n", "hello"), 400, "bad_content_length"},
      {"empty length", post("Content-Length:\r\n", ""), 400, "bad_content_length"},
      {"hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), 400, "bad_content_length"},
      {"length with text", post("Content-Length: 5 bytes\r\n", "hello"), 400, "bad_content_length"},
      {"fractional length", post("Content-Length: 5.0\r\n", "hello"), 400, "bad_content_length"},
      {"length above 64 bits", post("Content-Length: 18446744073709551616\r\n", ""), 400, "bad_content_length"},
      {"xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400, "bad_transfer_encoding"},
      {"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400, "bad_transfer_encoding"},
      {"chunked in two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400,
       "bad_transfer_encoding"},
      {"chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400,
       "bad_transfer_encoding"},
      {"identity", post("Transfer-Encoding: identity\r\n", ""), 400, "bad_transfer_encoding"},
      {"gzip only", post("Transfer-Encoding: gzip\r\n", ""), 400, "bad_transfer_encoding"},
      {"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501,
       "unsupported_transfer_encoding"},
      {"empty transfer encoding", post("Transfer-Encoding:\r\n", ""), 400, "bad_transfer_encoding"},
      {"comma before chunked", post("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n"), 400, "bad_transfer_encoding"},
      {"comma after chunked", post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"), 400, "bad_transfer_encoding"},
      {"chunked with parameter", post("Transfer-Encoding: chunked;a=b\r\n", "0\r\n\r\n"), 400, "bad_transfer_encoding"},
      {"quoted chunked", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 400, "bad_transfer_encoding"},
      {"chunked with vertical tab", post("Transfer-Encoding: \x0b"s + "chunked\r\n", "0\r\n\r\n"), 400,
       "bad_header_value"},
      {"CONNECT with length", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello", 400,
       "body_not_allowed_in_connect"},
      {"CONNECT with chunks", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       "body_not_allowed_in_connect"},
  };
}

TEST(ServerRequests, BadHeadsAreAnsweredWithoutReachingAnybody) {
  for (const BadRequest& row : badRequests()) {
    SCOPED_TRACE(row.name);
    std::string sent;
    const std::string expected = "ERROR{" + std::to_string(row.status) + " http1." + row.details + "} CLOSE";
    EXPECT_EQ(outcomeOfAllSplits({}, row.bytes, &sent), expected);
    EXPECT_EQ(sent.substr(0, 13), "HTTP/1.1 " + std::to_string(row.status) + " ");
    EXPECT_NE(sent.find("connection: close\r\n"), std::string::npos);
  }
}

TEST(ServerRequests, BadRequestsDoNotHaveFollowers) {
  for (const BadRequest& row : badRequests()) {
    Http1Server server;
    server.feed(row.bytes + get("") + get(""));
    EXPECT_EQ(server.exchanges.size(), 1u) << row.name;
    server.feed(get(""));
    EXPECT_EQ(server.exchanges.size(), 1u) << row.name;
    EXPECT_TRUE(server.feeder.pending.empty()) << row.name;
  }
}

TEST(ServerRequests, BadChunksAreAnsweredWhenTheResponseHasNotBegun) {
  using namespace std::string_literals;
  const BadRequest rows[] = {
      {"empty size", chunked("\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"text for size", chunked("xyz\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"negative", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"signed", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"space before size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"space after size", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"underscore in size", chunked("5_0\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"17 digits", chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"64 bits", chunked("FFFFFFFFFFFFFFFF\r\nhello"), 400, "bad_chunk_size"},
      {"sign bit", chunked("8000000000000000\r\nhello"), 400, "bad_chunk_size"},
      {"LF after size", chunked("5\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"CR CR after size", chunked("5\r\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"CR and text after size", chunked("5\rhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"NUL after size", chunked("5\0\r\nhello\r\n0\r\n\r\n"s), 400, "bad_chunk_size"},
      {"LF in extension", chunked("5;a\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_extension"},
      {"LF in quoted extension", chunked("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_extension"},
      {"NUL in extension", chunked("5;a\0\r\nhello\r\n0\r\n\r\n"s), 400, "bad_chunk_extension"},
      {"CR in extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_size"},
      {"long extension", chunked("5;" + std::string(5000, 'a') + "\r\nhello\r\n0\r\n\r\n"), 413,
       "chunk_extensions_too_long"},
      {"many extensions", chunked(repeat("1;" + std::string(3000, 'a') + "\r\nx\r\n", 6)), 413,
       "chunk_extensions_too_long"},
      {"chunk longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n"), 400, "bad_chunk_end"},
      {"chunk shorter than its size", chunked("7\r\nhello\r\n0\r\n\r\n"), 400, "bad_chunk_end"},
      {"LF after chunk", chunked("5\r\nhello\n0\r\n\r\n"), 400, "bad_chunk_end"},
      {"CR and text after chunk", chunked("5\r\nhello\rx0\r\n\r\n"), 400, "bad_chunk_end"},
      {"bad trailer", chunked("0\r\nX A: 1\r\n\r\n"), 400, "space_before_colon"},
      {"trailer without colon", chunked("0\r\nX-A\r\n\r\n"), 400, "bad_header_name"},
      {"folded trailer", chunked("0\r\nX-A: 1\r\n 2\r\n\r\n"), 400, "obs_fold"},
      {"LF in trailers", chunked("0\r\nX-A: 1\n\r\n"), 400, "bare_line_feed"},
      {"LF ends trailers", chunked("0\r\n\n"), 400, "bare_line_feed"},
      {"NUL in trailer", chunked("0\r\nX-A: \0\r\n\r\n"s), 400, "bad_header_value"},
      {"large trailers", chunked("0\r\nX-A: " + std::string(17 * 1024, 'a') + "\r\n\r\n"), 431, "trailers_too_large"},
      {"many trailers", chunked("0\r\n" + repeat("A: b\r\n", 101) + "\r\n"), 431, "too_many_headers"},
  };
  for (const BadRequest& row : rows) {
    SCOPED_TRACE(row.name);
    const std::string whole = outcomeOfAllSplits({}, row.bytes);
    const std::string expected = "ERROR{" + std::to_string(row.status) + " http1." + row.details + "} CLOSE";
    EXPECT_EQ(whole.substr(std::min(whole.find("ERROR"), whole.size())), expected);
    EXPECT_EQ(whole.find("E ERROR"), std::string::npos) << "the body's end was reported: " << whole;
  }
}

struct GoodRequest {
  std::string name;
  std::string bytes;
  std::string transcript;
  Http1Settings settings = {};
};

Http1Settings with(void (*change)(Http1Settings&)) {
  Http1Settings settings;
  change(settings);
  return settings;
}

std::vector<GoodRequest> goodRequests() {
  const Http1Settings http_10 = with([](Http1Settings& s) {
    s.accept_http_10 = true;
    s.default_host_for_http_10 = "default";
  });
  const Http1Settings trailers = with([](Http1Settings& s) { s.enable_trailers = true; });
  const std::string_view kGet = "H{:method: GET|:path: /|:authority: a|} E ";
  return {
      {"simple", get(""), std::string(kGet) + "OPEN"},
      {"fields", get("Accept: */*\r\nx-a:1\r\nX-B: \t two words \t\r\nX-C:\r\n"),
       "H{:method: GET|:path: /|:authority: a|accept: */*|x-a: 1|x-b: two words|x-c: |} E OPEN"},
      {"field order and case of host", "GET /p?q=1 HTTP/1.1\r\nX-A: 1\r\nhOST: a:80\r\nX-A: 2\r\n\r\n",
       "H{:method: GET|:path: /p?q=1|x-a: 1|:authority: a:80|x-a: 2|} E OPEN"},
      {"tab and high bytes in value", get("X-A: a\tb\xc3\xa4\r\n"),
       "H{:method: GET|:path: /|:authority: a|x-a: a\tb\xc3\xa4|} E OPEN"},
      {"eight leading CRLFs", repeat("\r\n", 8) + get(""), std::string(kGet) + "OPEN"},
      {"two requests", get("") + get(""), std::string(kGet) + std::string(kGet) + "OPEN"},
      {"CRLF between requests", get("") + "\r\n" + get(""), std::string(kGet) + std::string(kGet) + "OPEN"},
      {"connection close", get("Connection: close\r\n"),
       "H{:method: GET|:path: /|:authority: a|connection: close|} E CLOSE"},
      {"nothing after connection close", get("Connection: Close\r\n") + get(""),
       "H{:method: GET|:path: /|:authority: a|connection: Close|} E CLOSE"},
      {"close in a list", get("Connection: x, close\r\n"),
       "H{:method: GET|:path: /|:authority: a|connection: x, close|} E CLOSE"},
      {"asterisk", line("OPTIONS * HTTP/1.1"), "H{:method: OPTIONS|:path: *|:authority: a|} E OPEN"},
      {"absolute", line("GET http://b:8080/p?q HTTP/1.1"),
       "H{:method: GET|:scheme: http|:authority: b:8080|:path: /p?q|} E OPEN"},
      {"absolute https", line("GET HTTPS://b HTTP/1.1"),
       "H{:method: GET|:scheme: https|:authority: b|:path: /|} E OPEN"},
      {"absolute with query only", line("GET http://b?q HTTP/1.1"),
       "H{:method: GET|:scheme: http|:authority: b|:path: /?q|} E OPEN"},
      {"absolute options", line("OPTIONS http://b HTTP/1.1"),
       "H{:method: OPTIONS|:scheme: http|:authority: b|:path: *|} E OPEN"},
      {"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
       "H{:method: GET|:path: /|:authority: [::1]:80|} E OPEN"},
      {"escaped host", "GET / HTTP/1.1\r\nHost: a%20b\r\n\r\n", "H{:method: GET|:path: /|:authority: a%20b|} E OPEN"},
      {"path with odd characters", line("GET /a|b\"<>^`{}\\[] HTTP/1.1"),
       "H{:method: GET|:path: /a|b\"<>^`{}\\[]|:authority: a|} E OPEN"},
      {"WebDAV method", line("PROPFIND / HTTP/1.1"), "H{:method: PROPFIND|:path: /|:authority: a|} E OPEN"},
      {"length", post("Content-Length: 5\r\n", "hello"),
       "H{:method: POST|:path: /|:authority: a|content-length: 5|} D{hello} E OPEN"},
      {"length zero", post("Content-Length: 0\r\n", ""),
       "H{:method: POST|:path: /|:authority: a|content-length: 0|} E OPEN"},
      {"length with leading zeros", post("Content-Length: 005\r\n", "hello"),
       "H{:method: POST|:path: /|:authority: a|content-length: 005|} D{hello} E OPEN"},
      {"POST without length", post("", ""), "H{:method: POST|:path: /|:authority: a|} E OPEN"},
      {"GET with body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx" + get(""),
       "H{:method: GET|:path: /|:authority: a|content-length: 2|} D{xx} E " + std::string(kGet) + "OPEN"},
      {"chunks", chunked("5\r\nhello\r\n6;ext=\"v\"\r\n world\r\n0\r\n\r\n") + get(""),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} D{hello world} E " + std::string(kGet) +
           "OPEN"},
      {"chunk sizes in any case and with zeros", chunked("00a\r\n0123456789\r\n0B;x\r\n0123456789a\r\n000\r\n\r\n"),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} D{01234567890123456789a} E OPEN"},
      {"empty chunked body", chunked("0\r\n\r\n"),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} E OPEN"},
      {"CHUNKED", post("Transfer-Encoding:  CHUNKED \r\n", "0\r\n\r\n"),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: CHUNKED|} E OPEN"},
      {"trailers are dropped", chunked("1\r\nx\r\n0\r\nX-T: 1\r\n\r\n") + get(""),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} D{x} E " + std::string(kGet) + "OPEN"},
      {"trailers", chunked("1\r\nx\r\n0\r\nX-T: 1\r\nx-u:2\r\n\r\n"),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} D{x} T{x-t: 1|x-u: 2|} E OPEN", trailers},
      {"forbidden trailers",
       chunked("0\r\nContent-Length: 1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nX-T: 1\r\nConnection: x\r\n"
               "Authorization: x\r\nX_U: 1\r\n\r\n"),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} T{x-t: 1|} E OPEN", trailers},
      {"only forbidden trailers", chunked("0\r\nContent-Length: 1\r\n\r\n"),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} E OPEN", trailers},
      {"h2c upgrade is ignored",
       get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
       "H{:method: GET|:path: /|:authority: a|connection: Upgrade, HTTP2-Settings|} E OPEN"},
      {"upgrade without connection", get("Upgrade: websocket\r\n"),
       "H{:method: GET|:path: /|:authority: a|upgrade: websocket|} E OPEN"},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", std::string(kGet) + "CLOSE", http_10},
      {"HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n" + get(""),
       "H{:method: GET|:path: /|:authority: a|connection: Keep-Alive|} E " + std::string(kGet) + "OPEN", http_10},
      {"HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n", "H{:method: GET|:path: /|:authority: default|} E CLOSE",
       http_10},
      {"HTTP/1.0 without any host", "GET / HTTP/1.0\r\n\r\n", "ERROR{400 http1.missing_host} CLOSE",
       with([](Http1Settings& s) { s.accept_http_10 = true; })},
      {"HTTP/1.0 chunked", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "ERROR{400 http1.transfer_encoding_not_allowed_in_http_10} CLOSE", http_10},
      {"HTTP/1.0 with length", "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
       "H{:method: POST|:path: /|:authority: a|content-length: 2|} D{hi} E CLOSE", http_10},
      {"custom method", line("BREW / HTTP/1.1"), "H{:method: BREW|:path: /|:authority: a|} E OPEN",
       with([](Http1Settings& s) { s.allow_custom_methods = true; })},
      {"absolute URL not allowed", line("GET http://b/ HTTP/1.1"), "ERROR{400 http1.absolute_url_not_allowed} CLOSE",
       with([](Http1Settings& s) { s.allow_absolute_url = false; })},
      {"length and chunked allowed", post("Content-Length: 50\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "H{:method: POST|:path: /|:authority: a|transfer-encoding: chunked|} E OPEN",
       with([](Http1Settings& s) { s.allow_chunked_length = true; })},
      {"underscore allowed", get("X_A: 1\r\n"), "H{:method: GET|:path: /|:authority: a|x_a: 1|} E OPEN",
       with([](Http1Settings& s) { s.underscores = http::UnderscoreAction::kAllow; })},
      {"underscore dropped", get("X_A: 1\r\nX-B: 2\r\n"), "H{:method: GET|:path: /|:authority: a|x-b: 2|} E OPEN",
       with([](Http1Settings& s) { s.underscores = http::UnderscoreAction::kDropHeader; })},
      {"dropped underscored host", "GET / HTTP/1.1\r\nHos_t: a\r\n\r\n", "ERROR{400 http1.missing_host} CLOSE",
       with([](Http1Settings& s) { s.underscores = http::UnderscoreAction::kDropHeader; })},
      {"100 fields", "GET / HTTP/1.1\r\nHost: a\r\n" + repeat("A: b\r\n", 99) + "\r\n",
       "H{:method: GET|:path: /|:authority: a|" + repeat("a: b|", 99) + "} E OPEN"},
      {"largest target", line("GET /" + std::string(16 * 1024 - 1, 'a') + " HTTP/1.1"),
       "H{:method: GET|:path: /" + std::string(16 * 1024 - 1, 'a') + "|:authority: a|} E OPEN"},
  };
}

TEST(ServerRequests, GoodRequestsMeanTheSameHoweverTheyAreSplit) {
  for (const GoodRequest& row : goodRequests()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(outcomeOfAllSplits(row.settings, row.bytes), row.transcript);
  }
}

TEST(ServerRequests, AHeadAsLargeAsTheLimitIsAccepted) {
  const std::string before = "GET / HTTP/1.1\r\nHost: a\r\nX-A: ";
  const std::string after = "\r\n\r\n";
  const size_t room = 60 * 1024 - before.size() - after.size();
  for (const size_t more : {0, 1}) {
    Http1Server server;
    server.feed(before + std::string(room + more, 'a') + after);
    EXPECT_EQ(server.last().error_status, more == 0 ? 0 : 431);
  }
}

}  // namespace
}  // namespace baton::test
