// Listeners: where connections come in and what happens to them. Plain values with their defaults; any thread may
// read them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/access_log.h"
#include "api/address.h"
#include "api/metadata.h"
#include "api/tls.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Reads server name and ALPN without consuming them.
struct TlsInspector {
  std::optional<uint32_t> initial_read_buffer_size;  // Bytes to look at first; all at once when not set.
  uint32_t max_client_hello_size = 16384;
  bool close_connection_on_client_hello_parsing_errors = false;
};

// Takes the client's address from a PROXY header.
struct ProxyProtocol {
  // Where in the connection's dynamic metadata a TLV goes.
  struct KeyValuePair {
    std::string metadata_namespace;
    std::string key;
  };
  // A TLV that is kept.
  struct Rule {
    uint32_t tlv_type = 0;
    std::optional<KeyValuePair> on_tlv_present;
  };
  enum class Version { kVersionUnspecified = 0, kV1 = 1, kV2 = 2 };

  bool allow_requests_without_proxy_protocol = false;
  std::vector<Version> disallowed_versions;
  std::string stat_prefix;
  std::vector<Rule> rules;
};

// Tells HTTP/1 from HTTP/2 without consuming bytes.
struct HttpInspector {};

// Takes the destination from before a firewall changed it.
struct OriginalDst {};

// A look at a connection before its filter chain is chosen.
struct ListenerFilter {
  std::string name;
  TypedConfig typed_config;
};

// A filter of a connection.
struct NetworkFilter {
  std::string name;
  TypedConfig typed_config;
};

// The connections that a filter chain takes.
struct FilterChainMatch {
  enum class ConnectionSourceType { kAny = 0, kSameIpOrLoopback = 1, kExternal = 2 };

  std::optional<uint32_t> destination_port;
  std::vector<CidrRange> prefix_ranges;
  ConnectionSourceType source_type = ConnectionSourceType::kAny;
  std::vector<CidrRange> source_prefix_ranges;
  std::vector<uint32_t> source_ports;
  std::vector<std::string> server_names;
  std::string transport_protocol;
  std::vector<std::string> application_protocols;
  std::vector<CidrRange> direct_source_prefix_ranges;
};

// What happens to the connections that match.
struct FilterChain {
  std::string name;
  std::optional<FilterChainMatch> filter_chain_match;  // The connections; all when not set.
  std::vector<NetworkFilter> filters;
  std::optional<TransportSocket> transport_socket;       // TLS or plain text; plain text when not set.
  Milliseconds transport_socket_connect_timeout{10000};  // Longest TLS handshake (Envoy: 0); 0 is without limit.
  bool use_proxy_proto = false;
  std::shared_ptr<Metadata> metadata;
};

// Socket options of one address, in place of its listener's.
struct SocketOptionsOverride {
  std::vector<SocketOption> socket_options;
};

// Another address of a listener.
struct AdditionalAddress {
  std::optional<Address> address;
  std::optional<SocketOptionsOverride> socket_options;
};

// How connections are spread over workers.
struct ConnectionBalanceConfig {
  std::optional<Empty> exact_balance;
};

// Left over from the first API.
struct DeprecatedV1 {
  std::optional<bool> bind_to_port;
};

// A socket that accepts connections.
struct Listener {
  enum class DrainType { kDefault = 0, kModifyOnly = 1 };
  enum class TrafficDirection { kUnspecified = 0, kInbound = 1, kOutbound = 2 };

  std::string name;  // Its name; the address when not set.
  std::optional<Address> address;
  std::vector<AdditionalAddress> additional_addresses;
  std::string stat_prefix;  // Its statistics are listener.<this>; the address when not set.
  std::vector<FilterChain> filter_chains;
  std::optional<FilterChain> default_filter_chain;
  std::vector<ListenerFilter> listener_filters;
  Milliseconds listener_filters_timeout{15000};  // Longest time for these; 0 is without limit.
  bool continue_on_listener_filters_timeout = false;
  uint32_t per_connection_buffer_limit_bytes = 32768;
  DrainType drain_type = DrainType::kDefault;
  std::vector<AccessLog> access_log;
  bool enable_reuse_port = true;
  std::optional<bool> reuse_port;
  std::optional<uint32_t> tcp_backlog_size;  // Length of the accept queue; the system's largest when not set.
  uint32_t max_connections_to_accept_per_socket_event = 16;
  uint32_t max_connections = 10000;
  bool bind_to_port = true;
  std::optional<bool> freebind;
  std::optional<bool> transparent;
  std::vector<SocketOption> socket_options;
  std::optional<uint32_t> tcp_fast_open_queue_length;
  TrafficDirection traffic_direction = TrafficDirection::kUnspecified;
  std::optional<ConnectionBalanceConfig> connection_balance_config;
  bool ignore_global_conn_limit = false;
  std::optional<DeprecatedV1> deprecated_v1;
  std::shared_ptr<Metadata> metadata;
};

const MessageDescription& describe(const TlsInspector*);
const MessageDescription& describe(const ProxyProtocol*);
const EnumDescription& describeEnum(const ProxyProtocol::Version*);
const MessageDescription& describe(const ProxyProtocol::KeyValuePair*);
const MessageDescription& describe(const ProxyProtocol::Rule*);
const MessageDescription& describe(const HttpInspector*);
const MessageDescription& describe(const OriginalDst*);
const MessageDescription& describe(const ListenerFilter*);
const MessageDescription& describe(const NetworkFilter*);
const MessageDescription& describe(const FilterChainMatch*);
const EnumDescription& describeEnum(const FilterChainMatch::ConnectionSourceType*);
const MessageDescription& describe(const FilterChain*);
const MessageDescription& describe(const SocketOptionsOverride*);
const MessageDescription& describe(const AdditionalAddress*);
const MessageDescription& describe(const ConnectionBalanceConfig*);
const MessageDescription& describe(const DeprecatedV1*);
const MessageDescription& describe(const Listener*);
const EnumDescription& describeEnum(const Listener::DrainType*);
const EnumDescription& describeEnum(const Listener::TrafficDirection*);

}  // namespace baton::api
