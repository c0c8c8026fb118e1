// The table of HTTP filters: what is in http_filters, by the type of its settings. A new filter adds a builder here and
// a line in registry.cc.
#pragma once

#include <memory>
#include <string>

#include "api/grpc_stats.h"
#include "api/http_filters.h"

#include "source/base/result.h"
#include "source/proxy/http/http_filter.h"
#include "source/proxy/token_buckets.h"
#include "source/stats/store.h"

namespace baton::proxy {

struct FilterBuildContext {
  stats::Scope root;  // of everything
  stats::Scope http;  // "http.<stat_prefix>."
  std::string service_cluster;
  TokenBuckets& buckets;
};

struct BuiltFilter {
  std::shared_ptr<const HttpFilterFactory> factory;
  // Compiles what a route says about the filter; empty when there is nothing to say.
  std::function<base::Result<std::shared_ptr<const RouteFilterConfig>>(const api::TypedConfig&)> route_config;
};

// Not for the router, which is no filter of the table.
base::Result<BuiltFilter> buildHttpFilter(const api::HttpFilter& config, const FilterBuildContext& context);

base::Result<BuiltFilter> buildHealthCheckFilter(const api::HealthCheckFilter& config, const FilterBuildContext&);
base::Result<BuiltFilter> buildCorsFilter(const api::Cors& config, const FilterBuildContext& context);
base::Result<BuiltFilter> buildLocalRateLimitFilter(const api::LocalRateLimit& config,
                                                    const FilterBuildContext& context);
base::Result<BuiltFilter> buildBufferFilter(const api::Buffer& config, const FilterBuildContext&);
base::Result<BuiltFilter> buildGrpcWebFilter(const api::GrpcWeb&, const FilterBuildContext&);
base::Result<BuiltFilter> buildGrpcStatsFilter(const api::GrpcStats& config, const FilterBuildContext&);

}  // namespace baton::proxy
