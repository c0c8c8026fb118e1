#include "source/http/http2/memory.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "source/base/recycled.h"

namespace baton::http::http2 {
namespace {

constexpr size_t kStep = 32;
constexpr size_t kClasses = 16;               // larger blocks go to malloc(3) and back
constexpr size_t kMostBytesKept = 64 * 1024;  // of each class

// Stands before what nghttp2 sees: free() is not told the size.
struct alignas(std::max_align_t) Block {
  size_t capacity;
  Block* next;

  void* memory() { return this + 1; }
  static Block* of(void* memory) { return static_cast<Block*>(memory) - 1; }
};

class Blocks {
 public:
  ~Blocks() {
    for (List& list : lists_) {
      while (list.head != nullptr) std::free(std::exchange(list.head, list.head->next));
      list.bytes = kMostBytesKept;  // what comes later in this thread is freed
    }
  }

  void* take(size_t size) {
    size_t capacity = size;
    if (size <= kStep * kClasses) {
      const size_t place = size == 0 ? 0 : (size - 1) / kStep;
      capacity = (place + 1) * kStep;
      List& list = lists_[place];
      if (list.head != nullptr) {
        list.bytes -= capacity;
        return std::exchange(list.head, list.head->next)->memory();
      }
    }
    if (capacity > SIZE_MAX - sizeof(Block)) return nullptr;
    auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
    if (block == nullptr) return nullptr;
    block->capacity = capacity;
    return block->memory();
  }

  void give(void* memory) {
    if (memory == nullptr) return;
    Block* block = Block::of(memory);
    if (block->capacity <= kStep * kClasses) {
      List& list = lists_[block->capacity / kStep - 1];
      if (list.bytes < kMostBytesKept) {
        list.bytes += block->capacity;
        block->next = std::exchange(list.head, block);
        return;
      }
    }
    std::free(block);
  }

  static Blocks& ofThisThread() {
    static thread_local Blocks blocks;
    return blocks;
  }

 private:
  struct List {
    Block* head = nullptr;
    size_t bytes = 0;
  };
  std::array<List, kClasses> lists_;
};

void* take(size_t size, void*) {
  return Blocks::ofThisThread().take(size);
}

void give(void* memory, void*) {
  Blocks::ofThisThread().give(memory);
}

void* takeZeroed(size_t count, size_t size, void*) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* memory = Blocks::ofThisThread().take(count * size);
  if (memory != nullptr) std::memset(memory, 0, count * size);
  return memory;
}

void* resize(void* memory, size_t size, void*) {
  if (memory == nullptr) return Blocks::ofThisThread().take(size);
  const size_t capacity = Block::of(memory)->capacity;
  if (size <= capacity) return memory;
  void* larger = Blocks::ofThisThread().take(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, capacity);
  Blocks::ofThisThread().give(memory);
  return larger;
}

}  // namespace

nghttp2_mem* sessionMemory() {
  static nghttp2_mem memory{nullptr, take, give, takeZeroed, resize};
  return base::kKeepsMemory ? &memory : nullptr;
}

}  // namespace baton::http::http2
