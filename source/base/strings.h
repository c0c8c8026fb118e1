// Small string tools for ASCII protocols: no locale, no allocation unless a string is returned.
#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton::base {

constexpr char lowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool equalsIgnoreCase(std::string_view a, std::string_view b);
bool startsWithIgnoreCase(std::string_view text, std::string_view prefix);
bool containsIgnoreCase(std::string_view text, std::string_view part);
std::string lower(std::string_view text);
// The same, into memory of the caller's that holds `text.size()` bytes.
void lowerInto(std::string_view text, char* to);
// Without leading and trailing spaces and tabs.
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Calls `visit` for each element of a comma-separated list (RFC 9110 5.6.1), trimmed, empty ones skipped, until it
// returns false. True when every visit returned true.
template <typename Visit>
bool forEachListElement(std::string_view list, Visit&& visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (!element.empty() && !visit(element)) return false;
  }
  return true;
}

// The whole of `text` as a number in base 10 without sign or space, or nothing.
template <typename Number = uint64_t>
std::optional<Number> parseNumber(std::string_view text, int base = 10) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// RFC 4648. Decoding accepts missing padding; nothing when a character is not of the alphabet.
std::string base64Encode(std::string_view bytes);
std::optional<std::string> base64Decode(std::string_view text);
std::string hexEncode(std::string_view bytes);

// The nearest of `candidates` to a name somebody misspelt, or empty when none is near (edit distance above a third).
std::string_view nearestName(std::string_view name, const std::vector<std::string_view>& candidates);

// For unordered containers that are looked up by string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace baton::base
