// Retries, and the priorities of requests. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/string_matcher.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

enum class RoutingPriority { kDefault = 0, kHigh = 1 };

// Exponential back-off with full jitter.
struct BackOff {
  std::optional<Milliseconds> base_interval;
  std::optional<Milliseconds> max_interval;  // Longest step; ten times the first when not set.
};

// A response header that says when to come back.
struct ResetHeader {
  enum class Format { kSeconds = 0, kUnixTimestamp = 1 };

  std::string name;
  Format format = Format::kSeconds;
};

// Waits before a retry as the response asks for.
struct RateLimitedRetryBackOff {
  std::vector<ResetHeader> reset_headers;  // The first that can be used counts.
  Milliseconds max_interval{300'000};      // A header that asks for more is passed over.
};

// Passes over hosts that have been tried.
struct PreviousHostsPredicate {};

// Passes over canaries.
struct OmitCanaryHostsPredicate {};

// Rejects hosts for a retry.
struct RetryHostPredicate {
  std::string name;
  TypedConfig typed_config;
};

// When and how a request is sent again.
struct RetryPolicy {
  std::string retry_on;
  std::optional<uint32_t> num_retries;          // Most retries; 1 when not set.
  std::optional<Milliseconds> per_try_timeout;  // Timeout of each try; the route's when not set.
  std::optional<Milliseconds> per_try_idle_timeout;
  std::vector<RetryHostPredicate> retry_host_predicate;
  uint32_t host_selection_retry_max_attempts = 1;
  std::vector<uint32_t> retriable_status_codes;
  std::optional<BackOff> retry_back_off;  // Wait before a retry; 25 ms to 250 ms when not set.
  std::optional<RateLimitedRetryBackOff> rate_limited_retry_back_off;
  std::vector<HeaderMatcher> retriable_headers;
  std::vector<HeaderMatcher> retriable_request_headers;
};

const EnumDescription& describeEnum(const RoutingPriority*);
const MessageDescription& describe(const BackOff*);
const EnumDescription& describeEnum(const ResetHeader::Format*);
const MessageDescription& describe(const ResetHeader*);
const MessageDescription& describe(const RateLimitedRetryBackOff*);
const MessageDescription& describe(const PreviousHostsPredicate*);
const MessageDescription& describe(const OmitCanaryHostsPredicate*);
const MessageDescription& describe(const RetryHostPredicate*);
const MessageDescription& describe(const RetryPolicy*);

}  // namespace baton::api
