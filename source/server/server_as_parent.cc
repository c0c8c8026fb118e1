// The server as the parent of a hot restart: what the parent's side of the channel asks of it.
#include <algorithm>
#include <fcntl.h>
#include <sys/resource.h>

#include "source/admin/server.h"
#include "source/base/log.h"
#include "source/server/handed_state.h"
#include "source/server/server.h"
#include "source/stats/region.h"

namespace baton::server {

hot_restart::Inventory Server::inventory() {
  hot_restart::Inventory inventory;
  for (const auto& config : configuration_->listeners()) {
    for (size_t index = 0; index < config->addresses.size(); ++index) {
      inventory.listeners.push_back(ListeningSockets::key(*config, index));
    }
  }
  inventory.tls_listeners = configuration_->tlsListeners();
  for (const auto& cluster : configuration_->clusters().report()) {
    const auto healthy = std::count_if(cluster.hosts.begin(), cluster.hosts.end(), [](const auto& entry) {
      return entry.host->health() != upstream::HealthStatus::kUnhealthy;
    });
    inventory.healthy_endpoints.emplace_back(cluster.info->name, static_cast<uint64_t>(healthy));
  }
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  inventory.open_file_limit = limit.rlim_cur;
  inventory.sockets = open_sockets_.size() + 2;  // admin and restart socket
  return inventory;
}

std::vector<hot_restart::HandedSocket> Server::duplicateSockets() {
  std::vector<hot_restart::HandedSocket> sockets;
  const auto add = [&sockets](hot_restart::HandedSocket::Kind kind, const std::string& key, uint32_t index, int fd) {
    hot_restart::HandedSocket socket;
    socket.kind = kind;
    socket.address = key;
    socket.worker = index;
    socket.fd = network::Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (socket.fd) sockets.push_back(std::move(socket));
  };
  for (const OpenSocket& open : open_sockets_) {
    add(hot_restart::HandedSocket::Kind::kListener, open.key, open.index, open.fd);
  }
  if (admin_ != nullptr && admin_->listenerFd() >= 0) {
    add(hot_restart::HandedSocket::Kind::kAdmin, admin_->localAddress().text(), 0, admin_->listenerFd());
  }
  if (auto restart = generation_->duplicateRestartSocket()) sockets.push_back(std::move(*restart));
  return sockets;
}

std::vector<hot_restart::StatePart> Server::exportState() {
  auto parts = server::exportState(*configuration_, clock_.monotonic());
  parts.push_back(uptimePart(uptimeOfAllEpochs()));
  return parts;
}

std::vector<hot_restart::StatValue> Server::exportStats() {
  return exportStatValues(*store_);
}

int Server::duplicateStatsRegion() {
  if (store_->region() == nullptr) return -1;
  return ::fcntl(store_->region()->fd(), F_DUPFD_CLOEXEC, 0);
}

std::vector<hot_restart::GenerationStatus> Server::elders() {
  return generation_->elders();
}

void Server::stopAccepting() {
  workers_->onEach([](Worker& worker) { worker.pauseAccepting(); });
  if (admin_ != nullptr) admin_->stopAccepting();
}

void Server::resumeAccepting() {
  workers_->onEach([](Worker& worker) { worker.startAccepting(); });
  if (admin_ != nullptr) admin_->resumeAccepting();
}

void Server::endNow(const std::string& why) {
  // Whoever is older has had more time: the call goes up to the oldest.
  if (generation_->hasParent()) return generation_->endParent();
  stop(why);
}

void Server::endOldestGeneration() {
  if (generation_->hasParent()) {
    BATON_LOG(kRestart, warn, "too many generations are alive; the oldest is to end");
    generation_->endParent();
  }
}

}  // namespace baton::server
