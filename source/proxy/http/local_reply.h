// local_reply_config, compiled: edits of the responses that we make ourselves. Immutable, read by all workers.
#pragma once

#include <string>
#include <vector>

#include "api/http_connection_manager.h"

#include "source/access_log/access_logger.h"
#include "source/access_log/formatter.h"
#include "source/access_log/log_filter.h"
#include "source/base/result.h"
#include "source/http/header_map.h"
#include "source/proxy/http/route/header_mutator.h"

namespace baton::proxy {

// A response of our own on its way to the client.
struct LocalReplyDraft {
  int status = 0;
  std::string body;
  std::string content_type;
};

class LocalReplyRules {
 public:
  static base::Result<LocalReplyRules> build(const std::optional<api::LocalReplyConfig>& config);

  bool empty() const { return mappers_.empty() && !format_; }
  // `headers`: the response headers so far, with :status. `info.response_code` follows the status.
  void apply(LocalReplyDraft& draft, http::HeaderMap& headers, http::StreamInfo& info,
             const http::HeaderMap& request_headers, const base::Runtime& runtime) const;

 private:
  struct Mapper {
    std::optional<access_log::LogFilter> filter;
    std::optional<int> status;
    std::optional<std::string> body;
    std::optional<access_log::Formatter> format;
    HeaderMutator headers;
  };

  std::vector<Mapper> mappers_;
  std::optional<access_log::Formatter> format_;
};

}  // namespace baton::proxy
