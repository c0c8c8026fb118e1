// What RFC 9113, 7541 and 8441 ask of a server, a case for each rule: what a client sends after the preface and
// SETTINGS, and how the server must take it.
#include "test/http/http2/harness.h"

namespace baton::http {
namespace {

using namespace test;

struct Outcome {
  enum Kind { kFine, kStreamError, kConnectionError } kind = kFine;
  H2Error code = H2Error::kNoError;
  uint32_t stream = 1;
  // A stream error may be treated as a connection error (RFC 9113 5.4.2); unless this says otherwise.
  bool strict = false;
};

Outcome fine() {
  return {};
}
Outcome streamError(H2Error code, uint32_t stream = 1) {
  return {Outcome::kStreamError, code, stream};
}
Outcome onlyStreamError(H2Error code, uint32_t stream = 1) {
  return {Outcome::kStreamError, code, stream, true};
}
Outcome connectionError(H2Error code) {
  return {Outcome::kConnectionError, code};
}

struct Case {
  const char* section;
  const char* name;
  std::string bytes;
  Outcome outcome;
};

std::string rawHeaders(uint32_t stream, std::string_view block, uint8_t flags = kEndHeaders | kEndStream) {
  return h2Frame(H2Type::kHeaders, flags, stream, block);
}
std::string get(uint32_t stream) {
  return h2Headers(stream, h2Get(), true);
}
std::string post(uint32_t stream) {
  return h2Headers(stream, h2Post(), false);
}
// A request with these fields only.
std::string only(const H2Fields& fields) {
  return h2Headers(1, fields, true);
}
std::string with(const H2Fields& more) {
  return h2Headers(1, h2Get("/", more), true);
}

std::vector<Case> framingCases() {
  using T = H2Type;
  const std::string block = hpackBlock(h2Get());
  const std::string eight(8, '\0');
  return {
      // 4: frames.
      {"4.1", "a frame of an unknown type is ignored", h2Frame(0xee, 0, 0, "whatever") + get(1), fine()},
      {"4.1", "undefined flags are ignored", h2Frame(T::kPing, 0x16, 0, eight) + get(1), fine()},
      {"4.1", "the reserved bit of a stream id is ignored", h2Frame(T::kPing, 0, 0x80000000, eight) + get(1), fine()},
      {"4.1", "an unknown frame on an open stream is ignored",
       post(1) + h2Frame(0xee, 0xff, 1, "x") + h2Data(1, "", true), fine()},
      {"4.2", "DATA of 2^14 bytes", post(1) + h2Data(1, std::string(16'384, 'x'), true), fine()},
      {"4.2", "DATA above SETTINGS_MAX_FRAME_SIZE", post(1) + h2Data(1, std::string(16'385, 'x'), true),
       streamError(H2Error::kFrameSize)},
      {"4.2", "HEADERS above SETTINGS_MAX_FRAME_SIZE", rawHeaders(1, std::string(16'385, '\0')),
       connectionError(H2Error::kFrameSize)},
      {"4.2", "SETTINGS above SETTINGS_MAX_FRAME_SIZE", h2Frame(T::kSettings, 0, 0, std::string(16'386, '\0')),
       connectionError(H2Error::kFrameSize)},
      {"4.2", "an unknown frame above SETTINGS_MAX_FRAME_SIZE", h2Frame(0xee, 0, 0, std::string(20'000, 'x')),
       connectionError(H2Error::kFrameSize)},
      {"4.3", "a broken header block", rawHeaders(1, "\xff\xff\xff\xff\xff\xff"),
       connectionError(H2Error::kCompression)},
      {"4.3", "an unfinished header block", rawHeaders(1, std::string_view("\x00\x05", 2)),
       connectionError(H2Error::kCompression)},
      {"4.3", "a DATA frame inside a header block", rawHeaders(1, block, kEndStream) + h2Data(1, "x", false),
       connectionError(H2Error::kProtocol)},
      {"4.3", "PING inside a header block", rawHeaders(1, block, kEndStream) + h2Ping(eight),
       connectionError(H2Error::kProtocol)},
      {"4.3", "PRIORITY inside a header block", rawHeaders(1, block, kEndStream) + h2Priority(1, 0),
       connectionError(H2Error::kProtocol)},
      {"4.3", "SETTINGS inside a header block", rawHeaders(1, block, kEndStream) + h2Settings({}),
       connectionError(H2Error::kProtocol)},
      {"4.3", "an unknown frame inside a header block", rawHeaders(1, block, kEndStream) + h2Frame(0xee, 0, 1, "x"),
       connectionError(H2Error::kProtocol)},
      {"4.3", "HEADERS of another stream inside a header block",
       rawHeaders(1, block, kEndStream) + rawHeaders(3, block), connectionError(H2Error::kProtocol)},
      {"4.3", "CONTINUATION of another stream inside a header block",
       rawHeaders(1, block, kEndStream) + h2Frame(T::kContinuation, kEndHeaders, 3, ""),
       connectionError(H2Error::kProtocol)},

      // 5.1: stream states.
      {"5.1", "idle: DATA", h2Data(1, "x", true), connectionError(H2Error::kProtocol)},
      {"5.1", "idle: RST_STREAM", h2RstStream(1, H2Error::kCancel), connectionError(H2Error::kProtocol)},
      {"5.1", "idle: WINDOW_UPDATE", h2WindowUpdate(1, 100), connectionError(H2Error::kProtocol)},
      {"5.1", "idle: CONTINUATION", h2Frame(T::kContinuation, kEndHeaders, 1, block),
       connectionError(H2Error::kProtocol)},
      {"5.1", "idle: PRIORITY", h2Priority(1, 0) + get(1), fine()},
      {"5.1", "half-closed (remote): DATA", get(1) + h2Data(1, "x", true), streamError(H2Error::kStreamClosed)},
      {"5.1", "half-closed (remote): HEADERS", get(1) + get(1), streamError(H2Error::kStreamClosed)},
      {"5.1", "half-closed (remote): CONTINUATION", get(1) + h2Frame(T::kContinuation, kEndHeaders, 1, block),
       connectionError(H2Error::kProtocol)},
      {"5.1", "half-closed (remote): WINDOW_UPDATE", get(1) + h2WindowUpdate(1, 10), fine()},
      {"5.1", "half-closed (remote): PRIORITY", get(1) + h2Priority(1, 0), fine()},
      {"5.1", "half-closed (remote): RST_STREAM", get(1) + h2RstStream(1, H2Error::kCancel), fine()},
      {"5.1", "closed by the client's RST_STREAM: DATA",
       post(1) + h2RstStream(1, H2Error::kCancel) + h2Data(1, "x", true), streamError(H2Error::kStreamClosed)},
      {"5.1", "closed by the client's RST_STREAM: HEADERS", post(1) + h2RstStream(1, H2Error::kCancel) + get(1),
       streamError(H2Error::kStreamClosed)},
      {"5.1", "closed by the client's RST_STREAM: CONTINUATION",
       post(1) + h2RstStream(1, H2Error::kCancel) + h2Frame(T::kContinuation, kEndHeaders, 1, block),
       connectionError(H2Error::kProtocol)},
      {"5.1", "closed by the client's RST_STREAM: PRIORITY",
       post(1) + h2RstStream(1, H2Error::kCancel) + h2Priority(1, 0), fine()},
      {"5.1", "closed by the client's RST_STREAM: WINDOW_UPDATE",
       post(1) + h2RstStream(1, H2Error::kCancel) + h2WindowUpdate(1, 5), fine()},
      {"5.1", "closed by the client's RST_STREAM: RST_STREAM",
       post(1) + h2RstStream(1, H2Error::kCancel) + h2RstStream(1, H2Error::kCancel), fine()},
      {"5.1.1", "a stream id of the server's", get(2), connectionError(H2Error::kProtocol)},
      {"5.1.1", "a stream id below one that was used", get(5) + get(3), connectionError(H2Error::kProtocol)},
      {"5.1.1", "stream ids may leave gaps", get(5) + get(101) + get(0x7fffffff), fine()},
      {"5.3.1", "HEADERS that depend on themselves",
       h2Frame(T::kHeaders, kEndHeaders | kEndStream | kPriorityFlag, 1, h2Integer(1, 4) + "\x10" + block),
       streamError(H2Error::kProtocol)},
      {"5.3.1", "PRIORITY that depends on itself", post(1) + h2Priority(1, 1), streamError(H2Error::kProtocol)},
      {"5.3.1", "HEADERS with a priority",
       h2Frame(T::kHeaders, kEndHeaders | kEndStream | kPriorityFlag, 1, h2Integer(0, 4) + "\x10" + block), fine()},

      // 6.1 DATA.
      {"6.1", "DATA on stream 0", h2Data(0, "x", true), connectionError(H2Error::kProtocol)},
      {"6.1", "DATA with padding",
       post(1) + h2Frame(T::kData, kPadded | kEndStream, 1,
                         "\x05"
                         "body" +
                             std::string(5, '\0')),
       fine()},
      {"6.1", "DATA with padding only",
       post(1) + h2Frame(T::kData, kPadded | kEndStream, 1, "\x03" + std::string(3, '\0')), fine()},
      {"6.1", "DATA whose padding is longer than the frame",
       post(1) + h2Frame(T::kData, kPadded, 1,
                         "\x06"
                         "body"),
       connectionError(H2Error::kProtocol)},
      {"6.1", "DATA with padding and no length of it", post(1) + h2Frame(T::kData, kPadded, 1, ""),
       connectionError(H2Error::kProtocol)},
      // 6.2 HEADERS.
      {"6.2", "HEADERS on stream 0", get(0), connectionError(H2Error::kProtocol)},
      {"6.2", "HEADERS with padding",
       h2Frame(T::kHeaders, kEndHeaders | kEndStream | kPadded, 1, "\x04" + block + std::string(4, '\0')), fine()},
      {"6.2", "HEADERS whose padding is longer than the frame",
       h2Frame(T::kHeaders, kEndHeaders | kEndStream | kPadded, 1, "\xff" + block),
       connectionError(H2Error::kProtocol)},
      {"6.2", "HEADERS too short for their priority",
       h2Frame(T::kHeaders, kEndHeaders | kEndStream | kPriorityFlag, 1, "abc"), connectionError(H2Error::kFrameSize)},
      // 6.3 PRIORITY.
      {"6.3", "PRIORITY on stream 0", h2Priority(0, 1), connectionError(H2Error::kProtocol)},
      {"6.3", "PRIORITY of four bytes", post(1) + h2Frame(T::kPriority, 0, 1, "1234"),
       streamError(H2Error::kFrameSize)},
      {"6.3", "PRIORITY of six bytes", post(1) + h2Frame(T::kPriority, 0, 1, "123456"),
       streamError(H2Error::kFrameSize)},
      // 6.4 RST_STREAM.
      {"6.4", "RST_STREAM on stream 0", h2RstStream(0, H2Error::kCancel), connectionError(H2Error::kProtocol)},
      {"6.4", "RST_STREAM of three bytes", post(1) + h2Frame(T::kRstStream, 0, 1, "123"),
       connectionError(H2Error::kFrameSize)},
      {"6.4", "RST_STREAM of five bytes", post(1) + h2Frame(T::kRstStream, 0, 1, "12345"),
       connectionError(H2Error::kFrameSize)},
      {"6.4", "RST_STREAM with an unknown code", post(1) + h2RstStream(1, static_cast<H2Error>(0xff)) + get(3), fine()},
      // 6.5 SETTINGS.
      {"6.5", "SETTINGS on a stream", h2Frame(T::kSettings, 0, 1, ""), connectionError(H2Error::kProtocol)},
      {"6.5", "SETTINGS acknowledgement with a payload", h2Frame(T::kSettings, kAck, 0, std::string(6, '\0')),
       connectionError(H2Error::kFrameSize)},
      {"6.5", "SETTINGS of five bytes", h2Frame(T::kSettings, 0, 0, "12345"), connectionError(H2Error::kFrameSize)},
      {"6.5.2", "ENABLE_PUSH of 2", h2Settings({{2, 2}}), connectionError(H2Error::kProtocol)},
      {"6.5.2", "INITIAL_WINDOW_SIZE of 2^31", h2Settings({{4, 0x80000000}}), connectionError(H2Error::kFlowControl)},
      {"6.5.2", "MAX_FRAME_SIZE below 2^14", h2Settings({{5, 16'383}}), connectionError(H2Error::kProtocol)},
      {"6.5.2", "MAX_FRAME_SIZE of 2^24", h2Settings({{5, 16'777'216}}), connectionError(H2Error::kProtocol)},
      {"6.5.2", "ENABLE_CONNECT_PROTOCOL of 2", h2Settings({{8, 2}}), connectionError(H2Error::kProtocol)},
      {"6.5.2", "an unknown setting is ignored", h2Settings({{0xff, 1}, {0xaaaa, 7}}) + get(1), fine()},
      {"6.5.3", "the same setting several times", h2Settings({{4, 1}, {4, 100'000}}) + get(1), fine()},
      // 6.6 PUSH_PROMISE.
      {"6.6", "PUSH_PROMISE from a client", get(1) + h2Frame(T::kPushPromise, kEndHeaders, 1, h2Integer(2, 4) + block),
       connectionError(H2Error::kProtocol)},
      // 6.7 PING.
      {"6.7", "PING on a stream", h2Frame(T::kPing, 0, 1, eight), connectionError(H2Error::kProtocol)},
      {"6.7", "PING of six bytes", h2Frame(T::kPing, 0, 0, "123456"), connectionError(H2Error::kFrameSize)},
      {"6.7", "PING of nine bytes", h2Frame(T::kPing, 0, 0, "123456789"), connectionError(H2Error::kFrameSize)},
      {"6.7", "an acknowledgement that nobody asked for", h2Ping("12345678", true) + get(1), fine()},
      // 6.8 GOAWAY.
      {"6.8", "GOAWAY on a stream", h2Frame(T::kGoaway, 0, 1, eight), connectionError(H2Error::kProtocol)},
      {"6.8", "GOAWAY of seven bytes", h2Frame(T::kGoaway, 0, 0, "1234567"), connectionError(H2Error::kFrameSize)},
      {"6.8", "GOAWAY with an unknown code and debug data",
       post(1) + h2Frame(T::kGoaway, 0, 0, std::string(4, '\0') + h2Integer(0xff, 4) + "why") + h2Data(1, "", true),
       fine()},
      // 6.9 WINDOW_UPDATE.
      {"6.9", "a window update of 0 for the connection", h2WindowUpdate(0, 0), connectionError(H2Error::kProtocol)},
      {"6.9", "a window update of 0 for a stream", post(1) + h2WindowUpdate(1, 0), streamError(H2Error::kProtocol)},
      {"6.9", "WINDOW_UPDATE of three bytes", h2Frame(T::kWindowUpdate, 0, 0, "123"),
       connectionError(H2Error::kFrameSize)},
      {"6.9", "WINDOW_UPDATE of five bytes", h2Frame(T::kWindowUpdate, 0, 0, "12345"),
       connectionError(H2Error::kFrameSize)},
      {"6.9.1", "the connection's window above 2^31-1", h2WindowUpdate(0, 0x7fffffff),
       connectionError(H2Error::kFlowControl)},
      {"6.9.1", "a stream's window above 2^31-1", post(1) + h2WindowUpdate(1, 0x7fffffff),
       streamError(H2Error::kFlowControl)},
      {"6.9.2", "SETTINGS that take a stream's window above 2^31-1",
       post(1) + h2WindowUpdate(1, 0x7fff0000 - 65'535) + h2Settings({{4, 0x7fffffff}}),
       connectionError(H2Error::kFlowControl)},
      // 6.10 CONTINUATION.
      {"6.10", "a header block in three pieces",
       rawHeaders(1, block.substr(0, 5), kEndStream) + h2Frame(T::kContinuation, 0, 1, block.substr(5, 20)) +
           h2Frame(T::kContinuation, kEndHeaders, 1, block.substr(25)),
       fine()},
      {"6.10", "CONTINUATION on stream 0",
       rawHeaders(1, block, kEndStream) + h2Frame(T::kContinuation, kEndHeaders, 0, ""),
       connectionError(H2Error::kProtocol)},
      {"6.10", "CONTINUATION after the end of the headers", post(1) + h2Frame(T::kContinuation, kEndHeaders, 1, block),
       connectionError(H2Error::kProtocol)},
      {"6.10", "CONTINUATION after DATA",
       post(1) + h2Data(1, "x", false) + h2Frame(T::kContinuation, kEndHeaders, 1, block),
       connectionError(H2Error::kProtocol)},
      {"7", "an unknown error code in RST_STREAM has no special effect",
       post(1) + h2RstStream(1, static_cast<H2Error>(12'345)) + get(3), fine()},
  };
}

std::vector<Case> messageCases() {
  const std::string nul("a\0b", 3);
  const auto malformed = onlyStreamError(H2Error::kProtocol);
  return {
      // 8.1: messages.
      {"8.1", "a second header section without the end of the stream", post(1) + h2Headers(1, {{"x", "1"}}, false),
       malformed},
      {"8.1", "trailers with a pseudo-header", post(1) + h2Headers(1, {{":path", "/"}}, true), malformed},
      {"8.1", "trailers with a connection-specific field", post(1) + h2Headers(1, {{"connection", "close"}}, true),
       malformed},
      {"8.1", "trailers with an upper-case name", post(1) + h2Headers(1, {{"X", "1"}}, true), malformed},
      {"8.1", "trailers", post(1) + h2Headers(1, {{"x", "1"}}, true), fine()},
      {"8.1", "trailers after DATA", post(1) + h2Data(1, "x", false) + h2Headers(1, {{"x", "1"}}, true), fine()},
      {"8.1.1", "content-length above the body",
       h2Headers(1, h2Post("/", {{"content-length", "2"}}), false) + h2Data(1, "x", true), malformed},
      {"8.1.1", "content-length below the body",
       h2Headers(1, h2Post("/", {{"content-length", "1"}}), false) + h2Data(1, "xy", true), malformed},
      {"8.1.1", "content-length below the body in two frames",
       h2Headers(1, h2Post("/", {{"content-length", "2"}}), false) + h2Data(1, "xy", false) + h2Data(1, "z", true),
       malformed},
      {"8.1.1", "content-length without a body", h2Headers(1, h2Post("/", {{"content-length", "1"}}), true), malformed},
      {"8.1.1", "content-length above the body before trailers",
       h2Headers(1, h2Post("/", {{"content-length", "5"}}), false) + h2Data(1, "x", false) +
           h2Headers(1, {{"t", "1"}}, true),
       malformed},
      {"8.1.1", "content-length that fits",
       h2Headers(1, h2Post("/", {{"content-length", "3"}}), false) + h2Data(1, "xy", false) + h2Data(1, "z", true),
       fine()},
      {"8.1.1", "content-length 0", with({{"content-length", "0"}}), fine()},
      {"8.1.1", "two content-lengths", with({{"content-length", "0"}, {"content-length", "0"}}), malformed},
      {"8.1.1", "content-length that is no number", with({{"content-length", "0x0"}}), malformed},
      {"8.1.1", "content-length below 0", with({{"content-length", "-1"}}), malformed},
      {"8.1.1", "content-length as a list", with({{"content-length", "0, 0"}}), malformed},
      {"8.1.1", "content-length beyond 64 bits", with({{"content-length", "99999999999999999999999"}}), malformed},
      {"8.1.1", "an empty content-length", with({{"content-length", ""}}), malformed},

      // 8.2: fields.
      {"8.2", "an upper-case name", with({{"X-Upper", "1"}}), malformed},
      {"8.2.1", "an empty name", with({{"", "1"}}), malformed},
      {"8.2.1", "a name with a space", with({{"x y", "1"}}), malformed},
      {"8.2.1", "a name with a colon", with({{"x:y", "1"}}), malformed},
      {"8.2.1", "a name with a line break", with({{"x\r\ny", "1"}}), malformed},
      {"8.2.1", "a name with NUL", with({{nul, "1"}}), malformed},
      {"8.2.1", "a name beyond ASCII", with({{"x\xc3\xa4", "1"}}), malformed},
      {"8.2.1", "a name with DEL", with({{"x\x7f", "1"}}), malformed},
      {"8.2.1", "a value with CR", with({{"x", "a\rb"}}), malformed},
      {"8.2.1", "a value with LF", with({{"x", "a\nb"}}), malformed},
      {"8.2.1", "a value with CRLF and a field", with({{"x", "a\r\ny: z"}}), malformed},
      {"8.2.1", "a value with NUL", with({{"x", nul}}), malformed},
      {"8.2.1", "a value that begins with a space", with({{"x", " a"}}), malformed},
      {"8.2.1", "a value that ends in a tab", with({{"x", "a\t"}}), malformed},
      {"8.2.1", "a value with a control character", with({{"x", "a\x01"}}), malformed},
      {"8.2.1", "a value with a tab inside", with({{"x", "a\tb"}}), fine()},
      {"8.2.1", "a value beyond ASCII", with({{"x", "\xc3\xa4"}}), fine()},
      {"8.2.1", "an empty value", with({{"x", ""}}), fine()},
      {"8.2.2", "connection", with({{"connection", "close"}}), malformed},
      {"8.2.2", "proxy-connection", with({{"proxy-connection", "keep-alive"}}), malformed},
      {"8.2.2", "keep-alive", with({{"keep-alive", "timeout=1"}}), malformed},
      {"8.2.2", "transfer-encoding", with({{"transfer-encoding", "chunked"}}), malformed},
      {"8.2.2", "upgrade", with({{"upgrade", "h2c"}}), malformed},
      {"8.2.2", "te: gzip", with({{"te", "gzip"}}), malformed},
      {"8.2.2", "te: trailers, deflate", with({{"te", "trailers, deflate"}}), malformed},
      {"8.2.2", "te: trailers", with({{"te", "trailers"}}), fine()},
      {"8.2.3", "cookie crumbs", with({{"cookie", "a=b"}, {"cookie", "c=d"}}), fine()},

      // 8.3: pseudo-headers.
      {"8.3", "an unknown pseudo-header", with({{":unknown", "x"}}), malformed},
      {"8.3", "a response's pseudo-header", with({{":status", "200"}}), malformed},
      {"8.3", "a pseudo-header after a field",
       only({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {"x", "1"}, {":path", "/"}}), malformed},
      {"8.3", ":method twice", with({{":method", "GET"}}), malformed},
      {"8.3", ":scheme twice", with({{":scheme", "http"}}), malformed},
      {"8.3", ":path twice", with({{":path", "/"}}), malformed},
      {"8.3", ":authority twice", with({{":authority", "example.com"}}), malformed},
      {"8.3.1", "no :method", only({{":scheme", "http"}, {":authority", "a"}, {":path", "/"}}), malformed},
      {"8.3.1", "no :scheme", only({{":method", "GET"}, {":authority", "a"}, {":path", "/"}}), malformed},
      {"8.3.1", "no :path", only({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}), malformed},
      {"8.3.1", "no :authority and no host", only({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}),
       malformed},
      {"8.3.1", "host only", only({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}}), fine()},
      {"8.3.1", "an empty :method", only({{":method", ""}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}),
       malformed},
      {"8.3.1", "a :method with a space",
       only({{":method", "GET /"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}), malformed},
      {"8.3.1", "a :method with a line break",
       only({{":method", "GET\r\n"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}), malformed},
      {"8.3.1", "a :scheme with a space",
       only({{":method", "GET"}, {":scheme", "http "}, {":authority", "a"}, {":path", "/"}}), malformed},
      {"8.3.1", "an empty :path", only({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", ""}}),
       malformed},
      {"8.3.1", "a :path without a slash",
       only({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "x"}}), malformed},
      {"8.3.1", "a :path with a space", h2Headers(1, h2Get("/a b"), true), malformed},
      {"8.3.1", "a :path with a line break", h2Headers(1, h2Get("/ HTTP/1.1\r\nx: y"), true), malformed},
      {"8.3.1", "a :path with NUL", h2Headers(1, h2Get(std::string("/\0", 2)), true), malformed},
      {"8.3.1", "a :path beyond ASCII", h2Headers(1, h2Get("/\xc3\xa4"), true), malformed},
      {"8.3.1", "a :path in absolute form", h2Headers(1, h2Get("http://a/"), true), malformed},
      {"8.3.1", "* as the :path of GET", h2Headers(1, h2Get("*"), true), malformed},
      {"8.3.1", "* as the :path of OPTIONS",
       only({{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}}), fine()},
      {"8.3.1", "userinfo in :authority",
       only({{":method", "GET"}, {":scheme", "http"}, {":authority", "user:secret@a"}, {":path", "/"}}), malformed},
      {"8.3.1", "a path in :authority",
       only({{":method", "GET"}, {":scheme", "http"}, {":authority", "a/b"}, {":path", "/"}}), malformed},
      {"8.3.1", "an :authority with a space",
       only({{":method", "GET"}, {":scheme", "http"}, {":authority", "a b"}, {":path", "/"}}), malformed},
      {"8.3.1", "an empty :authority",
       only({{":method", "GET"}, {":scheme", "http"}, {":authority", ""}, {":path", "/"}}), malformed},
      {"8.3.1", "a host that differs from :authority", with({{"host", "other.example"}}), malformed},
      {"8.3.1", "a host that equals :authority", with({{"host", "Example.com"}}), fine()},
      {"8.3.1", "two hosts", with({{"host", "example.com"}, {"host", "example.com"}}), malformed},

      // 8.5 CONNECT, and RFC 8441.
      {"8.5", "CONNECT", h2Headers(1, {{":method", "CONNECT"}, {":authority", "a:1"}}, false), fine()},
      {"8.5", "CONNECT without :authority", h2Headers(1, {{":method", "CONNECT"}}, false), malformed},
      {"8.5", "CONNECT with host for :authority", h2Headers(1, {{":method", "CONNECT"}, {"host", "a:1"}}, false),
       malformed},
      {"8.5", "CONNECT with :path",
       h2Headers(1, {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}, false), malformed},
      {"8.5", "CONNECT with :scheme",
       h2Headers(1, {{":method", "CONNECT"}, {":authority", "a:1"}, {":scheme", "http"}}, false), malformed},
      {"8441 4", ":protocol without CONNECT", with({{":protocol", "websocket"}}), malformed},
      {"8441 4", ":protocol twice",
       h2Headers(1,
                 {{":method", "CONNECT"},
                  {":protocol", "websocket"},
                  {":protocol", "websocket"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/"}},
                 false),
       malformed},
      {"8441 4", "extended CONNECT without :path",
       h2Headers(1, {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", "a"}},
                 false),
       malformed},
      {"8441 4", "extended CONNECT without :authority",
       h2Headers(1, {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":path", "/"}}, false),
       malformed},
      {"8441 4", "extended CONNECT",
       h2Headers(1,
                 {{":method", "CONNECT"},
                  {":protocol", "websocket"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/"}},
                 false),
       fine()},
  };
}

std::vector<Case> hpackCases() {
  const std::string block = hpackBlock(h2Get());
  const auto broken = connectionError(H2Error::kCompression);
  return {
      {"7541 2.3.3", "index 0", rawHeaders(1, block + "\x80"), broken},
      {"7541 2.3.3", "an index beyond both tables", rawHeaders(1, block + hpackIndex(100)), broken},
      {"7541 2.3.3", "a huge index", rawHeaders(1, block + hpackIndex(1 << 20)), broken},
      {"7541 2.3.1", "the whole request from the static table",
       rawHeaders(1, "\x82\x86\x84" + hpackLiteral(":authority", "a")), fine()},
      {"7541 2.3.2", "a field from the dynamic table",
       rawHeaders(1, block + hpackIndexedLiteral("x", "y")) + rawHeaders(3, block + hpackIndex(62)), fine()},
      {"7541 4.2", "a table size above what was allowed", rawHeaders(1, hpackInteger(4097, 5, 0x20) + block), broken},
      {"7541 4.2", "a table size of 0", rawHeaders(1, hpackInteger(0, 5, 0x20) + block), fine()},
      {"7541 4.2", "a table size in the middle of a block", rawHeaders(1, block + hpackInteger(100, 5, 0x20)), broken},
      {"7541 4.4", "a field larger than the table empties it",
       rawHeaders(1, hpackInteger(64, 5, 0x20) + block + hpackIndexedLiteral("x", std::string(100, 'y'))), fine()},
      {"7541 5.1", "an integer that does not end",
       rawHeaders(1, block + std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11)), broken},
      {"7541 5.2", "a string longer than the block", rawHeaders(1, block + std::string("\x00\x01x\x7f", 4) + "short"),
       broken},
      {"7541 5.2", "Huffman padding of more than seven bits",
       rawHeaders(1, block + std::string("\x00\x01x\x82\x1f\xff", 6)), broken},
      {"7541 5.2", "Huffman padding with zeros", rawHeaders(1, block + std::string("\x00\x01x\x81\x18", 5)), broken},
      {"7541 5.2", "Huffman with EOS", rawHeaders(1, block + std::string("\x00\x01x\x84\xff\xff\xff\xfc", 8)), broken},
      {"7541 6.2.3", "a field that is never indexed", rawHeaders(1, block + "\x10" + hpackLiteral("x", "y").substr(1)),
       fine()},
      {"7541 7.1", "many table sizes before a block",
       rawHeaders(1, hpackInteger(0, 5, 0x20) + hpackInteger(4096, 5, 0x20) + block), fine()},
  };
}

void check(const Case& one) {
  SCOPED_TRACE(std::string(one.section) + ": " + one.name);
  Http2Settings settings;
  settings.allow_connect = true;
  ServerHarness server(settings);
  server.user.on_stream = [](Recorder& stream) {
    // Requests stay unanswered, so that their streams' states are those of the case.
    stream.on_end = [](Recorder&) {};
  };
  server.start();
  ASSERT_EQ(server.last.status, DispatchStatus::kOk);
  const DispatchStatus status = server.send(one.bytes);
  switch (one.outcome.kind) {
    case Outcome::kFine:
      EXPECT_EQ(status, DispatchStatus::kOk) << server.codec->errorDetails();
      EXPECT_EQ(server.count(H2Type::kRstStream), 0u);
      for (const auto& frame : server.frames) {
        if (frame.type == H2Type::kGoaway) {
          EXPECT_EQ(frame.error(), H2Error::kNoError);
        }
      }
      // It still works.
      if (server.user.must_close == 0 && server.user.goaways == 0) {
        server.send(h2Ping("abcdefgh"));
        ASSERT_NE(server.find(H2Type::kPing, 0), nullptr);
      }
      break;
    case Outcome::kStreamError:
      if (!one.outcome.strict && server.goaway() == one.outcome.code) {
        EXPECT_EQ(status, DispatchStatus::kProtocolError);
        break;
      }
      EXPECT_EQ(status, DispatchStatus::kOk) << server.codec->errorDetails();
      EXPECT_EQ(server.resetOf(one.outcome.stream), one.outcome.code);
      // The stream was malformed, not the connection.
      server.send(h2Headers(101, h2Get(), true));
      ASSERT_FALSE(server.user.streams.empty());
      EXPECT_EQ(server.user.streams.back().id, 101u);
      server.user.streams.back().answer(204);
      server.turn();
      EXPECT_NE(server.find(H2Type::kHeaders, 101), nullptr);
      break;
    case Outcome::kConnectionError:
      EXPECT_EQ(status, DispatchStatus::kProtocolError);
      EXPECT_EQ(server.goaway(), one.outcome.code);
      EXPECT_FALSE(server.codec->errorDetails().empty());
      for (const Recorder& stream : server.user.streams) {
        const bool told = stream.reset.has_value();
        EXPECT_TRUE(told);
      }
      // Nothing more is listened to.
      EXPECT_EQ(server.send(h2Headers(1001, h2Get(), true)), DispatchStatus::kProtocolError);
      break;
  }
  // A malformed request never surfaces.
  if (one.outcome.kind == Outcome::kStreamError && one.outcome.strict) {
    for (const Recorder& stream : server.user.streams) {
      if (stream.id != 101) {
        EXPECT_TRUE(stream.reset.has_value());
      }
    }
  }
}

TEST(Http2Conformance, Framing) {
  for (const Case& one : framingCases()) check(one);
}

TEST(Http2Conformance, Messages) {
  for (const Case& one : messageCases()) check(one);
}

TEST(Http2Conformance, HeaderCompression) {
  for (const Case& one : hpackCases()) check(one);
}

TEST(Http2Conformance, TheTablesAreAsLongAsTheyShouldBe) {
  EXPECT_GE(framingCases().size() + messageCases().size() + hpackCases().size(), 150u);
}

TEST(Http2Conformance, APrefaceThatIsNoneEndsTheConnection) {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                                   std::string("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), h2Settings({})}) {
    ServerHarness server;
    EXPECT_EQ(server.send(bytes), DispatchStatus::kProtocolError);
    EXPECT_EQ(server.codec->errorDetails(), "http2.invalid_preface");
  }
}

TEST(Http2Conformance, ThePrefaceMustBeFollowedBySettings) {
  ServerHarness server;
  EXPECT_EQ(server.send(std::string(kH2Preface) + h2Ping("12345678")), DispatchStatus::kProtocolError);
  EXPECT_EQ(server.goaway(), H2Error::kProtocol);
}

TEST(Http2Conformance, SettingsAreAcknowledgedInOrder) {
  ServerHarness server;
  server.start();
  server.frames.clear();
  server.send(h2Settings({{4, 1}}) + h2Ping("12345678") + h2Settings({{4, 2}}));
  ASSERT_EQ(server.frames.size(), 3u);
  EXPECT_EQ(server.count(H2Type::kSettings), 2u);
  EXPECT_EQ(server.count(H2Type::kPing), 1u);
  for (const auto& frame : server.frames) EXPECT_EQ(frame.flags, kAck);
}

TEST(Http2Conformance, PingsAreAnsweredWithTheirPayload) {
  ServerHarness server;
  server.start();
  server.send(h2Ping("\x01\x02\x03\x04\x05\x06\x07\x08"));
  ASSERT_NE(server.find(H2Type::kPing, 0), nullptr);
  EXPECT_EQ(server.find(H2Type::kPing, 0)->payload, "\x01\x02\x03\x04\x05\x06\x07\x08");
}

TEST(Http2Conformance, LateFramesOnAStreamThatWeResetAreIgnored) {
  ServerHarness server;
  server.start();
  server.send(h2Headers(1, h2Post(), false));
  server.user.streams[0].sender->reset(StreamReset::kLocalReset);
  server.turn();
  EXPECT_EQ(server.send(h2Data(1, "late", false) + h2Headers(1, {{"t", "1"}}, true)), DispatchStatus::kOk);
  EXPECT_EQ(server.count(H2Type::kGoaway), 0u);
  EXPECT_EQ(server.count(H2Type::kRstStream), 1u);
}

TEST(Http2Conformance, InvalidMessagesMayEndTheConnectionIfConfigured) {
  Http2Settings settings;
  settings.stream_error_on_invalid_http_message = false;
  ServerHarness server(settings);
  server.start();
  EXPECT_EQ(server.send(h2Headers(1, h2Get("/", {{"connection", "close"}}), true)), DispatchStatus::kProtocolError);
  EXPECT_EQ(server.goaway(), H2Error::kProtocol);
  ServerHarness other(settings);
  other.start();
  EXPECT_EQ(other.send(h2Headers(1, h2Get("/", {{"host", "other"}}), true)), DispatchStatus::kProtocolError);
  EXPECT_EQ(other.codec->errorDetails(), "http2.host_differs_from_authority");
}

}  // namespace
}  // namespace baton::http
