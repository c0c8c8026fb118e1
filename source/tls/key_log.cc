#include "source/tls/key_log.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "source/base/log.h"

namespace baton::tls {
namespace {

constexpr std::string_view kField = "common_tls_context.key_log";

base::Result<void> readRanges(const std::vector<api::CidrRange>& settings, std::string_view field,
                              std::vector<network::CidrRange>& into) {
  for (size_t i = 0; i < settings.size(); ++i) {
    const auto range = network::CidrRange::make(settings[i].address_prefix, settings[i].prefix_len);
    if (!range) {
      return base::Error{base::ErrorCode::kInvalidArgument, std::string(kField) + "." + std::string(field) + "[" +
                                                                std::to_string(i) + "]: " + range.error().message};
    }
    into.push_back(*range);
  }
  return {};
}

// No ranges: every address is wanted.
bool wanted(const std::vector<network::CidrRange>& ranges, const base::Result<network::Address>& address) {
  if (ranges.empty()) return true;
  return address && std::any_of(ranges.begin(), ranges.end(),
                                [&address](const network::CidrRange& range) { return range.contains(*address); });
}

// Whether the file can be written, or made where there is none. Sets errno.
bool canWrite(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) return ::access(path.c_str(), W_OK) == 0;
    errno = EISDIR;
    return false;
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return ::access(folder.c_str(), W_OK | X_OK) == 0;
}

}  // namespace

base::Result<std::unique_ptr<KeyLog>> KeyLog::open(const api::TlsKeyLog& settings) {
  if (!canWrite(settings.path)) {
    return base::systemError(std::string(kField) + ".path: cannot open " + settings.path);
  }
  std::unique_ptr<KeyLog> log(new KeyLog(settings.path));
  if (const auto read = readRanges(settings.local_address_range, "local_address_range", log->local_); !read) {
    return read.error();
  }
  if (const auto read = readRanges(settings.remote_address_range, "remote_address_range", log->remote_); !read) {
    return read.error();
  }
  return log;
}

KeyLog::~KeyLog() {
  if (file_ >= 0) ::close(file_);
}

int KeyLog::file() const {
  std::call_once(opened_, [this] {
    file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file_ >= 0) return;
    BATON_LOG(kTls, err, "secrets of TLS sessions are not logged: {}",
              base::systemError("cannot open " + path_).message);
  });
  return file_;
}

void KeyLog::write(int socket, std::string_view line) const {
  if (!wanted(local_, network::Address::localOf(socket)) || !wanted(remote_, network::Address::peerOf(socket))) return;
  std::string text(line);
  text += '\n';
  if (file() < 0) return;
  // A full disk must not stop the traffic: the line is missing then.
  [[maybe_unused]] const ssize_t written = ::write(file_, text.data(), text.size());
}

}  // namespace baton::tls
