#include "source/proxy/http/route/route_builder.h"

#include "source/base/strings.h"
#include "source/config/data_source.h"

namespace baton::proxy {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Result<std::vector<ClusterTarget>> buildTargets(const api::RouteAction& config, const RouteFilters& filters,
                                                const RouteDefaults& defaults) {
  std::vector<ClusterTarget> targets;
  if (config.cluster) {
    ClusterTarget target;
    target.cluster = *config.cluster;
    target.filters = filters;
    targets.push_back(std::move(target));
    return targets;
  }
  if (!config.weighted_clusters) return targets;
  uint64_t total = 0;
  for (const api::ClusterWeight& weighted : config.weighted_clusters->clusters) {
    ClusterTarget target;
    target.cluster = weighted.name;
    target.weight = weighted.weight.value_or(0);
    target.host_rewrite = weighted.host_rewrite_literal;
    total += target.weight;
    auto request = HeaderMutator::build(weighted.request_headers_to_add, weighted.request_headers_to_remove);
    if (!request) return request.error();
    target.request_headers = std::move(*request);
    auto response = HeaderMutator::build(weighted.response_headers_to_add, weighted.response_headers_to_remove);
    if (!response) return response.error();
    target.response_headers = std::move(*response);
    auto merged = mergeRouteFilters(filters, weighted.typed_per_filter_config, defaults.filter_builders);
    if (!merged) return merged.error();
    target.filters = std::move(*merged);
    targets.push_back(std::move(target));
  }
  if (targets.empty() || total == 0) return invalid("weighted_clusters: the sum of the weights is 0");
  if (const auto stated = config.weighted_clusters->total_weight; stated && *stated != total) {
    return invalid("weighted_clusters: total_weight is " + std::to_string(*stated) + " but the weights sum up to " +
                   std::to_string(total));
  }
  return targets;
}

std::vector<MirrorPolicy> buildMirrors(const std::vector<api::RequestMirrorPolicy>& configs) {
  std::vector<MirrorPolicy> mirrors;
  for (const api::RequestMirrorPolicy& config : configs) {
    MirrorPolicy mirror;
    mirror.cluster = config.cluster.value_or("");
    mirror.cluster_header = base::lower(config.cluster_header.value_or(""));
    mirror.share = http::RuntimeShare(config.runtime_fraction, http::RuntimeShare::kWhole);
    mirror.append_suffix = !config.disable_shadow_host_suffix_append;
    mirrors.push_back(std::move(mirror));
  }
  return mirrors;
}

const std::vector<api::RequestMirrorPolicy>& mirrorsFor(const api::RouteAction& config, const RouteDefaults& defaults) {
  if (!config.request_mirror_policies.empty()) return config.request_mirror_policies;
  if (!defaults.host.request_mirror_policies.empty()) return defaults.host.request_mirror_policies;
  return defaults.table.request_mirror_policies;
}

Result<InternalRedirectPolicy> buildInternalRedirect(const api::InternalRedirectPolicy& config) {
  InternalRedirectPolicy policy{.most = config.max_internal_redirects,
                                .allow_cross_scheme = config.allow_cross_scheme_redirect};
  for (const uint32_t status : config.redirect_response_codes) {
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
      return invalid("redirect_response_codes: " + std::to_string(status) + " is none of 301, 302, 303, 307 and 308");
    }
    policy.statuses.push_back(static_cast<int>(status));
  }
  if (policy.statuses.empty()) policy.statuses.push_back(302);
  for (const std::string& name : config.response_headers_to_copy) {
    policy.headers_to_copy.push_back(base::lower(name));
    if (policy.headers_to_copy.back().starts_with(':') || policy.headers_to_copy.back() == "host") {
      return invalid("response_headers_to_copy: '" + name + "' says where a request goes");
    }
  }
  return policy;
}

