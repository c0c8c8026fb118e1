#include "source/http/matchers.h"

#include <re2/re2.h>

#include "source/base/strings.h"
#include "source/http/query.h"

namespace baton::http {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

bool endsWith(std::string_view text, std::string_view suffix, bool ignore_case) {
  if (text.size() < suffix.size()) return false;
  const std::string_view tail = text.substr(text.size() - suffix.size());
  return ignore_case ? base::equalsIgnoreCase(tail, suffix) : tail == suffix;
}

Result<StringMatcher> fromRegex(const api::RegexMatcher& regex) {
  api::StringMatcher config;
  config.safe_regex = regex;
  return StringMatcher::build(config);
}

}  // namespace

Result<Regex> compileRegex(const std::string& expression) {
  re2::RE2::Options options(re2::RE2::Quiet);
  auto regex = std::make_shared<const re2::RE2>(expression, options);
  if (!regex->ok()) {
    return Error{ErrorCode::kInvalidArgument, "regex '" + expression + "' does not compile: " + regex->error()};
  }
  if (regex->ProgramSize() > kMaxRegexProgram) {
    return Error{ErrorCode::kInvalidArgument, "regex '" + expression + "' has a program of size " +
                                                  std::to_string(regex->ProgramSize()) + ", at most " +
                                                  std::to_string(kMaxRegexProgram) + " is allowed"};
  }
  return regex;
}

bool fullMatch(const re2::RE2& regex, std::string_view text) {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), regex);
}

Result<StringMatcher> StringMatcher::build(const api::StringMatcher& config) {
  StringMatcher matcher;
  matcher.ignore_case_ = config.ignore_case;
  if (config.exact) {
    matcher.kind_ = Kind::kExact;
    matcher.text_ = *config.exact;
  } else if (config.prefix) {
    matcher.kind_ = Kind::kPrefix;
    matcher.text_ = *config.prefix;
  } else if (config.suffix) {
    matcher.kind_ = Kind::kSuffix;
    matcher.text_ = *config.suffix;
  } else if (config.contains) {
    matcher.kind_ = Kind::kContains;
    matcher.text_ = *config.contains;
  } else if (config.safe_regex) {
    matcher.kind_ = Kind::kRegex;
    auto regex = compileRegex(config.safe_regex->regex);
    if (!regex) return regex.error();
    matcher.regex_ = *regex;
  } else {
    return Error{ErrorCode::kInvalidArgument,
                 "a string matcher needs one of exact, prefix, suffix, contains and safe_regex"};
  }
  return matcher;
}

bool StringMatcher::matches(std::string_view text) const {
  switch (kind_) {
    case Kind::kExact:
      return ignore_case_ ? base::equalsIgnoreCase(text, text_) : text == text_;
    case Kind::kPrefix:
      return ignore_case_ ? base::startsWithIgnoreCase(text, text_) : text.starts_with(text_);
    case Kind::kSuffix:
      return endsWith(text, text_, ignore_case_);
    case Kind::kContains:
      return ignore_case_ ? base::containsIgnoreCase(text, text_) : text.find(text_) != std::string_view::npos;
    case Kind::kRegex:
      return fullMatch(*regex_, text);
  }
  return false;
}

Result<HeaderMatcher> HeaderMatcher::build(const api::HeaderMatcher& config) {
  HeaderMatcher matcher;
  matcher.name_ = base::lower(config.name);
  if (matcher.name_ == "host") matcher.name_ = ":authority";
  matcher.id_ = findHeaderName(matcher.name_);
  matcher.invert_ = config.invert_match;
  matcher.missing_is_empty_ = config.treat_missing_header_as_empty;

  std::optional<Result<StringMatcher>> string;
  if (config.string_match) {
    string = StringMatcher::build(*config.string_match);
  } else if (config.exact_match) {
    string = StringMatcher(StringMatcher::Kind::kExact, *config.exact_match, false);
  } else if (config.prefix_match) {
    string = StringMatcher(StringMatcher::Kind::kPrefix, *config.prefix_match, false);
  } else if (config.suffix_match) {
    string = StringMatcher(StringMatcher::Kind::kSuffix, *config.suffix_match, false);
  } else if (config.contains_match) {
    string = StringMatcher(StringMatcher::Kind::kContains, *config.contains_match, false);
  } else if (config.safe_regex_match) {
    string = fromRegex(*config.safe_regex_match);
  }
  if (string) {
    if (!*string) return string->error();
    matcher.kind_ = Kind::kString;
    matcher.string_ = **string;
  } else if (config.range_match) {
    matcher.kind_ = Kind::kRange;
    matcher.range_start_ = config.range_match->start;
    matcher.range_end_ = config.range_match->end;
  } else {
    matcher.kind_ = Kind::kPresent;
    matcher.expected_present_ = config.present_match.value_or(true);
  }
  return matcher;
}

bool HeaderMatcher::valueMatches(std::string_view value) const {
  if (kind_ == Kind::kString) return string_->matches(value);
  const auto number = base::parseNumber<int64_t>(value);
  return number && *number >= range_start_ && *number < range_end_;
}

bool HeaderMatcher::matches(const HeaderMap& headers) const {
  const bool present = id_ != HeaderName::kOther ? headers.has(id_) : headers.has(name_);
  if (kind_ == Kind::kPresent) return ((present || missing_is_empty_) == expected_present_) != invert_;
  // A header that is not there passes no test of its value, an inverted one neither.
  if (!present && !missing_is_empty_) return false;
  if (!present) return valueMatches({}) != invert_;
  std::string joined;
  return valueMatches(headers.getJoined(name_, joined)) != invert_;
}

Result<std::vector<HeaderMatcher>> buildAll(const std::vector<api::HeaderMatcher>& configs) {
  std::vector<HeaderMatcher> matchers;
  matchers.reserve(configs.size());
  for (const api::HeaderMatcher& config : configs) {
    auto matcher = HeaderMatcher::build(config);
    if (!matcher) return matcher.error();
    matchers.push_back(std::move(*matcher));
  }
  return matchers;
}

bool allMatch(const std::vector<HeaderMatcher>& matchers, const HeaderMap& headers) {
  for (const HeaderMatcher& matcher : matchers) {
    if (!matcher.matches(headers)) return false;
  }
  return true;
}

Result<QueryMatcher> QueryMatcher::build(const api::QueryParameterMatcher& config) {
  QueryMatcher matcher;
  matcher.name_ = config.name;
  if (config.string_match) {
    auto string = StringMatcher::build(*config.string_match);
    if (!string) return string.error();
    matcher.string_ = *string;
  } else {
    matcher.expected_present_ = config.present_match.value_or(true);
  }
  return matcher;
}

bool QueryMatcher::matches(std::string_view path) const {
  const auto value = findQueryParameter(path, name_);
  if (!string_) return value.has_value() == expected_present_;
  return value && string_->matches(*value);
}

}  // namespace baton::http
