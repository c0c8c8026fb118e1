// Which listening socket goes to which worker: those that came from the parent first, new ones where none came. Main
// thread, at start and when a hot restart is over.
//
// Nothing may be lost in an accept queue. So every socket that came for a listener of ours is used, even if there are
// fewer workers than before; and where there are more, the additional SO_REUSEPORT sockets are opened only once the
// parent can't come back, because the kernel would spread connections over them at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/base/result.h"
#include "source/network/listener_config.h"
#include "source/server/hot_restart/handover.h"

namespace baton::server {

struct SocketAssignment {
  std::shared_ptr<const network::ListenerConfig> config;
  size_t address_index = 0;
  unsigned worker = 0;        // the one that accepts
  uint32_t socket_index = 0;  // its number among the sockets of this address, which crosses a restart
  network::Fd socket;
};

class ListeningSockets {
 public:
  explicit ListeningSockets(std::vector<std::shared_ptr<network::ListenerConfig>> listeners)
      : listeners_(std::move(listeners)) {}

  // The name under which a socket crosses: the address as configured, with the listener's name where the port is 0.
  static std::string key(const network::ListenerConfig& config, size_t address_index);

  // Assigns `inherited` sockets, opens the rest. Sockets of listeners that we don't have are closed: the parent keeps
  // its own copies. An address in use is an error, and then everything opened is closed again.
  base::Result<std::vector<SocketAssignment>> assign(std::vector<hot_restart::HandedSocket> inherited,
                                                     unsigned workers);
  // What assign() left for later: sockets for workers that the parent did not have.
  base::Result<std::vector<SocketAssignment>> openDeferred();

 private:
  struct Deferred {
    std::shared_ptr<const network::ListenerConfig> config;
    size_t address_index;
    unsigned worker;
    network::Address address;
  };

  base::Result<void> assignAddress(const std::shared_ptr<network::ListenerConfig>& config, size_t address_index,
                                   std::vector<hot_restart::HandedSocket> inherited, unsigned workers,
                                   std::vector<SocketAssignment>& assignments);

  std::vector<std::shared_ptr<network::ListenerConfig>> listeners_;
  std::vector<Deferred> deferred_;
};

}  // namespace baton::server