Result<ForwardAction> buildForward(const api::RouteAction& config, const RouteFilters& filters,
                                   const RouteDefaults& defaults) {
  ForwardAction action;
  auto targets = buildTargets(config, filters, defaults);
  if (!targets) return targets.error();
  action.targets = std::move(*targets);
  for (const ClusterTarget& target : action.targets) action.total_weight += target.weight;
  action.cluster_header = base::lower(config.cluster_header.value_or(""));
  if (action.cluster_header == "host") action.cluster_header = ":authority";
  if (action.targets.empty() && action.cluster_header.empty()) {
    return invalid("a route needs one of cluster, cluster_header and weighted_clusters");
  }

  using NotFound = api::RouteAction::ClusterNotFoundResponseCode;
  action.cluster_not_found_status = config.cluster_not_found_response_code == NotFound::kNotFound              ? 404
                                    : config.cluster_not_found_response_code == NotFound::kInternalServerError ? 500
                                                                                                               : 503;
  action.prefix_rewrite = config.prefix_rewrite;
  auto regex = RegexEdit::build(config.regex_rewrite);
  if (!regex) return regex.error();
  action.regex_rewrite = std::move(*regex);
  if (!action.prefix_rewrite.empty() && action.regex_rewrite) {
    return invalid("prefix_rewrite and regex_rewrite exclude each other");
  }
  action.host_rewrite = config.host_rewrite_literal;
  action.host_rewrite_header = base::lower(config.host_rewrite_header.value_or(""));
  auto host_regex = RegexEdit::build(config.host_rewrite_path_regex);
  if (!host_regex) return host_regex.error();
  action.host_rewrite_path_regex = std::move(*host_regex);
  action.auto_host_rewrite = config.auto_host_rewrite.value_or(false);
  action.append_x_forwarded_host = config.append_x_forwarded_host;

  // As in Envoy a route that limits the whole stream has no timeout of its own, whatever it says.
  action.timeout = config.max_stream_duration ? Milliseconds(0) : config.timeout.value_or(Milliseconds(15000));
  action.idle_timeout = config.idle_timeout;
  const auto& retry_config = config.retry_policy ? config.retry_policy : defaults.host.retry_policy;
  if (retry_config) {
    auto retry = RetryPolicy::build(*retry_config);
    if (!retry) return retry.error();
    action.retry = std::move(*retry);
  }
  if (config.internal_redirect_policy) {
    auto followed = buildInternalRedirect(*config.internal_redirect_policy);
    if (!followed) return followed.error();
    action.internal_redirect = std::move(*followed);
  }
  action.mirrors = buildMirrors(mirrorsFor(config, defaults));
  action.priority =
      config.priority == api::RoutingPriority::kHigh ? upstream::Priority::kHigh : upstream::Priority::kDefault;
  auto hash = HashPolicy::build(config.hash_policy);
  if (!hash) return hash.error();
  action.hash = std::move(*hash);
  for (const api::RouteUpgradeConfig& upgrade : config.upgrade_configs) {
    UpgradeRule rule;
    rule.type = base::lower(upgrade.upgrade_type);
    rule.enabled = upgrade.enabled;
    if (upgrade.connect_config) {
      if (rule.type != "connect") return invalid("connect_config is for upgrade_type CONNECT only");
      rule.terminate_connect = true;
      rule.allow_post = upgrade.connect_config->allow_post;
    }
    if (action.upgradeRule(rule.type) != nullptr) return invalid("upgrade_type '" + rule.type + "' occurs twice");
    action.upgrades.push_back(std::move(rule));
  }
  if (config.max_stream_duration) {
    action.max_stream_duration = config.max_stream_duration->max_stream_duration;
    action.grpc_timeout_header_max = config.max_stream_duration->grpc_timeout_header_max;
    action.grpc_timeout_header_offset =
        config.max_stream_duration->grpc_timeout_header_offset.value_or(Milliseconds(0));
  } else if (config.max_grpc_timeout) {
    action.grpc_timeout_header_max = config.max_grpc_timeout;
    action.grpc_timeout_header_offset = config.grpc_timeout_offset.value_or(Milliseconds(0));
    action.grpc_timeout_replaces_route_timeout = true;
  }
  return action;
}

