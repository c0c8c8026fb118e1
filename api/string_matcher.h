// How a user describes strings, headers and query parameters to match, and edits by pattern. Plain values with their
// defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// An RE2 expression that must match the whole string.
struct RegexMatcher {
  std::string regex;
};

// Replaces every match of a pattern.
struct RegexRewrite {
  std::optional<RegexMatcher> pattern;
  std::string substitution;
};

// A test of a string.
struct StringMatcher {
  std::optional<std::string> exact;
  std::optional<std::string> prefix;
  std::optional<std::string> suffix;
  std::optional<std::string> contains;
  std::optional<RegexMatcher> safe_regex;
  bool ignore_case = false;
};

// A range of numbers with its start and without its end.
struct Int64Range {
  int64_t start = 0;
  int64_t end = 0;
};

// A test of a request header.
struct HeaderMatcher {
  std::string name;
  std::optional<StringMatcher> string_match;
  std::optional<bool> present_match;
  std::optional<Int64Range> range_match;
  bool invert_match = false;
  bool treat_missing_header_as_empty = false;
  std::optional<std::string> exact_match;
  std::optional<std::string> prefix_match;
  std::optional<std::string> suffix_match;
  std::optional<std::string> contains_match;
  std::optional<RegexMatcher> safe_regex_match;
};

// A test of a query parameter.
struct QueryParameterMatcher {
  std::string name;
  std::optional<StringMatcher> string_match;
  std::optional<bool> present_match;
};

const MessageDescription& describe(const RegexMatcher*);
const MessageDescription& describe(const RegexRewrite*);
const MessageDescription& describe(const StringMatcher*);
const MessageDescription& describe(const Int64Range*);
const MessageDescription& describe(const HeaderMatcher*);
const MessageDescription& describe(const QueryParameterMatcher*);

}  // namespace baton::api
