// The health check filter: answers the health checks of load balancers in front of us, and says that we are not healthy
// after POST /healthcheck/fail. With pass_through_mode the upstream is asked, and its answer may be kept for a while.
#include <atomic>
#include <chrono>

#include "source/http/matchers.h"
#include "source/proxy/http/filters/registry.h"

namespace baton::proxy {

namespace {

using http::HeaderMap;
using http::HeaderName;

struct HealthCheckConfig {
  std::string service_cluster;  // empty: not told
  bool pass_through = false;
  std::vector<http::HeaderMatcher> headers;
  std::chrono::milliseconds cache_time{0};
  std::vector<std::pair<std::string, double>> min_healthy_percentages;
  // The upstream's last answer with pass_through_mode and cache_time. All workers.
  mutable std::atomic<int> cached_status{0};
  mutable std::atomic<bool> cached_degraded{false};
  mutable std::atomic<int64_t> cached_until_ns{0};
};

// Whether the cluster has that share of endpoints that can be used.
bool clusterIsHealthy(WorkerContext& worker, const std::string& name, double percent) {
  const upstream::WorkerCluster* cluster = worker.clusters.find(name);
  if (cluster == nullptr) return false;
  const auto counts = cluster->hostCounts();
  if (counts.total == 0) return percent == 0;
  return 100.0 * static_cast<double>(counts.healthy + counts.degraded) >= percent * static_cast<double>(counts.total);
}

class HealthCheckHttpFilter final : public HttpFilter {
 public:
  HealthCheckHttpFilter(FilterStream& stream, const HealthCheckConfig& config) : stream_(stream), config_(config) {}

  Verdict requestHeaders(HeaderMap& headers, bool) override {
    if (!http::allMatch(config_.headers, headers)) return Verdict::kContinue;
    stream_.info().health_check = true;
    if (stream_.worker().server.health_check_failed.load(std::memory_order_relaxed)) {
      answer(LocalReplyReason::kHealthCheckFailed, 0, true);
      return Verdict::kStop;
    }
    if (config_.pass_through) {
      const int64_t now = stream_.worker().loop.now().time_since_epoch().count();
      if (config_.cache_time.count() > 0 && now < config_.cached_until_ns.load(std::memory_order_relaxed)) {
        const int status = config_.cached_status.load(std::memory_order_relaxed);
        answer(status / 100 == 2 ? LocalReplyReason::kHealthCheckOk : LocalReplyReason::kHealthCheckFailed, status,
               false, config_.cached_degraded.load(std::memory_order_relaxed));
        return Verdict::kStop;
      }
      asked_upstream_ = true;
      return Verdict::kContinue;
    }
    for (const auto& [cluster, percent] : config_.min_healthy_percentages) {
      if (clusterIsHealthy(stream_.worker(), cluster, percent)) continue;
      answer(LocalReplyReason::kHealthCheckClusterUnhealthy, 0, false);
      return Verdict::kStop;
    }
    answer(LocalReplyReason::kHealthCheckOk, 0, false);
    return Verdict::kStop;
  }

  void responseHeaders(HeaderMap& headers, bool) override {
    if (!stream_.info().health_check) {
      // Whoever checks us need not wait for its next check.
      if (stream_.worker().server.health_check_failed.load(std::memory_order_relaxed)) {
        headers.set(HeaderName::kXEnvoyImmediateHealthCheckFail, "true");
      }
      return;
    }
    if (!config_.service_cluster.empty()) {
      headers.set(HeaderName::kXEnvoyUpstreamHealthCheckedCluster, config_.service_cluster);
    }
    if (!asked_upstream_ || config_.cache_time.count() == 0) return;
    const int64_t until = (stream_.worker().loop.now() + config_.cache_time).time_since_epoch().count();
    config_.cached_status.store(headers.status(), std::memory_order_relaxed);
    config_.cached_degraded.store(headers.has(http::HeaderName::kXEnvoyDegraded), std::memory_order_relaxed);
    config_.cached_until_ns.store(until, std::memory_order_relaxed);
  }

 private:
  void answer(LocalReplyReason reason, int status, bool immediate_fail, bool degraded = false) {
    LocalReply reply{.reason = reason, .status = status};
    if (immediate_fail) reply.headers.emplace_back("x-envoy-immediate-health-check-fail", "true");
    if (degraded) reply.headers.emplace_back("x-envoy-degraded", "");
    stream_.sendLocalReply(std::move(reply));
  }

  FilterStream& stream_;
  const HealthCheckConfig& config_;
  bool asked_upstream_ = false;
};

class HealthCheckFilterFactory final : public HttpFilterFactory {
 public:
  explicit HealthCheckFilterFactory(std::unique_ptr<const HealthCheckConfig> config) : config_(std::move(config)) {}
  std::unique_ptr<HttpFilter> create(FilterStream& stream, size_t) const override {
    return std::make_unique<HealthCheckHttpFilter>(stream, *config_);
  }

 private:
  std::unique_ptr<const HealthCheckConfig> config_;
};

}  // namespace

base::Result<BuiltFilter> buildHealthCheckFilter(const api::HealthCheckFilter& config,
                                                 const FilterBuildContext& context) {
  auto built = std::make_unique<HealthCheckConfig>();
  built->service_cluster = context.service_cluster;
  built->pass_through = config.pass_through_mode.value_or(false);
  auto headers = http::buildAll(config.headers);
  if (!headers) return headers.error();
  built->headers = std::move(*headers);
  built->cache_time = config.cache_time.value_or(std::chrono::milliseconds(0));
  if (built->cache_time.count() > 0 && !built->pass_through) {
    return base::Error{base::ErrorCode::kInvalidArgument, "cache_time needs pass_through_mode"};
  }
  for (const auto& [cluster, percent] : config.cluster_min_healthy_percentages) {
    built->min_healthy_percentages.emplace_back(cluster, percent.value);
  }
  if (!built->min_healthy_percentages.empty() && built->pass_through) {
    return base::Error{base::ErrorCode::kInvalidArgument, "cluster_min_healthy_percentages excludes pass_through_mode"};
  }
  return BuiltFilter{std::make_shared<HealthCheckFilterFactory>(std::move(built)), {}};
}

}  // namespace baton::proxy
