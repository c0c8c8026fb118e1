#include "source/proxy/http/http_config.h"

#include <algorithm>

#include "source/base/strings.h"
#include "source/proxy/http/filters/registry.h"
#include "source/proxy/http/route/route_builder.h"

namespace baton::proxy {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

http::Http1Settings http1Settings(const api::HttpConnectionManager& config) {
  const api::Http1ProtocolOptions& options = config.http_protocol_options;
  const api::HttpProtocolOptions& common = config.common_http_protocol_options;
  http::Http1Settings settings;
  settings.max_head_bytes = size_t{config.max_request_headers_kb} * 1024;
  settings.max_target_bytes = config.max_request_target_bytes;
  settings.max_headers_count = common.max_headers_count;
  using Action = api::HttpProtocolOptions::HeadersWithUnderscoresAction;
  settings.underscores = common.headers_with_underscores_action == Action::kAllow ? http::UnderscoreAction::kAllow
                         : common.headers_with_underscores_action == Action::kDropHeader
                             ? http::UnderscoreAction::kDropHeader
                             : http::UnderscoreAction::kRejectRequest;
  settings.enable_trailers = options.enable_trailers;
  settings.accept_http_10 = options.accept_http_10;
  settings.default_host_for_http_10 = options.default_host_for_http_10;
  settings.allow_absolute_url = options.allow_absolute_url;
  settings.allow_chunked_length = options.allow_chunked_length;
  settings.allow_custom_methods = options.allow_custom_methods;
  settings.proper_case_header_keys = options.header_key_format && options.header_key_format->proper_case_words;
  return settings;
}

http::Http2Settings http2Settings(const api::HttpConnectionManager& config, size_t buffer_limit) {
  http::Http2Settings settings = http::Http2Settings::of(config.http2_protocol_options);
  if (config.stream_error_on_invalid_http_message &&
      !config.http2_protocol_options.override_stream_error_on_invalid_http_message) {
    settings.stream_error_on_invalid_http_message = *config.stream_error_on_invalid_http_message;
  }
  settings.max_headers_bytes = size_t{config.max_request_headers_kb} * 1024;
  settings.max_headers_count = config.common_http_protocol_options.max_headers_count;
  if (buffer_limit > 0) settings.stream_buffer_bytes = buffer_limit;
  if (config.request_headers_timeout.count() > 0) settings.header_block_timeout = config.request_headers_timeout;
  settings.stream_flush_timeout = config.stream_flush_timeout.value_or(config.stream_idle_timeout);
  return settings;
}

Result<std::vector<network::CidrRange>> rangesOf(const std::vector<api::CidrRange>& ranges) {
  std::vector<network::CidrRange> built;
  for (const api::CidrRange& range : ranges) {
    auto made = network::CidrRange::make(range.address_prefix, range.prefix_len);
    if (!made) return made.error();
    built.push_back(*made);
  }
  return built;
}

}  // namespace

Result<std::shared_ptr<const HttpConfig>> HttpConfig::build(const api::HttpConnectionManager& config,
                                                            const Builders& builders) {
  auto built = std::make_shared<HttpConfig>();
  built->api = config;
  built->service_cluster = builders.service_cluster;
  built->buffer_limit = builders.buffer_limit;
  const stats::Scope scope = builders.root.scope("http." + config.stat_prefix + ".");
  built->stats = HttpStats(scope, builders.listener_scope.scope("http." + config.stat_prefix + "."));
  built->http1 = http1Settings(config);
  built->http2 = http2Settings(config, builders.buffer_limit);
  built->http1_stats = http::Http1Stats(builders.root.scope("http1."));
  built->http2_stats = http::Http2Stats(builders.root.scope("http2."));

  const api::HttpProtocolOptions& common = config.common_http_protocol_options;
  if (common.idle_timeout) built->http1_idle_timeout = built->http2_idle_timeout = *common.idle_timeout;
  if (common.max_requests_per_connection) built->max_requests_per_connection = *common.max_requests_per_connection;
  if (config.internal_address_config) {
    auto ranges = rangesOf(config.internal_address_config->cidr_ranges);
    if (!ranges) return ranges.error();
    built->internal_ranges = std::move(*ranges);
  }
  for (const api::OriginalIpDetection& extension : config.original_ip_detection_extensions) {
    const auto* xff = extension.typed_config.as<api::XffConfig>();
    if (xff == nullptr) continue;
    XffDetection detection{.skip = xff->xff_num_trusted_hops, .append = !xff->skip_xff_append};
    if (xff->xff_trusted_cidrs) {
      auto ranges = rangesOf(xff->xff_trusted_cidrs->cidrs);
      if (!ranges) return ranges.error();
      detection.trusted = std::move(*ranges);
      detection.recurse = xff->xff_trusted_cidrs->recurse;
    }
    built->detections.push_back(std::move(detection));
  }

  const FilterBuildContext context{
      .root = builders.root, .http = scope, .service_cluster = builders.service_cluster, .buckets = *builders.buckets};
  std::vector<RouteFilterBuilder> route_builders;
  bool router_seen = false;
  for (const api::HttpFilter& filter : config.http_filters) {
    if (router_seen)
      return invalid("http_filters: the router must be the last filter, found '" + filter.name + "' after it");
    if (const auto* router = filter.typed_config.as<api::Router>()) {
      router_seen = true;
      built->router.count_responses = router->dynamic_stats;
      built->router.suppress_envoy_headers = router->suppress_envoy_headers;
      built->router.respect_expected_rq_timeout = router->respect_expected_rq_timeout;
      for (const std::string& name : router->strict_check_headers) {
        built->router.strict_check_headers.push_back(base::lower(name));
      }
      continue;
    }
    auto made = buildHttpFilter(filter, context);
    if (!made) {
      return Error{made.error().code, "http_filters '" + filter.name + "': " + made.error().message};
    }
    built->filters.push_back({filter.name, filter.disabled, std::move(made->factory)});
    route_builders.push_back({filter.name, std::move(made->route_config)});
  }
  if (!router_seen) return invalid("http_filters: the router filter is missing at the end");

  if (!config.route_config) return invalid("route_config is missing");
  auto routes = RouteTable::build(*config.route_config, route_builders);
  if (!routes) return Error{routes.error().code, "route_config: " + routes.error().message};
  built->routes = std::move(*routes);

  auto local_replies = LocalReplyRules::build(config.local_reply_config);
  if (!local_replies) return Error{local_replies.error().code, "local_reply_config: " + local_replies.error().message};
  built->local_replies = std::move(*local_replies);
  for (const api::AccessLog& log : config.access_log) {
    if (!builders.access_log) break;
    auto logger = builders.access_log(log);
    if (!logger) return Error{logger.error().code, "access_log: " + logger.error().message};
    built->access_logs.push_back(std::move(*logger));
  }
  return std::shared_ptr<const HttpConfig>(std::move(built));
}

std::optional<bool> HttpConfig::upgradeDefault(std::string_view lower_case_type) const {
  for (const api::UpgradeConfig& upgrade : api.upgrade_configs) {
    if (base::equalsIgnoreCase(upgrade.upgrade_type, lower_case_type)) return upgrade.enabled;
  }
  return std::nullopt;
}

bool HttpConfig::isInternalAddress(const network::Address& address) const {
  if (!api.internal_address_config) return false;
  if (!address.isIp()) return api.internal_address_config->unix_sockets;
  return std::ranges::any_of(internal_ranges, [&](const auto& range) { return range.contains(address); });
}

}  // namespace baton::proxy
