// The TCP proxy of a filter chain: which cluster its connections go to, limits, stats, logs. Built on the main thread,
// immutable, shared by all workers.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/tcp_proxy.h"

#include "source/access_log/access_logger.h"
#include "source/base/random.h"
#include "source/base/result.h"
#include "source/network/network_filter.h"
#include "source/stats/store.h"

namespace baton::proxy {

class TokenBuckets;

// tcp.<stat_prefix>.
struct TcpProxyStats {
  explicit TcpProxyStats(const stats::Scope& scope);
  stats::Counter cx_total, cx_no_route, cx_rx_bytes_total, cx_tx_bytes_total, paused_reading_total,
      resumed_reading_total, idle_timeout, max_duration, upstream_flush_total;
  stats::Gauge cx_rx_bytes_buffered, cx_tx_bytes_buffered, upstream_flush_active;
};

class TcpProxy final : public network::NetworkFilterFactory, public std::enable_shared_from_this<TcpProxy> {
 public:
  static base::Result<std::shared_ptr<const TcpProxy>> build(const api::TcpProxy& settings, const stats::Scope& root,
                                                             const access_log::AccessLoggerBuilder& loggers);

  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override;

  // One of the clusters, by weight.
  const std::string& chooseCluster(base::Random& random) const;

  TcpProxyStats stats;
  std::chrono::milliseconds idle_timeout{0};  // 0: never
  std::optional<std::chrono::milliseconds> max_duration;
  uint32_t max_connect_attempts = 1;
  // Steps of the exponential back-off between attempts; none: at once.
  struct BackOff {
    std::chrono::milliseconds base;
    std::chrono::milliseconds most;
  };
  std::optional<BackOff> back_off;
  double max_duration_jitter = 0;  // random addition, as a share of max_duration
  bool hash_source_ip = false;
  std::vector<access_log::AccessLoggerPtr> access_logs;
  bool log_on_connected = false;
  std::chrono::milliseconds log_interval{0};  // 0: only at the end

 private:
  explicit TcpProxy(const stats::Scope& scope) : stats(scope) {}

  struct Share {
    std::string cluster;
    uint64_t upto;  // sum of the weights up to and with this one
  };
  std::vector<Share> clusters_;
};

// Makes tcp_proxy, echo and direct_response known.
void registerTcpFilters(network::NetworkFilterRegistry& registry, access_log::AccessLoggerBuilder loggers,
                        std::shared_ptr<TokenBuckets> buckets);

}  // namespace baton::proxy
