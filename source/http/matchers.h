// What a user writes to test strings, headers and query parameters, compiled: for routes, filters and access logs.
// Built on the main thread, immutable, read by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/string_matcher.h"

#include "source/base/result.h"
#include "source/http/header_map.h"

namespace re2 {
class RE2;
}

namespace baton::http {

using Regex = std::shared_ptr<const re2::RE2>;
// An error when it does not compile or its program is larger than kMaxRegexProgram.
base::Result<Regex> compileRegex(const std::string& expression);
inline constexpr int kMaxRegexProgram = 1000;
bool fullMatch(const re2::RE2& regex, std::string_view text);

class StringMatcher {
 public:
  static base::Result<StringMatcher> build(const api::StringMatcher& config);
  bool matches(std::string_view text) const;

  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };
  // For values that are fixed by the code.
  StringMatcher(Kind kind, std::string text, bool ignore_case)
      : kind_(kind), ignore_case_(ignore_case), text_(std::move(text)) {}

 private:
  StringMatcher() = default;

  Kind kind_ = Kind::kExact;
  bool ignore_case_ = false;
  std::string text_;
  Regex regex_;
};

class HeaderMatcher {
 public:
  static base::Result<HeaderMatcher> build(const api::HeaderMatcher& config);
  bool matches(const HeaderMap& headers) const;

 private:
  HeaderMatcher() = default;
  bool valueMatches(std::string_view value) const;

  enum class Kind : uint8_t { kPresent, kString, kRange };
  Kind kind_ = Kind::kPresent;
  HeaderName id_ = HeaderName::kOther;
  bool invert_ = false;
  bool expected_present_ = true;
  bool missing_is_empty_ = false;
  std::string name_;
  std::optional<StringMatcher> string_;
  int64_t range_start_ = 0;
  int64_t range_end_ = 0;
};
base::Result<std::vector<HeaderMatcher>> buildAll(const std::vector<api::HeaderMatcher>& configs);
// True when every one matches; true for an empty list.
bool allMatch(const std::vector<HeaderMatcher>& matchers, const HeaderMap& headers);

class QueryMatcher {
 public:
  static base::Result<QueryMatcher> build(const api::QueryParameterMatcher& config);
  // `path` with its query, as in :path.
  bool matches(std::string_view path) const;

 private:
  QueryMatcher() = default;

  bool expected_present_ = true;
  std::string name_;
  std::optional<StringMatcher> string_;
};

}  // namespace baton::http
