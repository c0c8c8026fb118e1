#include "source/http/http2/memory.h"

#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace baton::http::http2 {
namespace {

class SessionMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (sessionMemory() == nullptr) GTEST_SKIP() << "nghttp2 takes malloc(3) in this build";
  }

  void* take(size_t size) { return sessionMemory()->malloc(size, nullptr); }
  void give(void* memory) { sessionMemory()->free(memory, nullptr); }
};

TEST_F(SessionMemory, BlocksOfAllSizesKeepTheirBytesWhileOthersComeAndGo) {
  std::vector<std::pair<unsigned char*, size_t>> kept;
  for (size_t round = 0; round < 3; ++round) {
    for (size_t size = 0; size < 1500; ++size) {
      auto* bytes = static_cast<unsigned char*>(take(size));
      ASSERT_NE(bytes, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(bytes) % alignof(std::max_align_t), 0u);
      std::memset(bytes, static_cast<int>(size % 251), size);
      kept.emplace_back(bytes, size);
    }
    for (const auto& [bytes, size] : kept) {
      for (size_t i = 0; i < size; ++i) ASSERT_EQ(bytes[i], size % 251);
      give(bytes);
    }
    kept.clear();
  }
  give(nullptr);
}

TEST_F(SessionMemory, AUsedBlockComesBackZeroedWhenAskedSo) {
  void* used = take(100);
  std::memset(used, 1, 100);
  give(used);
  auto* zeroed = static_cast<unsigned char*>(sessionMemory()->calloc(10, 10, nullptr));
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(zeroed[i], 0);
  give(zeroed);
  EXPECT_EQ(sessionMemory()->calloc(SIZE_MAX / 2, 3, nullptr), nullptr);
}

TEST_F(SessionMemory, AGrowingBlockKeepsWhatItHeld) {
  auto* bytes = static_cast<unsigned char*>(sessionMemory()->realloc(nullptr, 1, nullptr));
  bytes[0] = 7;
  for (size_t size = 2; size < 3000; ++size) {
    bytes = static_cast<unsigned char*>(sessionMemory()->realloc(bytes, size, nullptr));
    ASSERT_EQ(bytes[size - 2], (size + 5) % 256);
    bytes[size - 1] = static_cast<unsigned char>((size + 6) % 256);
  }
  give(bytes);
}

TEST_F(SessionMemory, ABlockMayComeBackOnAnotherThread) {
  void* here = take(64);
  std::thread([&] {
    give(here);
    here = take(64);
    std::memset(here, 1, 64);
  }).join();
  EXPECT_EQ(static_cast<unsigned char*>(here)[63], 1);
  give(here);
}

}  // namespace
}  // namespace baton::http::http2
