#include <fmt/format.h>

#include <re2/re2.h>

#include "api/description.h"
#include "api/http_connection_manager.h"

#include "source/base/strings.h"
#include "source/config/data_source.h"
#include "source/config/scalars.h"
#include "source/config/validation.h"

namespace baton::config {
namespace {

// The checks of one route table; what they need to know of its surroundings.
class RouteChecks {
 public:
  RouteChecks(Validation& v, const api::RouteConfiguration& table, const std::vector<api::HttpFilter>& filters)
      : v_(v), table_(table), filters_(filters) {}

  void run() {
    editsOf(table_);
    mirrors(table_.request_mirror_policies);
    filterSettings(table_.typed_per_filter_config);
    std::map<std::string, std::string> names;
    std::map<std::string, std::string> domains;
    for (size_t i = 0; i < table_.virtual_hosts.size(); ++i) {
      const Path::In in(v_.path, "virtual_hosts", i);
      v_.unique("name", table_.virtual_hosts[i].name, names);
      virtualHost(table_.virtual_hosts[i], domains);
    }
  }

 private:
  void virtualHost(const api::VirtualHost& host, std::map<std::string, std::string>& domains) {
    for (size_t i = 0; i < host.domains.size(); ++i) {
      const Path::In in(v_.path, "domains", i);
      domain(host.domains[i], domains);
    }
    editsOf(host);
    mirrors(host.request_mirror_policies);
    filterSettings(host.typed_per_filter_config);
    if (host.retry_policy) retries(*host.retry_policy);
    for (size_t i = 0; i < host.routes.size(); ++i) {
      const Path::In in(v_.path, "routes", i);
      route(host.routes[i]);
    }
  }

  void domain(const std::string& domain, std::map<std::string, std::string>& domains) {
    const size_t star = domain.find('*');
    const bool wildcard = star != std::string::npos;
    if (domain.empty() || (wildcard && star != 0 && star + 1 != domain.size()) ||
        (wildcard && domain.find('*', star + 1) != std::string::npos)) {
      v_.error(fmt::format("expected a name, a name with one * at its beginning or end, or *, found \"{}\"", domain));
      return;
    }
    const auto [it, added] = domains.emplace(base::lower(domain), v_.path.text());
    if (!added) v_.error(fmt::format("\"{}\" is also a domain at {}", domain, it->second));
  }

  template <typename T>
  void editsOf(const T& level) {
    additions("request_headers_to_add", level.request_headers_to_add);
    removals("request_headers_to_remove", level.request_headers_to_remove);
    additions("response_headers_to_add", level.response_headers_to_add);
    removals("response_headers_to_remove", level.response_headers_to_remove);
  }

  void additions(std::string_view field, const std::vector<api::HeaderValueOption>& options) {
    for (size_t i = 0; i < options.size(); ++i) {
      if (!options[i].header) continue;
      {
        const Path::In in(v_.path, field, i);
        const Path::In header(v_.path, "header");
        const Path::In value(v_.path, "value");
        v_.operators(options[i].header->value);
      }
      const std::string name = base::lower(options[i].header->key);
      if (name != "content-length" && name != "transfer-encoding" && name != "connection") continue;
      const Path::In in(v_.path, field, i);
      const Path::In header(v_.path, "header");
      const Path::In key(v_.path, "key");
      v_.error(fmt::format("header '{}' belongs to the connection and can not be set", name));
    }
  }

  void removals(std::string_view field, const std::vector<std::string>& names) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (!names[i].starts_with(':') && !base::equalsIgnoreCase(names[i], "host")) continue;
      const Path::In in(v_.path, field, i);
      v_.error(fmt::format("header '{}' can not be removed", names[i]));
    }
  }

  void filterSettings(const std::map<std::string, api::TypedConfig>& settings) {
    for (const auto& [name, config] : settings) {
      const Path::In in(v_.path, "typed_per_filter_config");
      const Path::In entry(v_.path, Path::In::Key{name});
      const api::HttpFilter* filter = nullptr;
      for (const api::HttpFilter& candidate : filters_) {
        if (candidate.name == name) filter = &candidate;
      }
      if (filter == nullptr) {
        v_.warning("no filter has this name, so these settings have no effect");
        continue;
      }
      const auto* wrapper = config.as<api::FilterConfig>();
      const api::TypedConfig& inner = wrapper != nullptr ? wrapper->config : config;
      if (!inner || !filter->typed_config) continue;
      const bool fits = (filter->typed_config.as<api::Cors>() && inner.as<api::CorsPolicy>()) ||
                        (filter->typed_config.as<api::LocalRateLimit>() && inner.as<api::LocalRateLimit>()) ||
                        (filter->typed_config.as<api::Buffer>() && inner.as<api::BufferPerRoute>());
      if (fits) continue;
      v_.error(fmt::format("filter '{}' is {}, whose settings for a route are not {}", name,
                           filter->typed_config.description().type, inner.description().type));
    }
  }

  void mirrors(const std::vector<api::RequestMirrorPolicy>& policies) {
    for (size_t i = 0; i < policies.size(); ++i) {
      const Path::In in(v_.path, "request_mirror_policies", i);
      if (policies[i].cluster) cluster("cluster", *policies[i].cluster);
    }
  }

  void cluster(std::string_view field, const std::string& name) {
    if (table_.validate_clusters && !name.empty()) v_.clusterExists(field, name);
  }

