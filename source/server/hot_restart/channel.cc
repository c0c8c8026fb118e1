#include "source/server/hot_restart/channel.h"

#include <cassert>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "source/base/log.h"

namespace baton::server::hot_restart {
namespace {

constexpr int kSendPatienceMs = 2000;
// One packet must fit into the socket's buffer.
constexpr int kSocketBufferBytes = 2 * kMaxPacketBytes;

}  // namespace

Channel::Channel(event::Loop& loop, network::Fd socket)
    : loop_(loop),
      socket_(std::move(socket)),
      watch_(loop, *this),
      packet_(std::make_unique_for_overwrite<char[]>(kMaxPacketBytes)) {
  // SO_SNDBUFFORCE needs CAP_NET_ADMIN; without it the kernel's limit applies, into which a part fits.
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBufferBytes, sizeof(int)) != 0) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBufferBytes, sizeof(int));
  }
}

base::Result<network::Fd> Channel::connect(const network::Address& address) {
  network::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return base::systemError("restart socket");
  if (::connect(socket.get(), address.sockaddrPointer(), address.sockaddrLength()) != 0) {
    if (errno == ECONNREFUSED || errno == ENOENT) {
      return base::Error{base::ErrorCode::kNotFound, "nobody listens on restart socket " + address.text()};
    }
    return base::systemError("connecting to restart socket " + address.text());
  }
  return socket;
}

void Channel::start(Handler& handler) {
  handler_ = &handler;
  if (auto started = watch_.start(socket_.get(), EPOLLIN); !started) fail(started.error().message);
}

PeerCredentials Channel::peer() const {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return {0, ~0u};
  return {credentials.pid, credentials.uid};
}

void Channel::send(const Message& message) {
  std::string whole = encode(message);
  if (whole.size() <= kPartBytes) return sendPacket(std::move(whole), message.descriptors);
  assert(message.descriptors.empty());
  for (size_t sent = 0; sent < whole.size(); sent += kPartBytes) {
    Message part{MessageType::kPart, {}, {}};
    part.fields.add(Tag::kValue, std::string_view(whole).substr(sent, kPartBytes));
    sendPacket(encode(part), {});
  }
}

void Channel::sendPacket(std::string packet, const std::vector<network::Fd>& descriptors) {
  if (!socket_ || !send_failure_.empty()) return;
  iovec piece{packet.data(), packet.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
  if (!descriptors.empty()) {
    const size_t bytes = descriptors.size() * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    for (size_t i = 0; i < descriptors.size(); ++i) {
      const int fd = descriptors[i].get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof(int));
    }
  }
  while (::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    pollfd writable{socket_.get(), POLLOUT, 0};
    if ((errno == EAGAIN || errno == EWOULDBLOCK) && ::poll(&writable, 1, kSendPatienceMs) > 0) continue;
    send_failure_ = base::systemError("sending").message;
    // Said from the loop: EOF follows, because nothing more can be said on a channel that lost a message.
    ::shutdown(socket_.get(), SHUT_RDWR);
    return;
  }
}

bool Channel::waitReadable(std::chrono::milliseconds timeout) const {
  pollfd readable{socket_.get(), POLLIN, 0};
  return ::poll(&readable, 1, static_cast<int>(timeout.count())) > 0;
}

void Channel::close() {
  watch_.stop();
  socket_.reset();
}

void Channel::onReady(uint32_t) {
  // Bounded, so that a talkative peer does not hold up the main thread.
  for (int i = 0; i < 64 && watch_.active() && receiveOne(); ++i) {
  }
}

bool Channel::receiveOne() {
  iovec piece{packet_.get(), kMaxPacketBytes};
  // Room for more than allowed: what does not fit would be dropped, and its number is checked against the header's.
  alignas(cmsghdr) char control[CMSG_SPACE(2 * kMaxDescriptors * sizeof(int))];
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) {
    if (errno == EINTR) return true;
    // The peer closed with something of ours unread. What it said before, the reason most likely, is still to be read.
    if (errno == ECONNRESET && !reset_) {
      reset_ = true;
      return true;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK) fail(base::systemError("receiving").message);
    return false;
  }
  std::vector<network::Fd> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(fd);
    }
  }
  if (got == 0) {
    fail(send_failure_.empty() ? "the other process closed the channel" : send_failure_);
    return false;
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    fail((header.msg_flags & MSG_CTRUNC) != 0 ? "descriptors were dropped on the way (open-file limit too low?)"
                                              : "a message larger than 1 MiB");
    return false;
  }
  auto message = decode({packet_.get(), static_cast<size_t>(got)}, std::move(descriptors));
  if (!message) {
    fail(message.error().message);
    return false;
  }
  if (message->type == MessageType::kPart) {
    takePart(std::move(*message));
  } else {
    deliver(std::move(*message));
  }
  return true;
}

void Channel::takePart(Message&& part) {
  parts_ += part.fields.text(Tag::kValue).value_or("");
  const auto length = encodedLength(parts_);
  if (length && *length > kMaxMessageBytes) return fail("a message of more than 256 MiB");
  if (!length || parts_.size() < *length) return;
  auto whole = decode(parts_, {});
  parts_.clear();
  if (!whole) return fail(whole.error().message);
  deliver(std::move(*whole));
}

void Channel::deliver(Message&& message) {
  BATON_LOG(kRestart, debug, "received {} with {} descriptors", toString(message.type), message.descriptors.size());
  handler_->onMessage(std::move(message));
}

void Channel::fail(const std::string& why) {
  close();
  if (handler_ != nullptr) handler_->onChannelClosed(why);
}

ChannelListener::ChannelListener(event::Loop& loop, std::function<void(network::Fd)> on_child)
    : watch_(loop, *this), on_child_(std::move(on_child)) {}

base::Result<void> ChannelListener::bind(const network::Address& address, uint32_t mode) {
  network::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return base::systemError("restart socket");
  const std::string name = address.text();
  const bool is_path = !name.empty() && name.front() != '@';
  if (is_path) ::unlink(name.c_str());
  // The mode must hold from the moment the name exists: fchmod(2) before bind(2) sets it for the file to come.
  if (is_path) ::fchmod(socket.get(), mode);
  if (::bind(socket.get(), address.sockaddrPointer(), address.sockaddrLength()) != 0) {
    return base::systemError("binding restart socket " + name);
  }
  if (is_path && ::chmod(name.c_str(), mode) != 0) return base::systemError("mode of restart socket " + name);
  if (::listen(socket.get(), 16) != 0) return base::systemError("listening on restart socket " + name);
  socket_ = std::move(socket);
  return {};
}

base::Result<void> ChannelListener::startAccepting() {
  if (watch_.active()) return {};
  return watch_.start(socket_.get(), EPOLLIN);
}

void ChannelListener::close() {
  watch_.stop();
  socket_.reset();
}

void ChannelListener::onReady(uint32_t) {
  network::Fd child(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (child) on_child_(std::move(child));
}

}  // namespace baton::server::hot_restart
