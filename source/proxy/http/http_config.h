// A connection manager's configuration, compiled: what the sessions of all workers read. Built on the main thread,
// immutable.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_connection_manager.h"

#include "source/access_log/access_logger.h"
#include "source/base/result.h"
#include "source/http/http1/settings.h"
#include "source/http/http2/settings.h"
#include "source/http/http2/stats.h"
#include "source/network/address.h"
#include "source/proxy/http/http_filter.h"
#include "source/proxy/http/http_stats.h"
#include "source/proxy/http/local_reply.h"
#include "source/proxy/http/route/route_table.h"
#include "source/proxy/token_buckets.h"

namespace baton::proxy {

struct RouterSettings {
  bool count_responses = true;
  bool suppress_envoy_headers = false;
  bool respect_expected_rq_timeout = false;
  std::vector<std::string> strict_check_headers;
};

struct HttpConfig {
  // What building needs from the server.
  struct Builders {
    stats::Scope root;            // of "http.<stat_prefix>."
    stats::Scope listener_scope;  // "listener.<address>."
    access_log::AccessLoggerBuilder access_log;
    std::string service_cluster;  // --service-cluster, for add_user_agent
    std::shared_ptr<TokenBuckets> buckets = std::make_shared<TokenBuckets>();
    size_t buffer_limit = 32 * 1024;
  };
  static base::Result<std::shared_ptr<const HttpConfig>> build(const api::HttpConnectionManager& config,
                                                               const Builders& builders);

  struct Filter {
    std::string name;
    bool disabled = false;  // unless a route switches it on
    std::shared_ptr<const HttpFilterFactory> factory;
  };

  // What an extension says about who the client is; these replace use_remote_address and xff_num_trusted_hops.
  struct XffDetection {
    uint32_t skip = 0;
    std::vector<network::CidrRange> trusted;  // empty: all peers are
    bool recurse = false;
    bool append = false;
  };
  // The address of the connection is the client's, or that of a proxy in front of us whose word we weigh.
  bool usesRemoteAddress() const { return api.use_remote_address.value_or(detections.empty()); }

  // For upgrades: whether routes allow it unless they say otherwise; nothing when the manager does not know it.
  std::optional<bool> upgradeDefault(std::string_view lower_case_type) const;
  bool isInternalAddress(const network::Address& address) const;

  api::HttpConnectionManager api;
  std::shared_ptr<const RouteTable> routes;
  std::vector<Filter> filters;  // without the router, which is always last
  RouterSettings router;
  std::vector<access_log::AccessLoggerPtr> access_logs;
  LocalReplyRules local_replies;
  std::vector<network::CidrRange> internal_ranges;
  std::vector<XffDetection> detections;  // the first that knows decides
  std::string service_cluster;
  size_t buffer_limit = 32 * 1024;

  std::chrono::milliseconds http1_idle_timeout{60'000};
  std::chrono::milliseconds http2_idle_timeout{3'600'000};
  uint32_t max_requests_per_connection = 0;  // 0: unlimited

  http::Http1Settings http1;
  http::Http2Settings http2;
  http::Http1Stats http1_stats;
  http::Http2Stats http2_stats;
  HttpStats stats;
};

}  // namespace baton::proxy
