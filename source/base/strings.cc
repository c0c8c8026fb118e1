#include "source/base/strings.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace baton::base {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> base64Values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 64; ++i) values[static_cast<unsigned char>(kBase64[i])] = static_cast<int8_t>(i);
  values['-'] = 62;  // the URL-safe alphabet (RFC 4648 5) decodes as well
  values['_'] = 63;
  return values;
}

// lowerAscii() of eight bytes at once.
uint64_t lowerEight(uint64_t bytes) {
  constexpr uint64_t kEach = 0x0101010101010101;
  const uint64_t low_bits = bytes & 0x7f * kEach;
  const uint64_t from_a = low_bits + (0x80 - 'A') * kEach;   // the top bit says: 'A' or later
  const uint64_t after_z = low_bits + (0x7f - 'Z') * kEach;  // the top bit says: later than 'Z'
  return bytes | ((from_a ^ after_z) & ~bytes & 0x80 * kEach) >> 2;
}

template <typename Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

template <typename Word>
void lowerWord(const char* from, char* to) {
  const auto word = static_cast<Word>(lowerEight(load<Word>(from)));
  std::memcpy(to, &word, sizeof(word));
}

size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      const size_t substitute = diagonal + (lowerAscii(a[i - 1]) == lowerAscii(b[j - 1]) ? 0 : 1);
      row[j] = std::min({row[j - 1] + 1, above + 1, substitute});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && startsWithIgnoreCase(a, b);
}

bool startsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  size_t at = 0;
  for (; prefix.size() - at >= 8; at += 8) {
    if (lowerEight(load<uint64_t>(text.data() + at)) != lowerEight(load<uint64_t>(prefix.data() + at))) return false;
  }
  for (; at < prefix.size(); ++at) {
    if (lowerAscii(text[at]) != lowerAscii(prefix[at])) return false;
  }
  return true;
}

bool containsIgnoreCase(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lowerAscii(a) == lowerAscii(b); }) != text.end() ||
         part.empty();
}

std::string lower(std::string_view text) {
  std::string result(text.size(), '\0');
  lowerInto(text, result.data());
  return result;
}

void lowerInto(std::string_view text, char* to) {
  // The last word overlaps the one before: some bytes twice are cheaper than one by one.
  const size_t size = text.size();
  if (size >= 8) {
    for (size_t at = 0; at + 8 < size; at += 8) lowerWord<uint64_t>(text.data() + at, to + at);
    lowerWord<uint64_t>(text.data() + size - 8, to + size - 8);
  } else if (size >= 4) {
    lowerWord<uint32_t>(text.data(), to);
    lowerWord<uint32_t>(text.data() + size - 4, to + size - 4);
  } else {
    for (size_t at = 0; at < size; ++at) to[at] = lowerAscii(text[at]);
  }
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

std::string base64Encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < left ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) text += j <= left ? kBase64[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::optional<std::string> base64Decode(std::string_view text) {
  static constexpr auto kValues = base64Values();
  for (int padding = 0; padding < 2 && !text.empty() && text.back() == '='; ++padding) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    group = group << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(group >> bits & 255);
    }
  }
  return bytes;
}

std::string hexEncode(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    text += kHex[static_cast<unsigned char>(byte) >> 4];
    text += kHex[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

std::string_view nearestName(std::string_view name, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(name.size() / 3, 1) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = editDistance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace baton::base
