// Reads one HTTP/1.1 response and compares its body with what it must be. As strict as telling errors apart needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baton::restart_bench {

// The bytes that the backend sends and expects in transfers: the same at the same offset.
inline char patternAt(uint64_t offset) {
  return static_cast<char>('a' + (offset ^ (offset >> 7) ^ (offset >> 13)) % 26);
}
// FNV-1a, continued from `sum`.
inline constexpr uint64_t kChecksumStart = 1469598103934665603ull;
inline uint64_t checksum(std::string_view bytes, uint64_t sum = kChecksumStart) {
  for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return sum;
}

class Response {
 public:
  // `expected`: the body; nothing: `pattern_bytes` bytes of the pattern.
  explicit Response(std::optional<std::string> expected, uint64_t pattern_bytes = 0)
      : expected_(std::move(expected)), pattern_bytes_(pattern_bytes) {}

  // Takes what came; false when it can't be a response (bad head, too much body).
  bool feed(std::string_view bytes);
  bool begun() const { return begun_; }
  bool complete() const { return complete_; }
  // The connection ended: completes a body that is delimited by it.
  void finish();

  int status() const { return status_; }
  bool bodyMatches() const { return matches_ && received_ == expectedSize(); }
  // The server said that it will close the connection.
  bool closes() const { return closes_; }
  const std::string& head() const { return head_; }

 private:
  bool parseHead();
  bool takeBody(std::string_view bytes);
  bool takeChunked(std::string_view bytes);
  void compare(std::string_view bytes);
  uint64_t expectedSize() const { return expected_ ? expected_->size() : pattern_bytes_; }

  std::optional<std::string> expected_;
  uint64_t pattern_bytes_;
  std::string head_;
  std::string chunk_line_;
  bool head_done_ = false;
  bool begun_ = false;
  bool complete_ = false;
  bool matches_ = true;
  bool closes_ = false;
  bool chunked_ = false;
  std::optional<uint64_t> length_;
  uint64_t chunk_left_ = 0;
  bool last_chunk_ = false;
  uint64_t received_ = 0;
  int status_ = 0;
};

}  // namespace baton::restart_bench
