// Two transports at the ends of a socket pair, driven in turns by the test: what a handshake or a transfer does without
// a loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "source/network/connection_info.h"
#include "source/network/transport.h"

namespace baton::test {

class TlsPair {
 public:
  TlsPair(std::unique_ptr<network::Transport> server, std::unique_ptr<network::Transport> client);
  ~TlsPair();
  TlsPair(const TlsPair&) = delete;
  TlsPair& operator=(const TlsPair&) = delete;

  // True when both sides say that it is done. Afterwards both sides have read what the other sent after its handshake
  // (tickets; the server's refusal of a certificate in TLS 1.3).
  bool handshake();
  // Writes all of `bytes` at one end and reads them at the other; what arrived.
  std::string sendToServer(std::string_view bytes) { return send(*client_, *server_, bytes); }
  std::string sendToClient(std::string_view bytes) { return send(*server_, *client_, bytes); }
  // The first status of the client's read that is neither data nor waiting.
  network::IoStatus clientEnd();
  // Both sides end in order.
  void close();

  network::Transport& server() { return *server_; }
  network::Transport& client() { return *client_; }
  int serverFd() const { return fds_[0]; }
  int clientFd() const { return fds_[1]; }

 private:
  std::string send(network::Transport& from, network::Transport& to, std::string_view bytes);

  int fds_[2] = {-1, -1};
  std::unique_ptr<network::Transport> server_;
  std::unique_ptr<network::Transport> client_;
};

}  // namespace baton::test
