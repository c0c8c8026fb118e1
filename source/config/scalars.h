// Scalars of a configuration text as values: protobuf's JSON spelling, and what YAML adds to it. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"

#include "source/base/result.h"

namespace baton::config {

struct Node;

std::optional<bool> parseBool(const Node& node);
// Decimal, 0x hexadecimal, 0 octal; with a fraction or an exponent when the value is whole.
std::optional<int64_t> parseInteger(const Node& node);
std::optional<uint64_t> parseUnsigned(const Node& node);
std::optional<double> parseDouble(const Node& node);

// "1.5s". Anything below a millisecond is rounded up, so that what is not zero stays so. The error says what was
// expected, with the right spelling when the unit was wrong.
base::Result<api::Milliseconds> parseDuration(const Node& node);
std::string formatDuration(api::Milliseconds duration);

// Strict base64: the standard or the URL alphabet, padding optional.
std::optional<std::string> parseBase64(std::string_view text);

// A user's text as an error shows it: cut off when it is long, control characters escaped.
std::string shown(std::string_view text);
// The nearest of `candidates`, or empty. Texts too long to be names have none.
std::string_view suggestion(std::string_view name, const std::vector<std::string_view>& candidates);
// How an error shows what was found: text in quotes, numbers plain, "a map", "a list", "nothing".
std::string found(const Node& node);

api::Value parseValue(const Node& node);

}  // namespace baton::config
