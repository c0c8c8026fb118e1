#include "source/network/network_filter.h"

namespace baton::network {

base::Result<NetworkFilterFactoryPtr> NetworkFilterRegistry::build(const api::NetworkFilter& filter,
                                                                   const NetworkFilterPlace& place) const {
  if (!filter.typed_config) {
    return base::Error{base::ErrorCode::kInvalidArgument, "network filter '" + filter.name + "' has no typed_config"};
  }
  const auto found = builders_.find(&filter.typed_config.description());
  if (found == builders_.end()) {
    return base::Error{base::ErrorCode::kInvalidArgument, "network filter '" + filter.name + "' is not implemented"};
  }
  return found->second(filter.typed_config.data(), place);
}

}  // namespace baton::network
