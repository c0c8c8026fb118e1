// Sockets as the configuration wants them: listening ones, and what upstream ones get before connect(2). Main thread
// for the former, workers for the latter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/base/result.h"
#include "source/network/address.h"
#include "source/network/fd.h"

namespace baton::api {
struct Address;
struct BindConfig;
struct Listener;
struct SocketAddress;
struct SocketOption;
struct TcpKeepalive;
}  // namespace baton::api

namespace baton::network {

struct SocketOption {
  enum class When { kPrebind, kBound, kListening };
  int level = 0;
  int name = 0;
  std::string value;  // raw bytes, an int in host order for int_value
  When when = When::kPrebind;
  bool operator==(const SocketOption&) const = default;
};

struct ListenSettings {
  Address address;
  bool ipv4_compat = false;
  uint32_t pipe_mode = 0;  // 0: as the umask says
  bool reuse_port = true;
  std::optional<bool> freebind;
  std::optional<bool> transparent;
  std::optional<uint32_t> fast_open_queue_length;
  std::optional<uint32_t> backlog;  // none: the system's largest
  std::vector<SocketOption> options;

  // The address list of a listener: its own, then the additional ones.
  static base::Result<std::vector<ListenSettings>> of(const api::Listener& listener);
};

// Opens, binds and listens. A leftover Unix socket file that nobody listens on is replaced.
base::Result<Fd> openListeningSocket(const ListenSettings& settings);
// For a socket that another process made: applies again what may differ and can still be changed.
base::Result<void> applyToInherited(int fd, const ListenSettings& settings);

struct UpstreamSocketSettings {
  std::optional<Address> source_address;
  bool freebind = false;
  bool keepalive = false;
  std::optional<uint32_t> keepalive_probes;
  std::optional<uint32_t> keepalive_time_s;
  std::optional<uint32_t> keepalive_interval_s;
  std::vector<SocketOption> options;

  // Either may be null.
  static base::Result<UpstreamSocketSettings> of(const api::BindConfig* bind, const api::TcpKeepalive* keepalive);
  bool empty() const { return !source_address && !freebind && !keepalive && options.empty(); }
};

// For the `prepare` of Connection::connect().
base::Result<void> prepareUpstreamSocket(int fd, const UpstreamSocketSettings& settings);

base::Result<Address> addressOf(const api::SocketAddress& address);
base::Result<Address> addressOf(const api::Address& address);

}  // namespace baton::network
