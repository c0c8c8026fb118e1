// What a Connection writes, keeps for its socket and says of its watermarks.
#include <array>

#include "source/network/connection.h"

namespace baton::network {
namespace {

// From here on a write is worth a system call of its own, and copying it is not.
constexpr size_t kWriteAtOnceBytes = 16 * 1024;

}  // namespace

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

}  // namespace baton::network
