#include "api/address.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const EnumDescription& describeEnum(const SocketAddress::Protocol*) {
  static const EnumDescription description{"SocketAddress.Protocol", {{"TCP", 0}, {"UDP", 1, false}}};
  return description;
}

const MessageDescription& describe(const SocketAddress*) {
  static const MessageDescription description = message<SocketAddress>(
      "SocketAddress", "envoy.config.core.v3.SocketAddress",
      "An IP address, or a host name where DNS is allowed, and a port.", {{"port_specifier", true}},
      {
          field<&SocketAddress::protocol>("protocol", "Only TCP."),
          field<&SocketAddress::address>("address",
                                         "An IPv4 or IPv6 address, or a host name in an endpoint of a DNS cluster.",
                                         {.required = true, .nonempty = true}),
          field<&SocketAddress::port_value>("port_value", "The port; a listener takes any free one with 0.",
                                            {.max = 65535, .oneof = "port_specifier"}),
          field<&SocketAddress::ipv4_compat>("ipv4_compat", "Let an IPv6 wildcard address accept IPv4 too."),
          unsupported("named_port", "named ports", "port_specifier"),
          unsupported("resolver_name", "custom address resolvers"),
          unsupported("network_namespace_filepath", "network namespaces"),
      });
  return description;
}

const MessageDescription& describe(const Pipe*) {
  static const MessageDescription description = message<Pipe>(
      "Pipe", "envoy.config.core.v3.Pipe", "A Unix domain socket.", {},
      {
          field<&Pipe::path>("path", "Path of the socket; a leading @ means the abstract namespace.",
                             {.required = true, .nonempty = true}),
          field<&Pipe::mode>("mode", "Permissions of the socket file; 0 leaves them to the umask.", {.max = 511}),
      });
  return description;
}

const MessageDescription& describe(const Address*) {
  static const MessageDescription description = message<Address>(
      "Address", "envoy.config.core.v3.Address", "An address of one of the known kinds.", {{"address", true}},
      {
          field<&Address::socket_address>("socket_address", "An IP address and port.", {.oneof = "address"}),
          field<&Address::pipe>("pipe", "A Unix domain socket.", {.oneof = "address"}),
          unsupported("envoy_internal_address", "internal listeners", "address"),
      });
  return description;
}

const MessageDescription& describe(const CidrRange*) {
  static const MessageDescription description = message<CidrRange>(
      "CidrRange", "envoy.config.core.v3.CidrRange", "An address range.", {},
      {
          field<&CidrRange::address_prefix>("address_prefix", "The first address of the range.",
                                            {.required = true, .nonempty = true}),
          field<&CidrRange::prefix_len>("prefix_len", "Number of leading bits that count.", {.max = 128}),
      });
  return description;
}

const EnumDescription& describeEnum(const SocketOption::State*) {
  static const EnumDescription description{"SocketOption.State",
                                           {{"STATE_PREBIND", 0}, {"STATE_BOUND", 1}, {"STATE_LISTENING", 2}}};
  return description;
}

const MessageDescription& describe(const SocketOption*) {
  static const MessageDescription description = message<SocketOption>(
      "SocketOption", "envoy.config.core.v3.SocketOption", "A raw setsockopt(2).", {{"value", true}},
      {
          field<&SocketOption::level>("level", "The level, as a number of this platform."),
          field<&SocketOption::name>("name", "The option, as a number of this platform."),
          field<&SocketOption::int_value>("int_value", "The value as an int.", {.oneof = "value"}),
          field<&SocketOption::buf_value>("buf_value", "The value as bytes in base64.",
                                          {.format = Format::kBytes, .oneof = "value"}),
          field<&SocketOption::state>("state", "When the option is set."),
          ignored("description"),
          unsupported("type", "socket options for some socket types only"),
      });
  return description;
}

const MessageDescription& describe(const TcpKeepalive*) {
  static const MessageDescription description = message<TcpKeepalive>(
      "TcpKeepalive", "",
      "When the kernel probes a silent connection; a field that is not set keeps the system's value.", {},
      {
          field<&TcpKeepalive::keepalive_probes>("keepalive_probes",
                                                 "Probes without an answer before the connection is dropped."),
          field<&TcpKeepalive::keepalive_time>("keepalive_time", "Seconds of silence before the first probe."),
          field<&TcpKeepalive::keepalive_interval>("keepalive_interval", "Seconds between probes."),
      });
  return description;
}

const MessageDescription& describe(const BindConfig*) {
  static const MessageDescription description = message<BindConfig>(
      "BindConfig", "", "The local side of upstream connections.", {},
      {
          field<&BindConfig::source_address>("source_address", "Address to bind to before connecting."),
          field<&BindConfig::freebind>("freebind", "Set IP_FREEBIND, so that the address need not be up yet."),
          field<&BindConfig::socket_options>("socket_options", "Options for the socket before it connects."),
          unsupported("extra_source_addresses", "several source addresses"),
          unsupported("additional_source_addresses", "several source addresses"),
          unsupported("local_address_selector", "local address selectors"),
      });
  return description;
}

}  // namespace baton::api
