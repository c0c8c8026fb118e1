#include "source/http/query.h"

#include "source/http/field_syntax.h"
#include "source/http/path.h"

namespace baton::http {

std::optional<std::string_view> findQueryParameter(std::string_view target, std::string_view name) {
  std::optional<std::string_view> found;
  forEachQueryParameter(queryOf(target), [&](std::string_view each, std::string_view value) {
    if (each == name) found = value;
    return !found.has_value();
  });
  return found;
}

std::string percentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && isHexDigit(text[i + 1]) && isHexDigit(text[i + 2])) {
      decoded += static_cast<char>(hexValue(text[i + 1]) << 4 | hexValue(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string percentEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (isUnreservedChar(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace baton::http
