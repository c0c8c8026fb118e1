// When and how a request is sent again: a route's retry_policy, compiled, and what request headers add to it.
// Immutable once built; copied for a stream only when its headers change it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/retry_policy.h"

#include "source/base/clock.h"
#include "source/base/result.h"
#include "source/http/header_map.h"
#include "source/http/matchers.h"

namespace baton::proxy {

enum class RetryOn : uint32_t {
  k5xx = 1 << 0,
  kGatewayError = 1 << 1,
  kReset = 1 << 2,
  kResetBeforeRequest = 1 << 3,
  kConnectFailure = 1 << 4,
  kEnvoyRateLimited = 1 << 5,
  kRetriable4xx = 1 << 6,
  kRefusedStream = 1 << 7,
  kRetriableStatusCodes = 1 << 8,
  kRetriableHeaders = 1 << 9,
  kGrpcCancelled = 1 << 10,
  kGrpcDeadlineExceeded = 1 << 11,
  kGrpcInternal = 1 << 12,
  kGrpcResourceExhausted = 1 << 13,
  kGrpcUnavailable = 1 << 14,
};

// A response header that says when to come back.
struct ResetHeader {
  std::string name;     // lower case
  bool moment = false;  // seconds since 1970, not from now

  // Nothing when the response does not say.
  std::optional<std::chrono::milliseconds> wait(const http::HeaderMap& response, base::WallTime now) const;
};

struct RetryPolicy {
  uint32_t on = 0;  // of RetryOn
  uint32_t num_retries = 1;
  std::optional<std::chrono::milliseconds> per_try_timeout;
  std::optional<std::chrono::milliseconds> per_try_idle_timeout;
  std::optional<std::chrono::milliseconds> back_off_base;  // what the runtime says when not set; so below
  std::optional<std::chrono::milliseconds> back_off_max;   // ten times the base when not set
  std::vector<ResetHeader> reset_headers;
  std::chrono::milliseconds longest_reset{300'000};
  std::vector<uint32_t> status_codes;
  std::vector<http::HeaderMatcher> response_headers;  // any of them makes a response retriable
  std::vector<http::HeaderMatcher> request_headers;   // when not empty, only requests that match one are retried
  bool avoid_previous_hosts = false;
  bool avoid_canaries = false;
  uint32_t host_selection_attempts = 1;

  static base::Result<RetryPolicy> build(const api::RetryPolicy& config);

  bool has(RetryOn condition) const { return (on & static_cast<uint32_t>(condition)) != 0; }
};

// Conditions of a comma-separated list, gRPC ones included; unknown ones are passed over, and named in `unknown`.
uint32_t parseRetryOn(std::string_view list, std::vector<std::string_view>* unknown = nullptr);

}  // namespace baton::proxy
