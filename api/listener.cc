#include "api/listener.h"

#include <utility>

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const TlsInspector*) {
  static const MessageDescription description = message<TlsInspector>(
      "TlsInspector", "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
      "Reads server name and ALPN without consuming them.", {},
      {
          field<&TlsInspector::initial_read_buffer_size>("initial_read_buffer_size",
                                                         "Bytes to look at first; all at once when not set.",
                                                         {.min = 256, .max = 16384}),
          field<&TlsInspector::max_client_hello_size>("max_client_hello_size", "Largest ClientHello.",
                                                      {.min = 256, .max = 16384}),
          field<&TlsInspector::close_connection_on_client_hello_parsing_errors>(
              "close_connection_on_client_hello_parsing_errors", "Close connections whose ClientHello is broken."),
          unsupported("enable_ja3_fingerprinting", "JA3 fingerprints"),
          unsupported("enable_ja4_fingerprinting", "JA4 fingerprints"),
      });
  return description;
}

const EnumDescription& describeEnum(const ProxyProtocol::Version*) {
  static const EnumDescription description{"ProxyProtocol.Version",
                                           {{"VERSION_UNSPECIFIED", 0, false}, {"V1", 1}, {"V2", 2}}};
  return description;
}

const MessageDescription& describe(const ProxyProtocol::KeyValuePair*) {
  static const MessageDescription description = message<ProxyProtocol::KeyValuePair>(
      "ProxyProtocol.KeyValuePair", "", "Where in the connection's dynamic metadata a TLV goes.", {},
      {
          field<&ProxyProtocol::KeyValuePair::metadata_namespace>(
              "metadata_namespace", "The namespace; envoy.filters.listener.proxy_protocol when empty."),
          field<&ProxyProtocol::KeyValuePair::key>("key", "The key.", {.required = true, .nonempty = true}),
      });
  return description;
}

const MessageDescription& describe(const ProxyProtocol::Rule*) {
  static const MessageDescription description =
      message<ProxyProtocol::Rule>("ProxyProtocol.Rule", "", "A TLV that is kept.", {},
                                   {
                                       field<&ProxyProtocol::Rule::tlv_type>("tlv_type", "Its type.", {.max = 255}),
                                       field<&ProxyProtocol::Rule::on_tlv_present>("on_tlv_present", "Where it goes."),
                                   });
  return description;
}

const MessageDescription& describe(const ProxyProtocol*) {
  static const MessageDescription description = message<ProxyProtocol>(
      "ProxyProtocol", "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
      "Takes the client's address from a PROXY header.", {},
      {
          field<&ProxyProtocol::allow_requests_without_proxy_protocol>("allow_requests_without_proxy_protocol",
                                                                       "Accept connections that have no PROXY header."),
          field<&ProxyProtocol::disallowed_versions>("disallowed_versions", "Versions that are refused."),
          field<&ProxyProtocol::stat_prefix>("stat_prefix", "Prefix of its statistics."),
          field<&ProxyProtocol::rules>("rules", "TLVs that become dynamic metadata, for %DYNAMIC_METADATA()%."),
          unsupported("pass_through_tlvs", "passing PROXY TLVs on"),
          unsupported("allowed_versions", "allowed_versions; list the others in disallowed_versions"),
          unsupported("tlv_location", "where PROXY TLVs are kept"),
      });
  return description;
}

const MessageDescription& describe(const HttpInspector*) {
  static const MessageDescription description =
      message<HttpInspector>("HttpInspector", "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
                             "Tells HTTP/1 from HTTP/2 without consuming bytes.", {},
                             {
                                 ignored("initial_read_buffer_size"),
                             });
  return description;
}

const MessageDescription& describe(const OriginalDst*) {
  static const MessageDescription description =
      message<OriginalDst>("OriginalDst", "envoy.extensions.filters.listener.original_dst.v3.OriginalDst",
                           "Takes the destination from before a firewall changed it.", {}, {});
  return description;
}

const MessageDescription& describe(const ListenerFilter*) {
  static const MessageDescription description = message<ListenerFilter>(
      "ListenerFilter", "", "A look at a connection before its filter chain is chosen.", {},
      {
          field<&ListenerFilter::name>("name", "Any name."),
          field<&ListenerFilter::typed_config>("typed_config", "The kind of filter and its settings.",
                                               {.required = true, .category = "listener"}),
          unsupported("filter_disabled", "switching listener filters off by match"),
          unsupported("config_discovery", "extension config discovery"),
      });
  return description;
}

const MessageDescription& describe(const NetworkFilter*) {
  static const MessageDescription description = message<NetworkFilter>(
      "NetworkFilter", "", "A filter of a connection.", {},
      {
          field<&NetworkFilter::name>("name", "Any name."),
          field<&NetworkFilter::typed_config>("typed_config", "The kind of filter and its settings.",
                                              {.required = true, .category = "network"}),
          unsupported("config_discovery", "extension config discovery"),
      });
  return description;
}

