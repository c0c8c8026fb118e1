#include "api/cluster.h"

#include "api/cluster_extensions.h"
#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

namespace {

constexpr const char* kHttpOptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

}  // namespace

const MessageDescription& describe(const RetryBudget*) {
  static const MessageDescription description = message<RetryBudget>(
      "RetryBudget", "", "Concurrent retries as a share of requests.", {},
      {
          field<&RetryBudget::budget_percent>("budget_percent", "The share; 20 % when not set."),
          field<&RetryBudget::min_retry_concurrency>("min_retry_concurrency", "Retries that are allowed in any case."),
      });
  return description;
}

const MessageDescription& describe(const CircuitBreakerThresholds*) {
  static const MessageDescription description = message<CircuitBreakerThresholds>(
      "CircuitBreakerThresholds", "", "Limits of a cluster.", {},
      {
          field<&CircuitBreakerThresholds::priority>("priority", "The requests that it counts."),
          field<&CircuitBreakerThresholds::max_connections>("max_connections", "Open connections."),
          field<&CircuitBreakerThresholds::max_pending_requests>("max_pending_requests",
                                                                 "Requests that wait for a connection."),
          field<&CircuitBreakerThresholds::max_requests>("max_requests", "Requests under way."),
          field<&CircuitBreakerThresholds::max_retries>("max_retries", "Retries under way."),
          field<&CircuitBreakerThresholds::retry_budget>(
              "retry_budget", "Retries under way as a share of requests, in place of max_retries."),
          field<&CircuitBreakerThresholds::track_remaining>("track_remaining", "Publish what is left of each limit."),
          unsupported("max_connection_pools", "a limit of connection pools"),
      });
  return description;
}

const MessageDescription& describe(const CircuitBreakers*) {
  static const MessageDescription description =
      message<CircuitBreakers>("CircuitBreakers", "", "Limits of a cluster.", {},
                               {
                                   field<&CircuitBreakers::thresholds>("thresholds", "The limits, for each priority."),
                                   unsupported("per_host_thresholds", "limits of single endpoints"),
                               });
  return description;
}

const MessageDescription& describe(const UpstreamHttpProtocolOptions*) {
  static const MessageDescription description = message<UpstreamHttpProtocolOptions>(
      "UpstreamHttpProtocolOptions", "", "Names and checks that follow the request.", {},
      {
          field<&UpstreamHttpProtocolOptions::auto_sni>("auto_sni", "Ask by SNI for the request's host."),
          field<&UpstreamHttpProtocolOptions::auto_san_validation>(
              "auto_san_validation", "The certificate must be valid for the request's host."),
          field<&UpstreamHttpProtocolOptions::override_auto_sni_header>(
              "override_auto_sni_header", "Request header that names the host instead, when it has a value."),
      });
  return description;
}

const MessageDescription& describe(const ExplicitHttpConfig*) {
  static const MessageDescription description =
      message<ExplicitHttpConfig>("ExplicitHttpConfig", "", "One version of HTTP.", {{"protocol_config", true}},
                                  {
                                      field<&ExplicitHttpConfig::http_protocol_options>(
                                          "http_protocol_options", "HTTP/1.1.", {.oneof = "protocol_config"}),
                                      field<&ExplicitHttpConfig::http2_protocol_options>(
                                          "http2_protocol_options", "HTTP/2.", {.oneof = "protocol_config"}),
                                      unsupported("http3_protocol_options", "HTTP/3", "protocol_config"),
                                  });
  return description;
}

const MessageDescription& describe(const UseDownstreamHttpConfig*) {
  static const MessageDescription description = message<UseDownstreamHttpConfig>(
      "UseDownstreamHttpConfig", "", "The version that the client speaks.", {},
      {
          field<&UseDownstreamHttpConfig::http_protocol_options>("http_protocol_options", "Settings of HTTP/1.1."),
          field<&UseDownstreamHttpConfig::http2_protocol_options>("http2_protocol_options", "Settings of HTTP/2."),
          unsupported("http3_protocol_options", "HTTP/3"),
      });
  return description;
}

