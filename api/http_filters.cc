#include "api/http_filters.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const Router*) {
  static const MessageDescription description = message<Router>(
      "Router", "envoy.extensions.filters.http.router.v3.Router",
      "Sends requests upstream; the last filter of a chain.", {},
      {
          field<&Router::dynamic_stats>("dynamic_stats", "Count requests and responses."),
          field<&Router::suppress_envoy_headers>("suppress_envoy_headers", "Add no x-envoy- headers."),
          field<&Router::respect_expected_rq_timeout>("respect_expected_rq_timeout",
                                                      "Take the timeout from x-envoy-expected-rq-timeout-ms."),
          field<&Router::strict_check_headers>("strict_check_headers", "x-envoy- headers whose bad values get 400."),
          ignored("start_child_span"),
          unsupported("upstream_log", "upstream access logs"),
          unsupported("upstream_log_options", "upstream access logs"),
          unsupported("suppress_grpc_request_failure_code_stats", "gRPC statistics options"),
          unsupported("upstream_http_filters", "upstream filter chains"),
      });
  return description;
}

const MessageDescription& describe(const Cors*) {
  static const MessageDescription description =
      message<Cors>("Cors", "envoy.extensions.filters.http.cors.v3.Cors",
                    "Cross-origin resource sharing; the policy is set for each route.", {}, {});
  return description;
}

const MessageDescription& describe(const CorsPolicy*) {
  static const MessageDescription description = message<CorsPolicy>(
      "CorsPolicy", "envoy.extensions.filters.http.cors.v3.CorsPolicy", "A policy of cross-origin resource sharing.",
      {},
      {
          field<&CorsPolicy::allow_origin_string_match>("allow_origin_string_match", "Origins that are allowed."),
          field<&CorsPolicy::allow_methods>("allow_methods", "Value of access-control-allow-methods.",
                                            {.format = Format::kNoControls}),
          field<&CorsPolicy::allow_headers>("allow_headers", "Value of access-control-allow-headers.",
                                            {.format = Format::kNoControls}),
          field<&CorsPolicy::expose_headers>("expose_headers", "Value of access-control-expose-headers.",
                                             {.format = Format::kNoControls}),
          field<&CorsPolicy::max_age>("max_age", "Value of access-control-max-age.", {.format = Format::kNoControls}),
          field<&CorsPolicy::allow_credentials>("allow_credentials", "Send access-control-allow-credentials."),
          field<&CorsPolicy::filter_enabled>("filter_enabled",
                                             "Share of requests that the policy applies to; all when not set."),
          field<&CorsPolicy::shadow_enabled>("shadow_enabled",
                                             "Share of requests for which the verdict is only counted."),
          field<&CorsPolicy::allow_private_network_access>("allow_private_network_access",
                                                           "Answer private network access preflights."),
          field<&CorsPolicy::forward_not_matching_preflights>("forward_not_matching_preflights",
                                                              "Pass on preflights whose origin is not allowed."),
      });
  return description;
}

const MessageDescription& describe(const HealthCheckFilter*) {
  static const MessageDescription description = message<HealthCheckFilter>(
      "HealthCheckFilter", "envoy.extensions.filters.http.health_check.v3.HealthCheck",
      "Answers health checks of load balancers in front of us.", {},
      {
          field<&HealthCheckFilter::pass_through_mode>(
              "pass_through_mode", "Ask the upstream, in place of answering here.", {.required = true}),
          field<&HealthCheckFilter::headers>("headers", "Requests that pass all of these are health checks."),
          field<&HealthCheckFilter::cache_time>("cache_time", "With pass_through_mode, how long an answer is kept."),
          field<&HealthCheckFilter::cluster_min_healthy_percentages>(
              "cluster_min_healthy_percentages",
              "Healthy only while these clusters have this share of healthy endpoints."),
      });
  return description;
}

const MessageDescription& describe(const TokenBucket*) {
  static const MessageDescription description = message<TokenBucket>(
      "TokenBucket", "envoy.type.v3.TokenBucket", "A token bucket.", {},
      {
          field<&TokenBucket::max_tokens>("max_tokens", "Size of the bucket.", {.required = true, .min = 1}),
          field<&TokenBucket::tokens_per_fill>("tokens_per_fill", "Tokens added each time.", {.min = 1}),
          field<&TokenBucket::fill_interval>("fill_interval", "Time between additions.", {.required = true, .min = 50}),
      });
  return description;
}

const MessageDescription& describe(const HttpStatus*) {
  static const MessageDescription description = message<HttpStatus>(
      "HttpStatus", "", "A status.", {},
      {
          field<&HttpStatus::code>("code", "The status code.", {.required = true, .min = 100, .max = 599}),
      });
  return description;
}

