// What characters RFC 9110 and RFC 3986 allow where, as tables: one look-up per byte on the data path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace baton::http {

namespace internal {
enum CharClass : uint8_t {
  kTokenChar = 1,       // RFC 9110 5.6.2 tchar
  kFieldValueChar = 2,  // VCHAR, obs-text, SP, HTAB
  kTargetChar = 4,      // visible ASCII except '#'
  kHostChar = 8,        // RFC 3986 reg-name without '%': unreserved, sub-delims
  kUnreservedChar = 16,
  kHexDigit = 32,
  kNoUnderscore = 64,
};
extern const uint8_t kCharClasses[256];
inline uint8_t classesOf(char c) {
  return kCharClasses[static_cast<unsigned char>(c)];
}
inline bool is(char c, CharClass wanted) {
  return (classesOf(c) & wanted) != 0;
}
}  // namespace internal

inline bool isTokenChar(char c) {
  return internal::is(c, internal::kTokenChar);
}
inline bool isUnreservedChar(char c) {
  return internal::is(c, internal::kUnreservedChar);
}
inline bool isHexDigit(char c) {
  return internal::is(c, internal::kHexDigit);
}
inline bool isFieldValueChar(char c) {
  return internal::is(c, internal::kFieldValueChar);
}

// The value of a hexadecimal digit; precondition: isHexDigit().
constexpr int hexValue(char c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

// How many bytes at the start of `text` are token characters, and whether '_' is among them.
struct TokenStart {
  size_t size;
  bool underscore;
};
inline TokenStart tokenStart(std::string_view text) {
  uint8_t common = internal::kNoUnderscore;
  size_t size = 0;
  for (; size < text.size(); ++size) {
    const uint8_t classes = internal::classesOf(text[size]);
    if ((classes & internal::kTokenChar) == 0) break;
    common &= classes;
  }
  return {size, common == 0};
}

// A non-empty token: a method, a field name, a connection option.
bool isToken(std::string_view text);
// No control character but HTAB: fits in a field value (RFC 9110 5.5). Empty is fine.
bool isFieldValue(std::string_view text);
// Bytes that may be in a request target: visible ASCII, no fragment. Not empty.
bool isTargetText(std::string_view text);
// host [":" port]: a reg-name, an IPv4 or a bracketed IPv6 address; port from 0 to 65535. No user information.
bool isAuthority(std::string_view text);
// The same with the port required: the target of CONNECT.
bool isAuthorityWithPort(std::string_view text);

// Without the port; brackets of an IPv6 address stay.
std::string_view hostOf(std::string_view authority);
// The port's digits; empty when there is none.
std::string_view portOf(std::string_view authority);

}  // namespace baton::http
