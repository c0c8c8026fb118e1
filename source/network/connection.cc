#include "source/network/connection.h"

#include <array>
#include <cassert>
#include <cerrno>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/base/log.h"

namespace baton::network {
namespace {

// What one connection may read in a turn before others get theirs.
constexpr size_t kReadBudgetBytes = 4 * event::Loop::kReadBufferBytes;
// From here on a write is worth a system call of its own, and copying it is not.
constexpr size_t kWriteAtOnceBytes = 16 * 1024;
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

// --- reading ---

bool Connection::mayRead() const {
  return state_ == State::kOpen && read_pauses_ == 0 && !remote_ended_ && input_.size() < kMostUnconsumedBytes;
}

void Connection::readSome(bool end_is_near) {
  const std::span<char> into = loop_.readBuffer();
  size_t budget = kReadBudgetBytes;
  while (mayRead()) {
    const IoResult got = transport_->read(into);
    switch (got.status) {
      case IoStatus::kOk:
        break;
      case IoStatus::kWouldBlock:
        return;
      case IoStatus::kEnd:
        return peerEnded();
      case IoStatus::kFailed:
        return readFailed();
    }
    bytes_received_ += got.bytes;
    last_activity_ = loop_.now();
    if (!offer({into.data(), got.bytes}, false)) return;
    const bool more_inside = transport_->hasBufferedInput();
    // A short read has emptied the socket; asking again would only say so.
    if (got.bytes < into.size() && !more_inside && !end_is_near) return;
    if (got.bytes >= budget) {
      if (more_inside) offerNextTurn();
      return;
    }
    budget -= got.bytes;
  }
}

bool Connection::offer(std::string_view fresh, bool end_of_stream) {
  if (end_of_stream) end_offered_ = true;
  // Kept bytes are moved out for the call, so that they stay valid for a handler that closes inside.
  base::Buffer kept;
  kept.swap(input_);
  if (!kept.empty()) kept.append(fresh);
  const std::string_view bytes = kept.empty() ? fresh : kept.view();
  resumed_ = false;
  const size_t consumed = handler_->onData(bytes, end_of_stream);
  assert(consumed <= bytes.size());
  if (state_ != State::kOpen) return false;
  if (kept.empty()) {
    input_.append(fresh.substr(consumed));
  } else {
    kept.drain(consumed);
    input_.swap(kept);
  }
  if (resumed_ && !input_.empty()) offerNextTurn();
  return mayRead();
}

void Connection::offerAgain() {
  if (state_ != State::kOpen || read_pauses_ > 0) return;
  const bool end = remote_ended_ && !end_offered_;
  if (!input_.empty() || end) {
    offer({}, end);
    if (state_ != State::kOpen) return;
  }
  if (transport_->hasBufferedInput()) readSome(false);
  if (state_ == State::kOpen) finishIfBothEnded();
}

void Connection::offerNextTurn() {
  if (offer_at_turn_ != 0) return;
  offer_at_turn_ = loop_.turn() + 1;
  loop_.scheduleNextTurn(*this);
}

void Connection::peerEnded() {
  remote_ended_ = true;
  last_activity_ = loop_.now();
  offer({}, true);
  if (state_ == State::kOpen) finishIfBothEnded();
}

void Connection::readFailed() {
  const bool upstream_handshake = upstream_ && state_ == State::kHandshaking;
  info_.transport_failure_reason = transport_->failureReason();
  const bool transport_failed = !info_.transport_failure_reason.empty() || upstream_handshake;
  finish(transport_failed ? CloseReason::kTransportFailed : CloseReason::kRemoteReset);
}

void Connection::dropInput() {
  const std::span<char> into = loop_.readBuffer();
  for (size_t budget = kReadBudgetBytes; budget > 0;) {
    const IoResult got = transport_->read(into);
    if (got.status == IoStatus::kWouldBlock) return;
    if (got.status != IoStatus::kOk) return finish(CloseReason::kLocal);
    budget -= std::min(budget, got.bytes);
  }
}

void Connection::pauseReading() {
  ++read_pauses_;
}

void Connection::resumeReading() {
  assert(read_pauses_ > 0);
  if (--read_pauses_ > 0 || state_ != State::kOpen) return;
  quiet_ = false;
  resumed_ = true;
  if (!input_.empty() || remote_ended_ || transport_->hasBufferedInput()) offerNextTurn();
  updateInterest();
}

bool Connection::looksAlive() const {
  if (state_ != State::kOpen || remote_ended_ || write_failed_ || !input_.empty()) return false;
  char byte = 0;
  const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // A TLS server may have sent session tickets, which are no reason to drop it.
  if (got > 0) return !transport_->isPlain();
  return got < 0 && errno == EAGAIN;
}

// --- writing ---

bool Connection::mayWriteNow() const {
  return state_ == State::kOpen && !socket_full_ && !write_failed_;
}

void Connection::write(std::string_view bytes) {
  if (bytes.empty() || write_ended_ || write_failed_ || state_ >= State::kClosing) return;
  if (mayWriteNow() && output_.size() + bytes.size() >= kWriteAtOnceBytes) {
    writeOut(bytes);
  } else {
    output_.append(bytes);
  }
  if (state_ == State::kOpen && (!socket_full_ || write_failed_)) {
    loop_.schedule(*this);
  } else {
    updateInterest();
  }
  checkHighWatermark();
}

void Connection::flush() {
  if (!mayWriteNow() || output_.empty()) return;
  writeOut({});
  loop_.schedule(*this);
}

void Connection::endWrite() {
  if (write_ended_ || state_ >= State::kClosing) return;
  write_ended_ = true;
  if (state_ == State::kOpen && !socket_full_) loop_.schedule(*this);
}

void Connection::notifyWhenFlushed() {
  notify_flushed_ = true;
  if (state_ == State::kOpen && !socket_full_) loop_.schedule(*this);
}

void Connection::writeOut(std::string_view more) {
  while (!output_.empty() || !more.empty()) {
    std::array<iovec, 2> pieces;
    size_t count = 0;
    const auto add = [&](std::string_view bytes) {
      if (!bytes.empty()) pieces[count++] = iovec{const_cast<char*>(bytes.data()), bytes.size()};
    };
    add(output_.view());
    add(more);
    const IoResult sent = transport_->write({pieces.data(), count});
    if (sent.status == IoStatus::kFailed || sent.status == IoStatus::kEnd) {
      write_failed_ = true;
      output_.clear();
      return;
    }
    if (sent.bytes > 0) {
      bytes_sent_ += sent.bytes;
      last_activity_ = loop_.now();
      const size_t of_kept = std::min(sent.bytes, output_.size());
      output_.drain(of_kept);
      more.remove_prefix(sent.bytes - of_kept);
      // A peer that takes what we flush, however slowly, is not hanging.
      if (state_ == State::kClosing && timer_ && timer_->armed()) armTimer(settings_.delayed_close_timeout);
    }
    const bool left = !output_.empty() || !more.empty();
    if (sent.status == IoStatus::kWouldBlock || (left && transport_->isPlain())) {
      socket_full_ = true;
      break;
    }
  }
  output_.append(more);
}

void Connection::checkHighWatermark() {
  const size_t limit = settings_.buffer_limit_bytes;
  if (above_high_ || limit == 0 || output_.size() <= limit) return;
  above_high_ = true;
  handler_->onAboveHighWatermark();
}

void Connection::afterWrite() {
  const bool tell = state_ == State::kOpen;
  if (above_high_ && output_.size() <= settings_.buffer_limit_bytes / 2) {
    above_high_ = false;
    if (tell) handler_->onBelowLowWatermark();
    if (state_ == State::kClosed) return;
  }
  if (!output_.empty()) return;
  if (notify_flushed_ && tell) {
    notify_flushed_ = false;
    handler_->onFlushed();
    if (state_ == State::kClosed || !output_.empty()) return;
  }
  if ((write_ended_ || state_ == State::kClosing) && !write_shut_down_ && !socket_full_) shutDownWrite();
}

void Connection::shutDownWrite() {
  const bool closes_at_once = state_ == State::kClosing && (close_type_ == CloseType::kFlush || remote_ended_);
  // Closing a plain socket sends the FIN anyway.
  if (closes_at_once && transport_->isPlain()) return finish(CloseReason::kLocal);
  if (transport_->shutdownWrite().status == IoStatus::kWouldBlock) {
    socket_full_ = true;
    return;
  }
  write_shut_down_ = true;
  if (closes_at_once) return finish(CloseReason::kLocal);
  if (state_ == State::kOpen) finishIfBothEnded();
}

void Connection::writeBroke() {
  // What the peer said before it went away is often why it did: an early response, for one.
  if (mayRead()) readSome(true);
  if (state_ != State::kClosed) finish(state_ == State::kClosing ? CloseReason::kLocal : CloseReason::kRemoteReset);
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
