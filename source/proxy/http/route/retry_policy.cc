#include "source/proxy/http/route/retry_policy.h"

#include <array>
#include <string>
#include <utility>

#include "source/base/strings.h"

namespace baton::proxy {

namespace {

constexpr std::array<std::pair<std::string_view, RetryOn>, 15> kConditions{{
    {"5xx", RetryOn::k5xx},
    {"gateway-error", RetryOn::kGatewayError},
    {"reset", RetryOn::kReset},
    {"reset-before-request", RetryOn::kResetBeforeRequest},
    {"connect-failure", RetryOn::kConnectFailure},
    {"envoy-ratelimited", RetryOn::kEnvoyRateLimited},
    {"retriable-4xx", RetryOn::kRetriable4xx},
    {"refused-stream", RetryOn::kRefusedStream},
    {"retriable-status-codes", RetryOn::kRetriableStatusCodes},
    {"retriable-headers", RetryOn::kRetriableHeaders},
    {"cancelled", RetryOn::kGrpcCancelled},
    {"deadline-exceeded", RetryOn::kGrpcDeadlineExceeded},
    {"internal", RetryOn::kGrpcInternal},
    {"resource-exhausted", RetryOn::kGrpcResourceExhausted},
    {"unavailable", RetryOn::kGrpcUnavailable},
}};

}  // namespace

uint32_t parseRetryOn(std::string_view list, std::vector<std::string_view>* unknown) {
  uint32_t bits = 0;
  base::forEachListElement(list, [&](std::string_view element) {
    bool found = element == "http3-post-connect-failure";  // legal, and there is no HTTP/3 here
    for (const auto& [name, condition] : kConditions) {
      if (name != element) continue;
      bits |= static_cast<uint32_t>(condition);
      found = true;
    }
    if (!found && unknown != nullptr) unknown->push_back(element);
    return true;
  });
  return bits;
}

std::optional<std::chrono::milliseconds> ResetHeader::wait(const http::HeaderMap& response, base::WallTime now) const {
  const auto number = base::parseNumber<uint32_t>(response.get(name));
  if (!number) return std::nullopt;
  const std::chrono::seconds given(*number);
  if (!moment) return given;
  const auto since_1970 = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  if (given < since_1970) return std::nullopt;
  return given - since_1970;
}

base::Result<RetryPolicy> RetryPolicy::build(const api::RetryPolicy& config) {
  RetryPolicy policy;
  policy.on = parseRetryOn(config.retry_on);  // what it does not know was warned of
  policy.num_retries = config.num_retries.value_or(1);
  policy.per_try_timeout = config.per_try_timeout;
  policy.per_try_idle_timeout = config.per_try_idle_timeout;
  if (config.retry_back_off && config.retry_back_off->base_interval) {
    policy.back_off_base = *config.retry_back_off->base_interval;
    policy.back_off_max = config.retry_back_off->max_interval;
  }
  if (config.rate_limited_retry_back_off) {
    policy.longest_reset = config.rate_limited_retry_back_off->max_interval;
    for (const api::ResetHeader& header : config.rate_limited_retry_back_off->reset_headers) {
      policy.reset_headers.push_back(
          {.name = base::lower(header.name), .moment = header.format == api::ResetHeader::Format::kUnixTimestamp});
    }
  }
  policy.status_codes = config.retriable_status_codes;
  auto response_headers = http::buildAll(config.retriable_headers);
  if (!response_headers) return response_headers.error();
  policy.response_headers = std::move(*response_headers);
  auto request_headers = http::buildAll(config.retriable_request_headers);
  if (!request_headers) return request_headers.error();
  policy.request_headers = std::move(*request_headers);
  for (const api::RetryHostPredicate& predicate : config.retry_host_predicate) {
    if (predicate.typed_config.as<api::PreviousHostsPredicate>() != nullptr) policy.avoid_previous_hosts = true;
    if (predicate.typed_config.as<api::OmitCanaryHostsPredicate>() != nullptr) policy.avoid_canaries = true;
  }
  policy.host_selection_attempts = config.host_selection_retry_max_attempts;
  return policy;
}

}  // namespace baton::proxy
