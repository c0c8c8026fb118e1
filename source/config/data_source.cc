#include "source/config/data_source.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace baton::config {

using base::Error;
using base::ErrorCode;
using base::Result;

Result<std::string> readFile(const std::string& path, size_t limit) {
  // Without O_NONBLOCK a FIFO would hold us until somebody writes.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Error{ErrorCode::kNotFound, fmt::format("cannot open \"{}\": {}", path, std::strerror(errno))};
  struct stat status {};
  std::string text;
  Result<std::string> failed = std::string();
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    failed = Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is not a file", path)};
  }
  char buffer[65536];
  while (failed.ok()) {
    const ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      failed = Error{ErrorCode::kSystem, fmt::format("cannot read \"{}\": {}", path, std::strerror(errno))};
    } else if (text.size() + static_cast<size_t>(count) > limit) {
      failed = Error{ErrorCode::kResourceExhausted, fmt::format("\"{}\" is larger than {} bytes", path, limit)};
    } else {
      text.append(buffer, static_cast<size_t>(count));
    }
  }
  ::close(fd);
  if (!failed.ok()) return failed;
  return text;
}

Result<std::string> readDataSource(const api::DataSource& source) {
  if (source.inline_string) return *source.inline_string;
  if (source.inline_bytes) return *source.inline_bytes;
  if (source.filename) return readFile(*source.filename);
  if (source.environment_variable) {
    const char* value = std::getenv(source.environment_variable->c_str());
    if (value == nullptr) {
      return Error{ErrorCode::kNotFound,
                   fmt::format("the environment variable {} is not set", *source.environment_variable)};
    }
    return std::string(value);
  }
  return Error{ErrorCode::kInvalidArgument, "the data source is empty"};
}

}  // namespace baton::config
