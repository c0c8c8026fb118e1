#include "api/route.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

namespace {

// Settings outside typed_per_filter_config know no name of their filter; this is the one that Envoy gave it.
constexpr const char* kCorsFilterName = "envoy.filters.http.cors";

}  // namespace

const MessageDescription& describe(const TlsContextMatchOptions*) {
  static const MessageDescription description = message<TlsContextMatchOptions>(
      "TlsContextMatchOptions", "", "A test of the client's certificate.", {},
      {
          field<&TlsContextMatchOptions::presented>("presented", "Whether a certificate was shown."),
          field<&TlsContextMatchOptions::validated>("validated", "Whether the certificate was verified."),
      });
  return description;
}

const MessageDescription& describe(const RouteMatch*) {
  static const MessageDescription description = message<RouteMatch>(
      "RouteMatch", "", "The requests that a route takes.", {{"path_specifier", true}},
      {
          field<&RouteMatch::prefix>("prefix", "The path starts with this.", {.oneof = "path_specifier"}),
          field<&RouteMatch::path>("path", "The path equals this, without the query.", {.oneof = "path_specifier"}),
          field<&RouteMatch::safe_regex>("safe_regex", "The whole path matches this, without the query.",
                                         {.oneof = "path_specifier"}),
          field<&RouteMatch::path_separated_prefix>("path_separated_prefix",
                                                    "The path equals this or continues it with a slash.",
                                                    {.nonempty = true, .oneof = "path_specifier"}),
          field<&RouteMatch::connect_matcher>("connect_matcher", "CONNECT requests.", {.oneof = "path_specifier"}),
          field<&RouteMatch::case_sensitive>("case_sensitive", "Compare prefix and path with regard to case."),
          field<&RouteMatch::headers>("headers", "All of these must pass."),
          field<&RouteMatch::query_parameters>("query_parameters", "All of these must pass."),
          field<&RouteMatch::grpc>("grpc", "Only gRPC requests."),
          field<&RouteMatch::runtime_fraction>("runtime_fraction", "Only this share of the requests."),
          field<&RouteMatch::tls_context>("tls_context", "Only requests over such TLS connections."),
          unsupported("dynamic_metadata", "dynamic metadata"),
          unsupported("path_match_policy", "URI templates", "path_specifier"),
          unsupported("filter_state", "filter state"),
          unsupported("cookies", "cookie matchers"),
      });
  return description;
}

const MessageDescription& describe(const RequestMirrorPolicy*) {
  static const MessageDescription description = message<RequestMirrorPolicy>(
      "RequestMirrorPolicy", "", "Sends a copy of requests elsewhere and forgets the response.",
      {{"cluster_specifier", true}},
      {
          field<&RequestMirrorPolicy::cluster>("cluster", "The cluster that gets the copy.",
                                               {.nonempty = true, .oneof = "cluster_specifier"}),
          field<&RequestMirrorPolicy::cluster_header>(
              "cluster_header", "The request header that names the cluster.",
              {.nonempty = true, .format = Format::kHeaderName, .oneof = "cluster_specifier"}),
          field<&RequestMirrorPolicy::runtime_fraction>("runtime_fraction", "The share of requests; all when not set."),
          field<&RequestMirrorPolicy::disable_shadow_host_suffix_append>(
              "disable_shadow_host_suffix_append", "Leave the host alone, without -shadow after it."),
          ignored("trace_sampled"),
          unsupported("request_headers_mutations", "header edits of mirrored requests"),
          unsupported("host_rewrite_literal", "host edits of mirrored requests"),
      });
  return description;
}

const MessageDescription& describe(const ClusterWeight*) {
  static const MessageDescription description = message<ClusterWeight>(
      "ClusterWeight", "", "One of the clusters that share a route's requests.", {},
      {
          field<&ClusterWeight::name>("name", "The cluster.", {.required = true, .nonempty = true}),
          field<&ClusterWeight::weight>("weight", "Its part of the sum of all weights.", {.required = true}),
          field<&ClusterWeight::request_headers_to_add>("request_headers_to_add", "Headers to add to the request."),
          field<&ClusterWeight::request_headers_to_remove>(
              "request_headers_to_remove", "Headers to remove from the request.", {.format = Format::kHeaderName}),
          field<&ClusterWeight::response_headers_to_add>("response_headers_to_add", "Headers to add to the response."),
          field<&ClusterWeight::response_headers_to_remove>(
              "response_headers_to_remove", "Headers to remove from the response.", {.format = Format::kHeaderName}),
          field<&ClusterWeight::host_rewrite_literal>("host_rewrite_literal", "Host to send."),
          field<&ClusterWeight::typed_per_filter_config>(
              "typed_per_filter_config", "Settings of filters, by the filter's name.", {.category = "perroute"}),
          unsupported("cluster_header", "weighted clusters by header"),
          unsupported("metadata_match", "subset load balancing"),
      });
  return description;
}

