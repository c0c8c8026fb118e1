#include "source/proxy/tcp/tcp_proxy.h"

#include <algorithm>

#include "source/proxy/network/registry.h"
#include "source/proxy/tcp/simple_sessions.h"
#include "source/proxy/tcp/tcp_session.h"

namespace baton::proxy {

TcpProxyStats::TcpProxyStats(const stats::Scope& scope)
    : cx_total(scope.counter("downstream_cx_total")),
      cx_no_route(scope.counter("downstream_cx_no_route")),
      cx_rx_bytes_total(scope.counter("downstream_cx_rx_bytes_total")),
      cx_tx_bytes_total(scope.counter("downstream_cx_tx_bytes_total")),
      paused_reading_total(scope.counter("downstream_flow_control_paused_reading_total")),
      resumed_reading_total(scope.counter("downstream_flow_control_resumed_reading_total")),
      idle_timeout(scope.counter("idle_timeout")),
      max_duration(scope.counter("max_downstream_connection_duration")),
      upstream_flush_total(scope.counter("upstream_flush_total")),
      cx_rx_bytes_buffered(scope.gauge("downstream_cx_rx_bytes_buffered")),
      cx_tx_bytes_buffered(scope.gauge("downstream_cx_tx_bytes_buffered")),
      upstream_flush_active(scope.gauge("upstream_flush_active")) {}

base::Result<std::shared_ptr<const TcpProxy>> TcpProxy::build(const api::TcpProxy& settings, const stats::Scope& root,
                                                              const access_log::AccessLoggerBuilder& loggers) {
  auto proxy = std::shared_ptr<TcpProxy>(new TcpProxy(root.scope("tcp." + settings.stat_prefix + ".")));
  proxy->idle_timeout = settings.idle_timeout;
  proxy->max_duration = settings.max_downstream_connection_duration;
  proxy->max_connect_attempts = std::max(settings.max_connect_attempts, 1u);
  if (settings.backoff_options) {
    const auto base = settings.backoff_options->base_interval.value_or(std::chrono::milliseconds(25));
    proxy->back_off = BackOff{base, std::max(base, settings.backoff_options->max_interval.value_or(base * 10))};
  }
  if (settings.max_downstream_connection_duration_jitter_percentage) {
    proxy->max_duration_jitter = settings.max_downstream_connection_duration_jitter_percentage->value / 100;
  }
  if (settings.access_log_options) {
    proxy->log_on_connected = settings.access_log_options->flush_access_log_on_connected;
    proxy->log_interval = settings.access_log_options->access_log_flush_interval.value_or(std::chrono::milliseconds(0));
  }
  proxy->hash_source_ip =
      std::ranges::any_of(settings.hash_policy, [](const auto& policy) { return policy.source_ip.has_value(); });
  if (settings.cluster) proxy->clusters_.push_back({*settings.cluster, 1});
  if (settings.weighted_clusters) {
    uint64_t sum = 0;
    for (const api::TcpClusterWeight& entry : settings.weighted_clusters->clusters) {
      sum += entry.weight;
      proxy->clusters_.push_back({entry.name, sum});
    }
  }
  if (proxy->clusters_.empty()) {
    return base::Error{base::ErrorCode::kInvalidArgument, "tcp_proxy: neither cluster nor weighted_clusters is set"};
  }
  for (const api::AccessLog& log : settings.access_log) {
    if (!loggers) break;
    auto logger = loggers(log);
    if (!logger) return logger.error();
    proxy->access_logs.push_back(std::move(*logger));
  }
  return std::shared_ptr<const TcpProxy>(std::move(proxy));
}

const std::string& TcpProxy::chooseCluster(base::Random& random) const {
  const uint64_t point = clusters_.size() == 1 ? 0 : random.below(clusters_.back().upto);
  for (const Share& share : clusters_) {
    if (point < share.upto) return share.cluster;
  }
  return clusters_.back().cluster;
}

std::unique_ptr<network::Session> TcpProxy::createSession(const network::SessionContext& context) const {
  auto session = std::make_unique<TcpSession>(shared_from_this(), context);
  session->start(context.cluster);
  return session;
}

void registerTcpFilters(network::NetworkFilterRegistry& registry, access_log::AccessLoggerBuilder loggers,
                        std::shared_ptr<TokenBuckets> buckets) {
  using Built = base::Result<network::NetworkFilterFactoryPtr>;
  registry.add<api::TcpProxy>(
      [loggers = std::move(loggers)](const api::TcpProxy& settings, const network::NetworkFilterPlace& place) -> Built {
        auto proxy = TcpProxy::build(settings, place.root, loggers);
        if (!proxy) return proxy.error();
        return network::NetworkFilterFactoryPtr(std::move(*proxy));
      });
  registry.add<api::Echo>([](const api::Echo&, const network::NetworkFilterPlace&) -> Built {
    return network::NetworkFilterFactoryPtr(std::make_shared<EchoFactory>());
  });
  registry.add<api::NetworkDirectResponse>(
      [](const api::NetworkDirectResponse& settings, const network::NetworkFilterPlace&) -> Built {
        auto factory = DirectResponseFactory::build(settings);
        if (!factory) return factory.error();
        return network::NetworkFilterFactoryPtr(std::move(*factory));
      });
  registerPassingNetworkFilters(registry, std::move(buckets));
}

}  // namespace baton::proxy
