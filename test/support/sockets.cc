#include "test/support/sockets.h"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace baton::test {

using network::Address;
using network::Fd;

Fd listenOnLoopback() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const Address any = *Address::parseIp("127.0.0.1", 0);
  if (::bind(fd.get(), any.sockaddrPointer(), any.sockaddrLength()) != 0 || ::listen(fd.get(), 1024) != 0) return {};
  return fd;
}

Fd connectTo(const Address& address) {
  Fd fd(::socket(address.sockaddrPointer()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), address.sockaddrPointer(), address.sockaddrLength()) != 0 && errno != EINPROGRESS) return {};
  return fd;
}

std::pair<Fd, Fd> tcpPair() {
  const Fd listener = listenOnLoopback();
  Fd client = connectTo(*Address::localOf(listener.get()));
  pollfd waiting{listener.get(), POLLIN, 0};
  ::poll(&waiting, 1, 20'000);
  Fd server(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  return {std::move(client), std::move(server)};
}

std::pair<Fd, Fd> unixPair() {
  std::array<int, 2> fds{-1, -1};
  ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data());
  return {Fd(fds[0]), Fd(fds[1])};
}

size_t Peer::send(std::string_view bytes) {
  size_t total = 0;
  while (total < bytes.size()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data() + total, bytes.size() - total, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) break;
    total += static_cast<size_t>(sent);
  }
  return total;
}

void Peer::endWrite() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void Peer::reset() {
  const linger drop{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &drop, sizeof(drop));
  fd_.reset();
}

const std::string& Peer::received() {
  std::array<char, 65536> bytes;
  while (fd_ && !ended_) {
    const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      received_.append(bytes.data(), static_cast<size_t>(got));
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    ended_ = true;
    reset_ = got < 0;
  }
  return received_;
}

bool Peer::ended() {
  received();
  return ended_;
}

bool Peer::wasReset() {
  received();
  return reset_;
}

bool Peer::receives(event::Loop& loop, std::string_view expected) {
  return loop.runUntil([&] { return received().size() >= expected.size() || ended_; }) && received_ == expected;
}

bool Peer::endedWithin(event::Loop& loop) {
  return loop.runUntil([&] { return ended(); });
}

}  // namespace baton::test
