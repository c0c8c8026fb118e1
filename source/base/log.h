// The process log. One logger per component, all with the same sink; levels can be changed per component at run time
// (--component-log-level, POST /logging). Any thread may log; lines are written by the logging thread.
//
//   BATON_LOG(kHttp, debug, "[C{}] stream {} reset", connection_id, stream_id);
#pragma once

#include <array>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/result.h"

namespace baton::base {

enum class Component {
  kMain,
  kConfig,
  kStats,
  kNetwork,
  kTls,
  kHttp,
  kHttp2,
  kRouter,
  kUpstream,
  kAdmin,
  kAccessLog,
  kRestart
};
inline constexpr std::array kComponentNames{"main",  "config", "stats",    "network", "tls",        "http",
                                            "http2", "router", "upstream", "admin",   "access_log", "restart"};

// The logger of a component; never null. Before configureLog() it writes to standard error at level info.
spdlog::logger& logger(Component component);

struct LogSettings {
  std::string level = "info";    // trace, debug, info, warning, error, critical, off
  std::string component_levels;  // "http:debug,tls:trace"
  std::string path;              // empty: standard error
  std::string format;            // spdlog pattern; empty: ours
};

// Main thread, once at start. An unknown level or component, or a path that can't be opened, is an error.
Result<void> configureLog(const LogSettings& settings);
// Main thread. Levels as in LogSettings; component empty = all.
Result<void> setLogLevel(std::string_view component, std::string_view level);
// Main thread (SIGUSR1): opens the file anew, so that a rotated one is let go.
void reopenLog();
void flushLog();
std::vector<std::pair<std::string_view, std::string_view>> logLevels();

}  // namespace baton::base

// `severity` is spdlog's name of it: trace, debug, info, warn, err.
#define BATON_LOG(component, severity, ...)                                          \
  do {                                                                               \
    auto& baton_logger = ::baton::base::logger(::baton::base::Component::component); \
    if (baton_logger.should_log(::spdlog::level::severity)) {                        \
      baton_logger.log(::spdlog::level::severity, __VA_ARGS__);                      \
    }                                                                                \
  } while (false)
