// The part of Session that makes, counts and recycles streams.
#include <cassert>
#include <utility>

#include "source/http/http2/session.h"

namespace baton::http::http2 {

namespace {

// A recycled stream saves its allocation; more of them than this are given back.
constexpr size_t kMostFreeStreams = 32;
constexpr uint32_t kLastStreamId = (1u << 31) - 1;

}  // namespace

Stream& Session::newStream(int32_t id) {
  Stream* stream = nullptr;
  if (free_.empty()) {
    stream = new Stream(*this);
  } else {
    stream = free_.back().release();
    free_.pop_back();
  }
  stream->id_ = id;
  stream->created_ = now();
  streams_.pushBack(*stream);
  ++live_streams_;
  ++open_streams_;
  stats_.streams_active.add();
  return *stream;
}

void Session::release(Stream& stream) {
  auto& link = static_cast<base::ListLink<Stream>&>(stream);
  static_cast<base::ListLink<NoticeTag>&>(stream).unlink();
  static_cast<base::ListLink<FlushTag>&>(stream).unlink();
  if (!stream.closed_) {
    // Never submitted.
    stream.closed_ = true;
    --open_streams_;
    stats_.streams_active.sub();
  }
  link.unlink();
  released_.pushBack(stream);
  --live_streams_;
  if (!busy()) loop_.schedule(*this);
}

void Session::recycleReleased() {
  while (Stream* const stream = released_.popFront()) {
    stream->clear();
    if (free_.size() < kMostFreeStreams) {
      free_.emplace_back(stream);
    } else {
      delete stream;
    }
  }
}

Stream& Session::openStream(StreamReceiver& receiver) {
  assert(canOpenStream());
  if (settings_.connection_idle_interval.count() > 0 && now() - last_received_ > settings_.connection_idle_interval) {
    sendPing();
  }
  Stream& stream = newStream(0);
  stream.attach(receiver);
  return stream;
}

bool Session::canOpenStream() const {
  return !exhausted() && open_streams_ < maxOutgoingStreams();
}

bool Session::exhausted() const {
  return terminated_ || draining_ || goaway_received_ || input_ended_ ||
         nghttp2_session_get_next_stream_id(session_) > kLastStreamId - 2 * (open_streams_ + 1);
}

size_t Session::maxOutgoingStreams() const {
  return std::min(settings_.max_concurrent_streams,
                  nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
}

void Session::requestNotSent(int32_t id) {
  Stream* unsent = nullptr;
  streams_.forEach([&](Stream& stream) {
    if (stream.id_ == id && !stream.closed_) unsent = &stream;
  });
  if (unsent == nullptr) return;
  --open_streams_;
  stats_.streams_active.sub();
  unsent->onClosed(NGHTTP2_REFUSED_STREAM);
}

void Session::onPeerSettings() {
  if (std::exchange(peer_settings_received_, true)) return;
  streams_.forEach([&](Stream& stream) {
    if (!stream.waiting_head_) return;
    const HeaderMap head = std::move(*stream.waiting_head_);
    stream.waiting_head_.reset();
    stream.submitRequest(head);
  });
}

}  // namespace baton::http::http2