Result<RedirectAction> buildRedirect(const api::RedirectAction& config) {
  RedirectAction action;
  action.https = config.https_redirect.value_or(false);
  action.scheme = config.scheme_redirect.value_or("");
  action.host = config.host_redirect;
  action.port = config.port_redirect;
  action.path = config.path_redirect;
  action.prefix_rewrite = config.prefix_rewrite;
  auto regex = RegexEdit::build(config.regex_rewrite);
  if (!regex) return regex.error();
  action.regex_rewrite = std::move(*regex);
  action.strip_query = config.strip_query;
  using Code = api::RedirectAction::RedirectResponseCode;
  switch (config.response_code) {
    case Code::kMovedPermanently:
      action.status = 301;
      break;
    case Code::kFound:
      action.status = 302;
      break;
    case Code::kSeeOther:
      action.status = 303;
      break;
    case Code::kTemporaryRedirect:
      action.status = 307;
      break;
    case Code::kPermanentRedirect:
      action.status = 308;
      break;
  }
  return action;
}

Result<DirectResponseAction> buildDirectResponse(const api::DirectResponseAction& config, size_t body_limit) {
  DirectResponseAction action;
  action.status = static_cast<int>(config.status);
  if (action.status < 200 || action.status > 599) {
    return invalid("direct_response: status is " + std::to_string(action.status) + ", expected 200 to 599");
  }
  if (config.body) {
    auto body = config::readDataSource(*config.body);
    if (!body) return body.error();
    action.body = std::move(*body);
    if (action.body.size() > body_limit) {
      return invalid("direct_response: the body has " + std::to_string(action.body.size()) +
                     " bytes, max_direct_response_body_size_bytes is " + std::to_string(body_limit));
    }
  }
  if (config.body_format) {
    auto format = access_log::Formatter::build(*config.body_format);
    if (!format) return format.error();
    action.format = std::move(*format);
  }
  return action;
}

}  // namespace

Result<RouteEntry> buildRoute(const api::Route& config, const RouteDefaults& defaults) {
  RouteEntry entry;
  entry.name = config.name;
  entry.metadata = config.metadata;
  if (!config.match) return invalid("a route has no match");
  auto match = RouteMatcher::build(*config.match);
  if (!match) return match.error();
  entry.match = std::move(*match);

  auto request = HeaderMutator::build(config.request_headers_to_add, config.request_headers_to_remove);
  if (!request) return request.error();
  entry.request_headers = std::move(*request);
  auto response = HeaderMutator::build(config.response_headers_to_add, config.response_headers_to_remove);
  if (!response) return response.error();
  entry.response_headers = std::move(*response);
  entry.most_specific_wins = defaults.table.most_specific_header_mutations_wins;

  auto filters = mergeRouteFilters(defaults.filters, config.typed_per_filter_config, defaults.filter_builders);
  if (!filters) return filters.error();
  entry.filters = std::move(*filters);
  if (const auto& limit = config.per_request_buffer_limit_bytes ? config.per_request_buffer_limit_bytes
                                                                : defaults.host.per_request_buffer_limit_bytes) {
    entry.buffer_limit = *limit;
  }

  if (config.route) {
    auto action = buildForward(*config.route, entry.filters, defaults);
    if (!action) return action.error();
    entry.action = std::move(*action);
  } else if (config.redirect) {
    auto action = buildRedirect(*config.redirect);
    if (!action) return action.error();
    entry.action = std::move(*action);
  } else if (config.direct_response) {
    auto action = buildDirectResponse(*config.direct_response, defaults.table.max_direct_response_body_size_bytes);
    if (!action) return action.error();
    entry.action = std::move(*action);
  } else {
    return invalid("a route needs one of route, redirect and direct_response");
  }
  return entry;
}

}  // namespace baton::proxy
