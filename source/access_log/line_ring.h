// A bounded queue of lines from many threads to one, without locks: a writer reserves its bytes by one
// compare-and-swap, copies, and marks them ready; when there is no room the line is refused at once. Memory is touched
// only when it is used, and one lap around is the most that it ever holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace baton::access_log {

class LineRing {
 public:
  // A power of two. Lines of more than a quarter of it are refused.
  explicit LineRing(size_t capacity);
  ~LineRing();
  LineRing(const LineRing&) = delete;
  LineRing& operator=(const LineRing&) = delete;

  // Any thread. False when it does not fit.
  bool push(std::string_view line);
  // One thread. Moves at most about `max_bytes` to the end of `out`, oldest first.
  void pop(std::string& out, size_t max_bytes);
  // Bytes that wait, headers of lines included.
  size_t pending() const { return head_.load(std::memory_order_acquire) - tail_.load(std::memory_order_acquire); }

 private:
  // A record is this word, then the bytes, padded to kAlign. 0: reserved, but not yet ready.
  static constexpr size_t kAlign = 8;
  static constexpr uint64_t kReady = uint64_t{1} << 63;
  static constexpr uint64_t kPadding = uint64_t{1} << 62;

  std::atomic_ref<uint64_t> wordAt(uint64_t position) const;

  const size_t capacity_;
  char* const memory_;
  alignas(64) std::atomic<uint64_t> head_{0};  // end of what is reserved
  alignas(64) std::atomic<uint64_t> tail_{0};  // start of what is not yet taken
};

}  // namespace baton::access_log
