#include "source/proxy/http/filters/registry.h"

namespace baton::proxy {

namespace {

// Nothing when the settings are not of this type.
template <typename Settings>
std::optional<base::Result<BuiltFilter>> tryBuild(base::Result<BuiltFilter> (*build)(const Settings&,
                                                                                     const FilterBuildContext&),
                                                  const api::TypedConfig& config, const FilterBuildContext& context) {
  const auto* settings = config.as<Settings>();
  if (settings == nullptr) return std::nullopt;
  return build(*settings, context);
}

}  // namespace

base::Result<BuiltFilter> buildHttpFilter(const api::HttpFilter& config, const FilterBuildContext& context) {
  const api::TypedConfig& settings = config.typed_config;
  if (auto built = tryBuild(buildHealthCheckFilter, settings, context)) return *std::move(built);
  if (auto built = tryBuild(buildCorsFilter, settings, context)) return *std::move(built);
  if (auto built = tryBuild(buildLocalRateLimitFilter, settings, context)) return *std::move(built);
  if (auto built = tryBuild(buildBufferFilter, settings, context)) return *std::move(built);
  if (auto built = tryBuild(buildGrpcWebFilter, settings, context)) return *std::move(built);
  if (auto built = tryBuild(buildGrpcStatsFilter, settings, context)) return *std::move(built);
  return base::Error{base::ErrorCode::kInvalidArgument, "filter '" + config.name + "' is not known here"};
}

}  // namespace baton::proxy