const MessageDescription& describe(const AutoHttpConfig*) {
  static const MessageDescription description = message<AutoHttpConfig>(
      "AutoHttpConfig", "", "The version that the endpoint chooses by ALPN.", {},
      {
          field<&AutoHttpConfig::http_protocol_options>("http_protocol_options", "Settings of HTTP/1.1."),
          field<&AutoHttpConfig::http2_protocol_options>("http2_protocol_options", "Settings of HTTP/2."),
          unsupported("http3_protocol_options", "HTTP/3"),
          unsupported("alternate_protocols_cache_options", "alternate protocols"),
      });
  return description;
}

const MessageDescription& describe(const UpstreamHttpOptions*) {
  static const MessageDescription description = message<UpstreamHttpOptions>(
      "UpstreamHttpOptions", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "How requests are sent to a cluster.", {{"upstream_protocol_options", true}},
      {
          field<&UpstreamHttpOptions::common_http_protocol_options>("common_http_protocol_options",
                                                                    "Settings of all versions of HTTP."),
          field<&UpstreamHttpOptions::upstream_http_protocol_options>("upstream_http_protocol_options",
                                                                      "Names and checks that follow the request."),
          field<&UpstreamHttpOptions::explicit_http_config>("explicit_http_config", "One version.",
                                                            {.oneof = "upstream_protocol_options"}),
          field<&UpstreamHttpOptions::use_downstream_protocol_config>("use_downstream_protocol_config",
                                                                      "The version that the client speaks.",
                                                                      {.oneof = "upstream_protocol_options"}),
          field<&UpstreamHttpOptions::auto_config>("auto_config", "The version that the endpoint chooses.",
                                                   {.oneof = "upstream_protocol_options"}),
          unsupported("http_filters", "upstream filter chains"),
          unsupported("header_validation_config", "header validation extensions"),
          unsupported("outlier_detection", "outlier detection matchers"),
      });
  return description;
}

const EnumDescription& describeEnum(const RingHashLbConfig::HashFunction*) {
  static const EnumDescription description{"RingHashLbConfig.HashFunction", {{"XX_HASH", 0}, {"MURMUR_HASH_2", 1}}};
  return description;
}

const MessageDescription& describe(const RingHashLbConfig*) {
  static const MessageDescription description = message<RingHashLbConfig>(
      "RingHashLbConfig", "", "Settings of RING_HASH.", {},
      {
          field<&RingHashLbConfig::minimum_ring_size>("minimum_ring_size", "Smallest ring.",
                                                      {.min = 1, .max = 8388608}),
          field<&RingHashLbConfig::maximum_ring_size>("maximum_ring_size", "Largest ring.", {.min = 1, .max = 8388608}),
          field<&RingHashLbConfig::hash_function>("hash_function", "The hash of endpoints and requests."),
      });
  return description;
}

const MessageDescription& describe(const MaglevLbConfig*) {
  static const MessageDescription description = message<MaglevLbConfig>(
      "MaglevLbConfig", "", "Settings of MAGLEV.", {},
      {
          field<&MaglevLbConfig::table_size>("table_size", "Size of the table, a prime.", {.min = 2, .max = 5000011}),
      });
  return description;
}

const MessageDescription& describe(const LeastRequestLbConfig*) {
  static const MessageDescription description = message<LeastRequestLbConfig>(
      "LeastRequestLbConfig", "", "Settings of LEAST_REQUEST.", {},
      {
          field<&LeastRequestLbConfig::choice_count>("choice_count", "Endpoints to compare.", {.min = 2}),
          field<&LeastRequestLbConfig::active_request_bias>(
              "active_request_bias", "How much requests under way count against weights; 1 when not set."),
          unsupported("slow_start_config", "slow start"),
      });
  return description;
}

