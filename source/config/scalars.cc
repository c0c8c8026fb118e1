#include "source/config/scalars.h"

#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "source/base/strings.h"
#include "source/config/node.h"

namespace baton::config {
namespace {

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

std::optional<double> wholeDouble(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number != std::floor(number)) return std::nullopt;
  return number;
}

// The digits of an integer without its sign, in the base that its beginning tells.
template <typename T>
std::optional<T> digits(std::string_view text) {
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    return base::parseNumber<T>(text.substr(2), 16);
  }
  if (text.size() > 1 && text[0] == '0') return base::parseNumber<T>(text.substr(1), 8);
  return base::parseNumber<T>(text);
}

// "250ms" and the like: the seconds that were meant.
std::optional<double> otherUnit(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ms", 0.001}, {"us", 0.000001}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"sec", 1}, {"", 1}};
  for (const auto& [unit, seconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::string_view number = base::trim(text.substr(0, text.size() - unit.size()));
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && end == number.data() + number.size() && value >= 0) return value * seconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<bool> parseBool(const Node& node) {
  if (!node.isScalar()) return std::nullopt;
  const std::string text = base::lower(node.scalar);
  if (text == "true" || (!node.quoted && isOneOf(text, {"yes", "on", "y"}))) return true;
  if (text == "false" || (!node.quoted && isOneOf(text, {"no", "off", "n"}))) return false;
  return std::nullopt;
}

std::optional<int64_t> parseInteger(const Node& node) {
  if (!node.isScalar() || node.scalar.empty()) return std::nullopt;
  const bool negative = node.scalar[0] == '-';
  if (const auto magnitude = digits<uint64_t>(std::string_view(node.scalar).substr(negative ? 1 : 0))) {
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (*magnitude <= kMost) return negative ? -static_cast<int64_t>(*magnitude) : static_cast<int64_t>(*magnitude);
    if (negative && *magnitude == kMost + 1) return std::numeric_limits<int64_t>::min();
    return std::nullopt;
  }
  const auto number = wholeDouble(node.scalar);
  if (!number || std::abs(*number) > 9e15) return std::nullopt;
  return static_cast<int64_t>(*number);
}

std::optional<uint64_t> parseUnsigned(const Node& node) {
  if (!node.isScalar() || node.scalar.empty()) return std::nullopt;
  if (const auto number = digits<uint64_t>(node.scalar)) return number;
  const auto number = wholeDouble(node.scalar);
  if (!number || *number < 0 || *number > 9e15) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

std::optional<double> parseDouble(const Node& node) {
  if (!node.isScalar()) return std::nullopt;
  double number = 0;
  const std::string& text = node.scalar;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

base::Result<api::Milliseconds> parseDuration(const Node& node) {
  const auto refuse = [&](std::string hint = {}) {
    return base::Error{base::ErrorCode::kInvalidArgument,
                       fmt::format("expected a duration in seconds such as \"0.25s\", found {}{}", found(node), hint)};
  };
  if (!node.isScalar()) return refuse();
  const std::string_view text = node.scalar;
  std::string_view rest = text;
  if (!rest.empty() && rest[0] == '-') rest.remove_prefix(1);
  const bool has_unit = !rest.empty() && rest.back() == 's';
  if (has_unit) rest.remove_suffix(1);
  const size_t dot = rest.find('.');
  const auto seconds = base::parseNumber<int64_t>(rest.substr(0, dot));
  const std::string_view fraction = dot == std::string_view::npos ? "0" : rest.substr(dot + 1);
  const auto nanos = base::parseNumber<int64_t>(fraction);
  if (!has_unit || !seconds || *seconds < 0 || !nanos || *nanos < 0 || fraction.size() > 9) {
    if (const auto meant = otherUnit(text); meant && std::isfinite(*meant) && *meant >= 0) {
      return refuse(fmt::format("; write \"{:.9g}s\"", *meant));
    }
    return refuse();
  }
  if (text[0] == '-') return refuse("; it may not be negative");
  constexpr int64_t kMostSeconds = 315'576'000'000;  // protobuf's limit, 10,000 years
  if (*seconds > kMostSeconds) return refuse("; at most 315576000000s");
  int64_t nanoseconds = *nanos;
  for (size_t i = fraction.size(); i < 9; ++i) nanoseconds *= 10;
  return api::Milliseconds(*seconds * 1000 + (nanoseconds + 999'999) / 1'000'000);
}

std::string formatDuration(api::Milliseconds duration) {
  const int64_t ms = duration.count();
  if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
  std::string text = fmt::format("{}.{:03}", ms / 1000, ms % 1000);
  while (text.back() == '0') text.pop_back();
  return text + "s";
}

std::optional<std::string> parseBase64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string plain(text);
  for (char& c : plain) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  return base::base64Decode(plain);
}

std::string shown(std::string_view text) {
  constexpr size_t kShown = 100;
  std::string visible;
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      visible += fmt::format("\\x{:02x}", byte);
    } else {
      visible.push_back(c);
    }
  }
  return visible + (text.size() > kShown ? "..." : "");
}

std::string_view suggestion(std::string_view name, const std::vector<std::string_view>& candidates) {
  if (name.size() > 100 || candidates.size() > 1000) return {};
  return base::nearestName(name, candidates);
}

std::string found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kScalar:
      break;
  }
  if (!node.quoted && (parseDouble(node) || parseBool(node))) return node.scalar;
  return fmt::format("\"{}\"", shown(node.scalar));
}

api::Value parseValue(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return {};
    case Node::Kind::kList: {
      api::Value::List list;
      list.reserve(node.children.size());
      for (const Node* child : node.children) list.push_back(parseValue(*child));
      return {std::move(list)};
    }
    case Node::Kind::kMap: {
      api::Value::Object object;
      object.reserve(node.children.size() / 2);
      for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
        object.push_back({node.children[i]->scalar, parseValue(*node.children[i + 1])});
      }
      return {std::move(object)};
    }
    case Node::Kind::kScalar:
      break;
  }
  if (!node.quoted) {
    if (const auto boolean = parseBool(node)) return {*boolean};
    if (const auto integer = parseInteger(node)) return {*integer};
    if (const auto number = parseDouble(node)) return {*number};
  }
  return {node.scalar};
}

}  // namespace baton::config
