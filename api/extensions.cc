#include "api/extensions.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "api/access_log.h"
#include "api/cluster.h"
#include "api/description.h"
#include "api/dns.h"
#include "api/dns_cluster.h"
#include "api/grpc_stats.h"
#include "api/http_connection_manager.h"
#include "api/http_filters.h"
#include "api/listener.h"
#include "api/load_balancing_policy.h"
#include "api/network_filters.h"
#include "api/retry_policy.h"
#include "api/tcp_proxy.h"
#include "api/tls.h"

namespace baton::api {
namespace {

template <typename T>
Extension extension(std::vector<std::string_view> legacy_names = {}) {
  return {&describe(static_cast<const T*>(nullptr)), std::move(legacy_names)};
}

std::vector<ExtensionCategory> makeCategories() {
  return {
      {"network",
       "network filter",
       {extension<HttpConnectionManager>(), extension<TcpProxy>(), extension<NetworkDirectResponse>(),
        extension<Echo>({"envoy.filters.network.echo", "envoy.echo"}), extension<ConnectionLimit>(),
        extension<NetworkLocalRateLimit>(), extension<NetworkRbac>(),
        extension<SniCluster>({"envoy.filters.network.sni_cluster"})},
       {"envoy.extensions.filters.network."}},
      {"listener",
       "listener filter",
       {extension<TlsInspector>({"envoy.filters.listener.tls_inspector", "envoy.listener.tls_inspector"}),
        extension<ProxyProtocol>({"envoy.filters.listener.proxy_protocol", "envoy.listener.proxy_protocol"}),
        extension<OriginalDst>({"envoy.filters.listener.original_dst", "envoy.listener.original_dst"}),
        extension<HttpInspector>({"envoy.filters.listener.http_inspector", "envoy.listener.http_inspector"})},
       {"envoy.extensions.filters.listener.", "envoy.extensions.filters.udp."}},
      {"transport",
       "transport socket",
       {extension<DownstreamTlsContext>(), extension<UpstreamTlsContext>(),
        extension<RawBuffer>({"envoy.transport_sockets.raw_buffer", "raw_buffer"})},
       {"envoy.extensions.transport_sockets."}},
      {"http",
       "HTTP filter",
       {extension<Router>({"envoy.filters.http.router", "envoy.router"}),
        extension<Cors>({"envoy.filters.http.cors", "envoy.cors"}), extension<HealthCheckFilter>(),
        extension<LocalRateLimit>(), extension<Buffer>(),
        extension<GrpcWeb>({"envoy.filters.http.grpc_web", "envoy.grpc_web"}),
        extension<GrpcStats>({"envoy.filters.http.grpc_stats"})},
       {"envoy.extensions.filters.http."}},
      {"perroute",
       "setting of a filter for a route",
       {extension<CorsPolicy>(), extension<LocalRateLimit>(), extension<BufferPerRoute>(), extension<FilterConfig>()},
       {"envoy.extensions.filters.http."}},
      {"accesslog",
       "access log",
       {extension<FileAccessLog>(), extension<StdoutAccessLog>({"envoy.access_loggers.stdout"}),
        extension<StderrAccessLog>({"envoy.access_loggers.stderr"})},
       {"envoy.extensions.access_loggers."}},
      {"retryhost",
       "retry host predicate",
       {extension<PreviousHostsPredicate>({"envoy.retry_host_predicates.previous_hosts"}),
        extension<OmitCanaryHostsPredicate>({"envoy.retry_host_predicates.omit_canary_hosts"})},
       {"envoy.extensions.retry."}},
      {"ipdetect", "original IP detection", {extension<XffConfig>()}, {"envoy.extensions.http.original_ip_detection."}},
      {"requestid", "request id extension", {extension<UuidRequestIdConfig>()}, {"envoy.extensions.request_id."}},
      {"upstreamopts", "upstream protocol option", {extension<UpstreamHttpOptions>()}, {"envoy.extensions.upstreams."}},
      {"dnsresolver",
       "DNS resolver",
       {extension<CaresDnsResolverConfig>({"envoy.network.dns_resolver.cares"})},
       {"envoy.extensions.network.dns_resolver."}},
      {"clustertype", "cluster type", {extension<DnsCluster>()}, {"envoy.extensions.clusters."}},
      {"lbpolicy",
       "load balancing policy",
       {extension<RoundRobinPolicy>({"envoy.load_balancing_policies.round_robin"}),
        extension<LeastRequestPolicy>({"envoy.load_balancing_policies.least_request"}),
        extension<RandomPolicy>({"envoy.load_balancing_policies.random"}),
        extension<RingHashPolicy>({"envoy.load_balancing_policies.ring_hash"}),
        extension<MaglevPolicy>({"envoy.load_balancing_policies.maglev"})},
       {"envoy.extensions.load_balancing_policies."}},
  };
}

}  // namespace

const MessageDescription* ExtensionCategory::find(std::string_view type) const {
  for (const Extension& extension : extensions) {
    if (extension.description->type == type) return extension.description;
  }
  return nullptr;
}

const MessageDescription* ExtensionCategory::findLegacy(std::string_view extension_name) const {
  for (const Extension& extension : extensions) {
    if (std::ranges::find(extension.legacy_names, extension_name) != extension.legacy_names.end()) {
      return extension.description;
    }
  }
  return nullptr;
}

const std::vector<ExtensionCategory>& extensionCategories() {
  static const std::vector<ExtensionCategory> categories = makeCategories();
  return categories;
}

const ExtensionCategory& extensionCategory(std::string_view name) {
  for (const ExtensionCategory& category : extensionCategories()) {
    if (category.name == name) return category;
  }
  assert(false && "no such category of extensions");
  return extensionCategories().front();
}

}  // namespace baton::api