const MessageDescription& describe(const CommonLbConfig*) {
  static const MessageDescription description = message<CommonLbConfig>(
      "CommonLbConfig", "", "What all load balancers share.", {},
      {
          field<&CommonLbConfig::healthy_panic_threshold>(
              "healthy_panic_threshold", "Below this share of healthy endpoints all are used; 50 % when not set."),
          field<&CommonLbConfig::ignore_new_hosts_until_first_hc>(
              "ignore_new_hosts_until_first_hc", "Do not count endpoints that have not been checked yet."),
          field<&CommonLbConfig::close_connections_on_host_set_change>(
              "close_connections_on_host_set_change", "Close all connections when the endpoints change."),
          ignored("update_merge_window"),  // changes are taken at once
          unsupported("zone_aware_lb_config", "zone aware routing"),
          unsupported("locality_weighted_lb_config", "weighted localities"),
          unsupported("consistent_hashing_lb_config", "consistent hashing options"),
          unsupported("override_host_status", "overridden endpoints"),
      });
  return description;
}

const MessageDescription& describe(const UpstreamConnectionOptions*) {
  static const MessageDescription description = message<UpstreamConnectionOptions>(
      "UpstreamConnectionOptions", "", "Settings of connections to endpoints.", {},
      {
          field<&UpstreamConnectionOptions::tcp_keepalive>("tcp_keepalive",
                                                           "When the kernel probes a silent connection."),
          unsupported("happy_eyeballs_config", "happy eyeballs"),
          unsupported("set_local_interface_name_on_upstream_connections", "interface names"),
      });
  return description;
}

const EnumDescription& describeEnum(const Cluster::DiscoveryType*) {
  static const EnumDescription description{
      "Cluster.DiscoveryType",
      {{"STATIC", 0}, {"STRICT_DNS", 1}, {"LOGICAL_DNS", 2}, {"EDS", 3, false}, {"ORIGINAL_DST", 4, false}}};
  return description;
}

const EnumDescription& describeEnum(const Cluster::LbPolicy*) {
  static const EnumDescription description{"Cluster.LbPolicy",
                                           {{"ROUND_ROBIN", 0},
                                            {"LEAST_REQUEST", 1},
                                            {"RING_HASH", 2},
                                            {"RANDOM", 3},
                                            {"MAGLEV", 5},
                                            {"CLUSTER_PROVIDED", 6, false},
                                            {"LOAD_BALANCING_POLICY_CONFIG", 7}}};
  return description;
}

const EnumDescription& describeEnum(const Cluster::DnsLookupFamily*) {
  static const EnumDescription description{
      "Cluster.DnsLookupFamily", {{"AUTO", 0}, {"V4_ONLY", 1}, {"V6_ONLY", 2}, {"V4_PREFERRED", 3}, {"ALL", 4}}};
  return description;
}

const EnumDescription& describeEnum(const Cluster::ClusterProtocolSelection*) {
  static const EnumDescription description{"Cluster.ClusterProtocolSelection",
                                           {{"USE_CONFIGURED_PROTOCOL", 0}, {"USE_DOWNSTREAM_PROTOCOL", 1}}};
  return description;
}

