// Socket addresses, address ranges and socket options. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// An IP address, or a host name where DNS is allowed, and a port.
struct SocketAddress {
  enum class Protocol { kTcp = 0, kUdp = 1 };

  Protocol protocol = Protocol::kTcp;
  std::string address;
  std::optional<uint32_t> port_value;  // The port; a listener takes any free one with 0.
  bool ipv4_compat = false;
};

// A Unix domain socket.
struct Pipe {
  std::string path;
  uint32_t mode = 0;  // Permissions of the socket file; 0 leaves them to the umask.
};

// An address of one of the known kinds.
struct Address {
  std::optional<SocketAddress> socket_address;
  std::optional<Pipe> pipe;
};

// An address range.
struct CidrRange {
  std::string address_prefix;
  uint32_t prefix_len = 0;
};

// A raw setsockopt(2).
struct SocketOption {
  enum class State { kStatePrebind = 0, kStateBound = 1, kStateListening = 2 };

  int64_t level = 0;
  int64_t name = 0;
  std::optional<int64_t> int_value;
  std::optional<std::string> buf_value;
  State state = State::kStatePrebind;
};

// When the kernel probes a silent connection; a field that is not set keeps the system's value.
struct TcpKeepalive {
  std::optional<uint32_t> keepalive_probes;
  std::optional<uint32_t> keepalive_time;      // Seconds of silence before the first probe.
  std::optional<uint32_t> keepalive_interval;  // Seconds between probes.
};

// The local side of upstream connections.
struct BindConfig {
  std::optional<SocketAddress> source_address;
  std::optional<bool> freebind;
  std::vector<SocketOption> socket_options;
};

const MessageDescription& describe(const SocketAddress*);
const EnumDescription& describeEnum(const SocketAddress::Protocol*);
const MessageDescription& describe(const Pipe*);
const MessageDescription& describe(const Address*);
const MessageDescription& describe(const CidrRange*);
const MessageDescription& describe(const SocketOption*);
const EnumDescription& describeEnum(const SocketOption::State*);
const MessageDescription& describe(const TcpKeepalive*);
const MessageDescription& describe(const BindConfig*);

}  // namespace baton::api