const MessageDescription& describe(const WeightedCluster*) {
  static const MessageDescription description = message<WeightedCluster>(
      "WeightedCluster", "", "Clusters that share a route's requests.", {},
      {
          field<&WeightedCluster::clusters>("clusters", "The clusters.", {.min_items = 1}),
          field<&WeightedCluster::total_weight>("total_weight", "Must be the sum of all weights.", {.deprecated = ""}),
          unsupported("runtime_key_prefix", "weights from the runtime"),
          unsupported("header_name", "weighted choice by header"),
          unsupported("use_hash_policy", "weighted choice by hash"),
      });
  return description;
}

const MessageDescription& describe(const HashPolicyHeader*) {
  static const MessageDescription description = message<HashPolicyHeader>(
      "HashPolicyHeader", "", "Hash of a header.", {},
      {
          field<&HashPolicyHeader::header_name>("header_name", "The header.",
                                                {.required = true, .nonempty = true, .format = Format::kHeaderName}),
          field<&HashPolicyHeader::regex_rewrite>("regex_rewrite", "Edit of its value before it is hashed."),
      });
  return description;
}

const MessageDescription& describe(const HashPolicyCookie*) {
  static const MessageDescription description = message<HashPolicyCookie>(
      "HashPolicyCookie", "", "Hash of a cookie.", {},
      {
          field<&HashPolicyCookie::name>("name", "The cookie.", {.required = true, .nonempty = true}),
          field<&HashPolicyCookie::ttl>(
              "ttl", "Make the cookie when it is missing, with this life; 0 makes it a session cookie."),
          field<&HashPolicyCookie::path>("path", "Path of a cookie that Baton makes."),
          unsupported("attributes", "cookie attributes"),
      });
  return description;
}

const MessageDescription& describe(const HashPolicyConnection*) {
  static const MessageDescription description =
      message<HashPolicyConnection>("HashPolicyConnection", "", "Hash of the connection.", {},
                                    {
                                        field<&HashPolicyConnection::source_ip>("source_ip", "The client's address."),
                                    });
  return description;
}

const MessageDescription& describe(const HashPolicyQueryParameter*) {
  static const MessageDescription description = message<HashPolicyQueryParameter>(
      "HashPolicyQueryParameter", "", "Hash of a query parameter.", {},
      {
          field<&HashPolicyQueryParameter::name>("name", "The parameter.", {.required = true, .nonempty = true}),
      });
  return description;
}

const MessageDescription& describe(const HashPolicy*) {
  static const MessageDescription description = message<HashPolicy>(
      "HashPolicy", "", "A piece of the hash for consistent load balancing.", {{"policy_specifier", true}},
      {
          field<&HashPolicy::header>("header", "A header.", {.oneof = "policy_specifier"}),
          field<&HashPolicy::cookie>("cookie", "A cookie.", {.oneof = "policy_specifier"}),
          field<&HashPolicy::connection_properties>("connection_properties", "The connection.",
                                                    {.oneof = "policy_specifier"}),
          field<&HashPolicy::query_parameter>("query_parameter", "A query parameter.", {.oneof = "policy_specifier"}),
          field<&HashPolicy::terminal>("terminal", "Stop here when there is a hash so far."),
          unsupported("filter_state", "filter state", "policy_specifier"),
      });
  return description;
}

const MessageDescription& describe(const ConnectConfig*) {
  static const MessageDescription description =
      message<ConnectConfig>("ConnectConfig", "", "Terminates CONNECT: the payload goes upstream as raw TCP.", {},
                             {
                                 field<&ConnectConfig::allow_post>("allow_post", "Treat POST likewise."),
                                 unsupported("proxy_protocol_config", "PROXY protocol to upstreams"),
                             });
  return description;
}

