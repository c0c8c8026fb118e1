// A TCP server on 127.0.0.1 that a test drives by hand: takes connections as Peers and speaks through them.
#pragma once

#include <memory>

#include "source/event/loop.h"
#include "source/network/address.h"
#include "source/network/fd.h"
#include "test/support/sockets.h"

namespace baton::test {

class FakeServer {
 public:
  FakeServer() : listener_(listenOnLoopback()) {}

  network::Address address() const { return *network::Address::localOf(listener_.get()); }
  // The next connection; runs the loop until it comes. Null when none comes.
  std::unique_ptr<Peer> accept(event::Loop& loop);
  // Null when none is waiting.
  std::unique_ptr<Peer> acceptNow();
  // Connections are refused from now on.
  void stop() { listener_.reset(); }

 private:
  network::Fd listener_;
};

}  // namespace baton::test
