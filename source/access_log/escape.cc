#include "source/access_log/escape.h"

#include <algorithm>
#include <cstdint>

#include "source/base/utf8.h"

namespace baton::access_log {
namespace {

constexpr char kHex[] = "0123456789abcdef";

bool isControl(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

}  // namespace

void appendEscaped(std::string_view text, std::string& out) {
  if (std::none_of(text.begin(), text.end(), isControl)) {
    out += text;
    return;
  }
  for (const unsigned char c : text) {
    if (!isControl(c)) {
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += "\\x";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
}

void appendJson(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const unsigned char c = static_cast<unsigned char>(text[0]);
    const size_t length = base::utf8Length(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (length == 0 || isControl(c)) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
}

}  // namespace baton::access_log
