// Sockets for tests: pairs over loopback, and a peer that is driven by hand.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "source/event/loop.h"
#include "source/network/address.h"
#include "source/network/fd.h"

namespace baton::test {

// Listens on a free port of 127.0.0.1.
network::Fd listenOnLoopback();
// Connected over 127.0.0.1; both ends non-blocking.
std::pair<network::Fd, network::Fd> tcpPair();
std::pair<network::Fd, network::Fd> unixPair();
network::Fd connectTo(const network::Address& address);

// The other end of something under test. Never blocks; the test runs the loop between calls.
class Peer {
 public:
  explicit Peer(network::Fd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  // As much as the socket takes.
  size_t send(std::string_view bytes);
  void endWrite();
  void close() { fd_.reset(); }
  void reset();

  // Reads what is there; everything that was ever read is kept.
  const std::string& received();
  void forget() { received_.clear(); }
  bool ended();     // the other side sent its end, or reset
  bool wasReset();  // it reset

  // Runs the loop until so much has been received.
  bool receives(event::Loop& loop, std::string_view expected);
  bool endedWithin(event::Loop& loop);

 private:
  network::Fd fd_;
  std::string received_;
  bool ended_ = false;
  bool reset_ = false;
};

}  // namespace baton::test
