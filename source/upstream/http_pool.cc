#include "source/upstream/http_pool.h"

#include <algorithm>
#include <cassert>

namespace baton::upstream {

namespace {

// What an HTTP/2 connection is expected to take before the peer's SETTINGS say so.
constexpr size_t kStreamsOfNewHttp2 = 100;

}  // namespace

// A stream that waits for a connection.
class HttpPool::Waiting final : public PendingStream, public base::ListLink<HttpPool::Waiting> {
 public:
  Waiting(HttpPool& pool, http::StreamReceiver& receiver, StreamWaiter& waiter)
      : pool_(pool), receiver(receiver), waiter(waiter) {}

  void cancel() override {
    pool_.info_->stats.upstream_rq_cancelled.add();
    pool_.forget(*this);
  }

 private:
  HttpPool& pool_;

 public:
  http::StreamReceiver& receiver;
  StreamWaiter& waiter;
};

HttpPool::HttpPool(PoolContext& context, Owner& owner, std::shared_ptr<const ClusterInfo> info, HostPtr host,
                   PoolKey key)
    : context_(context),
      owner_(owner),
      info_(std::move(info)),
      host_(std::move(host)),
      key_(std::move(key)),
      streams_per_connection_(key_.protocol == PoolProtocol::kHttp2 ? kStreamsOfNewHttp2 : 1),
      idle_timer_(context.loop, [this] { closeIdle(); }) {}

HttpPool::~HttpPool() {
  draining_asked_ = false;
  fail(PoolFailure::kConnectFailed, "pool_closed");
  for (auto* list : {&connecting_, &ready_, &busy_, &draining_}) {
    while (!list->empty()) list->front()->abort();
  }
}

PendingStream* HttpPool::newStream(http::StreamReceiver& receiver, StreamWaiter& waiter, bool fresh) {
  if (PooledConnection* connection = fresh ? nullptr : readyConnection()) {
    attach(*connection, receiver, waiter);
    return nullptr;
  }
  if (!info_->breakers.pending(key_.priority).tryAcquire()) {
    info_->stats.upstream_rq_pending_overflow.add();
    waiter.onStreamFailed(PoolFailure::kOverflow, {}, host_);
    return nullptr;
  }
  info_->stats.upstream_rq_pending_total.add();
  info_->stats.upstream_rq_pending_active.add();
  auto* waiting = new Waiting(*this, receiver, waiter);
  waiting_.pushBack(*waiting);
  ++waiting_count_;
  connectIfNeeded();
  return waiting;
}

void HttpPool::forget(Waiting& waiting) {
  waiting.unlink();
  --waiting_count_;
  info_->stats.upstream_rq_pending_active.sub();
  info_->breakers.pending(key_.priority).release();
  delete &waiting;
  tellIfDrained();
}

void HttpPool::tellIfDrained() {
  if (draining_asked_ && empty()) owner_.onPoolDrained(*this);
}

size_t HttpPool::comingCapacity() const {
  return connecting_.size() * streams_per_connection_;
}

void HttpPool::connectIfNeeded() {
  while (waiting_count_ > comingCapacity()) {
    Breaker& breaker = info_->breakers.connections(key_.priority);
    if (!breaker.tryAcquire()) {
      info_->stats.upstream_cx_overflow.add();
      // A pool without any connection could never serve those who wait.
      if (count_ > draining_.size()) return;
      breaker.acquireAnyway();
    }
    ++count_;
    connecting_.push_front(std::make_unique<PooledConnection>(*this));
    connecting_.front()->place_ = connecting_.begin();
  }
}

PooledConnection* HttpPool::readyConnection() {
  while (!ready_.empty()) {
    PooledConnection& connection = *ready_.front();
    if (connection.usable()) return &connection;
    // The server has closed it while it was idle.
    connection.foundDead();
  }
  return nullptr;
}

void HttpPool::attach(PooledConnection& connection, http::StreamReceiver& receiver, StreamWaiter& waiter) {
  if (!info_->breakers.requests(key_.priority).tryAcquire()) {
    info_->stats.upstream_rq_active_overflow.add();
    info_->stats.upstream_rq_pending_overflow.add();
    waiter.onStreamFailed(PoolFailure::kOverflow, {}, host_);
    return;
  }
  info_->stats.upstream_rq_total.add();
  info_->stats.upstream_rq_active.add();
  host_->total_requests.fetch_add(1, std::memory_order_relaxed);
  host_->active_requests.fetch_add(1, std::memory_order_relaxed);
  const bool reused = connection.streamsServed() > 0;
  PooledStream& stream = connection.openStream(receiver);
  waiter.onStreamReady(stream, host_, connection.network(), reused);
}

void HttpPool::serve() {
  if (serving_) return;  // a connection that just took a stream says that it can take another
  serving_ = true;
  while (!waiting_.empty()) {
    PooledConnection* connection = readyConnection();
    if (connection == nullptr) {
      connectIfNeeded();
      break;
    }
    Waiting& first = waiting_.front();
    http::StreamReceiver& receiver = first.receiver;
    StreamWaiter& waiter = first.waiter;
    forget(first);
    attach(*connection, receiver, waiter);
  }
  serving_ = false;
}

void HttpPool::fail(PoolFailure failure, std::string_view reason) {
  // Those who come meanwhile, from inside the calls, wait for another connection.
  base::IntrusiveList<Waiting> failed;
  failed.splice(waiting_);
  while (!failed.empty()) {
    Waiting& first = failed.front();
    StreamWaiter& waiter = first.waiter;
    forget(first);
    info_->stats.upstream_rq_pending_failure_eject.add();
    waiter.onStreamFailed(failure, reason, host_);
  }
}

std::list<std::unique_ptr<PooledConnection>>& HttpPool::listFor(PooledConnection::State state) {
  switch (state) {
    case PooledConnection::State::kConnecting:
      return connecting_;
    case PooledConnection::State::kReady:
      return ready_;
    case PooledConnection::State::kBusy:
      return busy_;
    default:
      return draining_;
  }
}

void HttpPool::moved(PooledConnection& connection, PooledConnection::State from) {
  using State = PooledConnection::State;
  auto& source = listFor(from);
  if (connection.state() == State::kClosed) {
    std::unique_ptr<PooledConnection> gone = std::move(*connection.place_);
    source.erase(connection.place_);
    --count_;
    context_.loop.deleteLater(std::move(gone));
    // Others may be waiting for the place that it leaves; a failed connect tells them itself.
    if (from != State::kConnecting) connectIfNeeded();
    tellIfDrained();
    return;
  }
  auto& target = listFor(connection.state());
  target.splice(target.begin(), source, connection.place_);
  if (connection.state() == State::kReady) {
    if (connection.idle()) armIdleTimer();
    if (from == State::kConnecting) {
      streams_per_connection_ = std::max<size_t>(1, connection.codec_->maxConcurrentStreams());
    }
    serve();
  } else if (connection.state() == State::kDraining) {
    connectIfNeeded();
  }
}

void HttpPool::connectFailed(PoolFailure failure, std::string_view reason) {
  // A host that refuses is better answered now than after another timeout; who may will try elsewhere.
  fail(failure, reason);
}

void HttpPool::drain() {
  draining_asked_ = true;
  for (auto* list : {&ready_, &busy_}) {
    for (auto at = list->begin(); at != list->end();) {
      PooledConnection& connection = **at++;
      connection.drain();
    }
  }
  tellIfDrained();
}

void HttpPool::closeAll() {
  fail(PoolFailure::kConnectFailed, "pool_closed");
  for (auto* list : {&connecting_, &ready_, &busy_, &draining_}) {
    for (auto at = list->begin(); at != list->end();) {
      PooledConnection& connection = **at++;
      connection.closeNow();
    }
  }
}

void HttpPool::armIdleTimer() {
  if (info_->idle_timeout.count() > 0 && !idle_timer_.armed()) idle_timer_.arm(info_->idle_timeout);
}

void HttpPool::closeIdle() {
  const auto now = context_.loop.now();
  std::optional<base::MonotonicTime> next;
  for (auto at = ready_.begin(); at != ready_.end();) {
    PooledConnection& connection = **at++;
    if (!connection.idle()) continue;
    const auto due = connection.idleSince() + info_->idle_timeout;
    if (due <= now) {
      info_->stats.upstream_cx_idle_timeout.add();
      connection.drain();
    } else if (!next || due < *next) {
      next = due;
    }
  }
  if (next) idle_timer_.arm(*next - now);
}

}  // namespace baton::upstream
