#include "source/tls/key_log.h"

#include <algorithm>
#include <fcntl.h>
#include <string>
#include <unistd.h>

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

}  // namespace

base::Result<std::unique_ptr<KeyLog>> KeyLog::open(const api::TlsKeyLog& settings) {
  const int file = ::open(settings.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return base::systemError(std::string(kField) + ".path: cannot open " + settings.path);
  std::unique_ptr<KeyLog> log(new KeyLog(file));
  if (const auto read = readRanges(settings.local_address_range, "local_address_range", log->local_); !read) {
    return read.error();
  }
  if (const auto read = readRanges(settings.remote_address_range, "remote_address_range", log->remote_); !read) {
    return read.error();
  }
  return log;
}

KeyLog::~KeyLog() {
  ::close(file_);
}

void KeyLog::write(int socket, std::string_view line) const {
  if (!wanted(local_, network::Address::localOf(socket)) || !wanted(remote_, network::Address::peerOf(socket))) return;
  std::string text(line);
  text += '\n';
  // A full disk must not stop the traffic: the line is missing then.
  [[maybe_unused]] const ssize_t written = ::write(file_, text.data(), text.size());
}

}  // namespace baton::tls
