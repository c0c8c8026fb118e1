#include "source/http/field_syntax.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "source/base/strings.h"

namespace baton::http {
namespace internal {
namespace {

struct Classes {
  uint8_t of[256] = {};

  constexpr Classes() {
    for (int c = 0; c < 256; ++c) {
      const bool digit = c >= '0' && c <= '9';
      const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      uint8_t bits = 0;
      if (digit || alpha || oneOf(c, "!#$%&'*+-.^_`|~")) bits |= kTokenChar;
      if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kFieldValueChar;
      if (c > 0x20 && c < 0x7f && c != '#') bits |= kTargetChar;
      const bool unreserved = digit || alpha || oneOf(c, "-._~");
      if (unreserved) bits |= kUnreservedChar;
      if (unreserved || oneOf(c, "!$&'()*+,;=")) bits |= kHostChar;
      if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHexDigit;
      if (c != '_') bits |= kNoUnderscore;
      of[c] = bits;
    }
  }

  static constexpr bool oneOf(int c, const char* set) {
    for (; *set != 0; ++set) {
      if (*set == c) return true;
    }
    return false;
  }
};

constexpr Classes kClasses;

}  // namespace

#define BATON_CLASS_ROW(n)                                                                                            \
  kClasses.of[n], kClasses.of[n + 1], kClasses.of[n + 2], kClasses.of[n + 3], kClasses.of[n + 4], kClasses.of[n + 5], \
      kClasses.of[n + 6], kClasses.of[n + 7]
#define BATON_CLASS_BLOCK(n) \
  BATON_CLASS_ROW(n), BATON_CLASS_ROW(n + 8), BATON_CLASS_ROW(n + 16), BATON_CLASS_ROW(n + 24)
const uint8_t kCharClasses[256] = {
    BATON_CLASS_BLOCK(0),   BATON_CLASS_BLOCK(32),  BATON_CLASS_BLOCK(64),  BATON_CLASS_BLOCK(96),
    BATON_CLASS_BLOCK(128), BATON_CLASS_BLOCK(160), BATON_CLASS_BLOCK(192), BATON_CLASS_BLOCK(224),
};
#undef BATON_CLASS_BLOCK
#undef BATON_CLASS_ROW

}  // namespace internal

namespace {

bool allOf(std::string_view text, internal::CharClass wanted) {
  uint8_t common = wanted;
  for (const char c : text) common &= internal::classesOf(c);
  return common != 0;
}

bool isRegName(std::string_view host) {
  for (size_t i = 0; i < host.size(); ++i) {
    if (internal::is(host[i], internal::kHostChar)) continue;
    if (host[i] != '%' || i + 2 >= host.size() || !isHexDigit(host[i + 1]) || !isHexDigit(host[i + 2])) return false;
    i += 2;
  }
  return !host.empty();
}

// Between the brackets. RFC 3986 3.2.2: the characters, not the count of groups; a resolver says the rest.
bool isIpLiteral(std::string_view address) {
  bool colon = false;
  for (const char c : address) {
    colon |= c == ':';
    if (!isHexDigit(c) && c != ':' && c != '.') return false;
  }
  return colon && address.size() <= 45;
}

bool isPort(std::string_view port) {
  return port.size() <= 5 && base::parseNumber<uint16_t>(port).has_value();
}

// Where the ':' before the port is, or the end.
size_t portSeparator(std::string_view authority) {
  const size_t after_host = authority.empty() || authority[0] != '[' ? 0 : authority.find(']');
  if (after_host == std::string_view::npos) return authority.size();
  const size_t colon = authority.find(':', after_host);
  return colon == std::string_view::npos ? authority.size() : colon;
}

}  // namespace

bool isToken(std::string_view text) {
  return !text.empty() && allOf(text, internal::kTokenChar);
}

bool isFieldValue(std::string_view text) {
#ifdef __SSE2__
  const __m128i flip = _mm_set1_epi8(static_cast<char>(0x80));
  const __m128i space = _mm_set1_epi8(static_cast<char>(0x20 ^ 0x80));
  const __m128i del = _mm_set1_epi8(0x7f);
  const auto blockIsFine = [&](const char* block) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block));
    const __m128i control = _mm_cmplt_epi8(_mm_xor_si128(bytes, flip), space);
    const int bad = _mm_movemask_epi8(_mm_or_si128(control, _mm_cmpeq_epi8(bytes, del)));
    // HTAB is rare: let the table decide about the whole block.
    return bad == 0 || allOf({block, 16}, internal::kFieldValueChar);
  };
  if (text.size() >= 16) {
    const char* const end = text.data() + text.size();
    for (const char* at = text.data(); end - at > 16; at += 16) {
      if (!blockIsFine(at)) return false;
    }
    return blockIsFine(end - 16);  // some bytes twice: cheaper than one by one
  }
#endif
  return allOf(text, internal::kFieldValueChar);
}

bool isTargetText(std::string_view text) {
  return !text.empty() && allOf(text, internal::kTargetChar);
}

bool isAuthority(std::string_view text) {
  const size_t colon = portSeparator(text);
  if (colon != text.size() && !isPort(text.substr(colon + 1))) return false;
  const std::string_view host = text.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    return host.back() == ']' && host.size() > 2 && isIpLiteral(host.substr(1, host.size() - 2));
  }
  return isRegName(host);
}

bool isAuthorityWithPort(std::string_view text) {
  return portSeparator(text) != text.size() && isAuthority(text);
}

std::string_view hostOf(std::string_view authority) {
  return authority.substr(0, portSeparator(authority));
}

std::string_view portOf(std::string_view authority) {
  const size_t colon = portSeparator(authority);
  return colon == authority.size() ? std::string_view() : authority.substr(colon + 1);
}

}  // namespace baton::http