const EnumDescription& describeEnum(const FilterChainMatch::ConnectionSourceType*) {
  static const EnumDescription description{"FilterChainMatch.ConnectionSourceType",
                                           {{"ANY", 0}, {"SAME_IP_OR_LOOPBACK", 1}, {"EXTERNAL", 2}}};
  return description;
}

const MessageDescription& describe(const FilterChainMatch*) {
  static const MessageDescription description = message<FilterChainMatch>(
      "FilterChainMatch", "", "The connections that a filter chain takes.", {},
      {
          field<&FilterChainMatch::destination_port>("destination_port", "Port that the client connected to.",
                                                     {.min = 1, .max = 65535}),
          field<&FilterChainMatch::prefix_ranges>("prefix_ranges", "Addresses that the client connected to."),
          field<&FilterChainMatch::source_type>("source_type", "Where the client is."),
          field<&FilterChainMatch::source_prefix_ranges>("source_prefix_ranges", "Addresses of clients."),
          field<&FilterChainMatch::source_ports>("source_ports", "Ports of clients.", {.min = 1, .max = 65535}),
          field<&FilterChainMatch::server_names>(
              "server_names", "Names the client asks for by SNI: exact, or with a leading *. wildcard."),
          field<&FilterChainMatch::transport_protocol>("transport_protocol", "tls or raw_buffer."),
          field<&FilterChainMatch::application_protocols>("application_protocols",
                                                          "Protocols the client offers by ALPN."),
          field<&FilterChainMatch::direct_source_prefix_ranges>(
              "direct_source_prefix_ranges", "Addresses of the peer, before PROXY protocol changed them."),
          unsupported("address_suffix", "address suffixes"),
          unsupported("suffix_len", "address suffixes"),
      });
  return description;
}

const MessageDescription& describe(const FilterChain*) {
  static const MessageDescription description = message<FilterChain>(
      "FilterChain", "", "What happens to the connections that match.", {},
      {
          field<&FilterChain::name>("name", "Name for logs."),
          field<&FilterChain::filter_chain_match>("filter_chain_match", "The connections; all when not set."),
          field<&FilterChain::filters>("filters", "The filters."),
          field<&FilterChain::transport_socket>("transport_socket", "TLS or plain text; plain text when not set."),
          field<&FilterChain::transport_socket_connect_timeout>(
              "transport_socket_connect_timeout", "Longest TLS handshake (Envoy: 0); 0 is without limit."),
          field<&FilterChain::use_proxy_proto>("use_proxy_proto", "Expect a PROXY header.",
                                               {.deprecated = "listener_filters"}),
          field<&FilterChain::metadata>("metadata", "Facts for %METADATA(LISTENER_FILTER_CHAIN:...)%."),
          unsupported("on_demand_configuration", "on-demand filter chains"),
      });
  return description;
}

const MessageDescription& describe(const SocketOptionsOverride*) {
  static const MessageDescription description = message<SocketOptionsOverride>(
      "SocketOptionsOverride", "", "Socket options of one address, in place of its listener's.", {},
      {
          field<&SocketOptionsOverride::socket_options>("socket_options", "The options."),
      });
  return description;
}

const MessageDescription& describe(const AdditionalAddress*) {
  static const MessageDescription description =
      message<AdditionalAddress>("AdditionalAddress", "", "Another address of a listener.", {},
                                 {
                                     field<&AdditionalAddress::address>("address", "The address.", {.required = true}),
                                     field<&AdditionalAddress::socket_options>(
                                         "socket_options", "Options of this address; the listener's when not set."),
                                 });
  return description;
}

const MessageDescription& describe(const ConnectionBalanceConfig*) {
  static const MessageDescription description = message<ConnectionBalanceConfig>(
      "ConnectionBalanceConfig", "", "How connections are spread over workers.", {{"balance_type", true}},
      {
          field<&ConnectionBalanceConfig::exact_balance>(
              "exact_balance", "Give each connection to the worker that has the fewest.", {.oneof = "balance_type"}),
          unsupported("extend_balance", "connection balance extensions", "balance_type"),
      });
  return description;
}

const MessageDescription& describe(const DeprecatedV1*) {
  static const MessageDescription description = message<DeprecatedV1>(
      "DeprecatedV1", "", "Left over from the first API.", {},
      {
          field<&DeprecatedV1::bind_to_port>("bind_to_port", "Whether the listener binds its port."),
      });
  return description;
}

const EnumDescription& describeEnum(const Listener::DrainType*) {
  static const EnumDescription description{"Listener.DrainType", {{"DEFAULT", 0}, {"MODIFY_ONLY", 1}}};
  return description;
}

