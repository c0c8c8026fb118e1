#include "source/proxy/http/shadow.h"

#include "source/http/field_syntax.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

Shadow::Shadow(WorkerContext& worker, std::string_view cluster, size_t buffer_limit, std::chrono::milliseconds timeout)
    : worker_(worker), cluster_(cluster), buffer_limit_(buffer_limit), timeout_(timeout), timer_(worker.loop, [this] {
        finish();
      }) {}

std::unique_ptr<Shadow> Shadow::make(WorkerContext& worker, std::string_view cluster, const HeaderMap& headers,
                                     bool append_suffix, size_t buffer_limit, std::chrono::milliseconds timeout) {
  if (worker.clusters.find(cluster) == nullptr) return nullptr;
  std::unique_ptr<Shadow> shadow(new Shadow(worker, cluster, buffer_limit, timeout));
  shadow->headers_ = headers.clone();
  if (append_suffix) {
    const std::string_view authority = headers.authority();
    const std::string_view port = http::portOf(authority);
    std::string host = std::string(http::hostOf(authority)) + "-shadow";
    if (!port.empty()) host.append(":").append(port);
    shadow->headers_.set(HeaderName::kAuthority, host);
  }
  return shadow;
}

Shadow::~Shadow() {
  if (state_ == State::kWaiting && pending_ != nullptr) pending_->cancel();
  if (state_ == State::kActive) sender_->reset(http::StreamReset::kLocalReset);
}

bool Shadow::addData(std::string_view bytes) {
  if (body_.size() + bytes.size() > buffer_limit_) return false;
  body_.append(bytes);
  return true;
}

void Shadow::addTrailers(const HeaderMap& trailers) {
  trailers_ = trailers.clone();
}

void Shadow::launch(std::unique_ptr<Shadow> shadow) {
  WorkerContext& worker = shadow->worker_;
  if (worker.shadows == nullptr) worker.shadows = std::make_shared<ShadowSet>();
  Shadow* const launched = shadow.release();
  worker.shadows->shadows_.pushBack(*launched);
  launched->start();
}

void Shadow::start() {
  upstream::WorkerCluster* const cluster = worker_.clusters.find(cluster_);
  if (cluster == nullptr) return finish();
  if (timeout_.count() > 0) timer_.arm(timeout_);
  state_ = State::kWaiting;
  upstream::PendingStream* const pending = cluster->newStream({}, *this, *this, *this);
  if (state_ == State::kWaiting) pending_ = pending;
}

void Shadow::finish() {
  if (pending_ != nullptr) {
    pending_->cancel();
    pending_ = nullptr;
  }
  if (state_ == State::kActive) sender_->reset(http::StreamReset::kLocalReset);
  state_ = State::kOver;
  timer_.cancel();
  unlink();
  worker_.loop.deleteLater(std::unique_ptr<Shadow>(this));
}

void Shadow::onStreamReady(http::StreamSender& sender, const upstream::HostPtr&, const network::Connection&, bool) {
  pending_ = nullptr;
  state_ = State::kActive;
  sender_ = &sender;
  const bool has_body = !body_.empty();
  sender.sendHeaders(headers_, !has_body && !trailers_);
  if (has_body && state_ == State::kActive) sender.sendData(body_.view(), !trailers_);
  if (trailers_ && state_ == State::kActive) sender.sendTrailers(*trailers_);
  body_.clear();
}

void Shadow::onStreamFailed(upstream::PoolFailure, std::string_view, const upstream::HostPtr&) {
  pending_ = nullptr;
  state_ = State::kOver;
  finish();
}

void Shadow::onHeaders(HeaderMap&&, bool end_of_stream) {
  if (!end_of_stream) return;
  state_ = State::kOver;  // the request has been sent as a whole, so both directions have ended
  finish();
}

void Shadow::onData(std::string_view, bool end_of_stream) {
  if (!end_of_stream) return;
  state_ = State::kOver;
  finish();
}

void Shadow::onTrailers(HeaderMap&&) {
  state_ = State::kOver;
  finish();
}

void Shadow::onReset(http::StreamReset, std::string_view) {
  state_ = State::kOver;
  finish();
}

ShadowSet::~ShadowSet() {
  while (Shadow* shadow = shadows_.popFront()) delete shadow;
}

}  // namespace baton::proxy
