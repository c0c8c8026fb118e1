#include "test/support/tls_pair.h"

#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace baton::test {

using network::IoResult;
using network::IoStatus;

TlsPair::TlsPair(std::unique_ptr<network::Transport> server, std::unique_ptr<network::Transport> client)
    : server_(std::move(server)), client_(std::move(client)) {
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_) != 0) return;
  server_->attach(fds_[0]);
  client_->attach(fds_[1]);
}

TlsPair::~TlsPair() {
  server_.reset();
  client_.reset();
  if (fds_[0] >= 0) ::close(fds_[0]);
  if (fds_[1] >= 0) ::close(fds_[1]);
}

bool TlsPair::handshake() {
  IoResult server{IoStatus::kWouldBlock};
  IoResult client{IoStatus::kWouldBlock};
  for (int turn = 0; turn < 20; ++turn) {
    if (client.status == IoStatus::kWouldBlock) client = client_->handshake();
    if (server.status == IoStatus::kWouldBlock) server = server_->handshake();
  }
  char ignored[64];
  if (client.status == IoStatus::kOk) client = client_->read(ignored);
  if (server.status == IoStatus::kOk) server = server_->read(ignored);
  return client.status == IoStatus::kWouldBlock && server.status == IoStatus::kWouldBlock && client_->tlsInfo() &&
         server_->tlsInfo();
}

std::string TlsPair::send(network::Transport& from, network::Transport& to, std::string_view bytes) {
  std::string received;
  std::vector<char> buffer(64 * 1024);
  size_t sent = 0;
  while (received.size() < bytes.size()) {
    bool moved = false;
    if (sent < bytes.size()) {
      const iovec piece{const_cast<char*>(bytes.data()) + sent, bytes.size() - sent};
      const IoResult result = from.write({&piece, 1});
      sent += result.bytes;
      moved = result.bytes > 0;
      if (result.status == IoStatus::kFailed) break;
    }
    const IoResult result = to.read(buffer);
    received.append(buffer.data(), result.bytes);
    moved = moved || result.bytes > 0;
    if (!moved) break;
  }
  return received;
}

IoStatus TlsPair::clientEnd() {
  char buffer[1024];
  for (;;) {
    const IoResult result = client_->read(buffer);
    if (result.status != IoStatus::kOk) return result.status;
  }
}

void TlsPair::close() {
  server_->shutdownWrite();
  client_->shutdownWrite();
}

}  // namespace baton::test
