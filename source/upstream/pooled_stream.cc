#include "source/upstream/pooled_stream.h"

#include "source/upstream/pooled_connection.h"

namespace baton::upstream {

PooledStream::PooledStream(PooledConnection& connection, http::StreamReceiver& receiver)
    : connection_(connection), receiver_(receiver) {}

void PooledStream::sendInformational(const http::HeaderMap&) {
  // Only servers send these.
}

void PooledStream::sendHeaders(const http::HeaderMap& headers, bool end_of_stream) {
  if (codec_stream_ == nullptr) return;
  const PooledConnection::CodecCall call(connection_);
  http::StreamSender& to = *codec_stream_;
  if (end_of_stream) localEnded();
  to.sendHeaders(headers, end_of_stream);
}

void PooledStream::sendData(std::string_view bytes, bool end_of_stream) {
  if (codec_stream_ == nullptr) return;
  const PooledConnection::CodecCall call(connection_);
  http::StreamSender& to = *codec_stream_;
  if (end_of_stream) localEnded();
  to.sendData(bytes, end_of_stream);
}

void PooledStream::sendTrailers(const http::HeaderMap& trailers) {
  if (codec_stream_ == nullptr) return;
  const PooledConnection::CodecCall call(connection_);
  http::StreamSender& to = *codec_stream_;
  localEnded();
  to.sendTrailers(trailers);
}

void PooledStream::reset(http::StreamReset reason) {
  if (codec_stream_ == nullptr) return;
  const PooledConnection::CodecCall call(connection_);
  http::StreamSender& to = *codec_stream_;
  connection_.info().stats.upstream_rq_tx_reset.add();
  over();
  to.reset(reason);
}

void PooledStream::pauseReading() {
  if (codec_stream_ == nullptr) return;
  connection_.info().stats.upstream_flow_control_paused_reading_total.add();
  const PooledConnection::CodecCall call(connection_);
  codec_stream_->pauseReading();
}

void PooledStream::resumeReading() {
  if (codec_stream_ == nullptr) return;
  connection_.info().stats.upstream_flow_control_resumed_reading_total.add();
  const PooledConnection::CodecCall call(connection_);
  codec_stream_->resumeReading();
}

size_t PooledStream::unsentBytes() const {
  return codec_stream_ == nullptr ? 0 : codec_stream_->unsentBytes();
}

http::StreamSender::WireBytes PooledStream::wireBytes() const {
  return codec_stream_ == nullptr ? last_wire_ : codec_stream_->wireBytes();
}

void PooledStream::onInformational(http::HeaderMap&& headers) {
  if (codec_stream_ != nullptr) receiver_.onInformational(std::move(headers));
}

void PooledStream::onHeaders(http::HeaderMap&& headers, bool end_of_stream) {
  if (codec_stream_ == nullptr) return;
  if (end_of_stream) remoteEnded();
  receiver_.onHeaders(std::move(headers), end_of_stream);
}

void PooledStream::onData(std::string_view bytes, bool end_of_stream) {
  if (codec_stream_ == nullptr) return;
  if (end_of_stream) remoteEnded();
  receiver_.onData(bytes, end_of_stream);
}

void PooledStream::onTrailers(http::HeaderMap&& trailers) {
  if (codec_stream_ == nullptr) return;
  remoteEnded();
  receiver_.onTrailers(std::move(trailers));
}

void PooledStream::onReset(http::StreamReset reason, std::string_view details) {
  if (codec_stream_ == nullptr) return;
  if (reason == http::StreamReset::kRemoteReset || reason == http::StreamReset::kRemoteRefused) {
    connection_.info().stats.upstream_rq_rx_reset.add();
  }
  over();
  receiver_.onReset(reason, details);
}

void PooledStream::onAboveHighWatermark() {
  if (codec_stream_ == nullptr) return;
  connection_.info().stats.upstream_flow_control_backed_up_total.add();
  receiver_.onAboveHighWatermark();
}

void PooledStream::onBelowLowWatermark() {
  if (codec_stream_ == nullptr) return;
  connection_.info().stats.upstream_flow_control_drained_total.add();
  receiver_.onBelowLowWatermark();
}

void PooledStream::localEnded() {
  local_ended_ = true;
  if (remote_ended_) over();
}

void PooledStream::remoteEnded() {
  remote_ended_ = true;
  if (local_ended_) over();
}

// Counts are right before the user hears of the end; the connection is looked at when the codec has returned.
void PooledStream::over() {
  last_wire_ = codec_stream_->wireBytes();
  codec_stream_ = nullptr;
  connection_.streamOver(*this);
}

}  // namespace baton::upstream
