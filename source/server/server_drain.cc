// The server's drains: by a hot restart, SIGTERM, POST /healthcheck/fail and POST /drain_listeners.
#include <algorithm>
#include <mutex>

#include "source/admin/server.h"
#include "source/base/log.h"
#include "source/server/server.h"
#include "source/stats/region.h"

namespace baton::server {
namespace {

constexpr std::chrono::milliseconds kDrainCheckInterval{50};

}  // namespace

void Server::drainAndEnd() {
  BATON_LOG(kMain, info, "SIGTERM: draining for at most {} s", options_.sigterm_drain_time.count());
  phases_.stopping();
  phases_.status("draining");
  drain_.start(options_.restart.drain_strategy, options_.sigterm_drain_time);
  state_ = State::kDraining;
  parent_drain_ = true;
  shutdown_at_ = clock_.monotonic() + options_.sigterm_drain_time;
  shutdown_timer_.arm(options_.sigterm_drain_time);
  workers_->postToEach([](Worker& worker) { worker.announceDrain(); });
  drain_check_.arm(kDrainCheckInterval);
}

void Server::startDrain() {
  state_ = State::kDraining;
  parent_drain_ = true;
  if (store_->region() != nullptr) store_->region()->setState(stats::GenerationState::kDraining);
  stats_->listeners_draining.set(static_cast<int64_t>(configuration_->listeners().size()));
  stats_->live.set(0);
  open_sockets_.clear();
  closings_.clear();
  drain_.start(options_.restart.drain_strategy, options_.restart.drain_time);
  workers_->onEach([](Worker& worker) {
    worker.closeListeners([](const network::ListenerConfig&) { return true; });
    worker.announceDrain();
  });
  generation_->closeRestartSocket();
  if (admin_ != nullptr) admin_->close();
  shutdown_at_ = clock_.monotonic() + options_.restart.parent_shutdown_time;
  shutdown_timer_.arm(options_.restart.parent_shutdown_time);
  checkDrained();
}

uint64_t Server::connections() {
  std::atomic<uint64_t> connections{0};
  if (workers_ != nullptr) workers_->onEach([&](Worker& worker) { connections += worker.connections(); });
  return connections.load();
}

hot_restart::DrainStatus Server::drainStatus() {
  hot_restart::DrainStatus status;
  status.connections = connections();
  if (workers_ != nullptr) {
    // One worker after the other would wait for each; all at once need a lock for the sum.
    std::mutex mutex;
    workers_->onEach([&](Worker& worker) {
      std::lock_guard lock(mutex);
      worker.countSessions(status.by_kind);
    });
  }
  if (status.connections > 0) {
    status.waits_for = "connections to end";
  } else if (generation_->carriesParentStats()) {
    status.waits_for = "its own parent, whose stats it hands on";
  } else {
    status.waits_for = "nothing";
  }
  if (shutdown_at_) {
    status.left = std::max(std::chrono::milliseconds(0),
                           std::chrono::duration_cast<std::chrono::milliseconds>(*shutdown_at_ - clock_.monotonic()));
  }
  return status;
}

void Server::checkDrained() {
  if (connections() == 0 && !generation_->carriesParentStats()) {
    stop("drained: nothing is left");
    return;
  }
  drain_check_.arm(kDrainCheckInterval);
}

void Server::failHealthCheck(bool fail) {
  server_state_.health_check_failed.store(fail);
  if (fail) {
    health_check_drain_.start(options_.restart.drain_strategy, options_.restart.drain_time);
    workers_->postToEach([](Worker& worker) { worker.announceDrain(); });
  } else {
    health_check_drain_.cancel();
  }
}

void Server::drainListeners(bool graceful, bool inbound_only, bool skip_exit, const std::string& listener,
                            DrainStrategy strategy, std::chrono::milliseconds time) {
  std::set<std::string> names;
  for (const auto& config : configuration_->listeners()) {
    if (!listener.empty() && config->name != listener) continue;
    if (inbound_only && config->direction != api::Listener::TrafficDirection::kInbound) continue;
    names.insert(config->name);
  }
  if (!graceful) return closeListeners(names);
  for (const std::string& name : names) listener_drains_.at(name).own().start(strategy, time);
  stats_->listeners_draining.set(std::count_if(listener_drains_.begin(), listener_drains_.end(),
                                               [](auto& entry) { return entry.second.own().draining(); }));
  // Before the answer: who connects after it is new to a draining listener, not idle on one that begins to drain.
  workers_->onEach([](Worker& worker) { worker.announceDrain(); });
  if (skip_exit) return;
  // They accept until the ramp has reached everybody: whoever still comes is served and told to go.
  // Calls of the admin interface run between two turns of the loop, when its time is still that of the last one: a
  // timer armed now would fire that much too early.
  main_loop_.loop().post([this, names, time] {
    std::erase_if(closings_, [](const auto& closing) { return !closing->armed(); });
    closings_.push_back(std::make_unique<event::Timer>(main_loop_.loop(), [this, names] { closeListeners(names); }));
    closings_.back()->arm(time);
  });
}

void Server::closeListeners(const std::set<std::string>& names) {
  const size_t before = open_sockets_.size();
  std::erase_if(open_sockets_, [&names](const OpenSocket& open) { return names.contains(open.config->name); });
  if (open_sockets_.size() == before) return;
  BATON_LOG(kMain, info, "{} listeners are closed; their connections go on", names.size());
  workers_->onEach([&names](Worker& worker) {
    worker.closeListeners([&names](const network::ListenerConfig& config) { return names.contains(config.name); });
  });
  stats_->listener_stopped.add();
}

}  // namespace baton::server
