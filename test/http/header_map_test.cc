#include "source/http/header_map.h"

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

namespace baton::http {
namespace {

std::string dump(const HeaderMap& map) {
  std::string text;
  map.forEach([&text](HeaderName, std::string_view name, std::string_view value) {
    text.append(name).append("=").append(value).append(";");
  });
  return text;
}

TEST(HeaderName, EveryKnownNameFindsItself) {
  for (size_t i = 0; i < kKnownHeaderNames; ++i) {
    const auto name = static_cast<HeaderName>(i);
    EXPECT_EQ(findHeaderName(spelling(name)), name) << spelling(name);
  }
}

TEST(HeaderName, OtherNamesAreNotFound) {
  for (const std::string_view name : {"", "a", "x", "hos", "hosts", "Host", "content-lengtH", ":pathh", "x-requestid",
                                      "x-envoy-upstream-rq-timeout-mt", "abcdefgh"}) {
    EXPECT_EQ(findHeaderName(name), HeaderName::kOther) << name;
  }
  EXPECT_EQ(findHeaderName(std::string(5000, 'x')), HeaderName::kOther);
}

TEST(HeaderMap, AnEmptyMapHasNothing) {
  HeaderMap map;
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.get(HeaderName::kHost), "");
  EXPECT_EQ(map.get("x-a"), "");
  EXPECT_FALSE(map.has("x-a"));
  EXPECT_EQ(map.remove("x-a"), 0u);
  EXPECT_EQ(map.remove(HeaderName::kHost), 0u);
  EXPECT_EQ(map.status(), 0);
  std::string storage;
  EXPECT_EQ(map.getJoined("x-a", storage), "");
  map.removeIf([](auto, auto) { return true; });
  EXPECT_EQ(dump(map), "");
}

TEST(HeaderMap, KeepsOrderAndDuplicates) {
  HeaderMap map;
  map.add("x-b", "1");
  map.add(HeaderName::kHost, "h");
  map.add("x-b", "2");
  map.add("cookie", "a=1");
  map.add(HeaderName::kCookie, "b=2");
  EXPECT_EQ(dump(map), "x-b=1;host=h;x-b=2;cookie=a=1;cookie=b=2;");
  EXPECT_EQ(map.size(), 5u);
  EXPECT_EQ(map.byteSize(), 3u + 1 + 4 + 1 + 3 + 1 + 6 + 3 + 6 + 3);
  std::string storage;
  EXPECT_EQ(map.getJoined("x-b", storage), "1, 2");
  EXPECT_EQ(map.getJoined("host", storage), "h");
  EXPECT_EQ(map.get("cookie"), "a=1");
}

TEST(HeaderMap, SetReplacesTheFirstAndRemovesTheOthers) {
  HeaderMap map;
  map.add("x-a", "1");
  map.add(HeaderName::kVia, "v1");
  map.add("x-a", "2");
  map.add(HeaderName::kVia, "v2");
  map.set("x-a", "new");
  map.set(HeaderName::kVia, "v");
  map.set(HeaderName::kContentLength, uint64_t{18446744073709551615u});
  map.setStatus(204);
  EXPECT_EQ(dump(map), "x-a=new;via=v;content-length=18446744073709551615;:status=204;");
  EXPECT_EQ(map.size(), 4u);
  EXPECT_EQ(map.status(), 204);
}

TEST(HeaderMap, RemoveTakesAllOfAName) {
  HeaderMap map;
  map.add("x-a", "1");
  map.add(HeaderName::kTe, "t");
  map.add("x-a", "2");
  map.add(HeaderName::kTe, "u");
  EXPECT_EQ(map.remove("x-a"), 2u);
  EXPECT_EQ(map.remove("te"), 2u);
  EXPECT_EQ(map.remove(HeaderName::kTe), 0u);
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.byteSize(), 0u);
  map.add(HeaderName::kTe, "again");
  EXPECT_EQ(map.get(HeaderName::kTe), "again");
}

TEST(HeaderMap, RemoveIfKeepsTheIndexRight) {
  HeaderMap map;
  map.add(HeaderName::kTe, "1");
  map.add("x-a", "2");
  map.add(HeaderName::kTe, "3");
  map.add(HeaderName::kHost, "4");
  map.removeIf([](std::string_view, std::string_view value) { return value == "1" || value == "2"; });
  EXPECT_EQ(dump(map), "te=3;host=4;");
  EXPECT_EQ(map.get(HeaderName::kTe), "3");
  EXPECT_EQ(map.get(HeaderName::kHost), "4");
}

TEST(HeaderMap, AppendToListJoinsOrAdds) {
  HeaderMap map;
  map.appendToList(HeaderName::kXForwardedFor, "1.1.1.1");
  map.appendToList(HeaderName::kXForwardedFor, "2.2.2.2");
  map.appendToList(HeaderName::kXForwardedFor, "3.3.3.3", ",");
  EXPECT_EQ(dump(map), "x-forwarded-for=1.1.1.1, 2.2.2.2,3.3.3.3;");
  EXPECT_EQ(map.byteSize(), 15u + map.get(HeaderName::kXForwardedFor).size());
}

TEST(HeaderMap, AnyCaseNamesAreLowered) {
  HeaderMap map;
  EXPECT_EQ(map.addAnyCase("Content-TYPE", "Text"), HeaderName::kContentType);
  EXPECT_EQ(map.addAnyCase("X-Any", "Value"), HeaderName::kOther);
  EXPECT_EQ(dump(map), "content-type=Text;x-any=Value;");
}

TEST(HeaderMap, ViewsStayValidWhileTheMapGrowsAndMoves) {
  HeaderMap map;
  map.add("x-first", "first value");
  const std::string_view first = map.get("x-first");
  for (int i = 0; i < 500; ++i) map.add("x-" + std::to_string(i), std::string(static_cast<size_t>(i), 'v'));
  map.set("x-first", "second value");
  EXPECT_EQ(first, "first value");
  HeaderMap other = std::move(map);
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(first, "first value");
  EXPECT_EQ(other.size(), 501u);
  EXPECT_EQ(other.get("x-499"), std::string(499, 'v'));
  HeaderMap copy = other.clone();
  other.clear();
  EXPECT_EQ(copy.size(), 501u);
  EXPECT_EQ(copy.get("x-first"), "second value");
}

TEST(HeaderMap, AValueMayComeFromTheMapItself) {
  HeaderMap map;
  map.add(HeaderName::kPath, "/a");
  map.set(HeaderName::kXEnvoyOriginalPath, map.path());
  map.set(HeaderName::kPath, map.path().substr(1));
  EXPECT_EQ(dump(map), ":path=a;x-envoy-original-path=/a;");
}

TEST(HeaderMap, SettingAndRemovingForeverDoesNotGrowTheEntries) {
  HeaderMap map;
  map.add(HeaderName::kHost, "h");
  for (int i = 0; i < 100'000; ++i) {
    map.add("x-a", "");
    map.remove("x-a");
  }
  EXPECT_EQ(dump(map), "host=h;");
  EXPECT_EQ(map.get("host"), "h");
}

TEST(HeaderMap, ARecycledMapIsEmpty) {
  for (int round = 0; round < 3; ++round) {
    HeaderMap map;
    EXPECT_FALSE(map.has(HeaderName::kHost));
    map.add(HeaderName::kHost, std::string(10'000, 'h'));
    map.add("x-a", "1");
  }
}

}  // namespace
}  // namespace baton::http
