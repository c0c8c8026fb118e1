// Cross-origin resource sharing: answers preflights, adds the headers that a browser wants to see. The policy is the
// route's.
#include "source/http/matchers.h"
#include "source/http/runtime_config.h"
#include "source/proxy/http/filters/registry.h"

namespace baton::proxy {

namespace {

using http::HeaderMap;
using http::HeaderName;

struct CorsStats {
  stats::Counter origin_valid;
  stats::Counter origin_invalid;
};

struct CorsRouteConfig final : RouteFilterConfig {
  std::vector<http::StringMatcher> origins;
  std::string allow_methods;
  std::string allow_headers;
  std::string expose_headers;
  std::string max_age;
  bool allow_credentials = false;
  bool allow_private_network = false;
  bool forward_not_matching_preflights = true;
  http::RuntimeShare enabled;
  http::RuntimeShare shadow;

  bool allows(std::string_view origin) const {
    for (const http::StringMatcher& matcher : origins) {
      // Configurations that want everybody in say so by matching "*".
      if (matcher.matches("*") || matcher.matches(origin)) return true;
    }
    return false;
  }
};

class CorsFilter final : public HttpFilter {
 public:
  CorsFilter(FilterStream& stream, const CorsRouteConfig& policy, const CorsStats& stats)
      : stream_(stream), policy_(policy), stats_(stats) {}

  Verdict requestHeaders(HeaderMap& headers, bool) override {
    const base::Runtime& runtime = *stream_.worker().runtime;
    const bool enforce = policy_.enabled.includes(runtime, stream_.random());
    if (!enforce && !policy_.shadow.includes(runtime, stream_.random())) return Verdict::kContinue;
    const std::string_view origin = headers.get("origin");
    if (origin.empty()) return Verdict::kContinue;
    const bool allowed = policy_.allows(origin);
    (allowed ? stats_.origin_valid : stats_.origin_invalid).add();
    if (!enforce) return Verdict::kContinue;
    const bool preflight =
        headers.method() == "OPTIONS" && !headers.get(HeaderName::kAccessControlRequestMethod).empty();
    if (!allowed) {
      if (!preflight || policy_.forward_not_matching_preflights) return Verdict::kContinue;
      stream_.sendLocalReply({.reason = LocalReplyReason::kCorsPreflight});
      return Verdict::kStop;
    }
    origin_ = origin;
    if (!preflight) return Verdict::kContinue;
    answerPreflight(headers);
    return Verdict::kStop;
  }

  void responseHeaders(HeaderMap& headers, bool) override {
    if (origin_.empty() || preflight_) return;
    headers.set(HeaderName::kAccessControlAllowOrigin, origin_);
    if (policy_.allow_credentials) headers.set(HeaderName::kAccessControlAllowCredentials, "true");
    if (!policy_.expose_headers.empty()) {
      headers.set(HeaderName::kAccessControlExposeHeaders, policy_.expose_headers);
    }
  }

 private:
  void answerPreflight(const HeaderMap& request) {
    preflight_ = true;
    LocalReply reply{.reason = LocalReplyReason::kCorsPreflight};
    const auto add = [&](std::string_view name, const std::string& value) {
      if (!value.empty()) reply.headers.emplace_back(name, value);
    };
    add("access-control-allow-origin", origin_);
    if (policy_.allow_credentials) add("access-control-allow-credentials", "true");
    add("access-control-allow-methods", policy_.allow_methods);
    add("access-control-allow-headers", policy_.allow_headers);
    add("access-control-max-age", policy_.max_age);
    if (policy_.allow_private_network && request.get("access-control-request-private-network") == "true") {
      add("access-control-allow-private-network", "true");
    }
    stream_.sendLocalReply(std::move(reply));
  }

  FilterStream& stream_;
  const CorsRouteConfig& policy_;
  const CorsStats& stats_;
  std::string origin_;  // allowed
  bool preflight_ = false;
};

class CorsFilterFactory final : public HttpFilterFactory {
 public:
  explicit CorsFilterFactory(CorsStats stats) : stats_(stats) {}
  std::unique_ptr<HttpFilter> create(FilterStream& stream, size_t place) const override {
    const auto* policy = static_cast<const CorsRouteConfig*>(stream.routeConfig(place));
    return policy == nullptr ? nullptr : std::make_unique<CorsFilter>(stream, *policy, stats_);
  }

 private:
  const CorsStats stats_;
};

base::Result<std::shared_ptr<const RouteFilterConfig>> buildRouteConfig(const api::TypedConfig& config) {
  const auto* settings = config.as<api::CorsPolicy>();
  if (settings == nullptr) {
    return base::Error{base::ErrorCode::kInvalidArgument, "expected settings of type CorsPolicy"};
  }
  auto built = std::make_shared<CorsRouteConfig>();
  for (const api::StringMatcher& origin : settings->allow_origin_string_match) {
    auto matcher = http::StringMatcher::build(origin);
    if (!matcher) return matcher.error();
    built->origins.push_back(std::move(*matcher));
  }
  built->allow_methods = settings->allow_methods;
  built->allow_headers = settings->allow_headers;
  built->expose_headers = settings->expose_headers;
  built->max_age = settings->max_age;
  built->allow_credentials = settings->allow_credentials.value_or(false);
  built->allow_private_network = settings->allow_private_network_access.value_or(false);
  built->forward_not_matching_preflights = settings->forward_not_matching_preflights;
  built->enabled = http::RuntimeShare(settings->filter_enabled, http::RuntimeShare::kWhole);
  built->shadow = http::RuntimeShare(settings->shadow_enabled, 0);
  return std::shared_ptr<const RouteFilterConfig>(std::move(built));
}

}  // namespace

base::Result<BuiltFilter> buildCorsFilter(const api::Cors&, const FilterBuildContext& context) {
  const stats::Scope scope = context.http.scope("cors.");
  return BuiltFilter{
      std::make_shared<CorsFilterFactory>(CorsStats{scope.counter("origin_valid"), scope.counter("origin_invalid")}),
      buildRouteConfig};
}

}  // namespace baton::proxy
