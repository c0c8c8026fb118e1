#include "source/tls/errors.h"

#include <openssl/err.h>

namespace baton::tls {
namespace {

std::string reasonOf(unsigned long code) {
  if (ERR_SYSTEM_ERROR(code)) return ERR_reason_error_string(code) ? ERR_reason_error_string(code) : "system error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(ERR_GET_REASON(code));
}

}  // namespace

std::string takeErrors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    if (text.empty()) text = "TLS_error:";
    const char* library = ERR_lib_error_string(code);
    text += '|';
    text += library != nullptr ? library : "library " + std::to_string(ERR_GET_LIB(code));
    text += ':';
    text += reasonOf(code);
  }
  return text;
}

base::Error libraryError(std::string_view what) {
  std::string text(what);
  std::string_view separator = ": ";
  while (const unsigned long code = ERR_get_error()) {
    text += separator;
    text += reasonOf(code);
    separator = ", ";
  }
  return {base::ErrorCode::kInvalidArgument, std::move(text)};
}

}  // namespace baton::tls
