// The files that access logs go to, and the one thread that writes them, so that no worker ever waits for a disk or
// for whoever reads our standard output. Owned by the server; everything but LogFile::write() belongs to the main
// thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "source/access_log/line_ring.h"
#include "source/base/result.h"
#include "source/network/fd.h"
#include "source/stats/store.h"

namespace baton::access_log {

class LogFiles;

// filesystem.*
struct FileStats {
  explicit FileStats(const stats::Scope& scope);

  stats::Counter write_buffered;   // lines taken
  stats::Counter write_dropped;    // lines refused: the writer can't keep up
  stats::Counter write_completed;  // writes to files
  stats::Counter write_failed;
  stats::Counter flushed_by_timer;
  stats::Counter reopen_failed;
  stats::Gauge write_total_buffered;  // bytes
};

// One file. Lives as long as a logger or LogFiles holds it, and not longer than LogFiles' thread.
class LogFile {
 public:
  // Any thread; never blocks. A line that finds no room is dropped and counted.
  void write(std::string_view line);

 private:
  friend class LogFiles;
  LogFile(LogFiles& files, std::string path, network::Fd fd, bool may_block);

  LogFiles& files_;
  const std::string path_;
  network::Fd fd_;         // the writer's
  const bool may_block_;   // a pipe, a terminal, a socket: written only when it takes bytes, and never reopened
  std::string unwritten_;  // the writer's: bytes that a full pipe did not take
  std::atomic<bool> reopen_{false};
  bool failing_ = false;  // the writer's: the last write failed, and that has been logged
  LineRing ring_;
};

class LogFiles {
 public:
  struct Settings {
    std::chrono::milliseconds flush_interval{10'000};
    // False for --mode validate: nothing is created, only looked at.
    bool open_files = true;
  };
  LogFiles(stats::Store& store, Settings settings);
  // Writes what there is; waits for a reader that doesn't read for a second only.
  ~LogFiles();
  LogFiles(const LogFiles&) = delete;
  LogFiles& operator=(const LogFiles&) = delete;

  // The same path gives the same file. "/dev/stdout" and "/dev/stderr" are this process's own descriptors.
  base::Result<std::shared_ptr<LogFile>> open(const std::string& path);
  // SIGUSR1, POST /reopen_logs: files are opened anew by the writer, after what is buffered has gone to the old ones.
  void reopen();
  // Returns when everything that was logged before is written, or after `patience`.
  bool flush(std::chrono::milliseconds patience = std::chrono::seconds(1));

 private:
  friend class LogFile;

  void run();
  void wake();
  // True when nothing is left.
  bool writeOut(LogFile& file);
  bool writeBytes(LogFile& file);
  void reopenFile(LogFile& file);

  const Settings settings_;
  FileStats stats_;
  network::Fd wake_fd_;
  std::mutex mutex_;
  std::condition_variable flushed_;
  std::unordered_map<std::string, std::shared_ptr<LogFile>> by_path_;  // guarded by mutex_, as are the next three
  uint64_t flush_wanted_ = 0;
  uint64_t flush_done_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace baton::access_log
