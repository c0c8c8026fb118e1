// The immutable side of a cluster: settings and stats that every worker shares. Built on the main thread. Only its
// breakers change, and they are atomics.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/result.h"
#include "source/http/http1/settings.h"
#include "source/http/http2/settings.h"
#include "source/http/http2/stats.h"
#include "source/network/address.h"
#include "source/network/socket.h"
#include "source/network/transport_factory.h"
#include "source/stats/store.h"
#include "source/upstream/circuit_breakers.h"
#include "source/upstream/cluster_stats.h"
#include "source/upstream/outlier_reporting.h"

namespace baton::upstream {

enum class LbPolicy : uint8_t { kRoundRobin, kLeastRequest, kRandom, kRingHash, kMaglev };

// Which protocol its pools speak.
enum class UpstreamProtocol : uint8_t {
  kHttp1,
  kHttp2,
  kAuto,           // as ALPN says; HTTP/1.1 where there is none
  kUseDownstream,  // HTTP/2 for requests that came by HTTP/2
};

enum class HashFunction : uint8_t { kXxHash, kMurmurHash2 };

struct LbSettings {
  LbPolicy policy = LbPolicy::kRoundRobin;
  double healthy_panic_threshold = 50;  // percent
  uint32_t overprovisioning_factor = 140;
  uint32_t choice_count = 2;
  double active_request_bias = 1.0;
  uint64_t minimum_ring_size = 1024;
  uint64_t maximum_ring_size = 8'388'608;
  HashFunction hash_function = HashFunction::kXxHash;
  uint64_t maglev_table_size = 65'537;
};

struct ClusterInfo {
  std::string name;
  std::string observability_name;  // alt_stat_name or name
  std::shared_ptr<const api::Metadata> metadata;
  bool maintenance = false;
  // Runtime key of maintenance mode, built once: "upstream.maintenance_mode.<name>".
  std::string maintenance_runtime_key;

  std::chrono::milliseconds connect_timeout{5000};
  size_t buffer_limit_bytes = 32 * 1024;
  LbSettings lb;

  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;
  http::Http1Settings http1;
  http::Http2Settings http2;
  http::Http1Stats http1_stats;
  http::Http2Stats http2_stats;
  uint64_t max_requests_per_connection = 0;                       // 0: no limit
  std::chrono::milliseconds idle_timeout{std::chrono::hours(1)};  // 0: never
  std::chrono::milliseconds max_connection_duration{0};           // 0: no limit
  std::optional<std::chrono::milliseconds> max_stream_duration;
  bool auto_sni = false;             // serverNameOverride() is asked for and becomes the SNI
  bool auto_san_validation = false;  // and the name that the certificate must be for
  std::string auto_sni_header;       // lower case; names the host instead of the request's authority when it is there

  // Null in tests means plain.
  std::shared_ptr<const network::TransportFactory> transport;
  bool transport_has_alpn = false;  // the configuration lists protocols itself
  // Source address, keepalive and options of each new socket.
  network::UpstreamSocketSettings socket;

  bool close_connections_on_host_health_failure = false;
  bool close_connections_on_host_set_change = false;

  // A host that said in a response that it must get no more requests. Any thread; null without active health checks.
  std::function<void(HostPtr host)> fail_at_once;
  // Null without outlier detection.
  std::shared_ptr<const OutlierReporting> outlier;

  mutable ClusterStats stats;  // counting does not change a cluster
  // Scope "cluster.<name>."; for codecs and TLS. Empty in tests without a store.
  std::optional<stats::Scope> scope;
  // Shared by all workers, changes all the time.
  mutable CircuitBreakers breakers;

  // What Connection::connect() wants: prepares a new socket, counts when it can't. Empty when there is nothing to do.
  // Must not outlive the info.
  std::function<base::Result<void>(int fd)> socketPreparation() const;

  ClusterInfo() = default;
  ClusterInfo(std::string cluster_name, std::string alt_stat_name, stats::Store& store)
      : name(std::move(cluster_name)),
        observability_name(alt_stat_name.empty() ? name : std::move(alt_stat_name)),
        maintenance_runtime_key("upstream.maintenance_mode." + name),
        http1_stats(stats::Scope(store, "cluster." + observability_name + ".http1.")),
        http2_stats(stats::Scope(store, "cluster." + observability_name + ".http2.")),
        stats(stats::Scope(store, "cluster." + observability_name + ".")),
        scope(stats::Scope(store, "cluster." + observability_name + ".")) {}
};

}  // namespace baton::upstream
