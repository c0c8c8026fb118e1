#include "source/base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::base {
namespace {

using testing::ElementsAre;

TEST(StringsTest, ComparisonIgnoresCaseOfAsciiOnly) {
  EXPECT_TRUE(equalsIgnoreCase("Content-Length", "content-LENGTH"));
  EXPECT_FALSE(equalsIgnoreCase("a", "ab"));
  EXPECT_FALSE(equalsIgnoreCase("@", "`")) << "they differ in the bit that tells upper from lower case";
  EXPECT_FALSE(equalsIgnoreCase("\xc4", "\xe4"));
  EXPECT_TRUE(equalsIgnoreCase("Transfer-Encoding", "tRANSFER-eNCODING"));
  EXPECT_FALSE(equalsIgnoreCase("transfer-encoding", "transfer-encodinG "));
  EXPECT_FALSE(equalsIgnoreCase("transfer_encoding", "transfer-encoding"));
  EXPECT_FALSE(equalsIgnoreCase("aaaaaaa@", "aaaaaaa`"));
  EXPECT_TRUE(startsWithIgnoreCase("Bearer x", "bearer "));
  EXPECT_FALSE(startsWithIgnoreCase("Bea", "bearer"));
  EXPECT_TRUE(containsIgnoreCase("keep-alive, Upgrade", "upgrade"));
  EXPECT_TRUE(containsIgnoreCase("x", ""));
  EXPECT_FALSE(containsIgnoreCase("", "x"));
  EXPECT_EQ(lower("AbC-\xc4"), "abc-\xc4");
}

TEST(StringsTest, LowerChangesTheCapitalLettersAtEveryPlaceOfAText) {
  for (size_t size = 1; size <= 17; ++size) {
    for (size_t place = 0; place < size; ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'x');
        std::string expected = text;
        text[place] = static_cast<char>(byte);
        expected[place] = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : text[place];
        ASSERT_EQ(lower(text), expected) << size << " bytes, at " << place << ": " << byte;
      }
    }
  }
}

TEST(StringsTest, TrimTakesSpacesAndTabs) {
  EXPECT_EQ(trim(" \t a b\t "), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(trim("\n x"), "\n x");
  EXPECT_EQ(trim(""), "");
}

TEST(StringsTest, SplitKeepsEmptyParts) {
  EXPECT_THAT(split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join({}, ","), "");
}

TEST(StringsTest, ListElementsAreTrimmedAndEmptyOnesSkipped) {
  std::vector<std::string> seen;
  EXPECT_TRUE(forEachListElement(" a ,, b\t,", [&](std::string_view element) {
    seen.emplace_back(element);
    return true;
  }));
  EXPECT_THAT(seen, ElementsAre("a", "b"));
  EXPECT_FALSE(forEachListElement("a,b", [](std::string_view) { return false; }));
}

TEST(StringsTest, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parseNumber("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", " 1", "1 ", "+1", "-1", "0x10", "1a", "18446744073709551616"}) {
    EXPECT_FALSE(parseNumber(text)) << text;
  }
  EXPECT_EQ(parseNumber<int>("-7"), -7);
  EXPECT_EQ(parseNumber("ff", 16), 255u);
  EXPECT_FALSE(parseNumber<uint16_t>("65536"));
}

TEST(StringsTest, Base64GoesThereAndBack) {
  // RFC 4648 10.
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(base64Encode(bytes), text);
    EXPECT_EQ(base64Decode(text), bytes);
  }
  EXPECT_EQ(base64Decode("Zm8"), "fo") << "without padding";
  EXPECT_EQ(base64Decode("-_8="), base64Decode("+/8="));
  for (const char* text : {"Z", "Zm9vY", "Zm 9v", "Zm9v!"}) EXPECT_FALSE(base64Decode(text)) << text;
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(base64Decode(base64Encode(all)), all);
  EXPECT_EQ(hexEncode(std::string("\x00\xff\x1a", 3)), "00ff1a");
}

TEST(StringsTest, TheNearestNameIsSuggested) {
  const std::vector<std::string_view> known{"address", "filter_chains", "listener_filters", "name"};
  EXPECT_EQ(nearestName("adress", known), "address");
  EXPECT_EQ(nearestName("filter_chain", known), "filter_chains");
  EXPECT_EQ(nearestName("Name", known), "name");
  EXPECT_EQ(nearestName("completely_else", known), "");
}

}  // namespace
}  // namespace baton::base
