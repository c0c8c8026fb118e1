#include "api/string_matcher.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const RegexMatcher*) {
  static const MessageDescription description = message<RegexMatcher>(
      "RegexMatcher", "", "An RE2 expression that must match the whole string.", {},
      {
          field<&RegexMatcher::regex>("regex", "The expression, in RE2 syntax.",
                                      {.required = true, .nonempty = true, .format = Format::kRegex}),
          ignored("google_re2"),
      });
  return description;
}

const MessageDescription& describe(const RegexRewrite*) {
  static const MessageDescription description =
      message<RegexRewrite>("RegexRewrite", "", "Replaces every match of a pattern.", {},
                            {
                                field<&RegexRewrite::pattern>("pattern", "What to look for.", {.required = true}),
                                field<&RegexRewrite::substitution>(
                                    "substitution", "What to put in its place; \\1 to \\9 stand for the groups."),
                            });
  return description;
}

const MessageDescription& describe(const StringMatcher*) {
  static const MessageDescription description = message<StringMatcher>(
      "StringMatcher", "", "A test of a string.", {{"match_pattern", true}},
      {
          field<&StringMatcher::exact>("exact", "Equal to this.", {.oneof = "match_pattern"}),
          field<&StringMatcher::prefix>("prefix", "Starts with this.", {.nonempty = true, .oneof = "match_pattern"}),
          field<&StringMatcher::suffix>("suffix", "Ends with this.", {.nonempty = true, .oneof = "match_pattern"}),
          field<&StringMatcher::contains>("contains", "Contains this.", {.nonempty = true, .oneof = "match_pattern"}),
          field<&StringMatcher::safe_regex>("safe_regex", "The whole string matches this expression.",
                                            {.oneof = "match_pattern"}),
          field<&StringMatcher::ignore_case>("ignore_case",
                                             "Compare letters without regard to case; not for safe_regex."),
          unsupported("custom", "custom string matchers", "match_pattern"),
      });
  return description;
}

const MessageDescription& describe(const Int64Range*) {
  static const MessageDescription description =
      message<Int64Range>("Int64Range", "", "A range of numbers with its start and without its end.", {},
                          {
                              field<&Int64Range::start>("start", "First number of the range."),
                              field<&Int64Range::end>("end", "First number after the range."),
                          });
  return description;
}

const MessageDescription& describe(const HeaderMatcher*) {
  static const MessageDescription description = message<HeaderMatcher>(
      "HeaderMatcher", "envoy.config.route.v3.HeaderMatcher", "A test of a request header.",
      {{"header_match_specifier"}},
      {
          field<&HeaderMatcher::name>("name", "Name of the header.",
                                      {.required = true, .nonempty = true, .format = Format::kHeaderName}),
          field<&HeaderMatcher::string_match>("string_match", "The value passes this test.",
                                              {.oneof = "header_match_specifier"}),
          field<&HeaderMatcher::present_match>("present_match", "Whether the header must be there, or must not.",
                                               {.oneof = "header_match_specifier"}),
          field<&HeaderMatcher::range_match>("range_match", "The value is a number of this range.",
                                             {.oneof = "header_match_specifier"}),
          field<&HeaderMatcher::invert_match>("invert_match", "Turn the verdict round."),
          field<&HeaderMatcher::treat_missing_header_as_empty>("treat_missing_header_as_empty",
                                                               "Test a missing header as if it were empty."),
          field<&HeaderMatcher::exact_match>("exact_match", "The value equals this.",
                                             {.oneof = "header_match_specifier", .deprecated = "string_match.exact"}),
          field<&HeaderMatcher::prefix_match>(
              "prefix_match", "The value starts with this.",
              {.nonempty = true, .oneof = "header_match_specifier", .deprecated = "string_match.prefix"}),
          field<&HeaderMatcher::suffix_match>(
              "suffix_match", "The value ends with this.",
              {.nonempty = true, .oneof = "header_match_specifier", .deprecated = "string_match.suffix"}),
          field<&HeaderMatcher::contains_match>(
              "contains_match", "The value contains this.",
              {.nonempty = true, .oneof = "header_match_specifier", .deprecated = "string_match.contains"}),
          field<&HeaderMatcher::safe_regex_match>(
              "safe_regex_match", "The value matches this expression.",
              {.oneof = "header_match_specifier", .deprecated = "string_match.safe_regex"}),
      },
      [](void* object) {
        auto& header = *static_cast<HeaderMatcher*>(object);

        StringMatcher string;
        if (header.exact_match) {
          string.exact = header.exact_match;
        } else if (header.prefix_match) {
          string.prefix = header.prefix_match;
        } else if (header.suffix_match) {
          string.suffix = header.suffix_match;
        } else if (header.contains_match) {
          string.contains = header.contains_match;
        } else if (header.safe_regex_match) {
          string.safe_regex = header.safe_regex_match;
        } else {
          return;
        }
        header.string_match = std::move(string);
        header.exact_match = header.prefix_match = header.suffix_match = header.contains_match = std::nullopt;
        header.safe_regex_match.reset();
      });
  return description;
}

const MessageDescription& describe(const QueryParameterMatcher*) {
  static const MessageDescription description = message<QueryParameterMatcher>(
      "QueryParameterMatcher", "envoy.config.route.v3.QueryParameterMatcher", "A test of a query parameter.",
      {{"query_parameter_match_specifier"}},
      {
          field<&QueryParameterMatcher::name>("name", "Name of the parameter.",
                                              {.required = true, .nonempty = true, .max_length = 1024}),
          field<&QueryParameterMatcher::string_match>("string_match", "The value passes this test.",
                                                      {.oneof = "query_parameter_match_specifier"}),
          field<&QueryParameterMatcher::present_match>("present_match",
                                                       "Whether the parameter must be there, or must not.",
                                                       {.oneof = "query_parameter_match_specifier"}),
      });
  return description;
}

}  // namespace baton::api