  void retries(const api::RetryPolicy& policy) {
    static const std::vector<std::string_view> kConditions = {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "envoy-ratelimited",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    };
    const Path::In in(v_.path, "retry_policy");
    base::forEachListElement(policy.retry_on, [&](std::string_view condition) {
      for (const std::string_view known : kConditions) {
        if (known == condition) return true;
      }
      const Path::In field(v_.path, "retry_on");
      const std::string_view nearest = suggestion(condition, kConditions);
      std::string hint = nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
      if (base::parseNumber<uint32_t>(condition)) {
        hint = "; retriable-status-codes with retriable_status_codes names single ones";
      }
      v_.warning(fmt::format("there is no condition '{}', so it has no effect{}", condition, hint));
      return true;
    });
    if (policy.retry_back_off && policy.retry_back_off->max_interval && policy.retry_back_off->base_interval &&
        *policy.retry_back_off->max_interval < *policy.retry_back_off->base_interval) {
      const Path::In field(v_.path, "retry_back_off");
      const Path::In interval(v_.path, "max_interval");
      v_.error("must not be below base_interval");
    }
  }

  void rewrite(std::string_view field, const std::optional<api::RegexRewrite>& rewrite) {
    if (!rewrite || !rewrite->pattern) return;
    RE2::Options options;
    options.set_log_errors(false);
    const RE2 regex(rewrite->pattern->regex, options);
    std::string why;
    if (!regex.ok() || regex.CheckRewriteString(rewrite->substitution, &why)) return;
    const Path::In in(v_.path, field);
    const Path::In substitution(v_.path, "substitution");
    v_.error(fmt::format("does not fit its pattern: {}", why));
  }

  void route(const api::Route& route) {
    editsOf(route);
    filterSettings(route.typed_per_filter_config);
    if (route.match) match(*route.match);
    if (route.route) {
      const Path::In in(v_.path, "route");
      action(*route.route);
    }
    if (route.redirect) {
      const Path::In in(v_.path, "redirect");
      rewrite("regex_rewrite", route.redirect->regex_rewrite);
    }
    if (route.direct_response) {
      const Path::In in(v_.path, "direct_response");
      direct(*route.direct_response);
    }
  }

  void match(const api::RouteMatch& match) {
    const Path::In in(v_.path, "match");
    const auto check = [&](std::string_view field, const std::optional<std::string>& text) {
      if (!text || text->empty() || text->starts_with('/')) return;
      const Path::In step(v_.path, field);
      v_.warning(fmt::format("no path begins like \"{}\"; paths begin with /", *text));
    };
    check("prefix", match.prefix);
    check("path", match.path);
    if (!match.path_separated_prefix) return;
    const Path::In step(v_.path, "path_separated_prefix");
    if (match.path_separated_prefix->find_first_of("?#") != std::string::npos ||
        match.path_separated_prefix->ends_with('/')) {
      v_.error(fmt::format("expected a path without ?, # and a slash at its end, found \"{}\"",
                           *match.path_separated_prefix));
    }
  }

  void action(const api::RouteAction& action) {
    if (action.cluster) cluster("cluster", *action.cluster);
    if (action.weighted_clusters) weights(*action.weighted_clusters);
    if (!action.prefix_rewrite.empty() && action.regex_rewrite) {
      const Path::In field(v_.path, "regex_rewrite");
      v_.error("excludes 'prefix_rewrite'; give one of them");
    }
    rewrite("regex_rewrite", action.regex_rewrite);
    rewrite("host_rewrite_path_regex", action.host_rewrite_path_regex);
    if (action.retry_policy) retries(*action.retry_policy);
    mirrors(action.request_mirror_policies);
    std::map<std::string, std::string> upgrades;
    for (size_t i = 0; i < action.upgrade_configs.size(); ++i) {
      const api::RouteUpgradeConfig& upgrade = action.upgrade_configs[i];
      const Path::In in(v_.path, "upgrade_configs", i);
      v_.unique("upgrade_type", base::lower(upgrade.upgrade_type), upgrades);
      if (!upgrade.connect_config || base::equalsIgnoreCase(upgrade.upgrade_type, "CONNECT")) continue;
      const Path::In field(v_.path, "connect_config");
      v_.error(fmt::format("is for upgrade_type CONNECT, found \"{}\"", upgrade.upgrade_type));
    }
  }

  void weights(const api::WeightedCluster& weighted) {
    const Path::In in(v_.path, "weighted_clusters");
    uint64_t sum = 0;
    for (size_t i = 0; i < weighted.clusters.size(); ++i) {
      const Path::In step(v_.path, "clusters", i);
      cluster("name", weighted.clusters[i].name);
      editsOf(weighted.clusters[i]);
      filterSettings(weighted.clusters[i].typed_per_filter_config);
      sum += weighted.clusters[i].weight.value_or(0);
    }
    if (sum == 0 || sum > UINT32_MAX) {
      v_.error(fmt::format("expected weights with a sum from 1 to 4294967295, found {}", sum));
    } else if (weighted.total_weight && *weighted.total_weight != sum) {
      const Path::In field(v_.path, "total_weight");
      v_.error(fmt::format("expected the sum of the weights, {}, found {}", sum, *weighted.total_weight));
    }
  }

  void direct(const api::DirectResponseAction& response) {
    v_.dataSource("body", response.body);
    v_.format("body_format", response.body_format);
    if (!response.body) return;
    const auto body = readDataSource(*response.body);
    if (!body || body.value().size() <= table_.max_direct_response_body_size_bytes) return;
    const Path::In field(v_.path, "body");
    v_.error(fmt::format("expected at most {} bytes (max_direct_response_body_size_bytes), found {}",
                         table_.max_direct_response_body_size_bytes, body.value().size()));
  }

  Validation& v_;
  const api::RouteConfiguration& table_;
  const std::vector<api::HttpFilter>& filters_;
};

}  // namespace

void validateRoutes(Validation& v, const api::RouteConfiguration& routes, const std::vector<api::HttpFilter>& filters) {
  RouteChecks(v, routes, filters).run();
}

}  // namespace baton::config
