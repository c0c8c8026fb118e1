// The network filters that stand before the one that ends their chain. Each is one file with its factory.
#pragma once

#include <memory>

#include "source/network/network_filter.h"
#include "source/proxy/token_buckets.h"

namespace baton::proxy {

void registerConnectionLimit(network::NetworkFilterRegistry& registry);
void registerNetworkLocalRateLimit(network::NetworkFilterRegistry& registry, std::shared_ptr<TokenBuckets> buckets);
void registerNetworkRbac(network::NetworkFilterRegistry& registry);
void registerSniCluster(network::NetworkFilterRegistry& registry);

inline void registerPassingNetworkFilters(network::NetworkFilterRegistry& registry,
                                          std::shared_ptr<TokenBuckets> buckets) {
  registerConnectionLimit(registry);
  registerNetworkLocalRateLimit(registry, std::move(buckets));
  registerNetworkRbac(registry);
  registerSniCluster(registry);
}

}  // namespace baton::proxy
