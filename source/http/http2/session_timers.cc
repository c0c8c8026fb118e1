// The part of Session that waits: for answers to SETTINGS and PING, for the end of a header section, and for windows.
#include <algorithm>

#include "source/base/random.h"
#include "source/http/http2/session.h"

namespace baton::http::http2 {

using base::MonotonicTime;

namespace {

constexpr std::chrono::milliseconds kRequestEndGrace{1000};

}  // namespace

void Session::awaitFlush(Stream& stream) {
  stream.flush_progress_ = now();
  static_cast<base::ListLink<FlushTag>&>(stream).unlink();
  awaiting_flush_.pushBack(stream);
  if (!busy()) loop_.schedule(*this);
}

void Session::flushProgress(Stream& stream) {
  if (static_cast<base::ListLink<FlushTag>&>(stream).linked()) awaitFlush(stream);
}

void Session::awaitEnd(Stream& stream) {
  stream.flush_progress_ = now();
  static_cast<base::ListLink<FlushTag>&>(stream).unlink();
  awaiting_end_.pushBack(stream);
  if (!busy()) loop_.schedule(*this);
}

void Session::sendPing() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  ping_outstanding_ = true;
  ping_sent_ = now();
  flushSoon();
}

void Session::armTimer() {
  if (terminated_) return timer_.cancel();
  MonotonicTime due = std::min(settings_due_, header_block_due_);
  if (settings_.keepalive_interval.count() > 0) {
    due = std::min(due, ping_outstanding_ ? ping_sent_ + settings_.keepalive_timeout : last_received_ + ping_interval_);
  }
  if (!awaiting_flush_.empty() && settings_.stream_flush_timeout.count() > 0) {
    due = std::min(due, awaiting_flush_.front().flush_progress_ + settings_.stream_flush_timeout);
  }
  if (!awaiting_end_.empty()) due = std::min(due, awaiting_end_.front().flush_progress_ + kRequestEndGrace);
  // A timer that is too early looks again; moving it for every frame would cost more.
  if (due >= timer_due_) return;
  timer_due_ = due;
  timer_.arm(std::max(due - now(), std::chrono::nanoseconds(0)));
}

void Session::onTimer() {
  timer_due_ = MonotonicTime::max();
  if (terminated_) return;
  const MonotonicTime time = now();
  std::string_view why;
  if (settings_due_ <= time) {
    why = "http2.settings_timeout";
  } else if (header_block_due_ <= time) {
    why = kHeaderBlockTimeout;
  } else if (ping_outstanding_ && ping_sent_ + settings_.keepalive_timeout <= time) {
    stats_.keepalive_timeout.add();
    why = "http2.ping_timeout";
  }
  if (!why.empty()) {
    terminate(settings_due_ <= time ? NGHTTP2_SETTINGS_TIMEOUT : NGHTTP2_NO_ERROR, StreamReset::kConnectionTerminated,
              why);
    return mustClose();
  }
  if (settings_.keepalive_interval.count() > 0 && !ping_outstanding_ && last_received_ + ping_interval_ <= time) {
    sendPing();
    const auto jitter = base::threadRandom().below(settings_.keepalive_interval_jitter_percent + 1);
    ping_interval_ = settings_.keepalive_interval * (100 + jitter) / 100;
  }
  while (settings_.stream_flush_timeout.count() > 0 && !awaiting_flush_.empty()) {
    Stream& stream = awaiting_flush_.front();
    if (stream.flush_progress_ + settings_.stream_flush_timeout > time) break;
    static_cast<base::ListLink<FlushTag>&>(stream).unlink();
    stats_.tx_flush_timeout.add();
    stream.fail(NGHTTP2_CANCEL, StreamReset::kLocalReset, {});
  }
  while (!awaiting_end_.empty() && awaiting_end_.front().flush_progress_ + kRequestEndGrace <= time) {
    Stream& stream = awaiting_end_.front();
    static_cast<base::ListLink<FlushTag>&>(stream).unlink();
    // RFC 9113 8.1: the response is whole, and the client may stop sending.
    stream.fail(NGHTTP2_NO_ERROR, StreamReset::kLocalReset, {});
  }
  armTimer();
}

}  // namespace baton::http::http2
