// The body of a message that comes in, whichever way its end is marked (RFC 9112 6.3).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "source/http/http1/chunked.h"

namespace baton::http {

class BodyReader {
 public:
  explicit BodyReader(const Http1Settings& settings) : chunks_(settings) {}

  using Status = ChunkedDecoder::Status;
  using Step = ChunkedDecoder::Step;

  void beginChunked() {
    kind_ = Kind::kChunked;
    chunks_.reset();
  }
  void beginLength(uint64_t length) {
    kind_ = Kind::kLength;
    remaining_ = length;
  }
  void beginUntilClose() { kind_ = Kind::kUntilClose; }
  bool untilClose() const { return kind_ == Kind::kUntilClose; }

  // As ChunkedDecoder::next(); kDone comes in a step of its own, after the last kData.
  Step next(std::string_view bytes) {
    if (kind_ == Kind::kChunked) return chunks_.next(bytes);
    if (kind_ == Kind::kLength) {
      if (remaining_ == 0) return {Status::kDone, 0, {}};
      bytes = bytes.substr(0, static_cast<size_t>(std::min<uint64_t>(remaining_, bytes.size())));
      remaining_ -= bytes.size();
    }
    return {bytes.empty() ? Status::kNeedMore : Status::kData, bytes.size(), bytes};
  }
  // With the data of the last step the body is complete; so its end can be told together with it.
  bool endsHere() const { return kind_ == Kind::kLength && remaining_ == 0; }

  Http1Error error() const { return chunks_.error(); }
  HeaderMap takeTrailers() { return chunks_.takeTrailers(); }

 private:
  enum class Kind : uint8_t { kLength, kChunked, kUntilClose };

  ChunkedDecoder chunks_;
  uint64_t remaining_ = 0;
  Kind kind_ = Kind::kLength;
};

}  // namespace baton::http
