// Builds the access logs of a configuration: what proxies and listeners write to. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "source/access_log/access_logger.h"
#include "source/access_log/log_files.h"
#include "source/network/listener_config.h"

namespace baton::access_log {

// Envoy's format for HTTP and TCP.
extern const std::string_view kDefaultFormat;

// `files` must outlive the loggers.
base::Result<AccessLoggerPtr> buildLogger(const api::AccessLog& config, LogFiles& files);
AccessLoggerBuilder loggerBuilder(LogFiles& files);

// A listener's own access log: a line when a connection ends, also of those that came to no filter chain or failed
// their handshake. `runtime` gives the present snapshot, on any worker.
using RuntimeSource = std::function<std::shared_ptr<const base::Runtime>()>;
base::Result<std::shared_ptr<const network::ConnectionLog>> buildConnectionLog(
    const std::vector<api::AccessLog>& configs, LogFiles& files, RuntimeSource runtime);

}  // namespace baton::access_log
