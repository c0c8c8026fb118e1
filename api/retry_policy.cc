#include "api/retry_policy.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const EnumDescription& describeEnum(const RoutingPriority*) {
  static const EnumDescription description{"RoutingPriority", {{"DEFAULT", 0}, {"HIGH", 1}}};
  return description;
}

const MessageDescription& describe(const BackOff*) {
  static const MessageDescription description = message<BackOff>(
      "BackOff", "", "Exponential back-off with full jitter.", {},
      {
          field<&BackOff::base_interval>("base_interval", "Length of the first step.", {.required = true, .min = 1}),
          field<&BackOff::max_interval>("max_interval", "Longest step; ten times the first when not set.", {.min = 1}),
      });
  return description;
}

const EnumDescription& describeEnum(const ResetHeader::Format*) {
  static const EnumDescription description{"ResetHeader.Format", {{"SECONDS", 0}, {"UNIX_TIMESTAMP", 1}}};
  return description;
}

const MessageDescription& describe(const ResetHeader*) {
  static const MessageDescription description = message<ResetHeader>(
      "ResetHeader", "", "A response header that says when to come back.", {},
      {
          field<&ResetHeader::name>("name", "The header.",
                                    {.required = true, .nonempty = true, .format = Format::kHeaderName}),
          field<&ResetHeader::format>("format", "Whether it has a number of seconds or a moment."),
      });
  return description;
}

const MessageDescription& describe(const RateLimitedRetryBackOff*) {
  static const MessageDescription description = message<RateLimitedRetryBackOff>(
      "RateLimitedRetryBackOff", "", "Waits before a retry as the response asks for.", {},
      {
          field<&RateLimitedRetryBackOff::reset_headers>("reset_headers", "The first that can be used counts.",
                                                         {.required = true}),
          field<&RateLimitedRetryBackOff::max_interval>("max_interval", "A header that asks for more is passed over.",
                                                        {.min = 1}),
      });
  return description;
}

const MessageDescription& describe(const OmitCanaryHostsPredicate*) {
  static const MessageDescription description = message<OmitCanaryHostsPredicate>(
      "OmitCanaryHostsPredicate", "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate",
      "Passes over canaries.", {}, {});
  return description;
}

const MessageDescription& describe(const PreviousHostsPredicate*) {
  static const MessageDescription description = message<PreviousHostsPredicate>(
      "PreviousHostsPredicate", "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
      "Passes over hosts that have been tried.", {}, {});
  return description;
}

const MessageDescription& describe(const RetryHostPredicate*) {
  static const MessageDescription description = message<RetryHostPredicate>(
      "RetryHostPredicate", "", "Rejects hosts for a retry.", {},
      {
          field<&RetryHostPredicate::name>("name", "Any name.", {.required = true, .nonempty = true}),
          field<&RetryHostPredicate::typed_config>("typed_config", "The kind of predicate.",
                                                   {.required = true, .category = "retryhost"}),
      });
  return description;
}

const MessageDescription& describe(const RetryPolicy*) {
  static const MessageDescription description = message<RetryPolicy>(
      "RetryPolicy", "envoy.config.route.v3.RetryPolicy", "When and how a request is sent again.", {},
      {
          field<&RetryPolicy::retry_on>("retry_on", "Comma separated conditions."),
          field<&RetryPolicy::num_retries>("num_retries", "Most retries; 1 when not set."),
          field<&RetryPolicy::per_try_timeout>("per_try_timeout", "Timeout of each try; the route's when not set."),
          field<&RetryPolicy::per_try_idle_timeout>("per_try_idle_timeout",
                                                    "A try fails when nothing happens for this long."),
          field<&RetryPolicy::retry_host_predicate>("retry_host_predicate", "Hosts that a retry passes over."),
          field<&RetryPolicy::host_selection_retry_max_attempts>(
              "host_selection_retry_max_attempts", "How often a host is chosen anew when a predicate rejects it."),
          field<&RetryPolicy::retriable_status_codes>("retriable_status_codes",
                                                      "Statuses for retry_on: retriable-status-codes."),
          field<&RetryPolicy::retry_back_off>("retry_back_off", "Wait before a retry; 25 ms to 250 ms when not set."),
          field<&RetryPolicy::retriable_headers>("retriable_headers",
                                                 "Response headers for retry_on: retriable-headers."),
          field<&RetryPolicy::retriable_request_headers>("retriable_request_headers",
                                                         "Retry only requests that pass one of these."),
          field<&RetryPolicy::rate_limited_retry_back_off>("rate_limited_retry_back_off",
                                                           "Wait as the response's headers ask for."),
          unsupported("retry_priority", "retry priorities"),
          unsupported("retry_options_predicates", "retry option predicates"),
      });
  return description;
}

}  // namespace baton::api
