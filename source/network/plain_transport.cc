#include <atomic>
#include <cerrno>
#include <sys/socket.h>

#include "source/network/connection_info.h"
#include "source/network/transport.h"

namespace baton::network {
namespace {

// Bytes as the socket carries them.
class PlainTransport final : public Transport {
 public:
  void attach(int fd) override { fd_ = fd; }
  IoResult handshake() override { return {}; }

  IoResult read(std::span<char> into) override {
    ssize_t got = 0;
    do {
      got = ::recv(fd_, into.data(), into.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0) return {IoStatus::kOk, static_cast<size_t>(got)};
    if (got == 0) return {IoStatus::kEnd, 0};
    return {errno == EAGAIN ? IoStatus::kWouldBlock : IoStatus::kFailed, 0};
  }

  IoResult write(std::span<const iovec> pieces) override {
    ssize_t sent = 0;
    do {
      sent = send(pieces);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return {IoStatus::kOk, static_cast<size_t>(sent)};
    return {errno == EAGAIN || errno == ENOBUFS ? IoStatus::kWouldBlock : IoStatus::kFailed, 0};
  }

  IoResult shutdownWrite() override {
    // A peer that has reset the connection needs no FIN; the reset is seen by reading.
    ::shutdown(fd_, SHUT_WR);
    return {};
  }

  bool isPlain() const override { return true; }

 private:
  // Most writes are one piece, for which the kernel need not copy a list of them.
  ssize_t send(std::span<const iovec> pieces) const {
    if (pieces.size() == 1) return ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    return ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  }

  int fd_ = -1;
};

}  // namespace

std::unique_ptr<Transport> makePlainTransport() {
  return std::make_unique<PlainTransport>();
}

uint64_t nextConnectionId() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace baton::network
