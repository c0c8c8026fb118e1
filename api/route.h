// The route table of an HTTP connection manager. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/access_log.h"
#include "api/data_source.h"
#include "api/headers.h"
#include "api/http_filters.h"
#include "api/metadata.h"
#include "api/retry_policy.h"
#include "api/runtime.h"
#include "api/string_matcher.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// A test of the client's certificate.
struct TlsContextMatchOptions {
  std::optional<bool> presented;
  std::optional<bool> validated;
};

// The requests that a route takes.
struct RouteMatch {
  std::optional<std::string> prefix;
  std::optional<std::string> path;
  std::optional<RegexMatcher> safe_regex;
  std::optional<std::string> path_separated_prefix;
  std::optional<Empty> connect_matcher;
  bool case_sensitive = true;
  std::vector<HeaderMatcher> headers;
  std::vector<QueryParameterMatcher> query_parameters;
  std::optional<Empty> grpc;
  std::optional<RuntimeFractionalPercent> runtime_fraction;
  std::optional<TlsContextMatchOptions> tls_context;
};

// Sends a copy of requests elsewhere and forgets the response.
struct RequestMirrorPolicy {
  std::optional<std::string> cluster;
  std::optional<std::string> cluster_header;
  std::optional<RuntimeFractionalPercent> runtime_fraction;  // The share of requests; all when not set.
  bool disable_shadow_host_suffix_append = false;
};

// One of the clusters that share a route's requests.
struct ClusterWeight {
  std::string name;
  std::optional<uint32_t> weight;
  std::vector<HeaderValueOption> request_headers_to_add;
  std::vector<std::string> request_headers_to_remove;
  std::vector<HeaderValueOption> response_headers_to_add;
  std::vector<std::string> response_headers_to_remove;
  std::optional<std::string> host_rewrite_literal;
  std::map<std::string, TypedConfig> typed_per_filter_config;
};

// Clusters that share a route's requests.
struct WeightedCluster {
  std::vector<ClusterWeight> clusters;
  std::optional<uint32_t> total_weight;
};

// Hash of a header.
struct HashPolicyHeader {
  std::string header_name;
  std::optional<RegexRewrite> regex_rewrite;
};

// Hash of a cookie.
struct HashPolicyCookie {
  std::string name;
  std::optional<Milliseconds> ttl;
  std::string path;
};

// Hash of the connection.
struct HashPolicyConnection {
  bool source_ip = false;
};

// Hash of a query parameter.
struct HashPolicyQueryParameter {
  std::string name;
};

// A piece of the hash for consistent load balancing.
struct HashPolicy {
  std::optional<HashPolicyHeader> header;
  std::optional<HashPolicyCookie> cookie;
  std::optional<HashPolicyConnection> connection_properties;
  std::optional<HashPolicyQueryParameter> query_parameter;
  bool terminal = false;
};

// Terminates CONNECT: the payload goes upstream as raw TCP.
struct ConnectConfig {
  bool allow_post = false;
};

// Allows or forbids an upgrade on this route.
struct RouteUpgradeConfig {
  std::string upgrade_type;
  bool enabled = true;
  std::optional<ConnectConfig> connect_config;
};

// Limits of a stream's whole life.
struct MaxStreamDuration {
  std::optional<Milliseconds> max_stream_duration;      // The limit; 0 is none; the connection manager's when not set.
  std::optional<Milliseconds> grpc_timeout_header_max;  // Use grpc-timeout up to this; 0 is without a limit.
  std::optional<Milliseconds> grpc_timeout_header_offset;
};

// Redirects of the upstream that are followed here rather than by the client.
struct InternalRedirectPolicy {
  uint32_t max_internal_redirects = 1;
  std::vector<uint32_t> redirect_response_codes;  // 302 when empty.
  bool allow_cross_scheme_redirect = false;
  std::vector<std::string> response_headers_to_copy;
};

// Sends a request to a cluster.
struct RouteAction {
  enum class ClusterNotFoundResponseCode { kServiceUnavailable = 0, kNotFound = 1, kInternalServerError = 2 };

  std::optional<std::string> cluster;
  std::optional<std::string> cluster_header;
  std::optional<WeightedCluster> weighted_clusters;
  ClusterNotFoundResponseCode cluster_not_found_response_code = ClusterNotFoundResponseCode::kServiceUnavailable;
  std::string prefix_rewrite;
  std::optional<RegexRewrite> regex_rewrite;
  std::optional<std::string> host_rewrite_literal;
  std::optional<bool> auto_host_rewrite;
  std::optional<std::string> host_rewrite_header;
  std::optional<RegexRewrite> host_rewrite_path_regex;
  bool append_x_forwarded_host = false;
  // From the end of the request to the end of the response; 15 s when not set; 0 is none.
  std::optional<Milliseconds> timeout;
  // Without activity for this long the stream ends; the connection manager's when not set; 0 is none.
  std::optional<Milliseconds> idle_timeout;
  std::optional<RetryPolicy> retry_policy;  // Retries; the virtual host's when not set.
  std::optional<InternalRedirectPolicy> internal_redirect_policy;
  std::vector<RequestMirrorPolicy> request_mirror_policies;
  RoutingPriority priority = RoutingPriority::kDefault;
  std::vector<HashPolicy> hash_policy;
  std::vector<RouteUpgradeConfig> upgrade_configs;
  std::optional<MaxStreamDuration> max_stream_duration;
  std::optional<Milliseconds> max_grpc_timeout;
  std::optional<Milliseconds> grpc_timeout_offset;
  std::optional<CorsPolicy> cors;
};

