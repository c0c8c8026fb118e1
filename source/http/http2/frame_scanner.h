// Finds the frames in a client's bytes before nghttp2 does, for those that nghttp2 1.52 passes over in silence: DATA on
// closed streams, PRIORITY, and types that it does not know. Owned by a server's Session.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace baton::http::http2 {

class FrameScanner {
 public:
  struct Frame {
    uint32_t length = 0;
    uint8_t type = 0;
    uint8_t flags = 0;
    int32_t stream_id = 0;
    int32_t depends_on = -1;  // PRIORITY
  };

  // Goes on in `bytes` at `position`. True when a frame's header, and a PRIORITY's dependency, is complete there.
  bool next(std::string_view bytes, size_t& position) {
    while (position < bytes.size()) {
      if (skip_ > 0) {
        const size_t skipped = std::min(skip_, bytes.size() - position);
        skip_ -= skipped;
        position += skipped;
        continue;
      }
      const size_t taken = std::min(wanted_ - filled_, bytes.size() - position);
      std::memcpy(header_.data() + filled_, bytes.data() + position, taken);
      filled_ += taken;
      position += taken;
      if (filled_ < wanted_) break;
      parse();
      if (frame_.type == kPriorityType && wanted_ == kHeaderBytes && frame_.length >= kWordBytes) {
        wanted_ += kWordBytes;
        continue;
      }
      skip_ = frame_.length - (wanted_ - kHeaderBytes);
      filled_ = 0;
      wanted_ = kHeaderBytes;
      return true;
    }
    return false;
  }
  const Frame& frame() const { return frame_; }
  // Of the frame's payload, in what follows.
  size_t left() const { return skip_; }

 private:
  static constexpr uint8_t kPriorityType = 2;
  static constexpr size_t kPrefaceBytes = 24;
  static constexpr size_t kHeaderBytes = 9;
  static constexpr size_t kWordBytes = 4;

  uint32_t number(size_t at, size_t bytes) const {
    uint32_t value = 0;
    for (size_t i = at; i < at + bytes; ++i) value = value << 8 | header_[i];
    return value;
  }
  void parse() {
    frame_.length = number(0, 3);
    frame_.type = header_[3];
    frame_.flags = header_[4];
    frame_.stream_id = static_cast<int32_t>(number(5, 4) & 0x7fffffff);
    frame_.depends_on = filled_ > kHeaderBytes ? static_cast<int32_t>(number(9, 4) & 0x7fffffff) : -1;
  }

  std::array<uint8_t, kHeaderBytes + kWordBytes> header_{};
  size_t filled_ = 0;
  size_t wanted_ = kHeaderBytes;
  size_t skip_ = kPrefaceBytes;
  Frame frame_;
};

}  // namespace baton::http::http2