const MessageDescription& describe(const RouteUpgradeConfig*) {
  static const MessageDescription description = message<RouteUpgradeConfig>(
      "RouteUpgradeConfig", "", "Allows or forbids an upgrade on this route.", {},
      {
          field<&RouteUpgradeConfig::upgrade_type>("upgrade_type", "For example websocket or CONNECT.",
                                                   {.required = true, .nonempty = true}),
          field<&RouteUpgradeConfig::enabled>("enabled", "Whether it is allowed."),
          field<&RouteUpgradeConfig::connect_config>("connect_config", "For CONNECT only: terminate it here."),
      });
  return description;
}

const MessageDescription& describe(const MaxStreamDuration*) {
  static const MessageDescription description = message<MaxStreamDuration>(
      "MaxStreamDuration", "", "Limits of a stream's whole life.", {},
      {
          field<&MaxStreamDuration::max_stream_duration>(
              "max_stream_duration", "The limit; 0 is none; the connection manager's when not set."),
          field<&MaxStreamDuration::grpc_timeout_header_max>("grpc_timeout_header_max",
                                                             "Use grpc-timeout up to this; 0 is without a limit."),
          field<&MaxStreamDuration::grpc_timeout_header_offset>("grpc_timeout_header_offset",
                                                                "Taken off grpc-timeout."),
      });
  return description;
}

const EnumDescription& describeEnum(const RouteAction::ClusterNotFoundResponseCode*) {
  static const EnumDescription description{
      "RouteAction.ClusterNotFoundResponseCode",
      {{"SERVICE_UNAVAILABLE", 0}, {"NOT_FOUND", 1}, {"INTERNAL_SERVER_ERROR", 2}}};
  return description;
}

const MessageDescription& describe(const InternalRedirectPolicy*) {
  static const MessageDescription description = message<InternalRedirectPolicy>(
      "InternalRedirectPolicy", "", "Redirects of the upstream that are followed here rather than by the client.", {},
      {
          field<&InternalRedirectPolicy::max_internal_redirects>("max_internal_redirects",
                                                                 "Most redirects that one request follows."),
          field<&InternalRedirectPolicy::redirect_response_codes>("redirect_response_codes",
                                                                  "Statuses that are followed; 302 when empty."),
          field<&InternalRedirectPolicy::allow_cross_scheme_redirect>("allow_cross_scheme_redirect",
                                                                      "Also from http to https and back."),
          field<&InternalRedirectPolicy::response_headers_to_copy>("response_headers_to_copy",
                                                                   "Headers of the redirect that the next request has.",
                                                                   {.format = Format::kHeaderName}),
          unsupported("predicates", "internal redirect predicates"),
      });
  return description;
}

