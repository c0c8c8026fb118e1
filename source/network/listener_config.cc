#include "source/network/listener_config.h"

#include <algorithm>

#include "source/base/log.h"

namespace baton::network {
namespace {

base::Error inListener(const std::string& name, const base::Error& error) {
  return base::Error{error.code, "listener '" + name + "': " + error.message};
}

base::Result<std::shared_ptr<const TransportFactory>> buildTransport(const api::FilterChain& chain,
                                                                     const ListenerBuilders& builders,
                                                                     const stats::Scope& scope) {
  if (!chain.transport_socket || chain.transport_socket->typed_config.as<api::RawBuffer>() != nullptr) {
    return std::shared_ptr<const TransportFactory>(std::make_shared<PlainTransportFactory>());
  }
  if (!builders.transport) {
    return base::Error{base::ErrorCode::kInvalidArgument,
                       "transport socket '" + chain.transport_socket->name + "' is not implemented"};
  }
  return builders.transport(*chain.transport_socket, scope);
}

base::Result<FilterChain> buildChain(const api::FilterChain& settings, const api::Listener& listener,
                                     const ListenerBuilders& builders, const stats::Scope& scope) {
  FilterChain chain;
  chain.name = settings.name;
  chain.metadata = settings.metadata;
  chain.transport_connect_timeout = settings.transport_socket_connect_timeout;
  auto transport = buildTransport(settings, builders, scope);
  if (!transport) return transport.error();
  chain.transport = std::move(*transport);
  if (!settings.filters.empty()) {
    const NetworkFilterPlace place{builders.root, scope, listener, settings.name};
    auto filter = builders.filters->build(settings.filters, place);
    if (!filter) return filter.error();
    chain.filter = std::move(*filter);
  }
  return chain;
}

}  // namespace

ListenerStats::ListenerStats(const stats::Scope& scope)
    : cx_total(scope.counter("downstream_cx_total")),
      cx_destroy(scope.counter("downstream_cx_destroy")),
      cx_overflow(scope.counter("downstream_cx_overflow")),
      cx_overload_reject(scope.counter("downstream_cx_overload_reject")),
      global_cx_overflow(scope.counter("downstream_global_cx_overflow")),
      cx_transport_socket_connect_timeout(scope.counter("downstream_cx_transport_socket_connect_timeout")),
      pre_cx_timeout(scope.counter("downstream_pre_cx_timeout")),
      listener_filter_remote_close(scope.counter("downstream_listener_filter_remote_close")),
      listener_filter_error(scope.counter("downstream_listener_filter_error")),
      no_filter_chain_match(scope.counter("no_filter_chain_match")),
      cx_active(scope.gauge("downstream_cx_active")),
      pre_cx_active(scope.gauge("downstream_pre_cx_active")),
      cx_length_ms(scope.histogram("downstream_cx_length_ms")),
      connections_accepted_per_socket_event(scope.histogram("connections_accepted_per_socket_event")) {}

std::string ListenerConfig::statPrefix(const api::Listener& settings) {
  std::string name = settings.stat_prefix;
  if (name.empty() && settings.address) {
    const auto address = addressOf(*settings.address);
    name = address ? address->text() : settings.name;
  }
  std::ranges::replace(name, ':', '_');
  return "listener." + name + ".";
}

base::Result<std::shared_ptr<ListenerConfig>> ListenerConfig::build(const api::Listener& settings,
                                                                    const ListenerBuilders& builders) {
  const std::string label = !settings.name.empty() ? settings.name : statPrefix(settings).substr(9);
  const auto failed = [&](const base::Error& error) { return inListener(label, error); };

  auto addresses = ListenSettings::of(settings);
  if (!addresses) return failed(addresses.error());
  auto matcher = FilterChainMatcher::build(settings.filter_chains);
  if (!matcher) return failed(matcher.error());

  const stats::Scope scope = builders.root.scope(statPrefix(settings));
  std::vector<FilterChain> chains;
  for (const api::FilterChain& chain : settings.filter_chains) {
    auto built = buildChain(chain, settings, builders, scope);
    if (!built) return failed(built.error());
    chains.push_back(std::move(*built));
  }
  std::optional<FilterChain> default_chain;
  if (settings.default_filter_chain) {
    auto built = buildChain(*settings.default_filter_chain, settings, builders, scope);
    if (!built) return failed(built.error());
    default_chain = std::move(*built);
  }

  std::vector<std::shared_ptr<const ListenerFilterFactory>> filters;
  const auto addFilter = [&](const api::ListenerFilter& filter) -> base::Result<void> {
    auto built = ListenerFilterFactory::build(filter, builders.root);
    if (!built) return built.error();
    filters.push_back(std::move(*built));
    return {};
  };
  const auto has = [&]<typename Settings>(const Settings*) {
    return std::ranges::any_of(settings.listener_filters, [](const auto& filter) {
      return filter.typed_config.template as<Settings>() != nullptr;
    });
  };
  const bool wants_proxy_header =
      std::ranges::any_of(settings.filter_chains, [](const auto& chain) { return chain.use_proxy_proto; });
  if (wants_proxy_header && !has(static_cast<const api::ProxyProtocol*>(nullptr))) {
    const api::ListenerFilter filter{"use_proxy_proto", api::TypedConfig::of(api::ProxyProtocol{})};
    if (auto added = addFilter(filter); !added) return failed(added.error());
  }
  for (const api::ListenerFilter& filter : settings.listener_filters) {
    if (auto added = addFilter(filter); !added) return failed(added.error());
  }
  // As Envoy does: without it, what these chains ask for would never be known.
  const bool wants_hello = std::ranges::any_of(settings.filter_chains, [](const auto& chain) {
    const auto& match = chain.filter_chain_match;
    return match && (!match->server_names.empty() || !match->application_protocols.empty() ||
                     match->transport_protocol == "tls");
  });
  if (wants_hello && !has(static_cast<const api::TlsInspector*>(nullptr)) &&
      !has(static_cast<const api::HttpInspector*>(nullptr))) {
    BATON_LOG(kConfig, warn,
              "listener '{}': filter chains match by server name, application or transport protocol, but there is no "
              "tls_inspector; it is added",
              label);
    const api::ListenerFilter filter{"tls_inspector", api::TypedConfig::of(api::TlsInspector{})};
    if (auto added = addFilter(filter); !added) return failed(added.error());
  }

  std::shared_ptr<const ConnectionLog> access_log;
  if (!settings.access_log.empty() && builders.access_log) {
    auto built = builders.access_log(settings.access_log);
    if (!built) return failed(built.error());
    access_log = std::move(*built);
  }

  auto config = std::shared_ptr<ListenerConfig>(new ListenerConfig{
      .name = label,
      .metadata = settings.metadata,
      .addresses = std::move(*addresses),
      .stat_prefix = statPrefix(settings),
      .scope = scope,
      .stats = ListenerStats(scope),
      .chains = std::move(chains),
      .default_chain = std::move(default_chain),
      .matcher = std::move(*matcher),
      .filters = std::move(filters),
      .filters_timeout = settings.listener_filters_timeout,
      .continue_on_filters_timeout = settings.continue_on_listener_filters_timeout,
      .connection = ConnectionSettings{.buffer_limit_bytes = settings.per_connection_buffer_limit_bytes},
      .accepts_per_event = std::max(settings.max_connections_to_accept_per_socket_event, 1u),
      .bind_to_port = settings.deprecated_v1 ? settings.deprecated_v1->bind_to_port.value_or(settings.bind_to_port)
                                             : settings.bind_to_port,
      .ignore_global_limit = settings.ignore_global_conn_limit,
      .drain_type = settings.drain_type,
      .direction = settings.traffic_direction,
      .access_log = std::move(access_log),
  });
  config->limit.most = settings.max_connections;
  if (settings.connection_balance_config && settings.connection_balance_config->exact_balance) {
    for (size_t i = 0; i < config->addresses.size(); ++i) {
      config->balancers.push_back(std::make_unique<ConnectionBalancer>());
    }
  }
  return config;
}

const FilterChain* ListenerConfig::chainFor(const ConnectionInfo& connection) const {
  if (const auto index = matcher.find(connection)) return &chains[*index];
  return default_chain ? &*default_chain : nullptr;
}

}  // namespace baton::network
