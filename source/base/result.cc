#include "source/base/result.h"

#include <cerrno>
#include <cstring>

namespace baton::base {

Error systemError(std::string_view what) {
  const int number = errno;
  return Error{ErrorCode::kSystem, std::string(what) + ": " + std::strerror(number)};
}

}  // namespace baton::base