const MessageDescription& describe(const Cluster*) {
  static const MessageDescription description = message<Cluster>(
      "Cluster", "envoy.config.cluster.v3.Cluster", "A group of endpoints that do the same.",
      {{"cluster_discovery_type"}},
      {
          field<&Cluster::name>("name", "Its name.", {.required = true, .nonempty = true}),
          field<&Cluster::alt_stat_name>("alt_stat_name", "Its name in statistics."),
          field<&Cluster::type>("type", "How its endpoints are found.", {.oneof = "cluster_discovery_type"}),
          field<&Cluster::cluster_type>("cluster_type", "The same as an extension.",
                                        {.oneof = "cluster_discovery_type"}),
          field<&Cluster::connect_timeout>("connect_timeout", "Longest wait for a connection, TLS included.",
                                           {.min = 1}),
          field<&Cluster::per_connection_buffer_limit_bytes>(
              "per_connection_buffer_limit_bytes", "Bytes that may wait on either side of a connection (Envoy: 1 MiB).",
              {.min = 1}),
          field<&Cluster::lb_policy>("lb_policy", "How an endpoint is chosen."),
          field<&Cluster::load_balancing_policy>("load_balancing_policy",
                                                 "The same as an extension; counts more than lb_policy."),
          field<&Cluster::load_assignment>("load_assignment", "The endpoints."),
          field<&Cluster::health_checks>("health_checks", "Active health checks."),
          field<&Cluster::max_requests_per_connection>("max_requests_per_connection",
                                                       "Requests over a connection before it is closed.",
                                                       {.deprecated = "typed_extension_protocol_options"}),
          field<&Cluster::circuit_breakers>("circuit_breakers", "Limits of the cluster."),
          field<&Cluster::upstream_http_protocol_options>("upstream_http_protocol_options",
                                                          "Names and checks that follow the request.",
                                                          {.deprecated = "typed_extension_protocol_options"}),
          field<&Cluster::common_http_protocol_options>("common_http_protocol_options",
                                                        "Settings of all versions of HTTP.",
                                                        {.deprecated = "typed_extension_protocol_options"}),
          field<&Cluster::http_protocol_options>("http_protocol_options", "Settings of HTTP/1.1.",
                                                 {.deprecated = "typed_extension_protocol_options"}),
          field<&Cluster::http2_protocol_options>("http2_protocol_options", "Speak HTTP/2 with these settings.",
                                                  {.deprecated = "typed_extension_protocol_options"}),
          field<&Cluster::typed_extension_protocol_options>(
              "typed_extension_protocol_options",
              "How requests are sent, under envoy.extensions.upstreams.http.v3.HttpProtocolOptions.",
              {.category = "upstreamopts"}),
          field<&Cluster::protocol_selection>("protocol_selection", "Whether the client's version of HTTP is used.",
                                              {.deprecated = "typed_extension_protocol_options"}),
          field<&Cluster::dns_refresh_rate>("dns_refresh_rate", "Time between DNS lookups.", {.min = 2}),
          field<&Cluster::dns_failure_refresh_rate>(
              "dns_failure_refresh_rate", "Time between DNS lookups after a failure; dns_refresh_rate when not set."),
          field<&Cluster::respect_dns_ttl>("respect_dns_ttl", "Take the time between DNS lookups from the answer."),
          field<&Cluster::dns_lookup_family>("dns_lookup_family", "Addresses to look up; AUTO prefers IPv6."),
          field<&Cluster::dns_jitter>("dns_jitter", "Up to this much is added to the time between DNS lookups."),
          field<&Cluster::dns_resolvers>("dns_resolvers", "Name servers.", {.deprecated = "typed_dns_resolver_config"}),
          field<&Cluster::use_tcp_for_dns_lookups>("use_tcp_for_dns_lookups", "Ask by TCP, not by UDP.",
                                                   {.deprecated = "typed_dns_resolver_config"}),
          field<&Cluster::dns_resolver_options>("dns_resolver_options", "Options of look-ups.",
                                                {.deprecated = "typed_dns_resolver_config"}),
          field<&Cluster::dns_resolution_config>("dns_resolution_config", "Name servers and options.",
                                                 {.deprecated = "typed_dns_resolver_config"}),
          field<&Cluster::typed_dns_resolver_config>("typed_dns_resolver_config",
                                                     "The resolver; the bootstrap's when not set."),
          field<&Cluster::wait_for_warm_on_init>(
              "wait_for_warm_on_init", "Listeners open only after the cluster has found and checked its endpoints."),
          field<&Cluster::outlier_detection>("outlier_detection", "Passive health checks."),
          field<&Cluster::upstream_bind_config>("upstream_bind_config", "The local side of connections."),
          field<&Cluster::ring_hash_lb_config>("ring_hash_lb_config", "Settings of RING_HASH."),
          field<&Cluster::maglev_lb_config>("maglev_lb_config", "Settings of MAGLEV."),
          field<&Cluster::least_request_lb_config>("least_request_lb_config", "Settings of LEAST_REQUEST."),
          field<&Cluster::common_lb_config>("common_lb_config", "What all load balancers share."),
          field<&Cluster::transport_socket>("transport_socket", "TLS or plain text; plain text when not set."),
          field<&Cluster::upstream_connection_options>("upstream_connection_options", "Settings of connections."),
          field<&Cluster::close_connections_on_host_health_failure>(
              "close_connections_on_host_health_failure", "Close connections to an endpoint that becomes unhealthy."),
          field<&Cluster::ignore_health_on_host_removal>("ignore_health_on_host_removal",
                                                         "Remove endpoints that are gone even while they are healthy."),
          field<&Cluster::metadata>("metadata", "Facts for %CLUSTER_METADATA%."),
          unsupported("eds_cluster_config", "endpoint discovery"),
          unsupported("transport_socket_matches", "transport socket matches"),
          unsupported("cleanup_interval", "clusters of original destinations"),
          unsupported("lb_subset_config", "subset load balancing"),
          unsupported("original_dst_lb_config", "clusters of original destinations"),
          unsupported("round_robin_lb_config", "slow start"),
          unsupported("track_timeout_budgets", "timeout budget statistics"),
          unsupported("track_cluster_stats", "timeout budget and size statistics"),
          unsupported("preconnect_policy", "preconnecting"),
          unsupported("connection_pool_per_downstream_connection", "a pool for each client"),
          unsupported("filters", "upstream network filters"),
          unsupported("lrs_server", "load reports"),
          unsupported("lrs_report_endpoint_metrics", "load reports"),
          unsupported("upstream_config", "upstream extensions"),
          unsupported("transport_socket_matcher", "transport socket matches"),
      },
      [](void* object) {
        auto& cluster = *static_cast<Cluster*>(object);
        readExtensions(cluster);

        // The newest of the fields that are set counts.
        if (!cluster.typed_dns_resolver_config && cluster.dns_resolution_config) {
          cluster.typed_dns_resolver_config = DnsResolverExtension::of(
              std::move(cluster.dns_resolution_config->resolvers), cluster.dns_resolution_config->dns_resolver_options);
        } else if (!cluster.typed_dns_resolver_config) {
          auto options = cluster.dns_resolver_options.value_or(DnsResolverOptions{});
          options.use_tcp_for_dns_lookups |= cluster.use_tcp_for_dns_lookups;
          cluster.typed_dns_resolver_config = DnsResolverExtension::of(std::move(cluster.dns_resolvers), options);
        }
        cluster.dns_resolvers.clear();
        cluster.use_tcp_for_dns_lookups = false;
        cluster.dns_resolver_options.reset();
        cluster.dns_resolution_config.reset();

        const bool by_client = cluster.protocol_selection == Cluster::ClusterProtocolSelection::kUseDownstreamProtocol;
        const bool outdated = cluster.max_requests_per_connection || cluster.upstream_http_protocol_options ||
                              cluster.common_http_protocol_options || cluster.http_protocol_options ||
                              cluster.http2_protocol_options || by_client;
        if (outdated && cluster.typed_extension_protocol_options.count(kHttpOptionsName) == 0) {
          UpstreamHttpOptions options;
          if (cluster.common_http_protocol_options) {
            options.common_http_protocol_options = *cluster.common_http_protocol_options;
          }
          if (cluster.max_requests_per_connection) {
            options.common_http_protocol_options.max_requests_per_connection = cluster.max_requests_per_connection;
          }
          options.upstream_http_protocol_options = cluster.upstream_http_protocol_options;
          const auto http1 = cluster.http_protocol_options.value_or(Http1ProtocolOptions{});
          if (by_client) {
            options.use_downstream_protocol_config =
                UseDownstreamHttpConfig{http1, cluster.http2_protocol_options.value_or(Http2ProtocolOptions{})};
          } else if (cluster.http2_protocol_options) {
            options.explicit_http_config = ExplicitHttpConfig{.http2_protocol_options = cluster.http2_protocol_options};
          } else {
            options.explicit_http_config = ExplicitHttpConfig{.http_protocol_options = http1};
          }
          cluster.typed_extension_protocol_options.emplace(kHttpOptionsName, TypedConfig::of(std::move(options)));
        }
        cluster.max_requests_per_connection.reset();
        cluster.upstream_http_protocol_options.reset();
        cluster.common_http_protocol_options.reset();
        cluster.http_protocol_options.reset();
        cluster.http2_protocol_options.reset();
        cluster.protocol_selection = Cluster::ClusterProtocolSelection::kUseConfiguredProtocol;
      });
  return description;
}

}  // namespace baton::api
