#include "source/network/socket.h"

#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "api/address.h"
#include "api/listener.h"

#include "source/base/log.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

namespace baton::network {
namespace {

base::Result<void> setInt(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) return base::systemError(what);
  return {};
}

base::Result<void> setOptions(int fd, const std::vector<SocketOption>& options, SocketOption::When when) {
  for (const SocketOption& option : options) {
    if (option.when != when) continue;
    const auto length = static_cast<socklen_t>(option.value.size());
    if (::setsockopt(fd, option.level, option.name, option.value.data(), length) != 0) {
      return base::systemError("socket option level " + std::to_string(option.level) + " name " +
                               std::to_string(option.name));
    }
  }
  return {};
}

base::Result<void> setFreebind(int fd, bool v6, bool on) {
  return v6 ? setInt(fd, IPPROTO_IPV6, IPV6_FREEBIND, on, "IPV6_FREEBIND")
            : setInt(fd, IPPROTO_IP, IP_FREEBIND, on, "IP_FREEBIND");
}

base::Result<void> beforeBind(int fd, const ListenSettings& settings) {
  if (settings.address.isIp()) {
    const bool v6 = settings.address.family() == Address::Family::kIpv6;
    if (auto set = setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"); !set) return set;
    if (settings.reuse_port) {
      if (auto set = setInt(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"); !set) return set;
    }
    if (v6) {
      if (auto set = setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, !settings.ipv4_compat, "IPV6_V6ONLY"); !set) return set;
    }
    if (settings.freebind) {
      if (auto set = setFreebind(fd, v6, *settings.freebind); !set) return set;
    }
    if (settings.transparent) {
      auto set = v6 ? setInt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, *settings.transparent, "IPV6_TRANSPARENT")
                    : setInt(fd, IPPROTO_IP, IP_TRANSPARENT, *settings.transparent, "IP_TRANSPARENT");
      if (!set) return set;
    }
    // Accepted sockets inherit it, so that none needs a system call of its own.
    if (auto set = setInt(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); !set) return set;
  }
  return setOptions(fd, settings.options, SocketOption::When::kPrebind);
}

base::Result<void> whenListening(int fd, const ListenSettings& settings) {
  if (settings.address.isIp() && settings.fast_open_queue_length) {
    const int length = static_cast<int>(*settings.fast_open_queue_length);
    if (auto set = setInt(fd, IPPROTO_TCP, TCP_FASTOPEN, length, "TCP_FASTOPEN"); !set) return set;
  }
  return setOptions(fd, settings.options, SocketOption::When::kListening);
}

int backlogOf(const ListenSettings& settings) {
  // The kernel takes the smaller of this and net.core.somaxconn.
  return settings.backlog ? static_cast<int>(std::min<uint32_t>(*settings.backlog, INT32_MAX)) : INT32_MAX;
}

// A socket file that nothing listens on, left by a process that was killed.
bool isLeftover(const Address& address) {
  struct stat info {};
  if (::lstat(address.ip().c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return probe && ::connect(probe.get(), address.sockaddrPointer(), address.sockaddrLength()) != 0 &&
         errno == ECONNREFUSED;
}

base::Result<void> bindTo(int fd, const Address& address) {
  if (::bind(fd, address.sockaddrPointer(), address.sockaddrLength()) == 0) return {};
  const bool has_path = address.family() == Address::Family::kUnix && address.ip().front() == '/';
  if (errno == EADDRINUSE && has_path && isLeftover(address)) {
    ::unlink(address.ip().c_str());
    if (::bind(fd, address.sockaddrPointer(), address.sockaddrLength()) == 0) return {};
  }
  return base::systemError("bind");
}

base::Result<void> open(int fd, const ListenSettings& settings) {
  if (auto set = beforeBind(fd, settings); !set) return set;
  if (auto bound = bindTo(fd, settings.address); !bound) return bound;
  if (settings.address.family() == Address::Family::kUnix && settings.pipe_mode != 0 &&
      settings.address.ip().front() == '/') {
    if (::chmod(settings.address.ip().c_str(), settings.pipe_mode) != 0) return base::systemError("chmod");
  }
  if (auto set = setOptions(fd, settings.options, SocketOption::When::kBound); !set) return set;
  if (::listen(fd, backlogOf(settings)) != 0) return base::systemError("listen");
  return whenListening(fd, settings);
}

base::Error at(const Address& address, const base::Error& error) {
  return base::Error{error.code, "cannot listen on " + address.text() + ": " + error.message};
}

std::vector<SocketOption> optionsOf(const std::vector<api::SocketOption>& options) {
  std::vector<SocketOption> converted;
  for (const api::SocketOption& option : options) {
    SocketOption one;
    one.level = static_cast<int>(option.level);
    one.name = static_cast<int>(option.name);
    one.when = static_cast<SocketOption::When>(option.state);
    if (option.int_value) {
      const int value = static_cast<int>(*option.int_value);
      one.value.assign(reinterpret_cast<const char*>(&value), sizeof(value));
    } else if (option.buf_value) {
      one.value = *option.buf_value;
    }
    converted.push_back(std::move(one));
  }
  return converted;
}

}  // namespace

base::Result<Address> addressOf(const api::SocketAddress& address) {
  return Address::parseIp(address.address, static_cast<uint16_t>(address.port_value.value_or(0)));
}

base::Result<Address> addressOf(const api::Address& address) {
  if (address.pipe) return Address::unixSocket(address.pipe->path);
  if (address.socket_address) return addressOf(*address.socket_address);
  return base::Error{base::ErrorCode::kInvalidArgument, "an address is empty"};
}

base::Result<std::vector<ListenSettings>> ListenSettings::of(const api::Listener& listener) {
  std::vector<ListenSettings> all;
  const auto add = [&](const api::Address& address,
                       const std::vector<api::SocketOption>& options) -> base::Result<void> {
    auto converted = addressOf(address);
    if (!converted) return converted.error();
    ListenSettings settings;
    settings.address = *converted;
    settings.ipv4_compat = address.socket_address && address.socket_address->ipv4_compat;
    settings.pipe_mode = address.pipe ? address.pipe->mode : 0;
    settings.reuse_port = settings.address.isIp() && listener.reuse_port.value_or(listener.enable_reuse_port);
    settings.freebind = listener.freebind;
    settings.transparent = listener.transparent;
    settings.fast_open_queue_length = listener.tcp_fast_open_queue_length;
    settings.backlog = listener.tcp_backlog_size;
    settings.options = optionsOf(options);
    all.push_back(std::move(settings));
    return {};
  };
  if (!listener.address) {
    return base::Error{base::ErrorCode::kInvalidArgument, "listener '" + listener.name + "' has no address"};
  }
  if (auto added = add(*listener.address, listener.socket_options); !added) return added.error();
  for (const api::AdditionalAddress& additional : listener.additional_addresses) {
    if (!additional.address) continue;
    const auto& own = additional.socket_options;
    const auto& options = own ? own->socket_options : listener.socket_options;
    if (auto added = add(*additional.address, options); !added) return added.error();
  }
  return all;
}

base::Result<Fd> openListeningSocket(const ListenSettings& settings) {
  const int family = settings.address.sockaddrPointer()->sa_family;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return at(settings.address, base::systemError("socket"));
  if (auto opened = open(fd.get(), settings); !opened) return at(settings.address, opened.error());
  return fd;
}

base::Result<void> applyToInherited(int fd, const ListenSettings& settings) {
  if (::listen(fd, backlogOf(settings)) != 0) return at(settings.address, base::systemError("listen"));
  if (settings.address.isIp()) {
    if (auto set = setInt(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); !set) {
      return at(settings.address, set.error());
    }
  }
  // An option that the kernel takes only before bind(2) is as the other process set it.
  for (const auto when : {SocketOption::When::kPrebind, SocketOption::When::kBound}) {
    if (auto set = setOptions(fd, settings.options, when); !set) {
      BATON_LOG(kNetwork, warn, "inherited socket {}: {}; it keeps what it has", settings.address.text(),
                set.error().message);
    }
  }
  if (auto set = whenListening(fd, settings); !set) return at(settings.address, set.error());
  return {};
}

base::Result<UpstreamSocketSettings> UpstreamSocketSettings::of(const api::BindConfig* bind,
                                                                const api::TcpKeepalive* keepalive) {
  UpstreamSocketSettings settings;
  if (bind != nullptr) {
    if (bind->source_address) {
      auto address = addressOf(*bind->source_address);
      if (!address) return address.error();
      settings.source_address = *address;
    }
    settings.freebind = bind->freebind.value_or(false);
    settings.options = optionsOf(bind->socket_options);
  }
  if (keepalive != nullptr) {
    settings.keepalive = true;
    settings.keepalive_probes = keepalive->keepalive_probes;
    settings.keepalive_time_s = keepalive->keepalive_time;
    settings.keepalive_interval_s = keepalive->keepalive_interval;
  }
  return settings;
}

base::Result<void> prepareUpstreamSocket(int fd, const UpstreamSocketSettings& settings) {
  if (settings.keepalive) {
    if (auto set = setInt(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"); !set) return set;
    const auto tune = [&](const std::optional<uint32_t>& value, int name, const char* what) -> base::Result<void> {
      if (!value) return {};
      return setInt(fd, IPPROTO_TCP, name, static_cast<int>(*value), what);
    };
    if (auto set = tune(settings.keepalive_probes, TCP_KEEPCNT, "TCP_KEEPCNT"); !set) return set;
    if (auto set = tune(settings.keepalive_time_s, TCP_KEEPIDLE, "TCP_KEEPIDLE"); !set) return set;
    if (auto set = tune(settings.keepalive_interval_s, TCP_KEEPINTVL, "TCP_KEEPINTVL"); !set) return set;
  }
  if (auto set = setOptions(fd, settings.options, SocketOption::When::kPrebind); !set) return set;
  if (settings.source_address) {
    const Address& source = *settings.source_address;
    if (settings.freebind) {
      if (auto set = setFreebind(fd, source.family() == Address::Family::kIpv6, true); !set) return set;
    }
    // The port is chosen by connect(2), so that one local port can serve many destinations.
    if (source.port() == 0) (void)setInt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT");
    if (::bind(fd, source.sockaddrPointer(), source.sockaddrLength()) != 0) return base::systemError("bind");
  }
  return setOptions(fd, settings.options, SocketOption::When::kBound);
}

}  // namespace baton::network