// Answers with a redirect.
struct RedirectAction {
  enum class RedirectResponseCode {
    kMovedPermanently = 0,
    kFound = 1,
    kSeeOther = 2,
    kTemporaryRedirect = 3,
    kPermanentRedirect = 4
  };

  std::optional<bool> https_redirect;
  std::optional<std::string> scheme_redirect;
  std::string host_redirect;
  uint32_t port_redirect = 0;  // To this port; 0 keeps it.
  std::optional<std::string> path_redirect;
  std::optional<std::string> prefix_rewrite;
  std::optional<RegexRewrite> regex_rewrite;
  RedirectResponseCode response_code = RedirectResponseCode::kMovedPermanently;
  bool strip_query = false;
};

// Answers without an upstream.
struct DirectResponseAction {
  uint32_t status = 0;
  std::optional<DataSource> body;
  std::optional<SubstitutionFormatString> body_format;
};

// One entry of a virtual host.
struct Route {
  std::string name;
  std::optional<RouteMatch> match;
  std::optional<RouteAction> route;
  std::optional<RedirectAction> redirect;
  std::optional<DirectResponseAction> direct_response;
  std::map<std::string, TypedConfig> typed_per_filter_config;
  std::vector<HeaderValueOption> request_headers_to_add;
  std::vector<std::string> request_headers_to_remove;
  std::vector<HeaderValueOption> response_headers_to_add;
  std::vector<std::string> response_headers_to_remove;
  // Most bytes of a request that are kept for retries; the virtual host's when not set.
  std::optional<uint32_t> per_request_buffer_limit_bytes;
  std::shared_ptr<Metadata> metadata;
};

// The routes of some domains.
struct VirtualHost {
  enum class TlsRequirement { kNone = 0, kExternalOnly = 1, kAll = 2 };

  std::string name;
  std::vector<std::string> domains;
  std::vector<Route> routes;
  TlsRequirement require_tls = TlsRequirement::kNone;
  std::vector<HeaderValueOption> request_headers_to_add;
  std::vector<std::string> request_headers_to_remove;
  std::vector<HeaderValueOption> response_headers_to_add;
  std::vector<std::string> response_headers_to_remove;
  std::map<std::string, TypedConfig> typed_per_filter_config;
  std::optional<RetryPolicy> retry_policy;
  std::optional<CorsPolicy> cors;
  std::vector<RequestMirrorPolicy> request_mirror_policies;
  bool include_request_attempt_count = false;
  bool include_attempt_count_in_response = false;
  // Most bytes of a request that are kept for retries; 64 KiB when not set (Envoy: the connection's limit).
  std::optional<uint32_t> per_request_buffer_limit_bytes;
  std::shared_ptr<Metadata> metadata;
};

// A route table.
struct RouteConfiguration {
  std::string name;
  std::vector<VirtualHost> virtual_hosts;
  std::vector<HeaderValueOption> request_headers_to_add;
  std::vector<std::string> request_headers_to_remove;
  std::vector<HeaderValueOption> response_headers_to_add;
  std::vector<std::string> response_headers_to_remove;
  bool most_specific_header_mutations_wins = false;
  bool validate_clusters = true;
  uint32_t max_direct_response_body_size_bytes = 4096;
  std::vector<std::string> internal_only_headers;
  bool ignore_port_in_host_matching = false;
  std::map<std::string, TypedConfig> typed_per_filter_config;
  std::vector<RequestMirrorPolicy> request_mirror_policies;
};

const MessageDescription& describe(const TlsContextMatchOptions*);
const MessageDescription& describe(const RouteMatch*);
const MessageDescription& describe(const RequestMirrorPolicy*);
const MessageDescription& describe(const ClusterWeight*);
const MessageDescription& describe(const WeightedCluster*);
const MessageDescription& describe(const HashPolicyHeader*);
const MessageDescription& describe(const HashPolicyCookie*);
const MessageDescription& describe(const HashPolicyConnection*);
const MessageDescription& describe(const HashPolicyQueryParameter*);
const MessageDescription& describe(const HashPolicy*);
const MessageDescription& describe(const ConnectConfig*);
const MessageDescription& describe(const RouteUpgradeConfig*);
const MessageDescription& describe(const MaxStreamDuration*);
const MessageDescription& describe(const InternalRedirectPolicy*);
const MessageDescription& describe(const RouteAction*);
const EnumDescription& describeEnum(const RouteAction::ClusterNotFoundResponseCode*);
const MessageDescription& describe(const RedirectAction*);
const EnumDescription& describeEnum(const RedirectAction::RedirectResponseCode*);
const MessageDescription& describe(const DirectResponseAction*);
const MessageDescription& describe(const Route*);
const MessageDescription& describe(const VirtualHost*);
const EnumDescription& describeEnum(const VirtualHost::TlsRequirement*);
const MessageDescription& describe(const RouteConfiguration*);

}  // namespace baton::api
