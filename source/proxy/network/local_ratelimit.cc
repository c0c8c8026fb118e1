// Local rate limit of connections: each takes a token of a bucket that all workers share, or is closed.
#include "api/network_filters.h"

#include "source/proxy/network/registry.h"
#include "source/proxy/network/runtime_switch.h"
#include "source/proxy/token_bucket.h"
#include "source/proxy/worker_context.h"

namespace baton::proxy {
namespace {

class LocalRateLimit final : public network::NetworkFilterFactory {
 public:
  LocalRateLimit(std::shared_ptr<TokenBucket> bucket, const api::NetworkLocalRateLimit& settings,
                 const stats::Scope& scope, network::NetworkFilterFactoryPtr next)
      : bucket_(std::move(bucket)),
        enabled_(settings.runtime_enabled),
        rate_limited_(scope.counter("rate_limited")),
        next_(std::move(next)) {}

  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override {
    if (!enabled_.isOn(*context.worker->runtime) || bucket_->take(context.loop.now())) {
      return next_->createSession(context);
    }
    rate_limited_.add();
    context.connection.info().termination_details = "local_rate_limited";
    return nullptr;
  }

 private:
  const std::shared_ptr<TokenBucket> bucket_;
  const RuntimeSwitch enabled_;
  const stats::Counter rate_limited_;
  const network::NetworkFilterFactoryPtr next_;
};

}  // namespace

void registerNetworkLocalRateLimit(network::NetworkFilterRegistry& registry, std::shared_ptr<TokenBuckets> buckets) {
  registry.addPassing<api::NetworkLocalRateLimit>(
      [buckets = std::move(buckets)](const auto& settings, const auto& place,
                                     auto next) -> network::NetworkFilterRegistry::Built {
        auto bucket = buckets->make("network/" + settings.stat_prefix,
                                    BucketSettings::of(settings.token_bucket.value_or(api::TokenBucket{})));
        const stats::Scope scope = place.root.scope("local_rate_limit." + settings.stat_prefix + ".");
        return network::NetworkFilterFactoryPtr(
            std::make_shared<LocalRateLimit>(std::move(bucket), settings, scope, std::move(next)));
      });
}

}  // namespace baton::proxy
