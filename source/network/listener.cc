#include "source/network/listener.h"

#include <atomic>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "source/base/log.h"
#include "source/network/active_connection.h"

namespace baton::network {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{100};
constexpr std::chrono::milliseconds kLongestRetry{1000};
// A shortage that comes and goes is reported once in this time, for all listeners and workers together.
constexpr std::chrono::seconds kBetweenReports{60};

bool mayReportExhaustion() {
  static std::atomic<base::MonotonicTime> next{base::MonotonicTime::min()};
  const base::MonotonicTime now = std::chrono::steady_clock::now();
  base::MonotonicTime allowed = next.load(std::memory_order_relaxed);
  return now >= allowed && next.compare_exchange_strong(allowed, now + kBetweenReports);
}

// The process or the system is out of something: trying again at once would only burn the CPU.
bool isExhaustion(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Listener::Listener(const Environment& environment, std::shared_ptr<const ListenerConfig> config, size_t address_index,
                   Fd socket)
    : loop_(environment.loop),
      drain_(environment.drain),
      worker_(environment.worker),
      global_limit_(environment.global_limit),
      accept_(environment.accept),
      config_(std::move(config)),
      address_index_(address_index),
      balancer_(config_->balancers.empty() ? nullptr : config_->balancers[address_index].get()),
      socket_(std::move(socket)),
      watch_(loop_, *this),
      retry_(loop_, [this] { watch_.setEvents(EPOLLIN); }) {
  if (!accept_)
    accept_ = [](int fd, sockaddr* peer, socklen_t* length, int flags) { return ::accept4(fd, peer, length, flags); };
  if (auto local = Address::localOf(socket_.get())) local_address_ = *local;
  const stats::Scope scope = config_->scope.scope(environment.worker_name + ".");
  worker_cx_total_ = scope.counter("downstream_cx_total");
  worker_cx_active_ = scope.gauge("downstream_cx_active");
  if (balancer_ != nullptr) balancer_->join(*this, loop_);
}

Listener::~Listener() {
  watch_.stop();
  while (PendingConnection* pending = pending_.popFront()) {
    std::unique_ptr<PendingConnection> owned(pending);
    countEnd();
  }
  while (ActiveConnection* connection = connections_.popFront()) {
    std::unique_ptr<ActiveConnection> owned(connection);
    countActiveEnd();
  }
  if (balancer_ != nullptr) balancer_->leave(*this);
}

// --- accepting ---

base::Result<void> Listener::startAccepting() {
  if (wanted_) return {};
  if (auto started = watch_.start(socket_.get(), EPOLLIN); !started) return started;
  wanted_ = true;
  return {};
}

void Listener::pauseAccepting() {
  wanted_ = false;
  retry_.cancel();
  watch_.stop();
}

Fd Listener::releaseSocket() {
  pauseAccepting();
  return std::move(socket_);
}

void Listener::onReady(uint32_t) {
  acceptSome();
}

void Listener::acceptSome() {
  // An accept(2) that finds nothing costs about as much as one that finds something, so the queue is emptied only while
  // connections come in bursts. Otherwise the next turn takes what else is there.
  const bool burst = loop_.turn() == last_accept_turn_ + 1;
  last_accept_turn_ = loop_.turn();
  const uint32_t most = burst ? config_->accepts_per_event : 1;
  uint32_t count = 0;
  while (count < most && wanted_) {
    sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    Fd fd(accept_(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      const int error = errno;
      if (error == EAGAIN) break;
      if (isExhaustion(error)) {
        acceptFailed(error);
        break;
      }
      // ECONNABORTED and the network errors that accept(2) names are about one connection that has gone already.
      ++count;
      continue;
    }
    ++count;
    if (retry_delay_ > retry_delay_.zero()) {
      retry_delay_ = retry_delay_.zero();
      if (exhaustion_logged_) BATON_LOG(kNetwork, info, "listener '{}' accepts connections again", config_->name);
      exhaustion_logged_ = false;
    }
    accepted(std::move(fd), reinterpret_cast<const sockaddr*>(&peer), length);
  }
  config_->stats.connections_accepted_per_socket_event.record(count);
}

void Listener::acceptFailed(int error) {
  retry_delay_ = std::clamp(retry_delay_ * 2, kFirstRetry, kLongestRetry);
  watch_.setEvents(0);
  retry_.arm(retry_delay_);
  if (exhaustion_logged_ || !mayReportExhaustion()) return;
  exhaustion_logged_ = true;
  errno = error;
  BATON_LOG(kNetwork, err, "listener '{}' cannot accept connections: {}; they wait in the kernel's queue, trying again",
            config_->name, base::systemError("accept").message);
}

bool Listener::overLimits() {
  ConnectionLimit& limit = config_->limit;
  if (limit.reject_new.load(std::memory_order_relaxed) ||
      (global_limit_ != nullptr && global_limit_->reject_new.load(std::memory_order_relaxed))) {
    config_->stats.cx_overload_reject.add();
    return true;
  }
  if (limit.open.load(std::memory_order_relaxed) >= limit.most.load(std::memory_order_relaxed)) {
    config_->stats.cx_overflow.add();
    return true;
  }
  if (global_limit_ != nullptr && !config_->ignore_global_limit &&
      global_limit_->open.load(std::memory_order_relaxed) >= global_limit_->most.load(std::memory_order_relaxed)) {
    config_->stats.global_cx_overflow.add();
    return true;
  }
  return false;
}

void Listener::countBegin() {
  config_->limit.open.fetch_add(1, std::memory_order_relaxed);
  if (global_limit_ != nullptr && !config_->ignore_global_limit) {
    global_limit_->open.fetch_add(1, std::memory_order_relaxed);
  }
}

void Listener::countEnd() {
  config_->limit.open.fetch_sub(1, std::memory_order_relaxed);
  if (global_limit_ != nullptr && !config_->ignore_global_limit) {
    global_limit_->open.fetch_sub(1, std::memory_order_relaxed);
  }
  if (balancer_ != nullptr) balancer_->ended(*this);
}

void Listener::accepted(Fd fd, const sockaddr* peer, socklen_t length) {
  if (overLimits()) return;
  auto remote = Address::fromSockaddr(peer, length);
  if (!remote) return;
  AcceptedSocket socket;
  socket.fd = fd.release();
  ConnectionInfo& info = socket.info;
  info.id = nextConnectionId();
  info.remote_address = info.direct_remote_address = std::move(*remote);
  // Bound to one address and not redirected, a socket's connections all have that local address.
  if (local_address_.isAny() || config_->addresses[address_index_].transparent.value_or(false)) {
    if (auto local = Address::localOf(socket.fd)) info.direct_local_address = std::move(*local);
  } else {
    info.direct_local_address = local_address_;
  }
  info.local_address = info.direct_local_address;
  info.start_monotonic = loop_.now();
  info.start_wall = loop_.clock().wall();
  if (balancer_ != nullptr) return balancer_->place(*this, std::move(socket));
  take(std::move(socket));
}

void Listener::take(AcceptedSocket socket) {
  countBegin();
  if (config_->filters.empty()) return filtersDone(std::move(socket));
  auto* const pending = new PendingConnection(*this, std::move(socket));
  pending_.pushBack(*pending);
  pending->proceed();
}

void Listener::forget(PendingConnection& pending) {
  pending.unlink();
  loop_.deleteLater(std::unique_ptr<PendingConnection>(&pending));
}

void Listener::dropped(AcceptedSocket socket) {
  ::close(socket.fd);
  countEnd();
}

// --- running ---

void Listener::adopt(AcceptedSocket socket, std::string_view already_read) {
  countBegin();
  if (balancer_ != nullptr) balancer_->began(*this);
  run(std::move(socket), already_read);
}

void Listener::filtersDone(AcceptedSocket socket) {
  run(std::move(socket), {});
}

void Listener::run(AcceptedSocket socket, std::string_view already_read) {
  socket.info.listener_metadata = config_->metadata;
  const FilterChain* const chain = config_->chainFor(socket.info);
  if (chain == nullptr || !chain->filter) {
    if (chain == nullptr) config_->stats.no_filter_chain_match.add();
    if (config_->access_log != nullptr) {
      ConnectionLog::Ending ending;
      ending.duration = loop_.now() - socket.info.start_monotonic;
      ending.no_filter_chain = true;
      config_->access_log->log(socket.info, ending);
    }
    return dropped(std::move(socket));
  }
  socket.info.filter_chain_name = chain->name;
  socket.info.filter_chain_metadata = chain->metadata;
  config_->stats.cx_total.add();
  config_->stats.cx_active.add();
  worker_cx_total_.add();
  worker_cx_active_.add();
  ++connection_count_;
  auto* const connection = new ActiveConnection(*this, std::move(socket), *chain);
  connections_.pushBack(*connection);
  connection->start(already_read);
}

void Listener::ended(ActiveConnection& connection) {
  connection.unlink();
  countActiveEnd();
  loop_.deleteLater(std::unique_ptr<ActiveConnection>(&connection));
}

void Listener::countActiveEnd() {
  countEnd();
  config_->stats.cx_destroy.add();
  config_->stats.cx_active.sub();
  worker_cx_active_.sub();
  --connection_count_;
}

void Listener::forEachConnection(const std::function<void(Connection&, Session&)>& visit) {
  connections_.forEach([&](ActiveConnection& active) {
    if (active.session_) visit(active.connection_, *active.session_);
  });
}

void Listener::announceDrain() {
  forEachConnection([this](Connection&, Session& session) { session.onDrain(drain_); });
}

void Listener::terminateConnections() {
  while (!pending_.empty()) pending_.front().abandon();
  forEachConnection([](Connection&, Session& session) { session.terminate(); });
}

}  // namespace baton::network
