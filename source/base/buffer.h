// Bytes that wait: appended at the end, taken from the front. Contiguous, so that whoever reads it sees one view;
// owns no memory while empty, so that idle connections cost none.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace baton::base {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    clear();
    swap(other);
    return *this;
  }

  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  // Valid until the next change.
  std::string_view view() const { return {bytes_.get() + begin_, size()}; }

  void append(std::string_view bytes);
  // Precondition: count <= size().
  void drain(size_t count);
  void clear();
  void swap(Buffer& other) noexcept;
  // Room for `count` bytes at the end, to be filled and then commit()ed.
  char* reserve(size_t count);
  void commit(size_t count) { end_ += count; }

  std::string take() {
    std::string bytes(view());
    clear();
    return bytes;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace baton::base
