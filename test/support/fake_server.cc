#include "test/support/fake_server.h"

#include <sys/socket.h>

namespace baton::test {

std::unique_ptr<Peer> FakeServer::acceptNow() {
  network::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  return fd ? std::make_unique<Peer>(std::move(fd)) : nullptr;
}

std::unique_ptr<Peer> FakeServer::accept(event::Loop& loop) {
  std::unique_ptr<Peer> peer;
  loop.runUntil([&] { return (peer = acceptNow()) != nullptr; });
  return peer;
}

}  // namespace baton::test
