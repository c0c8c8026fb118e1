#include "source/upstream/cluster_info.h"

namespace baton::upstream {

std::function<base::Result<void>(int fd)> ClusterInfo::socketPreparation() const {
  if (socket.empty()) return {};
  return [this](int fd) {
    auto prepared = network::prepareUpstreamSocket(fd, socket);
    if (!prepared) stats.bind_errors.add();
    return prepared;
  };
}

}  // namespace baton::upstream
