// The HTTP filters and their settings for each route. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/headers.h"
#include "api/runtime.h"
#include "api/string_matcher.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Sends requests upstream; the last filter of a chain.
struct Router {
  bool dynamic_stats = true;
  bool suppress_envoy_headers = false;
  bool respect_expected_rq_timeout = false;
  std::vector<std::string> strict_check_headers;
};

// Cross-origin resource sharing; the policy is set for each route.
struct Cors {};

// A policy of cross-origin resource sharing.
struct CorsPolicy {
  std::vector<StringMatcher> allow_origin_string_match;
  std::string allow_methods;
  std::string allow_headers;
  std::string expose_headers;
  std::string max_age;
  std::optional<bool> allow_credentials;
  // Share of requests that the policy applies to; all when not set.
  std::optional<RuntimeFractionalPercent> filter_enabled;
  std::optional<RuntimeFractionalPercent> shadow_enabled;
  std::optional<bool> allow_private_network_access;
  bool forward_not_matching_preflights = true;
};

// Answers health checks of load balancers in front of us.
struct HealthCheckFilter {
  std::optional<bool> pass_through_mode;
  std::vector<HeaderMatcher> headers;
  std::optional<Milliseconds> cache_time;
  std::map<std::string, Percent> cluster_min_healthy_percentages;
};

// A token bucket.
struct TokenBucket {
  uint32_t max_tokens = 0;
  uint32_t tokens_per_fill = 1;
  std::optional<Milliseconds> fill_interval;
};

// A status.
struct HttpStatus {
  uint32_t code = 0;
};

// Limits the rate of requests in this process.
struct LocalRateLimit {
  enum class XRateLimitHeaders { kOff = 0, kDraftVersion03 = 1 };

  std::string stat_prefix;
  std::optional<HttpStatus> status;  // Status of a refused request; 429 when not set.
  std::optional<TokenBucket> token_bucket;
  std::optional<RuntimeFractionalPercent> filter_enabled;   // Share of requests that are counted; none when not set.
  std::optional<RuntimeFractionalPercent> filter_enforced;  // Share of these that are refused; none when not set.
  std::vector<HeaderValueOption> response_headers_to_add;
  bool local_rate_limit_per_downstream_connection = false;
  XRateLimitHeaders enable_x_ratelimit_headers = XRateLimitHeaders::kOff;
  bool rate_limited_as_resource_exhausted = false;
};

// Reads the whole request before it is passed on.
struct Buffer {
  uint32_t max_request_bytes = 0;
};

// Settings of the buffer filter for a route.
struct BufferPerRoute {
  std::optional<bool> disabled;
  std::optional<Buffer> buffer;
};

// Lets browsers speak gRPC.
struct GrpcWeb {};

// Wraps the settings of any filter for a route.
struct FilterConfig {
  TypedConfig config;
  bool disabled = false;
  bool is_optional = false;
};

// A filter of a connection manager.
struct HttpFilter {
  std::string name;
  TypedConfig typed_config;
  bool is_optional = false;
  bool disabled = false;
};

const MessageDescription& describe(const Router*);
const MessageDescription& describe(const Cors*);
const MessageDescription& describe(const CorsPolicy*);
const MessageDescription& describe(const HealthCheckFilter*);
const MessageDescription& describe(const TokenBucket*);
const MessageDescription& describe(const HttpStatus*);
const MessageDescription& describe(const LocalRateLimit*);
const EnumDescription& describeEnum(const LocalRateLimit::XRateLimitHeaders*);
const MessageDescription& describe(const Buffer*);
const MessageDescription& describe(const BufferPerRoute*);
const MessageDescription& describe(const GrpcWeb*);
const MessageDescription& describe(const FilterConfig*);
const MessageDescription& describe(const HttpFilter*);

}  // namespace baton::api
