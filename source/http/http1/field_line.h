// One line of a header or trailer section (RFC 9112 5), and the value rules of the fields that frame a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "source/http/http1/parse_error.h"

namespace baton::http {

struct FieldLine {
  std::string_view name;  // as it was spelt
  std::string_view value;
  bool underscore_in_name = false;
};

// `line` ends with LF, the end included. Strict: CRLF, no folding, no space around the name, no control characters.
Http1Error parseFieldLine(std::string_view line, FieldLine& field);

// RFC 9112 6.1: the only transfer coding that is understood is one `chunked`.
Http1Error checkTransferEncoding(std::string_view value);

}  // namespace baton::http
