#include "source/network/connection.h"

#include <cassert>
#include <cerrno>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/base/log.h"

namespace baton::network {
namespace {

// A handler that consumes nothing of this much will not do so when there is more. Handlers have tighter limits of their
// own; this one keeps a mistake in them from filling the memory.
constexpr size_t kMostUnconsumedBytes = 1024 * 1024;

constexpr uint32_t kReadable = EPOLLIN | EPOLLRDHUP;

[[maybe_unused]] bool mayFollow(Connection::State from, Connection::State to) {
  using enum Connection::State;
  switch (from) {
    case kIdle:
      return to != kIdle && to != kClosing;
    case kConnecting:
      return to == kHandshaking || to == kClosed;
    case kHandshaking:
      return to == kOpen || to == kClosed;
    case kOpen:
      return to == kClosing || to == kClosed;
    case kClosing:
      return to == kClosed;
    case kClosed:
      return false;
  }
  return false;
}

}  // namespace

Connection::Connection(event::Loop& loop, int fd, std::unique_ptr<Transport> transport, ConnectionInfo info,
                       const ConnectionSettings& settings)
    : loop_(loop),
      watch_(loop, *this),
      transport_(std::move(transport)),
      settings_(settings),
      last_activity_(loop.now()),
      fd_(fd),
      info_(std::move(info)) {}

Connection::Connection(event::Loop& loop, std::unique_ptr<Transport> transport, const ConnectionSettings& settings)
    : loop_(loop),
      watch_(loop, *this),
      transport_(std::move(transport)),
      settings_(settings),
      last_activity_(loop.now()),
      upstream_(true) {
  info_.id = nextConnectionId();
}

Connection::~Connection() {
  watch_.stop();
  if (fd_ >= 0) ::close(fd_);
  input_.clear();
  output_.clear();
  reportBuffered();
}

void Connection::setState(State next) {
  assert(mayFollow(state_, next));
  state_ = next;
}

void Connection::setHandler(ConnectionHandler& handler) {
  const bool replaced = handler_ != nullptr;
  handler_ = &handler;
  if (replaced) offerNextTurn();
}

// --- opening ---

void Connection::start(std::string_view already_read) {
  assert(state_ == State::kIdle && handler_ != nullptr);
  assert(already_read.empty() || transport_->isPlain());
  transport_->attach(fd_);
  if (transport_->isPlain()) {
    setState(State::kOpen);
    if (!already_read.empty()) {
      bytes_received_ += already_read.size();
      input_.append(already_read);
      offerNextTurn();
    }
  } else {
    setState(State::kHandshaking);
  }
  if (!output_.empty() || write_ended_ || notify_flushed_) loop_.schedule(*this);
  beginWatching();
}

void Connection::beginWatching() {
  updateInterest();
  if (watch_.active()) return;
  // The kernel refused to watch the socket; told from the loop, as any other failure.
  connect_error_ = errno != 0 ? errno : ENOMEM;
  loop_.schedule(*this);
}

void Connection::connect(const Address& to, std::chrono::milliseconds timeout,
                         const std::function<base::Result<void>(int fd)>& prepare) {
  assert(state_ == State::kIdle && handler_ != nullptr);
  info_.remote_address = info_.direct_remote_address = to;
  info_.start_monotonic = loop_.now();
  setState(State::kConnecting);
  fd_ = ::socket(to.sockaddrPointer()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto failed = [this](int error) {
    connect_error_ = error;
    loop_.schedule(*this);
  };
  if (fd_ < 0) return failed(errno);
  if (to.isIp()) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (prepare) {
    if (auto prepared = prepare(fd_); !prepared) {
      BATON_LOG(kNetwork, debug, "[C{}] not connected to {}: {}", info_.id, to.text(), prepared.error().message);
      return failed(EINVAL);
    }
  }
  if (::connect(fd_, to.sockaddrPointer(), to.sockaddrLength()) != 0 && errno != EINPROGRESS) return failed(errno);
  if (timeout > timeout.zero()) armTimer(timeout);
  beginWatching();
}

void Connection::limitHandshake(std::chrono::milliseconds timeout) {
  if (timeout > timeout.zero() && state_ < State::kOpen && !transport_->isPlain()) armTimer(timeout);
}

void Connection::onConnectResult() {
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    connect_error_ = error;
    atEndOfTurn();
    return;
  }
  if (auto local = Address::localOf(fd_)) info_.local_address = info_.direct_local_address = *local;
  transport_->attach(fd_);
  setState(State::kHandshaking);
  driveHandshake();
}

void Connection::driveHandshake() {
  switch (transport_->handshake().status) {
    case IoStatus::kOk:
      opened();
      return;
    case IoStatus::kWouldBlock:
      updateInterest();
      return;
    case IoStatus::kEnd:
    case IoStatus::kFailed:
      readFailed();
      return;
  }
}

void Connection::opened() {
  setState(State::kOpen);
  if (timer_) timer_->cancel();
  last_activity_ = loop_.now();
  info_.tls = transport_->tlsInfo();
  if (info_.tls && info_.requested_server_name.empty()) {
    info_.requested_server_name = info_.tls->requested_server_name;
  }
  handler_->onConnected();
  if (state_ == State::kClosed) return;
  // The first records or bytes of the peer may have come with the end of the handshake.
  if (transport_->hasBufferedInput()) offerNextTurn();
  if (!output_.empty() || write_ended_ || notify_flushed_) loop_.schedule(*this);
  updateInterest();
}

void Connection::armTimer(std::chrono::nanoseconds after) {
  if (!timer_) timer_ = std::make_unique<event::Timer>(loop_, [this] { onTimer(); });
  timer_->arm(after);
}

void Connection::onTimer() {
  if (state_ == State::kClosed) return;
  close_timed_out_ = state_ == State::kClosing;
  finish(state_ == State::kClosing ? CloseReason::kLocal : CloseReason::kConnectTimeout);
}

// --- the loop ---

void Connection::onReady(uint32_t events) {
  if (state_ == State::kConnecting) return onConnectResult();
  if (state_ == State::kHandshaking) return driveHandshake();
  if ((events & EPOLLOUT) != 0) {
    socket_full_ = false;
    writeOut({});
    if (write_failed_) return writeBroke();
    afterWrite();
    if (state_ == State::kClosed) return;
  }
  const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (state_ == State::kClosing) {
    if (gone) return finish(CloseReason::kLocal);
    if ((events & kReadable) != 0) dropInput();
  } else if (mayRead()) {
    if (gone || (events & kReadable) != 0) readSome(gone || (events & EPOLLRDHUP) != 0);
  } else if ((events & EPOLLERR) != 0) {
    return finish(CloseReason::kRemoteReset);
  } else if (gone && end_offered_ && (input_.empty() || read_pauses_ == 0)) {
    return finish(CloseReason::kRemote);
  } else if (gone) {
    // Both directions have ended, but what the peer sent last waits for us to be resumed. The loop would report the
    // hang-up in every turn.
    quiet_ = true;
    watch_.stop();
    return;
  } else if ((events & kReadable) != 0) {
    quiet_ = true;
  }
  if (state_ == State::kClosed) return;
  updateInterest();
}

void Connection::atEndOfTurn() {
  if (connect_error_ != 0) {
    if (state_ == State::kConnecting) {
      info_.transport_failure_reason = "delayed connect error: " + std::to_string(connect_error_);
      return finish(CloseReason::kConnectFailed);
    }
    return finish(CloseReason::kRemoteReset);
  }
  if (state_ == State::kOpen || state_ == State::kClosing) {
    if (!socket_full_) writeOut({});
    if (write_failed_) return writeBroke();
    afterWrite();
    if (state_ == State::kClosed) return;
  }
  if (offer_at_turn_ > loop_.turn()) {
    // Written to in the turn that asked for the offer, which has to wait for the next.
    loop_.scheduleNextTurn(*this);
  } else if (offer_at_turn_ != 0) {
    offer_at_turn_ = 0;
    offerAgain();
    if (state_ == State::kClosed) return;
  }
  updateInterest();
}

void Connection::reportBuffered() {
  if (input_.size() != reported_input_) {
    gauges_.received.add(static_cast<int64_t>(input_.size()) - static_cast<int64_t>(reported_input_));
    reported_input_ = input_.size();
  }
  if (output_.size() != reported_output_) {
    gauges_.unsent.add(static_cast<int64_t>(output_.size()) - static_cast<int64_t>(reported_output_));
    reported_output_ = output_.size();
  }
}

void Connection::updateInterest() {
  reportBuffered();
  uint32_t wanted = 0;
  switch (state_) {
    case State::kConnecting:
      wanted = EPOLLOUT;
      break;
    case State::kHandshaking:
      wanted = transport_->wantsWrite() ? EPOLLOUT : EPOLLIN;
      break;
    case State::kOpen:
      // A pause that ends before anything comes costs no system call.
      if (mayRead() || (read_pauses_ > 0 && !quiet_ && !remote_ended_)) wanted |= kReadable;
      if (socket_full_ || transport_->wantsWrite()) wanted |= EPOLLOUT;
      break;
    case State::kClosing:
      if (socket_full_) wanted |= EPOLLOUT;
      if (write_shut_down_) wanted |= EPOLLIN;
      break;
    case State::kIdle:
    case State::kClosed:
      return;
  }
  if (watch_.active()) {
    watch_.setEvents(wanted);
  } else if (wanted != 0 || state_ == State::kOpen) {
    if (quiet_ && wanted == 0) return;
    [[maybe_unused]] const auto started = watch_.start(fd_, wanted);
  }
}

bool Connection::mayRead() const {
  return state_ == State::kOpen && read_pauses_ == 0 && !remote_ended_ && input_.size() < kMostUnconsumedBytes;
}

// --- ending ---

void Connection::finishIfBothEnded() {
  if (!write_shut_down_ || !end_offered_) return;
  if (!input_.empty() && read_pauses_ > 0) return;
  finish(CloseReason::kRemote);
}

void Connection::close(CloseType type) {
  if (state_ == State::kClosed) return;
  const bool at_once = type == CloseType::kAbort || type == CloseType::kReset || state_ < State::kOpen || write_failed_;
  if (at_once) {
    if (type == CloseType::kReset && fd_ >= 0) {
      const linger drop{1, 0};
      ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &drop, sizeof(drop));
    }
    return finish(CloseReason::kLocal);
  }
  if (state_ == State::kClosing) return;
  const auto timeout = settings_.delayed_close_timeout;
  // As in Envoy: without a timeout there is no waiting for the peer.
  if (timeout <= timeout.zero() && type == CloseType::kFlushAndLinger) type = CloseType::kFlush;
  close_type_ = type;
  setState(State::kClosing);
  input_.clear();
  if (timeout > timeout.zero()) armTimer(timeout);
  if (!socket_full_) writeOut({});
  if (write_failed_) return finish(CloseReason::kLocal);
  afterWrite();
  if (state_ != State::kClosed) updateInterest();
}

void Connection::finish(CloseReason reason) {
  assert(state_ != State::kClosed);
  watch_.stop();
  // Not destroyed: it may be the one that fires.
  if (timer_) timer_->cancel();
  unlink();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  input_.clear();
  output_.clear();
  reportBuffered();
  setState(State::kClosed);
  if (handler_ != nullptr) handler_->onClosed(reason);
  if (owner_ != nullptr) owner_->connectionEnded(reason);
}

Connection::Released Connection::release() {
  watch_.stop();
  if (timer_) timer_->cancel();
  unlink();
  Released released{fd_, input_.take(), output_.take()};
  reportBuffered();
  fd_ = -1;
  setState(State::kClosed);
  return released;
}

}  // namespace baton::network
