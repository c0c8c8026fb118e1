#include "source/base/log.h"

#include <memory>
#include <mutex>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sstream>

namespace baton::base {
namespace {

constexpr const char* kDefaultPattern = "[%Y-%m-%d %T.%e][%t][%l][%n] %v";
constexpr std::array kLevelNames{"trace", "debug", "info", "warning", "error", "critical", "off"};

// A sink whose target can be changed while loggers hold it: reopening swaps the file under the lock.
class ReopenableSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ReopenableSink() : target_(std::make_shared<spdlog::sinks::stderr_sink_mt>()) {}

  void setTarget(spdlog::sink_ptr target) {
    std::lock_guard lock(mutex_);
    target_ = std::move(target);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override { target_->log(message); }
  void flush_() override { target_->flush(); }
  void set_pattern_(const std::string& pattern) override { target_->set_pattern(pattern); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    target_->set_formatter(std::move(formatter));
  }

 private:
  spdlog::sink_ptr target_;
};

struct Loggers {
  std::shared_ptr<ReopenableSink> sink = std::make_shared<ReopenableSink>();
  std::array<std::shared_ptr<spdlog::logger>, kComponentNames.size()> by_component;
  LogSettings settings;

  Loggers() {
    sink->set_pattern(kDefaultPattern);
    for (size_t i = 0; i < by_component.size(); ++i) {
      by_component[i] = std::make_shared<spdlog::logger>(kComponentNames[i], sink);
      by_component[i]->flush_on(spdlog::level::info);
    }
  }
};

Loggers& loggers() {
  static Loggers* const instance = new Loggers();  // never destroyed: threads may log until the very end
  return *instance;
}

Result<spdlog::level::level_enum> parseLevel(std::string_view name) {
  const std::string_view wanted = name == "warn" ? "warning" : name;
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (wanted == kLevelNames[i]) return static_cast<spdlog::level::level_enum>(i);
  }
  return Error{ErrorCode::kInvalidArgument, "unknown log level '" + std::string(name) +
                                                "'; known: trace, debug, info, warning, error, critical, off"};
}

Result<spdlog::sink_ptr> openTarget(const std::string& path) {
  if (path.empty()) return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  try {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
  } catch (const spdlog::spdlog_ex& failure) {
    return Error{ErrorCode::kSystem, "cannot open log file '" + path + "': " + failure.what()};
  }
}

Result<void> install(const LogSettings& settings) {
  auto target = openTarget(settings.path);
  if (!target) return target.error();
  (*target)->set_pattern(settings.format.empty() ? kDefaultPattern : settings.format);
  loggers().sink->setTarget(*target);
  return {};
}

}  // namespace

spdlog::logger& logger(Component component) {
  return *loggers().by_component[static_cast<size_t>(component)];
}

Result<void> configureLog(const LogSettings& settings) {
  if (auto installed = install(settings); !installed) return installed;
  loggers().settings = settings;
  if (auto set = setLogLevel("", settings.level); !set) return set;
  std::stringstream entries(settings.component_levels);
  for (std::string entry; std::getline(entries, entry, ',');) {
    const size_t colon = entry.find(':');
    if (colon == std::string::npos) {
      return Error{ErrorCode::kInvalidArgument, "component log level '" + entry + "': expected COMPONENT:LEVEL"};
    }
    if (auto set = setLogLevel(entry.substr(0, colon), entry.substr(colon + 1)); !set) return set;
  }
  return {};
}

Result<void> setLogLevel(std::string_view component, std::string_view level) {
  const auto parsed = parseLevel(level);
  if (!parsed) return parsed.error();
  bool found = false;
  for (auto& logger : loggers().by_component) {
    if (component.empty() || logger->name() == component) {
      logger->set_level(*parsed);
      found = true;
    }
  }
  if (found) return {};
  std::string known;
  for (const char* name : kComponentNames) known += (known.empty() ? "" : ", ") + std::string(name);
  return Error{ErrorCode::kInvalidArgument, "unknown log component '" + std::string(component) + "'; known: " + known};
}

void reopenLog() {
  if (loggers().settings.path.empty()) return;
  if (auto installed = install(loggers().settings); !installed) {
    BATON_LOG(kMain, err, "log file kept open as it was: {}", installed.error().message);
  }
}

void flushLog() {
  loggers().sink->flush();
}

std::vector<std::pair<std::string_view, std::string_view>> logLevels() {
  std::vector<std::pair<std::string_view, std::string_view>> levels;
  for (auto& logger : loggers().by_component) {
    levels.emplace_back(logger->name(), kLevelNames[static_cast<size_t>(logger->level())]);
  }
  return levels;
}

}  // namespace baton::base
