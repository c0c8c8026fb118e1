#include "source/access_log/loggers.h"

#include "source/access_log/log_filter.h"

namespace baton::access_log {

const std::string_view kDefaultFormat =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% "
    "%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
    "\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" "
    "\"%UPSTREAM_HOST%\"\n";

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

class FileLogger final : public AccessLogger {
 public:
  FileLogger(LogFilter filter, Formatter formatter, std::shared_ptr<LogFile> file)
      : filter_(std::move(filter)), formatter_(std::move(formatter)), file_(std::move(file)) {}

  void log(const FormatContext& context, const base::Runtime& runtime) const override {
    if (!filter_.passes(context, runtime)) return;
    static thread_local std::string line;
    line.clear();
    formatter_.format(context, line);
    if (!line.empty()) file_->write(line);
  }

 private:
  const LogFilter filter_;
  const Formatter formatter_;
  const std::shared_ptr<LogFile> file_;
};

class ListenerLog final : public network::ConnectionLog {
 public:
  ListenerLog(std::vector<AccessLoggerPtr> loggers, RuntimeSource runtime)
      : loggers_(std::move(loggers)), runtime_(std::move(runtime)) {}

  void log(const network::ConnectionInfo& connection, const Ending& ending) const override {
    http::StreamInfo info;
    // Not owned: the line is written before this returns.
    info.connection = std::shared_ptr<const network::ConnectionInfo>(std::shared_ptr<void>(), &connection);
    info.remote_address = connection.remote_address;
    info.start_wall = connection.start_wall;
    info.start = connection.start_monotonic;
    info.end = connection.start_monotonic + std::chrono::duration_cast<base::MonotonicTime::duration>(ending.duration);
    info.bytes_received = ending.bytes_received;
    info.bytes_sent = ending.bytes_sent;
    if (ending.no_filter_chain) {
      info.flags.set(http::ResponseFlag::kNoRouteFound);
      info.response_code_details = "filter_chain_not_found";
    }
    info.connection_termination_details = connection.termination_details;
    if (ending.transport_failed) info.connection_termination_details = "transport socket failure";
    const auto runtime = runtime_();
    const FormatContext context{.info = info, .log_type = "NotSet"};
    for (const AccessLoggerPtr& logger : loggers_) logger->log(context, *runtime);
  }

 private:
  const std::vector<AccessLoggerPtr> loggers_;
  const RuntimeSource runtime_;
};

// The formats that were there before log_format.
Result<Formatter> buildFormat(const std::optional<api::SubstitutionFormatString>& log_format,
                              const std::optional<std::string>& text, const std::optional<api::Value>& json) {
  if (log_format) return Formatter::build(*log_format);
  if (json) {
    api::SubstitutionFormatString format;
    format.json_format = *json;
    return Formatter::build(format);
  }
  return Formatter::parse(text && !text->empty() ? std::string_view(*text) : kDefaultFormat);
}

}  // namespace

Result<AccessLoggerPtr> buildLogger(const api::AccessLog& config, LogFiles& files) {
  std::string path;
  auto formatter = Result<Formatter>(Error{});
  if (const auto* file = config.typed_config.as<api::FileAccessLog>()) {
    if (file->path.empty()) return Error{ErrorCode::kInvalidArgument, "access log: path: expected a file name"};
    path = file->path;
    formatter =
        buildFormat(file->log_format, file->format, file->json_format ? file->json_format : file->typed_json_format);
  } else if (const auto* out = config.typed_config.as<api::StdoutAccessLog>()) {
    path = "/dev/stdout";
    formatter = buildFormat(out->log_format, std::nullopt, std::nullopt);
  } else if (const auto* err = config.typed_config.as<api::StderrAccessLog>()) {
    path = "/dev/stderr";
    formatter = buildFormat(err->log_format, std::nullopt, std::nullopt);
  } else {
    return Error{ErrorCode::kInvalidArgument,
                 "access log '" + config.name + "': typed_config: expected a file, stdout or stderr access log"};
  }
  if (!formatter) return Error{formatter.error().code, "access log format: " + formatter.error().message};

  LogFilter filter;
  if (config.filter) {
    auto built = LogFilter::build(*config.filter);
    if (!built) return Error{built.error().code, "access log " + built.error().message};
    filter = std::move(*built);
  }
  auto file = files.open(path);
  if (!file) return file.error();
  return AccessLoggerPtr(std::make_shared<FileLogger>(std::move(filter), std::move(*formatter), std::move(*file)));
}

AccessLoggerBuilder loggerBuilder(LogFiles& files) {
  return [&files](const api::AccessLog& config) { return buildLogger(config, files); };
}

Result<std::shared_ptr<const network::ConnectionLog>> buildConnectionLog(const std::vector<api::AccessLog>& configs,
                                                                         LogFiles& files, RuntimeSource runtime) {
  if (configs.empty()) return std::shared_ptr<const network::ConnectionLog>();
  std::vector<AccessLoggerPtr> loggers;
  for (const api::AccessLog& config : configs) {
    auto logger = buildLogger(config, files);
    if (!logger) return logger.error();
    loggers.push_back(std::move(*logger));
  }
  return std::shared_ptr<const network::ConnectionLog>(
      std::make_shared<ListenerLog>(std::move(loggers), std::move(runtime)));
}

}  // namespace baton::access_log
