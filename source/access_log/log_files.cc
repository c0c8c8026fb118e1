#include "source/access_log/log_files.h"

#include <algorithm>
#include <climits>
#include <errno.h>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "source/base/log.h"

namespace baton::access_log {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using network::Fd;

constexpr size_t kRingBytes = 4 << 20;
// A writer of lines wakes the thread each time it crosses a multiple of this.
constexpr size_t kWakeBytes = 64 * 1024;
constexpr size_t kBatchBytes = 256 * 1024;
constexpr auto kRetryFullPipe = std::chrono::milliseconds(50);
constexpr auto kExitPatience = std::chrono::seconds(1);

// To open a named pipe for writing only would wait for its reader.
Fd openForAppend(const std::string& path) {
  struct stat info {};
  const bool pipe = ::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
  return Fd(::open(path.c_str(), (pipe ? O_RDWR : O_WRONLY) | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
}

Result<void> mayBeOpened(const std::string& path) {
  if (::access(path.c_str(), W_OK) == 0) return {};
  if (errno == ENOENT) {
    const size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
    if (::access(directory.c_str(), W_OK | X_OK) == 0) return {};
  }
  return base::systemError("access log " + path);
}

bool isRegular(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

FileStats::FileStats(const stats::Scope& scope)
    : write_buffered(scope.counter("write_buffered")),
      write_dropped(scope.counter("write_dropped")),
      write_completed(scope.counter("write_completed")),
      write_failed(scope.counter("write_failed")),
      flushed_by_timer(scope.counter("flushed_by_timer")),
      reopen_failed(scope.counter("reopen_failed")),
      write_total_buffered(scope.gauge("write_total_buffered")) {}

LogFile::LogFile(LogFiles& files, std::string path, Fd fd, bool may_block)
    : files_(files), path_(std::move(path)), fd_(std::move(fd)), may_block_(may_block), ring_(kRingBytes) {}

void LogFile::write(std::string_view line) {
  const size_t before = ring_.pending();
  if (!ring_.push(line)) {
    files_.stats_.write_dropped.add();
    files_.wake();
    return;
  }
  files_.stats_.write_buffered.add();
  files_.stats_.write_total_buffered.add(static_cast<int64_t>(line.size()));
  if (before / kWakeBytes != (before + line.size()) / kWakeBytes) files_.wake();
}

LogFiles::LogFiles(stats::Store& store, Settings settings)
    : settings_(settings),
      stats_(stats::Scope(store, "filesystem.")),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogFiles::~LogFiles() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

Result<std::shared_ptr<LogFile>> LogFiles::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_path_.find(path); found != by_path_.end()) return found->second;
  Fd fd;
  if (path == "/dev/stdout" || path == "/dev/stderr") {
    fd = Fd(::fcntl(path == "/dev/stdout" ? STDOUT_FILENO : STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) return base::systemError("access log " + path);
  } else if (settings_.open_files) {
    fd = openForAppend(path);
    if (!fd) return base::systemError("access log " + path);
  } else if (auto possible = mayBeOpened(path); !possible) {
    return possible.error();
  }
  const bool may_block = fd && !isRegular(fd.get());
  std::shared_ptr<LogFile> file(new LogFile(*this, path, std::move(fd), may_block));
  by_path_.emplace(path, file);
  return file;
}

void LogFiles::reopen() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [path, file] : by_path_) file->reopen_.store(true);
  }
  wake();
}

bool LogFiles::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const uint64_t wanted = ++flush_wanted_;
  wake();
  return flushed_.wait_for(lock, patience, [&] { return flush_done_ >= wanted; });
}

void LogFiles::wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full of wake-ups already.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof(one));
}

void LogFiles::run() {
  bool all_written = true;
  std::optional<std::chrono::steady_clock::time_point> stop_at;
  for (;;) {
    const auto wait = all_written ? settings_.flush_interval : std::min(settings_.flush_interval, kRetryFullPipe);
    pollfd poll_fd{wake_fd_.get(), POLLIN, 0};
    if (::poll(&poll_fd, 1, static_cast<int>(std::max<int64_t>(wait.count(), 1))) == 0) stats_.flushed_by_timer.add();
    uint64_t wakes = 0;
    [[maybe_unused]] const ssize_t drained = ::read(wake_fd_.get(), &wakes, sizeof(wakes));

    std::vector<std::shared_ptr<LogFile>> files;
    uint64_t flush_wanted = 0;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [path, file] : by_path_) files.push_back(file);
      flush_wanted = flush_wanted_;
      stopping = stopping_;
    }
    all_written = true;
    for (const auto& file : files) {
      const bool done = writeOut(*file);
      if (file->reopen_.exchange(false)) reopenFile(*file);
      all_written = all_written && done;
    }
    if (all_written) {
      const std::lock_guard lock(mutex_);
      flush_done_ = flush_wanted;
      flushed_.notify_all();
    }
    if (stopping) {
      const auto now = std::chrono::steady_clock::now();
      if (!stop_at) stop_at = now + kExitPatience;
      if (all_written || now >= *stop_at) return;
    }
  }
}

bool LogFiles::writeOut(LogFile& file) {
  // One lap at most, so that a busy file doesn't starve the others.
  for (size_t taken = 0; taken < kRingBytes;) {
    if (file.unwritten_.empty()) file.ring_.pop(file.unwritten_, kBatchBytes);
    if (file.unwritten_.empty()) return file.ring_.pending() == 0;
    taken += file.unwritten_.size();
    if (!writeBytes(file)) return false;
  }
  return file.ring_.pending() == 0;
}

// False when the file takes no more for now.
bool LogFiles::writeBytes(LogFile& file) {
  std::string_view left = file.unwritten_;
  bool took_all = true;
  while (!left.empty()) {
    size_t size = left.size();
    if (file.may_block_) {
      // The descriptor's flags are shared with other processes, so it stays blocking; but a pipe that polls writable
      // takes PIPE_BUF bytes without blocking.
      pollfd ready{file.fd_.get(), POLLOUT, 0};
      if (::poll(&ready, 1, 0) <= 0) {
        took_all = false;
        break;
      }
      size = std::min<size_t>(size, PIPE_BUF);
    }
    const ssize_t written = ::write(file.fd_.get(), left.data(), size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      took_all = false;
      break;
    }
    if (written < 0) {
      stats_.write_failed.add();
      if (!std::exchange(file.failing_, true)) {
        BATON_LOG(kAccessLog, err, "access log {}: {}; its lines are lost until it can be written again", file.path_,
                  ::strerror(errno));
      }
      stats_.write_total_buffered.sub(static_cast<int64_t>(left.size()));
      left = {};
      break;
    }
    file.failing_ = false;
    stats_.write_completed.add();
    stats_.write_total_buffered.sub(written);
    left.remove_prefix(static_cast<size_t>(written));
  }
  file.unwritten_.erase(0, file.unwritten_.size() - left.size());
  return took_all;
}

void LogFiles::reopenFile(LogFile& file) {
  if (file.may_block_ || !file.fd_) return;
  Fd fresh = openForAppend(file.path_);
  if (!fresh) {
    stats_.reopen_failed.add();
    BATON_LOG(kAccessLog, warn, "access log {}: can't be opened again: {}; lines go to the old file", file.path_,
              ::strerror(errno));
    return;
  }
  file.fd_ = std::move(fresh);
}

}  // namespace baton::access_log
