#include "source/http/path.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "source/http/query.h"

namespace baton::http {
namespace {

std::string outcome(std::string_view target, const PathSettings& settings) {
  std::string path;
  const PathResult result = normalizePath(target, settings, path);
  switch (result.outcome) {
    case PathResult::Outcome::kUnchanged:
      return std::string(target);
    case PathResult::Outcome::kChanged:
      return path;
    case PathResult::Outcome::kRedirect:
      return "307 " + path;
    case PathResult::Outcome::kReject:
      return "400 " + std::string(result.details);
  }
  return "";
}

constexpr PathSettings kDefault;

struct Row {
  std::string_view target;
  std::string_view expected;
};

TEST(Path, DefaultsMakeOneSpellingOfEachPath) {
  using namespace std::string_view_literals;
  const Row rows[] = {
      // Nothing to do.
      {"/", "/"},
      {"/a", "/a"},
      {"/a/b/", "/a/b/"},
      {"/a?b=c", "/a?b=c"},
      {"/a.b/c..d/e.", "/a.b/c..d/e."},
      {"*", "*"},
      {"", ""},
      {"/a;p=1,2/b", "/a;p=1,2/b"},
      {"/a:b@c!d$e&f'g(h)i*j+k=l", "/a:b@c!d$e&f'g(h)i*j+k=l"},
      {"/\xc3\xa4", "/\xc3\xa4"},
      // Dot segments (RFC 3986 5.2.4).
      {"/.", "/"},
      {"/./", "/"},
      {"/..", "/"},
      {"/../", "/"},
      {"/../..", "/"},
      {"/../a", "/a"},
      {"/../../../a/b", "/a/b"},
      {"/a/.", "/a/"},
      {"/a/./", "/a/"},
      {"/a/./b", "/a/b"},
      {"/a/..", "/"},
      {"/a/../", "/"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/b/../", "/a/"},
      {"/a/b/../c", "/a/c"},
      {"/a/b/../../c", "/c"},
      {"/a/b/../../../c", "/c"},
      {"/a/b/c/./../../g", "/a/g"},
      {"/mid/content=5/../6", "/mid/6"},
      {"/...", "/..."},
      {"/.../a", "/.../a"},
      {"/.a", "/.a"},
      {"/..a", "/..a"},
      {"/a./b", "/a./b"},
      {"/a../b", "/a../b"},
      {"/a/.b/../c", "/a/c"},
      // Escaped dots are dots.
      {"/%2e", "/"},
      {"/%2E%2e/a", "/a"},
      {"/a/%2e%2e/b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/a/%2e./b", "/b"},
      {"/a/%2e/b", "/a/b"},
      {"/a%2eb", "/a.b"},
      {"/%2e%2e%2e", "/..."},
      // Escaped unreserved characters are those characters; others keep their escape, as it was written.
      {"/%41%5a%61%7A%30%39", "/AZaz09"},
      {"/%2D%5f%7e", "/-_~"},
      {"/a%20b", "/a%20b"},
      {"/a%3fb", "/a%3fb"},
      {"/a%3Fb", "/a%3Fb"},
      {"/a%23b", "/a%23b"},
      {"/a%25b", "/a%25b"},
      {"/%252e%252e/a", "/%252e%252e/a"},
      {"/%252F", "/%252F"},
      {"/%c3%a4", "/%c3%a4"},
      {"/%0d%0a", "/%0d%0a"},
      {"/%7f", "/%7f"},
      {"/%01", "/%01"},
      // Slashes.
      {"//", "/"},
      {"//a", "/a"},
      {"/a//b", "/a/b"},
      {"/a///b//", "/a/b/"},
      {"/a//../b", "/a/b"},
      {"/a/..//b", "/b"},
      {"//../a", "/a"},
      {"/.//a", "/a"},
      {"\\a", "400 path_normalization_failed"},
      {"/a\\b", "/a/b"},
      {"/a\\..\\b", "/b"},
      {"/\\b", "/b"},
      {"/a/\\b", "/a/b"},
      // The query is not touched.
      {"/a/../b?c=/../d//e\\%2e", "/b?c=/../d//e\\%2e"},
      {"/a?%00", "/a?%00"},
      {"/a?b?c", "/a?b?c"},
      {"/?", "/?"},
      {"/a/..?x", "/?x"},
      {"/a%2e?%zz", "/a.?%zz"},
      // Refused.
      {"a", "400 path_normalization_failed"},
      {"?a", "400 path_normalization_failed"},
      {"http://a/", "400 path_normalization_failed"},
      {"/a#b", "400 path_with_fragment"},
      {"/a?b#c", "400 path_with_fragment"},
      {"/%00", "400 path_with_escaped_nul"},
      {"/a%00b", "400 path_with_escaped_nul"},
      {"/a/%00/../b", "400 path_with_escaped_nul"},
      {"/%", "400 path_normalization_failed"},
      {"/%2", "400 path_normalization_failed"},
      {"/%zz", "400 path_normalization_failed"},
      {"/%2g", "400 path_normalization_failed"},
      {"/a%?b", "400 path_normalization_failed"},
      {"/%%41", "400 path_normalization_failed"},
      {"/%2%65", "400 path_normalization_failed"},
      // Escaped slashes.
      {"/a%2fb", "307 /a/b"},
      {"/a%2Fb?q", "307 /a/b?q"},
      {"/a%5cb", "307 /a/b"},
      {"/a%5C..%2Fb", "307 /b"},
      {"/%2f%2fevil.example/", "307 /evil.example/"},
      {"/%5c%5cevil.example/", "307 /evil.example/"},
      {"/a/%2e%2e%2fb", "307 /b"},
  };
  for (const Row& row : rows) EXPECT_EQ(outcome(row.target, kDefault), row.expected) << row.target;
}

TEST(Path, ASecondNormalizationChangesNothing) {
  for (const std::string_view target :
       {"/a/../b", "/a//b", "/%41", "/a/%2e%2e/b", "/%252e", "/a\\b", "//..//x/./y/..", "/%2e%2e%2e"}) {
    const std::string once = outcome(target, kDefault);
    EXPECT_EQ(outcome(once, kDefault), once) << target;
  }
}

TEST(Path, EscapedSlashesAreWhatTheSettingsSay) {
  struct Case {
    EscapedSlashes action;
    std::string_view target;
    std::string_view expected;
  };
  const Case rows[] = {
      {EscapedSlashes::kKeep, "/a%2fb/%5C", "/a%2fb/%5C"},
      {EscapedSlashes::kKeep, "/a%2f..%2fb", "/a%2f..%2fb"},
      {EscapedSlashes::kKeep, "/a/..%2fb", "/a/..%2fb"},
      {EscapedSlashes::kKeep, "/a%2fb/../c", "/c"},
      {EscapedSlashes::kReject, "/a%2fb", "400 path_with_escaped_slashes"},
      {EscapedSlashes::kReject, "/a%5Cb", "400 path_with_escaped_slashes"},
      {EscapedSlashes::kReject, "/a%252fb", "/a%252fb"},
      {EscapedSlashes::kReject, "/a?%2f", "/a?%2f"},
      {EscapedSlashes::kForward, "/a%2fb", "/a/b"},
      {EscapedSlashes::kForward, "/a%2F..%5cb", "/b"},
      {EscapedSlashes::kForward, "/a%2f%2fb", "/a/b"},
      {EscapedSlashes::kRedirect, "/a%2fb", "307 /a/b"},
      {EscapedSlashes::kRedirect, "/a/b", "/a/b"},
  };
  for (const Case& row : rows) {
    PathSettings settings;
    settings.escaped_slashes = row.action;
    EXPECT_EQ(outcome(row.target, settings), row.expected) << row.target;
  }
}

TEST(Path, StepsCanBeTurnedOff) {
  PathSettings raw;
  raw.normalize = raw.merge_slashes = false;
  raw.escaped_slashes = EscapedSlashes::kKeep;
  for (const std::string_view target : {"/a/../b", "/a//b", "/%41", "/a\\b", "/%zz", "/%2f"}) {
    EXPECT_EQ(outcome(target, raw), target);
  }
  EXPECT_EQ(outcome("/%00", raw), "400 path_with_escaped_nul");
  PathSettings merge = raw;
  merge.merge_slashes = true;
  EXPECT_EQ(outcome("/a//./b", merge), "/a/./b");
  PathSettings normalize = raw;
  normalize.normalize = true;
  EXPECT_EQ(outcome("/a//./b", normalize), "/a//b");
  PathSettings redirect = raw;
  redirect.escaped_slashes = EscapedSlashes::kRedirect;
  EXPECT_EQ(outcome("/%2fevil.example", redirect), "307 /evil.example");
  EXPECT_EQ(outcome("/%5cevil.example", redirect), "400 path_normalization_failed");
}

TEST(Path, QueryParametersAreFound) {
  EXPECT_EQ(pathOf("/a?b?c"), "/a");
  EXPECT_EQ(queryOf("/a?b?c"), "b?c");
  EXPECT_EQ(queryOf("/a"), "");
  EXPECT_EQ(findQueryParameter("/p?a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(findQueryParameter("/p?a=1&b", "b"), "");
  EXPECT_EQ(findQueryParameter("/p?a=1&&b=x=y", "b"), "x=y");
  EXPECT_EQ(findQueryParameter("/p?aa=1", "a"), std::nullopt);
  EXPECT_EQ(findQueryParameter("/p", "a"), std::nullopt);
  EXPECT_EQ(percentDecode("a%20b%zz%4"), "a b%zz%4");
  EXPECT_EQ(percentEncode("a b/\xff~"), "a%20b%2F%FF~");
}

}  // namespace
}  // namespace baton::http
