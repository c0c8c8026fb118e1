// The network filters that stand before the one that ends their chain. Each is one file with its factory.
#pragma once

#include "source/network/network_filter.h"

namespace baton::proxy {

void registerConnectionLimit(network::NetworkFilterRegistry& registry);
void registerNetworkLocalRateLimit(network::NetworkFilterRegistry& registry);
void registerNetworkRbac(network::NetworkFilterRegistry& registry);
void registerSniCluster(network::NetworkFilterRegistry& registry);

inline void registerPassingNetworkFilters(network::NetworkFilterRegistry& registry) {
  registerConnectionLimit(registry);
  registerNetworkLocalRateLimit(registry);
  registerNetworkRbac(registry);
  registerSniCluster(registry);
}

}  // namespace baton::proxy
