#include <fmt/format.h>

#include "api/description.h"
#include "api/http_connection_manager.h"

#include "source/base/strings.h"
#include "source/config/validation.h"

namespace baton::config {
namespace {

void validateFilters(Validation& v, const std::vector<api::HttpFilter>& filters) {
  if (filters.empty()) {
    v.error("http_filters is empty; the last filter must be envoy.filters.http.router");
    return;
  }
  for (size_t i = 0; i < filters.size(); ++i) {
    const Path::In in(v.path, "http_filters", i);
    if (!filters[i].typed_config) continue;
    const bool last = i + 1 == filters.size();
    const bool router = filters[i].typed_config.as<api::Router>() != nullptr;
    if (last && !router) v.error("the last filter must be envoy.filters.http.router");
    if (!last && router) v.error("the router must be the last filter of its chain");
    if (router && filters[i].disabled) {
      const Path::In field(v.path, "disabled");
      v.error("the router can not be disabled");
    }
    const auto* health = filters[i].typed_config.as<api::HealthCheckFilter>();
    if (health == nullptr) continue;
    const Path::In config(v.path, "typed_config");
    for (const auto& [cluster, percent] : health->cluster_min_healthy_percentages) {
      const Path::In field(v.path, "cluster_min_healthy_percentages");
      const Path::In entry(v.path, Path::In::Key{cluster});
      if (v.clusters.count(cluster) == 0) v.error(fmt::format("expected the name of a cluster, found \"{}\"", cluster));
    }
    if (health->pass_through_mode == false && health->cache_time) {
      const Path::In field(v.path, "cache_time");
      v.error("cache_time needs pass_through_mode: true");
    }
  }
}

void validateLocalReplies(Validation& v, const api::LocalReplyConfig& replies) {
  const Path::In in(v.path, "local_reply_config");
  for (size_t i = 0; i < replies.mappers.size(); ++i) {
    const Path::In step(v.path, "mappers", i);
    v.dataSource("body", replies.mappers[i].body);
    v.format("body_format_override", replies.mappers[i].body_format_override);
  }
  v.format("body_format", replies.body_format);
}

// Two answers to the question who the client is.
void validateDetection(Validation& v, const api::HttpConnectionManager& manager) {
  if (manager.original_ip_detection_extensions.empty()) return;
  const auto exclude = [&](std::string_view field) {
    const Path::In in(v.path, field);
    v.error("excludes 'original_ip_detection_extensions'; give one of them");
  };
  if (manager.use_remote_address.value_or(false)) exclude("use_remote_address");
  if (manager.xff_num_trusted_hops > 0) exclude("xff_num_trusted_hops");
  for (size_t i = 0; i < manager.original_ip_detection_extensions.size(); ++i) {
    const auto* xff = manager.original_ip_detection_extensions[i].typed_config.as<api::XffConfig>();
    if (xff == nullptr || !xff->xff_trusted_cidrs) continue;
    const Path::In in(v.path, "original_ip_detection_extensions", i);
    const Path::In config(v.path, "typed_config");
    const Path::In field(v.path, "xff_trusted_cidrs");
    v.ranges("cidrs", xff->xff_trusted_cidrs->cidrs);
    if (xff->xff_num_trusted_hops > 0) v.error("excludes 'xff_num_trusted_hops'; give one of them");
  }
}

}  // namespace

void validateHttp(Validation& v, const api::HttpConnectionManager& manager) {
  validateFilters(v, manager.http_filters);
  v.accessLogs("access_log", manager.access_log);
  if (manager.local_reply_config) validateLocalReplies(v, *manager.local_reply_config);
  if (manager.internal_address_config) {
    const Path::In in(v.path, "internal_address_config");
    v.ranges("cidr_ranges", manager.internal_address_config->cidr_ranges);
  }
  validateDetection(v, manager);
  if (const auto& transformation = manager.scheme_header_transformation;
      transformation && transformation->scheme_to_overwrite) {
    const std::string& scheme = *transformation->scheme_to_overwrite;
    const Path::In in(v.path, "scheme_header_transformation");
    const Path::In field(v.path, "scheme_to_overwrite");
    if (scheme != "http" && scheme != "https") v.error(fmt::format("expected http or https, found \"{}\"", scheme));
  }
  if (manager.strip_matching_host_port && manager.strip_any_host_port.value_or(false)) {
    const Path::In in(v.path, "strip_matching_host_port");
    v.error("excludes 'strip_any_host_port'; give one of them");
  }
  std::map<std::string, std::string> upgrades;
  for (size_t i = 0; i < manager.upgrade_configs.size(); ++i) {
    const Path::In in(v.path, "upgrade_configs", i);
    v.unique("upgrade_type", base::lower(manager.upgrade_configs[i].upgrade_type), upgrades);
  }
  if (manager.route_config) {
    const Path::In in(v.path, "route_config");
    validateRoutes(v, *manager.route_config, manager.http_filters);
  }
}

}  // namespace baton::config