const EnumDescription& describeEnum(const LocalRateLimit::XRateLimitHeaders*) {
  static const EnumDescription description{"LocalRateLimit.XRateLimitHeaders", {{"OFF", 0}, {"DRAFT_VERSION_03", 1}}};
  return description;
}

const MessageDescription& describe(const LocalRateLimit*) {
  static const MessageDescription description = message<LocalRateLimit>(
      "LocalRateLimit", "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
      "Limits the rate of requests in this process.", {},
      {
          field<&LocalRateLimit::stat_prefix>("stat_prefix", "Prefix of its statistics.",
                                              {.required = true, .nonempty = true}),
          field<&LocalRateLimit::status>("status", "Status of a refused request; 429 when not set."),
          field<&LocalRateLimit::token_bucket>("token_bucket",
                                               "The rate; required unless the filter is only set for routes."),
          field<&LocalRateLimit::filter_enabled>("filter_enabled",
                                                 "Share of requests that are counted; none when not set."),
          field<&LocalRateLimit::filter_enforced>("filter_enforced",
                                                  "Share of these that are refused; none when not set."),
          field<&LocalRateLimit::response_headers_to_add>("response_headers_to_add", "Headers to add to the refusal."),
          field<&LocalRateLimit::local_rate_limit_per_downstream_connection>(
              "local_rate_limit_per_downstream_connection", "A bucket for each connection."),
          field<&LocalRateLimit::enable_x_ratelimit_headers>("enable_x_ratelimit_headers",
                                                             "Send x-ratelimit- headers."),
          field<&LocalRateLimit::rate_limited_as_resource_exhausted>(
              "rate_limited_as_resource_exhausted", "gRPC status RESOURCE_EXHAUSTED in place of UNAVAILABLE."),
          unsupported("request_headers_to_add_when_not_enforced", "header edits of requests that are over the limit"),
          unsupported("descriptors", "rate limit descriptors"),
          unsupported("stage", "rate limit stages"),
          unsupported("vh_rate_limits", "rate limit descriptors"),
          unsupported("always_consume_default_token_bucket", "rate limit descriptors"),
          unsupported("rate_limits", "rate limit descriptors"),
          unsupported("local_cluster_rate_limit", "rate limits of a whole cluster"),
      });
  return description;
}

const MessageDescription& describe(const Buffer*) {
  static const MessageDescription description = message<Buffer>(
      "Buffer", "envoy.extensions.filters.http.buffer.v3.Buffer", "Reads the whole request before it is passed on.", {},
      {
          field<&Buffer::max_request_bytes>("max_request_bytes", "Largest body; a larger one gets 413.",
                                            {.required = true, .min = 1}),
      });
  return description;
}

const MessageDescription& describe(const BufferPerRoute*) {
  static const MessageDescription description = message<BufferPerRoute>(
      "BufferPerRoute", "envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
      "Settings of the buffer filter for a route.", {{"override", true}},
      {
          field<&BufferPerRoute::disabled>("disabled", "Switch the filter off.", {.oneof = "override"}),
          field<&BufferPerRoute::buffer>("buffer", "Other settings.", {.oneof = "override"}),
      });
  return description;
}

const MessageDescription& describe(const GrpcWeb*) {
  static const MessageDescription description = message<GrpcWeb>(
      "GrpcWeb", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb", "Lets browsers speak gRPC.", {}, {});
  return description;
}

const MessageDescription& describe(const FilterConfig*) {
  static const MessageDescription description = message<FilterConfig>(
      "FilterConfig", "envoy.config.route.v3.FilterConfig", "Wraps the settings of any filter for a route.", {},
      {
          field<&FilterConfig::config>("config", "The settings.", {.category = "perroute"}),
          field<&FilterConfig::disabled>("disabled", "Switch the filter off."),
          field<&FilterConfig::is_optional>("is_optional", "Ignore the entry when the filter is not known."),
      });
  return description;
}

const MessageDescription& describe(const HttpFilter*) {
  static const MessageDescription description = message<HttpFilter>(
      "HttpFilter", "", "A filter of a connection manager.", {},
      {
          field<&HttpFilter::name>("name", "Its name, for typed_per_filter_config.",
                                   {.required = true, .nonempty = true}),
          field<&HttpFilter::typed_config>("typed_config", "The kind of filter and its settings.",
                                           {.required = true, .category = "http"}),
          field<&HttpFilter::is_optional>("is_optional", "Leave the filter out when it is not known."),
          field<&HttpFilter::disabled>("disabled", "Off unless a route switches it on."),
          unsupported("config_discovery", "extension config discovery"),
      });
  return description;
}

}  // namespace baton::api
