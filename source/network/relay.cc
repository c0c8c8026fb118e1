#include "source/network/relay.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <vector>

namespace baton::network {
namespace {

constexpr size_t kPipeBytes = 256 * 1024;
// What one direction may move in a turn before others get theirs.
constexpr size_t kBudgetBytes = 1024 * 1024;
// A splice that brings less than this was not worth it.
constexpr size_t kSmallSplice = 16 * 1024;
constexpr size_t kMostIdlePipes = 64;

// Empty pipes of this thread, kept because making one costs more than a small transfer.
class PipePool {
 public:
  static PipePool& ofThread() {
    static thread_local PipePool pool;
    return pool;
  }

  bool take(std::array<Fd, 2>& pipe) {
    if (!idle_.empty()) {
      pipe = std::move(idle_.back());
      idle_.pop_back();
      return true;
    }
    std::array<int, 2> fds;
    if (::pipe2(fds.data(), O_NONBLOCK | O_CLOEXEC) != 0) return false;
    pipe = {Fd(fds[0]), Fd(fds[1])};
    // Refused beyond the user's share of pipe memory; then it stays as it is.
    ::fcntl(fds[1], F_SETPIPE_SZ, kPipeBytes);
    return true;
  }
  void give(std::array<Fd, 2> pipe) {
    if (idle_.size() < kMostIdlePipes) idle_.push_back(std::move(pipe));
  }

 private:
  // splice(2) has no MSG_NOSIGNAL.
  PipePool() { ::signal(SIGPIPE, SIG_IGN); }

