// Compiles one api::Route. Main thread.
#pragma once

#include <memory>
#include <vector>

#include "api/route.h"

#include "source/base/result.h"
#include "source/proxy/http/route/route_entry.h"

namespace baton::proxy {

// What a route inherits from its virtual host and table.
struct RouteDefaults {
  const api::RouteConfiguration& table;
  const api::VirtualHost& host;
  const RouteFilters& filters;  // of the virtual host
  const std::vector<RouteFilterBuilder>& filter_builders;
};

// The mutators of the levels above and virtual_host are the caller's to set.
base::Result<RouteEntry> buildRoute(const api::Route& config, const RouteDefaults& defaults);

}  // namespace baton::proxy
