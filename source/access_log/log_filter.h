// Which requests are logged: an access log's filter, compiled. Also chooses the local replies that a mapper edits.
// Built on the main thread, immutable, used by any thread at once.
#pragma once

#include <memory>

#include "api/access_log.h"

#include "source/access_log/formatter.h"
#include "source/base/result.h"
#include "source/base/runtime.h"

namespace baton::access_log {

class LogFilter {
 public:
  // Lets everything pass.
  LogFilter() = default;
  static base::Result<LogFilter> build(const api::AccessLogFilter& config);

  bool passes(const FormatContext& context, const base::Runtime& runtime) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;
};

}  // namespace baton::access_log
