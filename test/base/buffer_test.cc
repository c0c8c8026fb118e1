#include "source/base/buffer.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace baton::base {
namespace {

TEST(BufferTest, WhatGoesInAtTheEndComesOutAtTheFront) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.append("hello ");
  buffer.append("");
  buffer.append("world");
  EXPECT_EQ(buffer.view(), "hello world");
  buffer.drain(6);
  EXPECT_EQ(buffer.view(), "world");
  EXPECT_EQ(buffer.size(), 5u);
  EXPECT_EQ(buffer.take(), "world");
  EXPECT_TRUE(buffer.empty());
}

TEST(BufferTest, ReservedRoomIsFilledAndCommitted) {
  Buffer buffer;
  buffer.append("ab");
  std::memcpy(buffer.reserve(100), "cdef", 4);
  buffer.commit(4);
  EXPECT_EQ(buffer.view(), "abcdef");
}

TEST(BufferTest, MovingLeavesNothingBehind) {
  Buffer a;
  a.append("x");
  Buffer b(std::move(a));
  EXPECT_EQ(b.view(), "x");
  Buffer c;
  c.append("old");
  c = std::move(b);
  EXPECT_EQ(c.view(), "x");
  EXPECT_TRUE(b.empty());
}

TEST(BufferTest, RandomUseAgreesWithAString) {
  std::mt19937 random(5);
  Buffer buffer;
  std::string model;
  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 4) {
      case 0:
      case 1: {
        const std::string piece(random() % 3000, static_cast<char>('a' + step % 26));
        buffer.append(piece);
        model += piece;
        break;
      }
      case 2: {
        const size_t count = model.empty() ? 0 : random() % (model.size() + 1);
        buffer.drain(count);
        model.erase(0, count);
        break;
      }
      case 3:
        if (random() % 50 == 0) {
          buffer.clear();
          model.clear();
        }
        break;
    }
    ASSERT_EQ(buffer.size(), model.size());
    if (step % 100 == 0) {
      ASSERT_TRUE(buffer.view() == model);
    }
  }
}

}  // namespace
}  // namespace baton::base
