#include "tools/restart_bench/load/channel.h"

#include <cerrno>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace baton::restart_bench {

void Channel::connect(const sockaddr_in& to, SslPtr ssl) {
  ssl_ = std::move(ssl);
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (ssl_) SSL_set_fd(ssl_.get(), fd_);
  state_ = State::kConnecting;
  // A connect(2) that fails at once is found out by SO_ERROR being unset and the socket being not connected; both
  // ways lead through finishConnect().
  ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  (void)watch_.start(fd_, EPOLLOUT);
}

void Channel::adopt(int fd) {
  fd_ = fd;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  state_ = State::kOpen;
  (void)watch_.start(fd_, EPOLLIN);
}

void Channel::send(std::string_view bytes) {
  unsent_ += bytes;
  if (state_ == State::kOpen) flush();
}

void Channel::close() {
  watch_.stop();
  if (ssl_ && state_ == State::kOpen) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  unsent_.clear();
  state_ = State::kClosed;
}

void Channel::onReady(uint32_t events) {
  switch (state_) {
    case State::kConnecting:
      return finishConnect();
    case State::kHandshaking:
      return handshake();
    case State::kOpen:
      if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) readSome();
      if (state_ == State::kOpen && (events & EPOLLOUT) != 0) flush();
      return;
    case State::kClosed:
      return;
  }
}

void Channel::finishConnect() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  sockaddr_in peer{};
  socklen_t peer_size = sizeof peer;
  const bool connected = ::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
  if (error != 0 || !connected) return end(error == ECONNRESET ? ChannelEnd::kReset : ChannelEnd::kRefused);
  if (ssl_) {
    SSL_set_connect_state(ssl_.get());
    state_ = State::kHandshaking;
    return handshake();
  }
  state_ = State::kOpen;
  watch_.setEvents(EPOLLIN);
  user_.onOpen();
  if (state_ == State::kOpen) flush();
}

void Channel::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    state_ = State::kOpen;
    watch_.setEvents(EPOLLIN);
    user_.onOpen();
    if (state_ == State::kOpen) flush();
    return;
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return watch_.setEvents(EPOLLIN);
    case SSL_ERROR_WANT_WRITE:
      return watch_.setEvents(EPOLLOUT);
    case SSL_ERROR_SYSCALL:
      return end(errno == ECONNRESET ? ChannelEnd::kReset : ChannelEnd::kEof);
    default:
      return end(ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? ChannelEnd::kEof
                                                                                             : ChannelEnd::kTls);
  }
}

void Channel::readSome() {
  const std::span<char> buffer = loop_.readBuffer();
  while (state_ == State::kOpen) {
    ssize_t got = 0;
    if (ssl_) {
      ERR_clear_error();
      got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (got <= 0) {
        const int error = SSL_get_error(ssl_.get(), static_cast<int>(got));
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
        if (error == SSL_ERROR_ZERO_RETURN) return end(ChannelEnd::kEof);
        if (error == SSL_ERROR_SYSCALL) return end(errno == ECONNRESET ? ChannelEnd::kReset : ChannelEnd::kEof);
        const bool cut = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
        return end(cut ? ChannelEnd::kEof : ChannelEnd::kTls);
      }
    } else {
      got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (got == 0) return end(ChannelEnd::kEof);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got < 0) return end(ChannelEnd::kReset);
    }
    user_.onBytes({buffer.data(), static_cast<size_t>(got)});
    if (!ssl_) return;
  }
}

void Channel::flush() {
  size_t done = 0;
  while (done < unsent_.size()) {
    ssize_t sent;
    if (ssl_) {
      ERR_clear_error();
      sent = SSL_write(ssl_.get(), unsent_.data() + done, static_cast<int>(unsent_.size() - done));
    } else {
      sent = ::send(fd_, unsent_.data() + done, unsent_.size() - done, MSG_NOSIGNAL);
    }
    // A failed write is followed by the reason on the reading side, after what the peer still had to say.
    if (sent <= 0) break;
    done += static_cast<size_t>(sent);
  }
  unsent_.erase(0, done);
  watch_.setEvents(unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void Channel::end(ChannelEnd end) {
  ERR_clear_error();
  close();
  user_.onEnd(end);
}

}  // namespace baton::restart_bench
