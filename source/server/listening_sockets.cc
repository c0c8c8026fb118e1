#include "source/server/listening_sockets.h"

#include <algorithm>
#include <fcntl.h>

#include "source/base/log.h"

namespace baton::server {
namespace {

network::Fd duplicate(int fd) {
  return network::Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

bool sharesPort(int fd) {
  int value = 0;
  socklen_t length = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, &length) == 0 && value != 0;
}

base::Error cannotListen(const network::ListenerConfig& config, const network::Address& address,
                         const std::string& why) {
  return base::Error{base::ErrorCode::kSystem,
                     "listener '" + config.name + "' can't listen on " + address.text() + ": " + why};
}

}  // namespace

std::string ListeningSockets::key(const network::ListenerConfig& config, size_t address_index) {
  const network::Address& address = config.addresses[address_index].address;
  std::string key = address.text();
  if (address.isIp() && address.port() == 0) key += " " + config.name + " " + std::to_string(address_index);
  return key;
}

base::Result<std::vector<SocketAssignment>> ListeningSockets::assign(std::vector<hot_restart::HandedSocket> inherited,
                                                                     unsigned workers) {
  std::vector<SocketAssignment> assignments;
  deferred_.clear();
  for (const auto& config : listeners_) {
    if (!config->bind_to_port) continue;
    for (size_t index = 0; index < config->addresses.size(); ++index) {
      std::vector<hot_restart::HandedSocket> ours;
      const std::string wanted = key(*config, index);
      for (auto& socket : inherited) {
        if (socket.fd && socket.address == wanted) ours.push_back(std::move(socket));
      }
      std::sort(ours.begin(), ours.end(), [](const auto& a, const auto& b) { return a.worker < b.worker; });
      if (auto assigned = assignAddress(config, index, std::move(ours), workers, assignments); !assigned) {
        return assigned.error();
      }
    }
  }
  return assignments;
}

base::Result<void> ListeningSockets::assignAddress(const std::shared_ptr<network::ListenerConfig>& config,
                                                   size_t address_index,
                                                   std::vector<hot_restart::HandedSocket> inherited, unsigned workers,
                                                   std::vector<SocketAssignment>& assignments) {
  const network::ListenSettings& settings = config->addresses[address_index];
  const auto add = [&](unsigned worker, uint32_t socket_index, network::Fd socket) {
    assignments.push_back(SocketAssignment{config, address_index, worker, socket_index, std::move(socket)});
  };
  // All workers accept from one socket.
  const auto share = [&](network::Fd socket) -> base::Result<void> {
    for (unsigned worker = 1; worker < workers; ++worker) {
      network::Fd copy = duplicate(socket.get());
      if (!copy) return cannotListen(*config, settings.address, base::systemError("dup").message);
      add(worker, 0, std::move(copy));
    }
    add(0, 0, std::move(socket));
    return {};
  };

  if (!inherited.empty()) {
    for (const auto& socket : inherited) {
      if (auto applied = network::applyToInherited(socket.fd.get(), settings); !applied) {
        BATON_LOG(kRestart, warn, "listener '{}': an inherited socket keeps its options: {}", config->name,
                  applied.error().message);
      }
    }
    const bool spread = settings.address.isIp() && sharesPort(inherited.front().fd.get());
    if (inherited.size() == 1 && !spread) return share(std::move(inherited.front().fd));
    auto address = network::Address::localOf(inherited.front().fd.get());
    for (uint32_t i = 0; i < inherited.size(); ++i) add(i % workers, i, std::move(inherited[i].fd));
    for (unsigned worker = static_cast<unsigned>(inherited.size()); spread && address && worker < workers; ++worker) {
      deferred_.push_back(Deferred{config, address_index, worker, *address});
    }
    return {};
  }

  auto first = network::openListeningSocket(settings);
  if (!first) return cannotListen(*config, settings.address, first.error().message);
  if (!settings.address.isIp() || !settings.reuse_port) return share(std::move(*first));
  network::ListenSettings rest = settings;
  if (auto address = network::Address::localOf(first->get())) rest.address = *address;  // port 0 was chosen
  add(0, 0, std::move(*first));
  for (unsigned worker = 1; worker < workers; ++worker) {
    auto socket = network::openListeningSocket(rest);
    if (!socket) return cannotListen(*config, rest.address, socket.error().message);
    add(worker, worker, std::move(*socket));
  }
  return {};
}

base::Result<std::vector<SocketAssignment>> ListeningSockets::openDeferred() {
  std::vector<SocketAssignment> assignments;
  for (const Deferred& later : deferred_) {
    network::ListenSettings settings = later.config->addresses[later.address_index];
    settings.address = later.address;
    auto socket = network::openListeningSocket(settings);
    if (!socket) return cannotListen(*later.config, settings.address, socket.error().message);
    assignments.push_back(
        SocketAssignment{later.config, later.address_index, later.worker, later.worker, std::move(*socket)});
  }
  deferred_.clear();
  return assignments;
}

}  // namespace baton::server
