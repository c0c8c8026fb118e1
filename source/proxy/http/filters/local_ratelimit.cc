// Local rate limit: a token bucket that all workers of the process share, or one for each connection. Settings of a
// route replace those of the chain, with a bucket of their own.
#include <algorithm>
#include <chrono>

#include "source/http/runtime_config.h"
#include "source/http/status.h"
#include "source/proxy/http/filters/registry.h"
#include "source/proxy/http/route/header_mutator.h"
#include "source/proxy/token_bucket.h"

namespace baton::proxy {

namespace {

using http::HeaderMap;

struct RateLimitStats {
  stats::Counter enabled;
  stats::Counter enforced;
  stats::Counter rate_limited;
  stats::Counter ok;
};

struct RateLimitConfig final : RouteFilterConfig {
  int status = 429;
  std::optional<BucketSettings> bucket_settings;
  // Shared by all workers. Null: for each connection, or no limit.
  std::shared_ptr<TokenBucket> bucket;
  bool per_connection = false;
  http::RuntimeShare enabled;
  http::RuntimeShare enforced;
  HeaderMutator response_headers;
  bool x_ratelimit_headers = false;
  bool resource_exhausted = false;
  RateLimitStats stats;
};

base::Result<std::shared_ptr<const RateLimitConfig>> compile(const api::LocalRateLimit& settings,
                                                             const stats::Scope& root, TokenBuckets& buckets) {
  auto built = std::make_shared<RateLimitConfig>();
  if (settings.status && settings.status->code >= 400) built->status = static_cast<int>(settings.status->code);
  if (settings.token_bucket) {
    const auto bucket = BucketSettings::of(*settings.token_bucket);
    built->bucket_settings = bucket;
    built->per_connection = settings.local_rate_limit_per_downstream_connection;
    if (!built->per_connection) built->bucket = buckets.make("http/" + settings.stat_prefix, bucket);
  }
  built->enabled = http::RuntimeShare(settings.filter_enabled, 0);
  built->enforced = http::RuntimeShare(settings.filter_enforced, 0);
  auto headers = HeaderMutator::build(settings.response_headers_to_add, {});
  if (!headers) return headers.error();
  built->response_headers = std::move(*headers);
  built->x_ratelimit_headers =
      settings.enable_x_ratelimit_headers == api::LocalRateLimit::XRateLimitHeaders::kDraftVersion03;
  built->resource_exhausted = settings.rate_limited_as_resource_exhausted;
  const stats::Scope scope = root.scope(settings.stat_prefix + ".http_local_rate_limit.");
  built->stats = {scope.counter("enabled"), scope.counter("enforced"), scope.counter("rate_limited"),
                  scope.counter("ok")};
  return std::shared_ptr<const RateLimitConfig>(std::move(built));
}

class RateLimitFilter final : public HttpFilter {
 public:
  RateLimitFilter(FilterStream& stream, const RateLimitConfig& config) : stream_(stream), config_(config) {}

  Verdict requestHeaders(HeaderMap&, bool) override {
    const base::Runtime& runtime = *stream_.worker().runtime;
    if (!config_.enabled.includes(runtime, stream_.worker().random.next())) return Verdict::kContinue;
    bucket_ = bucketForStream();
    if (bucket_ == nullptr) return Verdict::kContinue;
    config_.stats.enabled.add();
    if (bucket_->take(stream_.worker().loop.now())) {
      config_.stats.ok.add();
      return Verdict::kContinue;
    }
    config_.stats.rate_limited.add();
    if (!config_.enforced.includes(runtime, stream_.worker().random.next())) return Verdict::kContinue;
    config_.stats.enforced.add();
    limited_ = true;
    LocalReply reply{.reason = LocalReplyReason::kRateLimited, .status = config_.status};
    reply.headers.emplace_back("x-envoy-ratelimited", "true");
    reply.grpc_status = static_cast<uint32_t>(config_.resource_exhausted ? http::GrpcStatus::kResourceExhausted
                                                                         : http::GrpcStatus::kUnavailable);
    stream_.sendLocalReply(std::move(reply));
    return Verdict::kStop;
  }

  void responseHeaders(HeaderMap& headers, bool) override {
    if (limited_) {
      config_.response_headers.apply(
          headers,
          {.info = stream_.info(), .request_headers = &stream_.requestHeaders(), .response_headers = &headers});
    }
    if (!config_.x_ratelimit_headers || bucket_ == nullptr) return;
    const auto until = bucket_->untilFill(stream_.worker().loop.now());
    headers.set("x-ratelimit-limit", std::to_string(bucket_->settings().max_tokens));
    headers.set("x-ratelimit-remaining", std::to_string(bucket_->remaining()));
    headers.set("x-ratelimit-reset", std::to_string(std::chrono::ceil<std::chrono::seconds>(until).count()));
  }

 private:
  TokenBucket* bucketForStream() {
    if (!config_.bucket_settings) return nullptr;
    if (!config_.per_connection) return config_.bucket.get();
    std::shared_ptr<void>& slot = stream_.connectionState(&config_);
    if (slot == nullptr) slot = std::make_shared<TokenBucket>(*config_.bucket_settings);
    return static_cast<TokenBucket*>(slot.get());
  }

  FilterStream& stream_;
  const RateLimitConfig& config_;
  TokenBucket* bucket_ = nullptr;
  bool limited_ = false;
};

class RateLimitFilterFactory final : public HttpFilterFactory {
 public:
  explicit RateLimitFilterFactory(std::shared_ptr<const RateLimitConfig> config) : config_(std::move(config)) {}
  std::unique_ptr<HttpFilter> create(FilterStream& stream, size_t place) const override {
    const auto* route = static_cast<const RateLimitConfig*>(stream.routeConfig(place));
    return std::make_unique<RateLimitFilter>(stream, route != nullptr ? *route : *config_);
  }

 private:
  std::shared_ptr<const RateLimitConfig> config_;
};

}  // namespace

base::Result<BuiltFilter> buildLocalRateLimitFilter(const api::LocalRateLimit& config,
                                                    const FilterBuildContext& context) {
  auto compiled = compile(config, context.root, context.buckets);
  if (!compiled) return compiled.error();
  return BuiltFilter{
      std::make_shared<RateLimitFilterFactory>(*std::move(compiled)),
      [root = context.root, &buckets = context.buckets](
          const api::TypedConfig& typed) -> base::Result<std::shared_ptr<const RouteFilterConfig>> {
        const auto* settings = typed.as<api::LocalRateLimit>();
        if (settings == nullptr) {
          return base::Error{base::ErrorCode::kInvalidArgument, "expected settings of type LocalRateLimit"};
        }
        auto route = compile(*settings, root, buckets);
        if (!route) return route.error();
        return std::shared_ptr<const RouteFilterConfig>(*std::move(route));
      }};
}

}  // namespace baton::proxy
