// Takes the chunks off a body (RFC 9112 7.1), as the bytes come. Data is handed out as slices of what was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "source/http/header_map.h"
#include "source/http/http1/parse_error.h"
#include "source/http/http1/settings.h"

namespace baton::http {

class ChunkedDecoder {
 public:
  static constexpr size_t kMaxSizeLineBytes = 4 * 1024;
  static constexpr size_t kMaxExtensionBytes = 16 * 1024;  // of one message
  static constexpr size_t kMaxTrailerBytes = 16 * 1024;

  explicit ChunkedDecoder(const Http1Settings& settings) : settings_(settings) {}

  enum class Status { kData, kNeedMore, kDone, kError };
  struct Step {
    Status status;
    size_t consumed;        // from the front; data lies within
    std::string_view data;  // with kData, not empty
  };
  // Call again with the rest after kData. With kNeedMore the rest is to be offered again, with what follows.
  Step next(std::string_view bytes);

  // For the next body.
  void reset();

  Http1Error error() const { return error_; }
  // After kDone; empty unless trailers are enabled. Fields that must not be trailers have been dropped.
  HeaderMap takeTrailers() { return std::move(trailers_); }

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailers, kDone };

  bool take(char c);
  bool fail(Http1Error error) {
    error_ = error;
    return false;
  }
  Step trailerLines(std::string_view bytes, size_t consumed);
  bool trailerLine(std::string_view line);

  const Http1Settings& settings_;
  HeaderMap trailers_;
  uint64_t remaining_ = 0;  // of the chunk whose size or data is being read
  size_t size_line_bytes_ = 0;
  size_t extension_bytes_ = 0;
  size_t trailer_bytes_ = 0;
  size_t searched_ = 0;
  uint32_t trailer_fields_ = 0;
  uint8_t size_digits_ = 0;
  State state_ = State::kSize;
  Http1Error error_ = Http1Error::kNone;
};

}  // namespace baton::http
