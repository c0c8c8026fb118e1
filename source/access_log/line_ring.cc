#include "source/access_log/line_ring.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace baton::access_log {
namespace {

char* mapMemory(size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    fputs("access log: out of address space\n", stderr);
    abort();
  }
  return static_cast<char*>(memory);
}

}  // namespace

LineRing::LineRing(size_t capacity) : capacity_(capacity), memory_(mapMemory(capacity)) {}

LineRing::~LineRing() {
  ::munmap(memory_, capacity_);
}

std::atomic_ref<uint64_t> LineRing::wordAt(uint64_t position) const {
  return std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t*>(memory_ + (position & (capacity_ - 1))));
}

bool LineRing::push(std::string_view line) {
  if (line.size() > capacity_ / 4) return false;
  const size_t record = (sizeof(uint64_t) + line.size() + kAlign - 1) / kAlign * kAlign;
  uint64_t start = head_.load(std::memory_order_relaxed);
  size_t padding = 0;
  do {
    // A record doesn't wrap: what is left before the end is skipped when it does not fit there.
    const size_t to_end = capacity_ - (start & (capacity_ - 1));
    padding = record > to_end ? to_end : 0;
    // Acquire: the taker has cleared the bytes that we are about to write.
    if (start + padding + record - tail_.load(std::memory_order_acquire) > capacity_) return false;
  } while (!head_.compare_exchange_weak(start, start + padding + record, std::memory_order_acq_rel,
                                        std::memory_order_relaxed));
  if (padding > 0) wordAt(start).store(kReady | kPadding | padding, std::memory_order_release);
  start += padding;
  memcpy(memory_ + (start & (capacity_ - 1)) + sizeof(uint64_t), line.data(), line.size());
  wordAt(start).store(kReady | line.size(), std::memory_order_release);
  return true;
}

void LineRing::pop(std::string& out, size_t max_bytes) {
  const size_t enough = out.size() + max_bytes;
  uint64_t position = tail_.load(std::memory_order_relaxed);
  while (out.size() < enough && position != head_.load(std::memory_order_acquire)) {
    const uint64_t word = wordAt(position).load(std::memory_order_acquire);
    if ((word & kReady) == 0) return;  // its writer is copying; it comes next time
    const size_t bytes = word & ~(kReady | kPadding);
    char* const record = memory_ + (position & (capacity_ - 1));
    size_t size = bytes;
    if ((word & kPadding) == 0) {
      out.append(record + sizeof(uint64_t), bytes);
      size = (sizeof(uint64_t) + bytes + kAlign - 1) / kAlign * kAlign;
    }
    // Any of these words may be the first of a record in the next lap, and must then say "not ready".
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) wordAt(position + i).store(0, std::memory_order_relaxed);
    position += size;
    tail_.store(position, std::memory_order_release);
  }
}

}  // namespace baton::access_log
