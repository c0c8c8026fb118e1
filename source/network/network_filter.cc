#include "source/network/network_filter.h"

namespace baton::network {

NetworkFilterRegistry::Built NetworkFilterRegistry::build(const std::vector<api::NetworkFilter>& chain,
                                                          const NetworkFilterPlace& place) const {
  const auto failed = [](const api::NetworkFilter& filter, std::string_view why) {
    return base::Error{base::ErrorCode::kInvalidArgument, "network filter '" + filter.name + "' " + std::string(why)};
  };
  NetworkFilterFactoryPtr next;
  for (auto filter = chain.rbegin(); filter != chain.rend(); ++filter) {
    if (!filter->typed_config) return failed(*filter, "has no typed_config");
    const auto found = builders_.find(&filter->typed_config.description());
    if (found == builders_.end()) return failed(*filter, "is not implemented");
    const bool is_last = next == nullptr;
    if (found->second.ends_chain != is_last) {
      return failed(*filter, is_last ? "cannot be the last of its chain" : "must be the last of its chain");
    }
    auto built = found->second.build(filter->typed_config.data(), place, std::move(next));
    if (!built) return built.error();
    next = std::move(*built);
  }
  return next;
}

}  // namespace baton::network
