// A peer of HTTP/2 at the level of frames, which can send anything and reads what comes back: no state machine, no
// rules. Header blocks are written as literals without indexing unless a test builds its own bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_hd_inflater;

namespace baton::test {

enum class H2Type : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

// Flags.
inline constexpr uint8_t kEndStream = 0x1;
inline constexpr uint8_t kAck = 0x1;
inline constexpr uint8_t kEndHeaders = 0x4;
inline constexpr uint8_t kPadded = 0x8;
inline constexpr uint8_t kPriorityFlag = 0x20;

// Error codes (RFC 9113 7).
enum class H2Error : uint32_t {
  kNoError = 0,
  kProtocol = 1,
  kInternal = 2,
  kFlowControl = 3,
  kSettingsTimeout = 4,
  kStreamClosed = 5,
  kFrameSize = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompression = 9,
  kConnect = 10,
  kEnhanceYourCalm = 11,
};

inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

using H2Fields = std::vector<std::pair<std::string, std::string>>;

std::string h2Integer(uint32_t value, int bytes);  // big-endian
std::string h2Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload);
inline std::string h2Frame(H2Type type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return h2Frame(static_cast<uint8_t>(type), flags, stream, payload);
}

// HPACK (RFC 7541): an integer with a prefix, a literal without indexing, a block of them.
std::string hpackInteger(uint64_t value, int prefix_bits, uint8_t first_byte_bits);
std::string hpackLiteral(std::string_view name, std::string_view value);
std::string hpackIndexedLiteral(std::string_view name, std::string_view value);  // goes into the dynamic table
std::string hpackIndex(uint32_t index);
std::string hpackBlock(const H2Fields& fields);

// Frames that are well formed.
std::string h2Headers(uint32_t stream, const H2Fields& fields, bool end_stream);
std::string h2Data(uint32_t stream, std::string_view bytes, bool end_stream);
std::string h2Settings(const std::vector<std::pair<uint16_t, uint32_t>>& settings);
std::string h2SettingsAck();
std::string h2Ping(std::string_view eight_bytes, bool ack = false);
std::string h2WindowUpdate(uint32_t stream, uint32_t increment);
std::string h2RstStream(uint32_t stream, H2Error error);
std::string h2Goaway(uint32_t last_stream, H2Error error);
std::string h2Priority(uint32_t stream, uint32_t depends_on, uint8_t weight = 15);

// GET / with what a request needs; `more` follows.
H2Fields h2Get(std::string_view path = "/", const H2Fields& more = {});
H2Fields h2Post(std::string_view path = "/", const H2Fields& more = {});

struct H2ReadFrame {
  H2Type type{};
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
  H2Fields fields;  // HEADERS, decoded, continuations joined

  bool endStream() const { return (flags & kEndStream) != 0; }
  // RST_STREAM, GOAWAY.
  H2Error error() const;
  std::string field(std::string_view name) const;
};

// Cuts a byte stream into frames and decodes header blocks.
class H2Reader {
 public:
  H2Reader();
  ~H2Reader();
  // Adds bytes; the frames that are complete now.
  std::vector<H2ReadFrame> read(std::string_view bytes);

 private:
  H2Fields decode(std::string_view block);

  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string bytes_;
  std::string block_;
};

}  // namespace baton::test
