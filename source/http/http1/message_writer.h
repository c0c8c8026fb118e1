// Writes HTTP/1.1 messages: heads, and bodies in the frame that their head announced. The only place where a HeaderMap
// becomes HTTP/1.1 bytes, so it refuses whatever would not be the message that was meant: control characters in values
// (response splitting), bad names, methods and targets. Owned by a codec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "source/http/codec.h"
#include "source/http/header_map.h"
#include "source/http/http1/settings.h"

namespace baton::http {

class MessageWriter {
 public:
  MessageWriter(ByteSink& sink, const Http1Settings& settings) : sink_(sink), settings_(settings) {}

  // How the end of the body is marked.
  enum class Framing : uint8_t {
    kNoBody,
    kLength,
    kChunked,
    kUntilClose,  // responses to HTTP/1.0
    kTunnel,      // not a body: raw bytes, once the tunnel is open
  };

  struct ResponseTo {
    bool head = false;
    bool connect = false;
    bool upgrade = false;
    bool http_10 = false;
    bool close = false;  // say `connection: close`
    bool keep_alive_10 = false;
  };
  // False, with nothing written, when the head is refused.
  [[nodiscard]] bool writeResponseHead(const HeaderMap& headers, const ResponseTo& request, bool end_of_stream);
  [[nodiscard]] bool writeInformational(const HeaderMap& headers);
  [[nodiscard]] bool writeRequestHead(const HeaderMap& headers, bool end_of_stream);

  // Of the head written last.
  Framing framing() const { return framing_; }

  // False when there is more than content-length announced; what is too much is not written.
  [[nodiscard]] bool writeData(std::string_view bytes);
  // False when there was less than content-length announced.
  [[nodiscard]] bool writeEnd();
  // The same with trailers, where framing and settings allow them; invalid ones are dropped.
  [[nodiscard]] bool writeEnd(const HeaderMap& trailers);

  // Since reset().
  uint64_t headBytes() const { return head_bytes_; }
  uint64_t bytes() const { return bytes_; }
  void resetCounts() { head_bytes_ = bytes_ = 0; }

 private:
  void write(std::string_view bytes);
  void writeHeadBytes(std::string_view bytes);

  ByteSink& sink_;
  const Http1Settings& settings_;
  uint64_t remaining_ = 0;  // of content-length
  uint64_t head_bytes_ = 0;
  uint64_t bytes_ = 0;
  Framing framing_ = Framing::kNoBody;
};

}  // namespace baton::http