const MessageDescription& describe(const RouteAction*) {
  static const MessageDescription description = message<RouteAction>(
      "RouteAction", "", "Sends a request to a cluster.", {{"cluster_specifier", true}, {"host_rewrite_specifier"}},
      {
          field<&RouteAction::cluster>("cluster", "The cluster.", {.nonempty = true, .oneof = "cluster_specifier"}),
          field<&RouteAction::cluster_header>(
              "cluster_header", "The request header that names the cluster.",
              {.nonempty = true, .format = Format::kHeaderName, .oneof = "cluster_specifier"}),
          field<&RouteAction::weighted_clusters>("weighted_clusters", "Clusters that share the requests.",
                                                 {.oneof = "cluster_specifier"}),
          field<&RouteAction::cluster_not_found_response_code>("cluster_not_found_response_code",
                                                               "Status when the cluster does not exist."),
          field<&RouteAction::prefix_rewrite>("prefix_rewrite", "Put in place of the matched prefix or path."),
          field<&RouteAction::regex_rewrite>("regex_rewrite", "Edit of the path."),
          field<&RouteAction::host_rewrite_literal>("host_rewrite_literal", "Host to send.",
                                                    {.oneof = "host_rewrite_specifier"}),
          field<&RouteAction::auto_host_rewrite>("auto_host_rewrite", "Send the endpoint's host name.",
                                                 {.oneof = "host_rewrite_specifier"}),
          field<&RouteAction::host_rewrite_header>("host_rewrite_header",
                                                   "Send the value of this request header as host.",
                                                   {.format = Format::kHeaderName, .oneof = "host_rewrite_specifier"}),
          field<&RouteAction::host_rewrite_path_regex>("host_rewrite_path_regex", "Send the edited path as host.",
                                                       {.oneof = "host_rewrite_specifier"}),
          field<&RouteAction::append_x_forwarded_host>("append_x_forwarded_host",
                                                       "Note the old host in x-forwarded-host."),
          field<&RouteAction::timeout>(
              "timeout", "From the end of the request to the end of the response; 15 s when not set; 0 is none."),
          field<&RouteAction::idle_timeout>(
              "idle_timeout",
              "Without activity for this long the stream ends; the connection manager's when not set; 0 is none."),
          field<&RouteAction::retry_policy>("retry_policy", "Retries; the virtual host's when not set."),
          field<&RouteAction::internal_redirect_policy>("internal_redirect_policy",
                                                        "Redirects of the upstream that are followed here."),
          field<&RouteAction::request_mirror_policies>("request_mirror_policies", "Copies of requests."),
          field<&RouteAction::priority>("priority", "Which circuit breakers count."),
          field<&RouteAction::hash_policy>("hash_policy", "What RING_HASH and MAGLEV hash."),
          field<&RouteAction::upgrade_configs>("upgrade_configs", "Upgrades on this route."),
          field<&RouteAction::max_stream_duration>("max_stream_duration", "Limits of a stream's whole life."),
          field<&RouteAction::max_grpc_timeout>("max_grpc_timeout", "Use grpc-timeout up to this.",
                                                {.deprecated = "max_stream_duration.grpc_timeout_header_max"}),
          field<&RouteAction::grpc_timeout_offset>("grpc_timeout_offset", "Taken off grpc-timeout.",
                                                   {.deprecated = "max_stream_duration.grpc_timeout_header_offset"}),
          field<&RouteAction::cors>("cors", "Cross-origin resource sharing.",
                                    {.deprecated = "typed_per_filter_config"}),
          unsupported("metadata_match", "subset load balancing"),
          unsupported("rate_limits", "rate limit descriptors"),
          unsupported("include_vh_rate_limits", "rate limit descriptors"),
          unsupported("internal_redirect_action", "the older internal redirects; use internal_redirect_policy"),
          unsupported("max_internal_redirects",
                      "the older internal redirects; use internal_redirect_policy.max_internal_redirects"),
          unsupported("path_rewrite_policy", "URI templates"),
          unsupported("flush_timeout", "flush timeouts of routes"),
          unsupported("inline_cluster_specifier_plugin", "cluster specifier plugins", "cluster_specifier"),
          unsupported("cluster_specifier_plugin", "cluster specifier plugins", "cluster_specifier"),
          unsupported("hedge_policy", "hedging"),
          unsupported("early_data_policy", "early data"),
          unsupported("retry_policy_typed_config", "retry policy extensions"),
          unsupported("path_rewrite", "path formatters"),
          unsupported("host_rewrite", "host formatters"),
      });
  return description;
}

const EnumDescription& describeEnum(const RedirectAction::RedirectResponseCode*) {
  static const EnumDescription description{
      "RedirectAction.RedirectResponseCode",
      {{"MOVED_PERMANENTLY", 0}, {"FOUND", 1}, {"SEE_OTHER", 2}, {"TEMPORARY_REDIRECT", 3}, {"PERMANENT_REDIRECT", 4}}};
  return description;
}

const MessageDescription& describe(const RedirectAction*) {
  static const MessageDescription description = message<RedirectAction>(
      "RedirectAction", "", "Answers with a redirect.", {{"scheme_rewrite_specifier"}, {"path_rewrite_specifier"}},
      {
          field<&RedirectAction::https_redirect>("https_redirect", "To https.", {.oneof = "scheme_rewrite_specifier"}),
          field<&RedirectAction::scheme_redirect>("scheme_redirect", "To this scheme.",
                                                  {.oneof = "scheme_rewrite_specifier"}),
          field<&RedirectAction::host_redirect>("host_redirect", "To this host.", {.format = Format::kNoControls}),
          field<&RedirectAction::port_redirect>("port_redirect", "To this port; 0 keeps it.", {.max = 65535}),
          field<&RedirectAction::path_redirect>("path_redirect", "To this path, which may have a query.",
                                                {.format = Format::kNoControls, .oneof = "path_rewrite_specifier"}),
          field<&RedirectAction::prefix_rewrite>("prefix_rewrite", "Put in place of the matched prefix or path.",
                                                 {.format = Format::kNoControls, .oneof = "path_rewrite_specifier"}),
          field<&RedirectAction::regex_rewrite>("regex_rewrite", "Edit of the path.",
                                                {.oneof = "path_rewrite_specifier"}),
          field<&RedirectAction::response_code>("response_code", "Status of the response."),
          field<&RedirectAction::strip_query>("strip_query", "Drop the query."),
      });
  return description;
}