const EnumDescription& describeEnum(const Listener::TrafficDirection*) {
  static const EnumDescription description{"Listener.TrafficDirection",
                                           {{"UNSPECIFIED", 0}, {"INBOUND", 1}, {"OUTBOUND", 2}}};
  return description;
}

const MessageDescription& describe(const Listener*) {
  static const MessageDescription description = message<Listener>(
      "Listener", "envoy.config.listener.v3.Listener", "A socket that accepts connections.", {},
      {
          field<&Listener::name>("name", "Its name; the address when not set."),
          field<&Listener::address>("address", "Where it listens.", {.required = true}),
          field<&Listener::additional_addresses>("additional_addresses", "Where else it listens."),
          field<&Listener::stat_prefix>("stat_prefix", "Its statistics are listener.<this>; the address when not set."),
          field<&Listener::filter_chains>("filter_chains", "What happens to connections, by match."),
          field<&Listener::default_filter_chain>("default_filter_chain",
                                                 "What happens to connections that match nothing."),
          field<&Listener::listener_filters>("listener_filters",
                                             "Looks at a connection before its filter chain is chosen."),
          field<&Listener::listener_filters_timeout>("listener_filters_timeout",
                                                     "Longest time for these; 0 is without limit."),
          field<&Listener::continue_on_listener_filters_timeout>("continue_on_listener_filters_timeout",
                                                                 "Go on after that time, in place of closing."),
          field<&Listener::per_connection_buffer_limit_bytes>(
              "per_connection_buffer_limit_bytes", "Bytes that may wait on either side of a connection (Envoy: 1 MiB).",
              {.min = 1}),
          field<&Listener::drain_type>("drain_type", "Whether health check failure drains it too."),
          field<&Listener::access_log>("access_log", "Logs of connections."),
          field<&Listener::enable_reuse_port>("enable_reuse_port", "A socket for each worker."),
          field<&Listener::reuse_port>("reuse_port", "A socket for each worker.", {.deprecated = "enable_reuse_port"}),
          field<&Listener::tcp_backlog_size>(
              "tcp_backlog_size", "Length of the accept queue; the system's largest when not set.", {.min = 1}),
          field<&Listener::max_connections_to_accept_per_socket_event>(
              "max_connections_to_accept_per_socket_event",
              "Connections accepted in a row before others have their turn (Envoy: all).", {.min = 1}),
          field<&Listener::max_connections>("max_connections", "Open connections; more are closed at once.",
                                            {.ours = true, .min = 1}),
          field<&Listener::bind_to_port>("bind_to_port", "Whether it binds its port."),
          field<&Listener::freebind>("freebind", "Set IP_FREEBIND, so that the address need not be up yet."),
          field<&Listener::transparent>("transparent", "Set IP_TRANSPARENT."),
          field<&Listener::socket_options>("socket_options", "Options of its sockets."),
          field<&Listener::tcp_fast_open_queue_length>("tcp_fast_open_queue_length",
                                                       "Length of the TCP Fast Open queue."),
          field<&Listener::traffic_direction>("traffic_direction", "For /drain_listeners?inboundonly."),
          field<&Listener::connection_balance_config>("connection_balance_config",
                                                      "How connections are spread over workers."),
          field<&Listener::ignore_global_conn_limit>("ignore_global_conn_limit",
                                                     "Do not count its connections towards the limit of the process."),
          field<&Listener::deprecated_v1>("deprecated_v1", "Left over from the first API.",
                                          {.deprecated = "bind_to_port"}),
          field<&Listener::metadata>("metadata", "Facts for %METADATA(LISTENER:...)%."),
          unsupported("use_original_dst", "handing connections to other listeners"),
          unsupported("enable_mptcp", "MPTCP"),
          unsupported("bypass_overload_manager", "the overload manager"),
          unsupported("udp_listener_config", "UDP"),
          unsupported("api_listener", "API listeners"),
          unsupported("internal_listener", "internal listeners"),
          unsupported("filter_chain_matcher", "matcher trees"),
          unsupported("fcds_config", "filter chain discovery"),
      },
      [](void* object) {
        auto& listener = *static_cast<Listener*>(object);

        if (listener.reuse_port) listener.enable_reuse_port = *listener.reuse_port;
        if (listener.deprecated_v1 && listener.deprecated_v1->bind_to_port) {
          listener.bind_to_port = *listener.deprecated_v1->bind_to_port;
        }
        listener.reuse_port.reset();
        listener.deprecated_v1.reset();
        bool use_proxy_proto = false;
        for (FilterChain& chain : listener.filter_chains) {
          use_proxy_proto = std::exchange(chain.use_proxy_proto, false) || use_proxy_proto;
        }
        if (use_proxy_proto) {
          listener.listener_filters.insert(listener.listener_filters.begin(),
                                           {"envoy.filters.listener.proxy_protocol", TypedConfig::of(ProxyProtocol{})});
        }
      });
  return description;
}

}  // namespace baton::api
