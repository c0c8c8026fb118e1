// Settings of HTTP filters below a route configuration (typed_per_filter_config), compiled by each filter and found by
// the filter's place in the chain, so that a look-up is an array access.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/typed_config.h"

#include "source/base/result.h"

namespace baton::proxy {

// What a filter makes of its settings for a route. Immutable, shared by all workers.
class RouteFilterConfig {
 public:
  virtual ~RouteFilterConfig() = default;
};

struct RouteFilterSettings {
  enum class Switch { kUnset, kOn, kOff };
  Switch enabled = Switch::kUnset;
  std::shared_ptr<const RouteFilterConfig> config;  // null: nothing is said
};

// By place in the chain; empty when nothing is said about any filter.
using RouteFilters = std::vector<RouteFilterSettings>;

// One filter of the chain as the route table's builder sees it.
struct RouteFilterBuilder {
  std::string name;
  std::function<base::Result<std::shared_ptr<const RouteFilterConfig>>(const api::TypedConfig&)> build;
};

// Adds the entries of one level to those of the level above, which it overrides.
base::Result<RouteFilters> mergeRouteFilters(const RouteFilters& above,
                                             const std::map<std::string, api::TypedConfig>& level,
                                             const std::vector<RouteFilterBuilder>& filters);

}  // namespace baton::proxy
