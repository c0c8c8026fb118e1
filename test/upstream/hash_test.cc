#include "source/upstream/hash.h"

#include <gtest/gtest.h>
#include <string>

namespace baton::upstream {
namespace {

TEST(Hash, XxHash64GivesThePublishedValues) {
  EXPECT_EQ(xxHash64(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(xxHash64("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(xxHash64("abc"), 0x44BC2CF5AD770999u);
  EXPECT_EQ(xxHash64("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1u);
}

TEST(Hash, XxHash64DependsOnTheSeed) {
  EXPECT_NE(xxHash64("abc", 1), xxHash64("abc"));
}

TEST(Hash, MurmurHash2IsThatOfTheStandardLibrary) {
  for (const std::string text : {"", "a", "1234567", "12345678", "123456789", "10.0.0.1:80_17"}) {
    EXPECT_EQ(murmurHash2(text), std::hash<std::string>{}(text)) << text;
  }
}

}  // namespace
}  // namespace baton::upstream
