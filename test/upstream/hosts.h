// Hosts and clusters for tests of this folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/upstream/host_snapshot.h"
#include "source/upstream/load_balancer.h"

namespace baton::upstream {

inline HostPtr makeHost(const std::string& address, uint32_t weight = 1, uint32_t priority = 0) {
  return std::make_shared<Host>("", *network::Address::parse(address), weight, Locality{}, priority);
}

// `count` hosts 10.<n / 250>.<priority>.<n % 250 + 1>:80.
inline std::vector<HostPtr> makeHosts(size_t count, uint32_t priority = 0) {
  std::vector<HostPtr> hosts;
  for (size_t i = 0; i < count; ++i) {
    hosts.push_back(makeHost(
        "10." + std::to_string(i / 250) + "." + std::to_string(priority) + "." + std::to_string(i % 250 + 1) + ":80", 1,
        priority));
  }
  return hosts;
}

inline void markUnhealthy(const std::vector<HostPtr>& hosts, size_t count) {
  for (size_t i = 0; i < count; ++i) hosts[i]->failed_active_check = true;
}

struct TestContext final : LoadBalancerContext {
  std::optional<uint64_t> hashKey() const override { return key; }
  bool refuses(const Host& host) const override { return refused == &host; }
  uint32_t hostSelectionAttempts() const override { return attempts; }

  std::optional<uint64_t> key;
  const Host* refused = nullptr;
  uint32_t attempts = 1;
};

}  // namespace baton::upstream
