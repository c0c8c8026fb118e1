#include "source/proxy/http/route/filter_settings.h"

#include "api/http_filters.h"

#include "source/base/log.h"

namespace baton::proxy {

base::Result<RouteFilters> mergeRouteFilters(const RouteFilters& above,
                                             const std::map<std::string, api::TypedConfig>& level,
                                             const std::vector<RouteFilterBuilder>& filters) {
  RouteFilters merged = above;
  for (const auto& [name, typed_config] : level) {
    bool found = false;
    for (size_t i = 0; i < filters.size(); ++i) {
      if (filters[i].name != name) continue;
      found = true;
      merged.resize(filters.size());
      RouteFilterSettings& settings = merged[i];
      const api::TypedConfig* config = &typed_config;
      if (const auto* wrapper = typed_config.as<api::FilterConfig>()) {
        // An entry that does not switch the filter off switches it on where the chain has it off.
        settings.enabled = wrapper->disabled ? RouteFilterSettings::Switch::kOff : RouteFilterSettings::Switch::kOn;
        if (!wrapper->config) continue;
        config = &wrapper->config;
      } else {
        settings.enabled = RouteFilterSettings::Switch::kOn;
      }
      if (!filters[i].build) {
        return base::Error{base::ErrorCode::kInvalidArgument, "filter '" + name + "' has no settings for routes"};
      }
      auto built = filters[i].build(*config);
      if (!built) {
        return base::Error{base::ErrorCode::kInvalidArgument,
                           "typed_per_filter_config '" + name + "': " + built.error().message};
      }
      settings.config = std::move(*built);
    }
    if (!found) {
      BATON_LOG(kConfig, warn, "typed_per_filter_config '{}' names no filter of the chain and has no effect", name);
    }
  }
  return merged;
}

}  // namespace baton::proxy
