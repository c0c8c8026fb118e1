// One configured access log: a filter, a format and where the lines go. Built on the main thread, used by all workers.
#pragma once

#include <functional>
#include <memory>

#include "api/access_log.h"

#include "source/access_log/formatter.h"
#include "source/base/result.h"
#include "source/base/runtime.h"

namespace baton::access_log {

class AccessLogger {
 public:
  virtual ~AccessLogger() = default;
  // Any worker. Never blocks. `runtime` decides about samples.
  virtual void log(const FormatContext& context, const base::Runtime& runtime) const = 0;
};

using AccessLoggerPtr = std::shared_ptr<const AccessLogger>;
// Given to the proxies' builders by the server, which owns the files and their writer.
using AccessLoggerBuilder = std::function<base::Result<AccessLoggerPtr>(const api::AccessLog& config)>;

}  // namespace baton::access_log
