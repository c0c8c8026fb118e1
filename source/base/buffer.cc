#include "source/base/buffer.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace baton::base {
namespace {

constexpr size_t kSmallest = 512;
// An emptied buffer larger than this gives its memory back at once rather than when it is cleared.
constexpr size_t kKeepWhenEmptied = 4096;

}  // namespace

void Buffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
  end_ += bytes.size();
}

char* Buffer::reserve(size_t count) {
  if (capacity_ - end_ >= count) return bytes_.get() + end_;
  const size_t kept = size();
  if (capacity_ - kept >= count && begin_ >= capacity_ / 2) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, kept);
  } else {
    const size_t capacity = std::max({kSmallest, capacity_ * 2, kept + count});
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
    if (kept > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, kept);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = kept;
  return bytes_.get() + end_;
}

void Buffer::drain(size_t count) {
  assert(count <= size());
  begin_ += count;
  if (!empty()) return;
  begin_ = end_ = 0;
  if (capacity_ > kKeepWhenEmptied) clear();
}

void Buffer::clear() {
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

void Buffer::swap(Buffer& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(capacity_, other.capacity_);
  std::swap(begin_, other.begin_);
  std::swap(end_, other.end_);
}

}  // namespace baton::base
