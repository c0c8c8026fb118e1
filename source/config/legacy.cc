#include "source/config/legacy.h"

#include <string>

#include "api/description.h"
#include "api/extensions.h"

namespace baton::config {
namespace {

struct OutdatedField {
  std::string_view message;  // empty: any
  std::string_view field;
  std::string_view hint;
};

constexpr OutdatedField kOutdatedFields[] = {
    {"Bootstrap", "listeners", "put the listeners under static_resources"},
    {"Bootstrap", "clusters", "put the clusters under static_resources"},
    {"Bootstrap", "runtime", "use layered_runtime"},
    {"Bootstrap", "rate_limit_service", "remove it"},
    {"Bootstrap", "lds", "remove it"},
    {"Cluster", "hosts", "use load_assignment"},
    {"Cluster", "tls_context", "use transport_socket"},
    {"Cluster", "ssl_context", "use transport_socket"},
    {"Cluster", "connect_timeout_ms", "use connect_timeout"},
    {"Cluster", "service_name", "use load_assignment"},
    {"Cluster", "extension_protocol_options", "use typed_extension_protocol_options"},
    {"FilterChain", "tls_context", "use transport_socket"},
    {"FilterChainMatch", "sni_domains", "use server_names"},
    {"HttpConnectionManager", "idle_timeout", "use common_http_protocol_options.idle_timeout"},
    {"HttpConnectionManager", "operation_name", "use traffic_direction of the listener"},
    {"Route", "per_filter_config", "use typed_per_filter_config"},
    {"VirtualHost", "per_filter_config", "use typed_per_filter_config"},
    {"ClusterWeight", "per_filter_config", "use typed_per_filter_config"},
    {"RouteMatch", "regex", "use safe_regex"},
    {"RouteAction", "host_rewrite", "use host_rewrite_literal"},
    {"RouteAction", "auto_host_rewrite_header", "use host_rewrite_header"},
    {"RouteAction", "request_mirror_policy", "use request_mirror_policies"},
    {"HeaderMatcher", "regex_match", "use string_match.safe_regex"},
    {"HeaderMatcher", "value", "use string_match"},
    {"QueryParameterMatcher", "value", "use string_match"},
    {"QueryParameterMatcher", "regex", "use string_match.safe_regex"},
    {"StringMatcher", "regex", "use safe_regex"},
    {"CorsPolicy", "allow_origin", "use allow_origin_string_match"},
    {"CorsPolicy", "allow_origin_regex", "use allow_origin_string_match"},
    {"HealthCheck", "redis_health_check", "remove it"},
    {"HttpHealthCheck", "use_http2", "use codec_client_type: HTTP2"},
    {"HttpHealthCheck", "service_name", "remove it"},
    {"CertificateValidationContext", "verify_subject_alt_name", "use match_typed_subject_alt_names"},
    {"Listener", "filters", "put the filters into a filter chain"},
    {"TcpProxy", "deprecated_v1", "remove it"},
    {"", "config", "use typed_config with an \"@type\""},
};

}  // namespace

std::string_view outdatedField(std::string_view message, std::string_view field) {
  for (const OutdatedField& outdated : kOutdatedFields) {
    if ((outdated.message.empty() || outdated.message == message) &&
        (outdated.field == field || api::camelCase(outdated.field) == field)) {
      return outdated.hint;
    }
  }
  return {};
}

bool isOutdatedType(std::string_view type) {
  return type.starts_with("envoy.api.v2") || type.starts_with("envoy.config.filter.") ||
         type.find(".v2.") != std::string_view::npos || type.find(".v2alpha.") != std::string_view::npos ||
         type.find(".v1.") != std::string_view::npos;
}

std::string_view successorOf(std::string_view type, const api::ExtensionCategory& category) {
  const std::string_view last = type.substr(type.rfind('.') + 1);
  for (const api::Extension& extension : category.extensions) {
    const std::string_view known = extension.description->type;
    if (known.substr(known.rfind('.') + 1) == last) return known;
  }
  return {};
}

}  // namespace baton::config