const MessageDescription& describe(const DirectResponseAction*) {
  static const MessageDescription description = message<DirectResponseAction>(
      "DirectResponseAction", "", "Answers without an upstream.", {},
      {
          field<&DirectResponseAction::status>("status", "Status of the response.",
                                               {.required = true, .min = 200, .max = 599}),
          field<&DirectResponseAction::body>("body", "Body of the response."),
          field<&DirectResponseAction::body_format>("body_format",
                                                    "Format of the body, in which %LOCAL_REPLY_BODY% is the body."),
      });
  return description;
}

const MessageDescription& describe(const Route*) {
  static const MessageDescription description = message<Route>(
      "Route", "", "One entry of a virtual host.", {{"action", true}},
      {
          field<&Route::name>("name", "Name for logs."),
          field<&Route::match>("match", "The requests that it takes.", {.required = true}),
          field<&Route::route>("route", "Send them to a cluster.", {.oneof = "action"}),
          field<&Route::redirect>("redirect", "Answer with a redirect.", {.oneof = "action"}),
          field<&Route::direct_response>("direct_response", "Answer without an upstream.", {.oneof = "action"}),
          field<&Route::typed_per_filter_config>(
              "typed_per_filter_config", "Settings of filters, by the filter's name.", {.category = "perroute"}),
          field<&Route::request_headers_to_add>("request_headers_to_add", "Headers to add to the request."),
          field<&Route::request_headers_to_remove>("request_headers_to_remove", "Headers to remove from the request.",
                                                   {.format = Format::kHeaderName}),
          field<&Route::response_headers_to_add>("response_headers_to_add", "Headers to add to the response."),
          field<&Route::response_headers_to_remove>(
              "response_headers_to_remove", "Headers to remove from the response.", {.format = Format::kHeaderName}),
          field<&Route::per_request_buffer_limit_bytes>(
              "per_request_buffer_limit_bytes",
              "Most bytes of a request that are kept for retries; the virtual host's when not set."),
          field<&Route::metadata>("metadata", "Facts for %METADATA(ROUTE:...)%."),
          ignored("decorator"),
          unsupported("stat_prefix", "statistics of routes"),
          unsupported("request_body_buffer_limit", "request body buffer limits"),
          unsupported("tracing", "HTTP tracing"),
          unsupported("filter_action", "filter actions", "action"),
          unsupported("non_forwarding_action", "non-forwarding routes", "action"),
      },
      [](void* object) {
        auto& route = *static_cast<Route*>(object);

        if (!route.route || !route.route->cors) return;
        route.typed_per_filter_config.emplace(kCorsFilterName, TypedConfig::of(std::move(*route.route->cors)));
        route.route->cors.reset();
      });
  return description;
}

const EnumDescription& describeEnum(const VirtualHost::TlsRequirement*) {
  static const EnumDescription description{"VirtualHost.TlsRequirement",
                                           {{"NONE", 0}, {"EXTERNAL_ONLY", 1}, {"ALL", 2}}};
  return description;
}

