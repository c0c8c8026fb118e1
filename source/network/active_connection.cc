#include "source/network/active_connection.h"

#include <sys/epoll.h>
#include <utility>

#include "source/network/listener.h"

namespace baton::network {

// --- pending ---

PendingConnection::PendingConnection(Listener& listener, AcceptedSocket socket)
    : listener_(listener),
      config_(listener.config_),
      socket_(std::move(socket)),
      watch_(listener.loop_, *this),
      timer_(listener.loop_, [this] { onTimeout(); }) {
  config_->stats.pre_cx_active.add();
}

PendingConnection::~PendingConnection() {
  watch_.stop();
  if (socket_.fd >= 0) ::close(socket_.fd);
  config_->stats.pre_cx_active.sub();
}

void PendingConnection::proceed() {
  const auto& filters = config_->filters;
  while (next_filter_ < filters.size()) {
    if (!filter_) filter_ = filters[next_filter_]->create();
    switch (filter_->look(socket_)) {
      case ListenerFilter::Verdict::kContinue:
        filter_.reset();
        ++next_filter_;
        continue;
      case ListenerFilter::Verdict::kClose:
        config_->stats.listener_filter_error.add();
        return finish(false);
      case ListenerFilter::Verdict::kWait:
        break;
    }
    if (watch_.active()) return;
    // Edge-triggered, because what a filter peeked at stays readable: only what comes on top of it is news.
    if (!watch_.start(socket_.fd, EPOLLIN | EPOLLRDHUP | EPOLLET)) return finish(false);
    const auto timeout = config_->filters_timeout;
    if (timeout > timeout.zero()) timer_.arm(timeout);
    return;
  }
  finish(true);
}

void PendingConnection::onReady(uint32_t events) {
  const bool gone = (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
  if (!gone) return proceed();
  // What came with the end may still satisfy the filter, or be wrong; only a wait for more is in vain.
  switch (filter_->look(socket_)) {
    case ListenerFilter::Verdict::kContinue:
      filter_.reset();
      ++next_filter_;
      return proceed();
    case ListenerFilter::Verdict::kClose:
      config_->stats.listener_filter_error.add();
      return finish(false);
    case ListenerFilter::Verdict::kWait:
      config_->stats.listener_filter_remote_close.add();
      return finish(false);
  }
}

void PendingConnection::onTimeout() {
  config_->stats.pre_cx_timeout.add();
  finish(config_->continue_on_filters_timeout);
}

void PendingConnection::finish(bool go_on) {
  watch_.stop();
  timer_.cancel();
  AcceptedSocket socket = std::move(socket_);
  socket_.fd = -1;
  Listener& listener = listener_;
  listener.forget(*this);
  if (go_on) {
    listener.filtersDone(std::move(socket));
  } else {
    listener.dropped(std::move(socket));
  }
}

// --- active ---

ActiveConnection::ActiveConnection(Listener& listener, AcceptedSocket socket, const FilterChain& chain)
    : listener_(listener),
      config_(listener.config_),
      chain_(chain),
      connection_(listener.loop_, socket.fd, chain.transport->create(), std::move(socket.info), config_->connection) {
  connection_.setOwner(*this);
}

ActiveConnection::~ActiveConnection() {
  // A session that closes its connection while it is destroyed ends nothing that is not ending already.
  ended_ = true;
}

void ActiveConnection::start(std::string_view already_read) {
  session_ = chain_.filter->createSession(
      SessionContext{listener_.loop_, connection_, *this, listener_.drain_, listener_.worker_, {}});
  // A session that found nothing to do with the connection may have closed it already.
  if (!session_) connection_.close(CloseType::kAbort);
  if (connection_.state() == Connection::State::kClosed) return;
  connection_.setHandler(*session_);
  connection_.limitHandshake(chain_.transport_connect_timeout);
  connection_.start(already_read);
}

void ActiveConnection::connectionEnded(CloseReason reason) {
  reason_ = reason;
  if (reason == CloseReason::kConnectTimeout) config_->stats.cx_transport_socket_connect_timeout.add();
  sessionEnded();
}

void ActiveConnection::sessionEnded() {
  if (ended_) return;
  ended_ = true;
  const auto lived = listener_.loop_.now() - connection_.info().start_monotonic;
  config_->stats.cx_length_ms.record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(lived).count()));
  if (config_->access_log != nullptr) log(lived);
  listener_.ended(*this);
}

void ActiveConnection::replaceSession(std::unique_ptr<Session> next) {
  listener_.loop_.deleteLater(std::exchange(session_, std::move(next)));
  if (connection_.state() == Connection::State::kClosed) return;
  if (!session_) return connection_.close(CloseType::kAbort);
  connection_.setHandler(*session_);
  session_->onConnected();
}

void ActiveConnection::log(std::chrono::nanoseconds lived) const {
  ConnectionLog::Ending ending;
  ending.duration = lived;
  ending.bytes_received = connection_.bytesReceived();
  ending.bytes_sent = connection_.bytesSent();
  ending.transport_failed = reason_ == CloseReason::kTransportFailed || reason_ == CloseReason::kConnectTimeout;
  config_->access_log->log(connection_.info(), ending);
}

}  // namespace baton::network
