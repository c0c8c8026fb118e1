#include <fmt/format.h>

#include "api/description.h"
#include "api/http_connection_manager.h"
#include "api/listener.h"
#include "api/network_filters.h"
#include "api/tcp_proxy.h"

#include "source/config/validation.h"
#include "source/http/rbac_rules.h"
#include "source/network/filter_chain_matcher.h"
#include "source/tls/downstream_context.h"

namespace baton::config {
namespace {

void validateAddress(Validation& v, const api::Address& address) {
  const Path::In in(v.path, "address");
  if (address.pipe) {
    const Path::In kind(v.path, "pipe");
    v.pipe(*address.pipe);
  } else if (address.socket_address) {
    const Path::In kind(v.path, "socket_address");
    v.ipAddress(*address.socket_address, "a listener");
  }
}

void validateTcpProxy(Validation& v, const api::TcpProxy& proxy) {
  if (proxy.cluster) v.clusterExists("cluster", *proxy.cluster);
  if (proxy.weighted_clusters) {
    const Path::In in(v.path, "weighted_clusters");
    for (size_t i = 0; i < proxy.weighted_clusters->clusters.size(); ++i) {
      const Path::In step(v.path, "clusters", i);
      v.clusterExists("name", proxy.weighted_clusters->clusters[i].name);
    }
  }
  v.accessLogs("access_log", proxy.access_log);
}

bool othersFollow(const api::TypedConfig& filter) {
  return filter.as<api::ConnectionLimit>() != nullptr || filter.as<api::NetworkLocalRateLimit>() != nullptr ||
         filter.as<api::NetworkRbac>() != nullptr || filter.as<api::SniCluster>() != nullptr;
}

void validateRbacRules(Validation& v, std::string_view field, const std::optional<api::RbacRules>& rules) {
  if (!rules) return;
  const Path::In in(v.path, field);
  if (v.problems.hasErrorBelow(v.path)) return;
  if (const auto built = http::RbacRules::build(*rules); !built) v.errorBelow(built.error().message);
}

void validateFilters(Validation& v, const api::FilterChain& chain) {
  for (size_t i = 0; i < chain.filters.size(); ++i) {
    const Path::In in(v.path, "filters", i);
    const api::TypedConfig& config = chain.filters[i].typed_config;
    const bool is_last = i + 1 == chain.filters.size();
    if (config && othersFollow(config) == is_last) {
      v.error(is_last
                  ? fmt::format("{} cannot be the last filter of its chain; tcp_proxy or http_connection_manager can",
                                config.description().name)
                  : fmt::format("{} must be the last filter of its chain", config.description().name));
    }
    const Path::In step(v.path, "typed_config");
    if (const auto* manager = config.as<api::HttpConnectionManager>()) {
      validateHttp(v, *manager);
    } else if (const auto* proxy = config.as<api::TcpProxy>()) {
      validateTcpProxy(v, *proxy);
    } else if (const auto* response = config.as<api::NetworkDirectResponse>()) {
      v.dataSource("response", response->response);
    } else if (const auto* rbac = config.as<api::NetworkRbac>()) {
      validateRbacRules(v, "rules", rbac->rules);
      validateRbacRules(v, "shadow_rules", rbac->shadow_rules);
    }
  }
}

void validateTransport(Validation& v, const api::TransportSocket& socket) {
  const Path::In in(v.path, "transport_socket");
  const Path::In config(v.path, "typed_config");
  if (socket.typed_config.as<api::UpstreamTlsContext>() != nullptr) {
    v.error("UpstreamTlsContext is for clusters; a listener needs DownstreamTlsContext");
    return;
  }
  const auto* tls = socket.typed_config.as<api::DownstreamTlsContext>();
  if (tls == nullptr || v.problems.hasErrorBelow(v.path)) return;
  if (const auto checked = tls::DownstreamContext::check(*tls); !checked) v.errorBelow(checked.error().message);
}

void validateChain(Validation& v, const api::FilterChain& chain) {
  if (chain.filters.empty()) v.error("a filter chain without filters closes its connections; expected at least one");
  if (chain.filter_chain_match) {
    const Path::In in(v.path, "filter_chain_match");
    v.ranges("prefix_ranges", chain.filter_chain_match->prefix_ranges);
    v.ranges("source_prefix_ranges", chain.filter_chain_match->source_prefix_ranges);
    v.ranges("direct_source_prefix_ranges", chain.filter_chain_match->direct_source_prefix_ranges);
  }
  if (chain.transport_socket) validateTransport(v, *chain.transport_socket);
  validateFilters(v, chain);
}

}  // namespace

void validateListener(Validation& v, const api::Listener& listener) {
  if (listener.address) validateAddress(v, *listener.address);
  for (size_t i = 0; i < listener.additional_addresses.size(); ++i) {
    const Path::In in(v.path, "additional_addresses", i);
    if (listener.additional_addresses[i].address) validateAddress(v, *listener.additional_addresses[i].address);
  }
  v.accessLogs("access_log", listener.access_log);
  if (listener.filter_chains.empty() && !listener.default_filter_chain) {
    v.error("one of the fields 'filter_chains', 'default_filter_chain' is required");
  }
  std::map<std::string, std::string> names;
  for (size_t i = 0; i < listener.filter_chains.size(); ++i) {
    const Path::In in(v.path, "filter_chains", i);
    v.unique("name", listener.filter_chains[i].name, names);
    validateChain(v, listener.filter_chains[i]);
  }
  if (listener.default_filter_chain) {
    const Path::In in(v.path, "default_filter_chain");
    validateChain(v, *listener.default_filter_chain);
  }
  const Path::In in(v.path, "filter_chains");
  // With errors inside the chains this would only say the same again.
  if (v.problems.hasErrorBelow(v.path)) return;
  const auto matcher = network::FilterChainMatcher::build(listener.filter_chains);
  if (!matcher) v.error(matcher.error().message);
}

}  // namespace baton::config