const MessageDescription& describe(const VirtualHost*) {
  static const MessageDescription description = message<VirtualHost>(
      "VirtualHost", "envoy.config.route.v3.VirtualHost", "The routes of some domains.", {},
      {
          field<&VirtualHost::name>("name", "Name for statistics and logs.", {.required = true, .nonempty = true}),
          field<&VirtualHost::domains>("domains", "example.com, *.example.com, example.* or *.",
                                       {.format = Format::kNoControls, .min_items = 1}),
          field<&VirtualHost::routes>("routes", "The routes; the first that matches is taken."),
          field<&VirtualHost::require_tls>("require_tls", "Redirect plain requests to https."),
          field<&VirtualHost::request_headers_to_add>("request_headers_to_add", "Headers to add to the request."),
          field<&VirtualHost::request_headers_to_remove>(
              "request_headers_to_remove", "Headers to remove from the request.", {.format = Format::kHeaderName}),
          field<&VirtualHost::response_headers_to_add>("response_headers_to_add", "Headers to add to the response."),
          field<&VirtualHost::response_headers_to_remove>(
              "response_headers_to_remove", "Headers to remove from the response.", {.format = Format::kHeaderName}),
          field<&VirtualHost::typed_per_filter_config>(
              "typed_per_filter_config", "Settings of filters, by the filter's name.", {.category = "perroute"}),
          field<&VirtualHost::retry_policy>("retry_policy", "Retries of routes that have no policy of their own."),
          field<&VirtualHost::request_mirror_policies>("request_mirror_policies",
                                                       "Copies of requests, for routes that have none of their own."),
          field<&VirtualHost::include_request_attempt_count>("include_request_attempt_count",
                                                             "Send x-envoy-attempt-count upstream."),
          field<&VirtualHost::include_attempt_count_in_response>("include_attempt_count_in_response",
                                                                 "Send x-envoy-attempt-count downstream."),
          field<&VirtualHost::per_request_buffer_limit_bytes>("per_request_buffer_limit_bytes",
                                                              "Most bytes of a request that are kept for retries; 64 "
                                                              "KiB when not set (Envoy: the connection's limit)."),
          field<&VirtualHost::metadata>("metadata", "Facts for %METADATA(VIRTUAL_HOST:...)%."),
          field<&VirtualHost::cors>("cors", "Cross-origin resource sharing.",
                                    {.deprecated = "typed_per_filter_config"}),
          unsupported("virtual_clusters", "virtual clusters"),
          unsupported("rate_limits", "rate limit descriptors"),
          unsupported("include_is_timeout_retry_header", "x-envoy-is-timeout-retry"),
          unsupported("request_body_buffer_limit", "request body buffer limits"),
          unsupported("matcher", "matcher trees"),
          unsupported("hedge_policy", "hedging"),
          unsupported("retry_policy_typed_config", "retry policy extensions"),
      },
      [](void* object) {
        auto& host = *static_cast<VirtualHost*>(object);

        if (!host.cors) return;
        host.typed_per_filter_config.emplace(kCorsFilterName, TypedConfig::of(std::move(*host.cors)));
        host.cors.reset();
      });
  return description;
}

const MessageDescription& describe(const RouteConfiguration*) {
  static const MessageDescription description = message<RouteConfiguration>(
      "RouteConfiguration", "envoy.config.route.v3.RouteConfiguration", "A route table.", {},
      {
          field<&RouteConfiguration::name>("name", "Name for logs."),
          field<&RouteConfiguration::virtual_hosts>("virtual_hosts", "The virtual hosts."),
          field<&RouteConfiguration::request_headers_to_add>("request_headers_to_add",
                                                             "Headers to add to the request."),
          field<&RouteConfiguration::request_headers_to_remove>(
              "request_headers_to_remove", "Headers to remove from the request.", {.format = Format::kHeaderName}),
          field<&RouteConfiguration::response_headers_to_add>("response_headers_to_add",
                                                              "Headers to add to the response."),
          field<&RouteConfiguration::response_headers_to_remove>(
              "response_headers_to_remove", "Headers to remove from the response.", {.format = Format::kHeaderName}),
          field<&RouteConfiguration::most_specific_header_mutations_wins>(
              "most_specific_header_mutations_wins",
              "Apply header edits from the table to the route, not the other way round."),
          field<&RouteConfiguration::validate_clusters>("validate_clusters",
                                                        "Clusters that routes name must exist at start."),
          field<&RouteConfiguration::max_direct_response_body_size_bytes>("max_direct_response_body_size_bytes",
                                                                          "Largest body of a direct response."),
          field<&RouteConfiguration::internal_only_headers>("internal_only_headers",
                                                            "Headers that are removed from external requests.",
                                                            {.format = Format::kHeaderName}),
          field<&RouteConfiguration::ignore_port_in_host_matching>("ignore_port_in_host_matching",
                                                                   "Match domains without the port of the host."),
          field<&RouteConfiguration::typed_per_filter_config>(
              "typed_per_filter_config", "Settings of filters, by the filter's name.", {.category = "perroute"}),
          field<&RouteConfiguration::request_mirror_policies>(
              "request_mirror_policies",
              "Copies of requests, for routes and virtual hosts that have none of their own."),
          ignored("metadata"),
          unsupported("ignore_path_parameters_in_path_matching", "path parameters"),
          unsupported("vhds", "virtual host discovery"),
          unsupported("cluster_specifier_plugins", "cluster specifier plugins"),
      });
  return description;
}

}  // namespace baton::api
