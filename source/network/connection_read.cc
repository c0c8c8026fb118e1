// What a Connection reads, keeps and offers to its handler.
#include <cassert>
#include <cerrno>
#include <sys/socket.h>

#include "source/network/connection.h"

namespace baton::network {
namespace {

// What one connection may read in a turn before others get theirs.
constexpr size_t kReadBudgetBytes = 4 * event::Loop::kReadBufferBytes;

}  // namespace

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

}  // namespace baton::network
