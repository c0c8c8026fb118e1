// Base of a type whose objects come and go with every request: the memory of those that have gone is kept, per thread,
// for the next ones of the same type. `T` is the type itself and is not derived from.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace baton::base {

// Under AddressSanitizer nobody keeps memory of what has gone, so that a use after the end is still seen.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kKeepsMemory = false;
#else
inline constexpr bool kKeepsMemory = true;
#endif

template <typename T>
class Recycled {
 public:
  static void* operator new(std::size_t bytes) {
    FreeList& list = FreeList::ofThisThread();
    if (list.head == nullptr) return ::operator new(bytes);
    --list.size;
    return std::exchange(list.head, list.head->next);
  }

  static void operator delete(void* memory) noexcept {
    if (memory == nullptr) return;
    FreeList& list = FreeList::ofThisThread();
    if (list.size >= mostKept()) return ::operator delete(memory);
    list.head = new (memory) Free{list.head};
    ++list.size;
  }

 protected:
  ~Recycled() = default;

 private:
  static constexpr std::size_t kMostBytesKept = kKeepsMemory ? 1024 * 1024 : 0;  // of each thread and type
  static constexpr std::size_t mostKept() { return kMostBytesKept / sizeof(T); }

  struct Free {
    Free* next;
  };

  struct FreeList {
    Free* head = nullptr;
    std::size_t size = 0;

    ~FreeList() {
      while (head != nullptr) ::operator delete(std::exchange(head, head->next));
      size = mostKept();  // objects that end later in this thread give their memory back themselves
    }

    static FreeList& ofThisThread() {
      static thread_local FreeList list;
      return list;
    }
  };
};

}  // namespace baton::base