  std::vector<std::array<Fd, 2>> idle_;
};

bool wouldBlock() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

Relay::Relay(event::Loop& loop, Owner& owner, State state)
    : loop_(loop),
      owner_(owner),
      sides_{SideOfRelay(*this, kLeft), SideOfRelay(*this, kRight)},
      last_activity_(loop.now()) {
  for (const Side side : {kLeft, kRight}) {
    SideOfRelay& own = sides_[side];
    own.fd = std::move(state[side].fd);
    own.unsent.append(state[side].unsent);
    own.ended = state[side].ended;
    own.told_end = state[side].told_end;
    own.received = state[side].received;
  }
}

Relay::~Relay() {
  closeSides(false);
}

void Relay::start() {
  // From the loop, so that no callback comes from inside.
  loop_.schedule(sides_[kLeft]);
  loop_.schedule(sides_[kRight]);
}

void Relay::onReady(Side side, uint32_t events) {
  if (over_) return;
  SideOfRelay& own = sides_[side];
  const Side other = side == kLeft ? kRight : kLeft;
  const Ending broke = side == kLeft ? Ending::kLeftBroke : Ending::kRightBroke;
  const bool reads = !own.ended && !waiting(sides_[other]);
  // An error shows when reading; where we don't read now it must not be lost, nor be reported in every turn.
  if ((events & EPOLLERR) != 0 && !reads) return finish(broke);
  if (!pump(other) || !pump(side)) return;
  owner_.onRelayProgress();
  if (over_) return;
  if (sides_[kLeft].told_end && sides_[kRight].told_end) return finish(Ending::kDone);
  if ((events & EPOLLHUP) != 0 && (own.ended || waiting(sides_[other]))) {
    // A Unix peer that closed takes nothing any more.
    if (waiting(own)) return finish(broke);
    own.watch.stop();
  }
  updateInterest();
}

bool Relay::pump(Side side) {
  SideOfRelay& from = sides_[side];
  SideOfRelay& to = sides_[side == kLeft ? kRight : kLeft];
  const Ending from_broke = side == kLeft ? Ending::kLeftBroke : Ending::kRightBroke;
  const Ending to_broke = side == kLeft ? Ending::kRightBroke : Ending::kLeftBroke;
  const uint64_t stop_at = from.received + kBudgetBytes;
  for (;;) {
    if (drain(to) == Moved::kBroke) {
      finish(to_broke);
      return false;
    }
    if (waiting(to)) return true;
    if (from.ended) break;
    if (from.received >= stop_at) return true;
    const Moved moved = from.bulk ? fillByPipe(from, to) : fillByCopy(from, to);
    if (moved == Moved::kBroke) {
      finish(from_broke);
      return false;
    }
    if (moved == Moved::kNothing && !from.ended) return true;
  }
  tellEnd(to);
  return true;
}

Relay::Moved Relay::drain(SideOfRelay& to) {
  Moved moved = Moved::kNothing;
  while (!to.unsent.empty()) {
    const ssize_t sent = ::send(to.fd.get(), to.unsent.view().data(), to.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return wouldBlock() ? moved : Moved::kBroke;
    to.unsent.drain(static_cast<size_t>(sent));
    moved = Moved::kSome;
  }
  while (to.in_pipe > 0) {
    const ssize_t sent =
        ::splice(to.pipe[0].get(), nullptr, to.fd.get(), nullptr, to.in_pipe, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (sent < 0) return wouldBlock() ? moved : Moved::kBroke;
    to.in_pipe -= static_cast<size_t>(sent);
    moved = Moved::kSome;
  }
  if (to.pipe[0]) PipePool::ofThread().give(std::move(to.pipe));
  return moved;
}

Relay::Moved Relay::fillByCopy(SideOfRelay& from, SideOfRelay& to) {
  const std::span<char> into = loop_.readBuffer();
  const ssize_t got = ::recv(from.fd.get(), into.data(), into.size(), 0);
  if (got < 0) return wouldBlock() ? Moved::kNothing : Moved::kBroke;
  last_activity_ = loop_.now();
  if (got == 0) {
    from.ended = true;
    return Moved::kSome;
  }
  from.received += static_cast<uint64_t>(got);
  const std::string_view bytes(into.data(), static_cast<size_t>(got));
  const ssize_t sent = ::send(to.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  // A broken side shows when the rest is sent.
  to.unsent.append(bytes.substr(sent > 0 ? static_cast<size_t>(sent) : 0));
  from.bulk = bytes.size() == into.size();
  // A short read has emptied the socket; the loop tells when there is more.
  return from.bulk ? Moved::kSome : Moved::kNothing;
}

Relay::Moved Relay::fillByPipe(SideOfRelay& from, SideOfRelay& to) {
  if (!to.pipe[0] && !PipePool::ofThread().take(to.pipe)) {
    from.bulk = false;
    return fillByCopy(from, to);
  }
  const ssize_t got =
      ::splice(from.fd.get(), nullptr, to.pipe[1].get(), nullptr, kPipeBytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got < 0 && errno == EINVAL) {
    // A kind of socket that can't be spliced.
    from.bulk = false;
    return fillByCopy(from, to);
  }
  if (got < 0) return wouldBlock() ? Moved::kNothing : Moved::kBroke;
  last_activity_ = loop_.now();
  if (got == 0) {
    from.ended = true;
    return Moved::kSome;
  }
  from.received += static_cast<uint64_t>(got);
  to.in_pipe += static_cast<size_t>(got);
  from.bulk = static_cast<size_t>(got) >= kSmallSplice;
  return Moved::kSome;
}

void Relay::tellEnd(SideOfRelay& to) {
  if (to.told_end) return;
  to.told_end = true;
  ::shutdown(to.fd.get(), SHUT_WR);
}

void Relay::updateInterest() {
  for (SideOfRelay& own : sides_) {
    SideOfRelay& other = sides_[own.side == kLeft ? kRight : kLeft];
    uint32_t wanted = 0;
    if (!own.ended && !waiting(other)) wanted |= EPOLLIN;
    if (waiting(own)) wanted |= EPOLLOUT;
    // With nothing to wait for, a side is watched only for breaking; after it has ended in both directions the
    // hang-up would be reported in every turn.
    if (own.ended && own.told_end) {
      own.watch.stop();
    } else if (own.watch.active()) {
      own.watch.setEvents(wanted);
    } else if (wanted != 0 && !own.watch.start(own.fd.get(), wanted)) {
      return finish(own.side == kLeft ? Ending::kLeftBroke : Ending::kRightBroke);
    }
  }
}

void Relay::finish(Ending ending) {
  if (over_) return;
  closeSides(ending != Ending::kDone);
  owner_.onRelayEnded(ending);
}

void Relay::stop(bool abruptly) {
  if (!over_) closeSides(abruptly);
}

void Relay::closeSides(bool abruptly) {
  over_ = true;
  for (SideOfRelay& own : sides_) {
    own.watch.stop();
    own.unlink();
    if (own.fd && abruptly) {
      const linger drop{1, 0};
      ::setsockopt(own.fd.get(), SOL_SOCKET, SO_LINGER, &drop, sizeof(drop));
    }
    own.fd.reset();
    // A pipe with bytes in it is of no use to anybody else.
    own.pipe = {};
    own.in_pipe = 0;
    own.unsent.clear();
  }
}

Relay::State Relay::release() {
  over_ = true;
  State state;
  for (SideOfRelay& own : sides_) {
    own.watch.stop();
    own.unlink();
    while (own.in_pipe > 0) {
      char* const room = own.unsent.reserve(own.in_pipe);
      const ssize_t got = ::read(own.pipe[0].get(), room, own.in_pipe);
      if (got <= 0) break;
      own.unsent.commit(static_cast<size_t>(got));
      own.in_pipe -= static_cast<size_t>(got);
    }
    SideState& out = state[own.side];
    out.fd = std::move(own.fd);
    out.unsent = own.unsent.take();
    out.ended = own.ended;
    out.told_end = own.told_end;
    out.received = own.received;
    own.pipe = {};
  }
  return state;
}

}  // namespace baton::network
