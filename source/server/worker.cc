#include "source/server/worker.h"

#include <algorithm>
#include <latch>
#include <pthread.h>

#include "source/base/log.h"
#include "source/proxy/tcp/upstream_flush.h"
#include "source/stats/store.h"

namespace baton::server {
namespace {

constexpr std::chrono::milliseconds kDrainAnnouncement{1000};

}  // namespace

Worker::Worker(unsigned index, const WorkerEnvironment& environment)
    : index_(index), environment_(environment), loop_(environment.clock) {
  std::latch ready(1);
  thread_ = std::thread([this, &ready] {
    ::pthread_setname_np(::pthread_self(), ("worker_" + std::to_string(index_)).c_str());
    stats::bindShard(index_);
    clusters_ = environment_.make_clusters(index_, loop_);
    context_ = std::make_unique<proxy::WorkerContext>(
        proxy::WorkerContext{loop_, *clusters_, environment_.runtime, base::threadRandom(), environment_.state});
    drain_timer_ = std::make_unique<event::Timer>(loop_, [this] { announceDrain(); });
    ready.count_down();
    run();
  });
  ready.wait();
}

Worker::~Worker() {
  loop_.stop();
  thread_.join();
}

void Worker::run() {
  loop_.run();
  // In the order in which they depend on each other: sessions use clusters, both use the loop.
  listeners_.clear();
  loop_.runOnce();
  drain_timer_.reset();
  context_.reset();
  clusters_.reset();
  loop_.runOnce();
}

void Worker::addListener(std::shared_ptr<const network::ListenerConfig> config, size_t address_index,
                         network::Fd socket, const network::DrainDecision& drain, bool accept_now) {
  network::Listener::Environment environment{
      loop_, drain, context_.get(), &environment_.global_limit, "worker_" + std::to_string(index_), {}};
  listeners_.push_back(
      std::make_unique<network::Listener>(environment, std::move(config), address_index, std::move(socket)));
  if (!accept_now) return;
  if (auto started = listeners_.back()->startAccepting(); !started) {
    BATON_LOG(kNetwork, err, "{}: {}", listeners_.back()->config().name, started.error().message);
  }
}

void Worker::startAccepting() {
  for (auto& listener : listeners_) {
    if (listener->fd() < 0) continue;
    if (auto started = listener->startAccepting(); !started) {
      BATON_LOG(kNetwork, err, "{}: {}", listener->config().name, started.error().message);
    }
  }
}

void Worker::pauseAccepting() {
  for (auto& listener : listeners_) listener->pauseAccepting();
}

void Worker::closeListeners(const std::function<bool(const network::ListenerConfig&)>& which) {
  for (auto& listener : listeners_) {
    if (listener->fd() < 0 || !which(listener->config())) continue;
    listener->releaseSocket();  // the returned descriptor closes here
  }
}

void Worker::announceDrain() {
  bool draining = false;
  for (auto& listener : listeners_) {
    listener->announceDrain();
    draining = draining || listener->draining();
  }
  if (draining) drain_timer_->arm(kDrainAnnouncement);
}

void Worker::setRuntime(std::shared_ptr<const base::Runtime> runtime) {
  context_->runtime = std::move(runtime);
}

size_t Worker::connections() const {
  size_t count = 0;
  for (const auto& listener : listeners_) count += listener->connections();
  // A client that has left may have sent more than its slow upstream has taken yet.
  if (context_->upstream_flushes) count += context_->upstream_flushes->size();
  return count;
}

void Worker::countSessions(std::vector<std::pair<std::string, uint64_t>>& by_kind) {
  for (auto& listener : listeners_) {
    listener->forEachConnection([&by_kind](network::Connection&, network::Session& session) {
      const auto same = std::find_if(by_kind.begin(), by_kind.end(),
                                     [&](const auto& entry) { return entry.first == session.kind(); });
      if (same == by_kind.end()) {
        by_kind.emplace_back(session.kind(), 1);
      } else {
        ++same->second;
      }
    });
  }
}

WorkerSet::WorkerSet(unsigned count, WorkerEnvironment environment) : environment_(std::move(environment)) {
  for (unsigned index = 0; index < count; ++index) {
    workers_.push_back(std::make_unique<Worker>(index, environment_));
  }
}

void WorkerSet::onEach(const std::function<void(Worker&)>& work) {
  std::latch done(static_cast<ptrdiff_t>(workers_.size()));
  for (auto& worker : workers_) {
    worker->post([&work, &done, one = worker.get()] {
      work(*one);
      done.count_down();
    });
  }
  done.wait();
}

void WorkerSet::postToEach(const std::function<void(Worker&)>& work) {
  for (auto& worker : workers_) worker->post([work, one = worker.get()] { work(*one); });
}

}  // namespace baton::server
