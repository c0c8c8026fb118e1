// Network filters that are not HTTP. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/access_log.h"
#include "api/data_source.h"
#include "api/retry_policy.h"
#include "api/runtime.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// One of the clusters that share connections.
struct TcpClusterWeight {
  std::string name;
  uint32_t weight = 0;
};

// Clusters that share connections.
struct TcpWeightedCluster {
  std::vector<TcpClusterWeight> clusters;
};

// What consistent load balancing hashes.
struct TcpHashPolicy {
  std::optional<Empty> source_ip;
};

// Log lines beyond the one at a connection's end.
struct TcpAccessLogOptions {
  std::optional<Milliseconds> access_log_flush_interval;
  bool flush_access_log_on_connected = false;
};

// Copies bytes between a client and an endpoint.
struct TcpProxy {
  std::string stat_prefix;
  std::optional<std::string> cluster;
  std::optional<TcpWeightedCluster> weighted_clusters;
  Milliseconds idle_timeout{3600000};  // Both sides silent for this long close the connection; 0 is never.
  std::vector<AccessLog> access_log;
  uint32_t max_connect_attempts = 1;
  std::optional<Milliseconds> max_downstream_connection_duration;
  std::vector<TcpHashPolicy> hash_policy;
  std::optional<BackOff> backoff_options;
  std::optional<TcpAccessLogOptions> access_log_options;
  std::optional<Milliseconds> access_log_flush_interval;  // Read into access_log_options, as is the next.
  bool flush_access_log_on_connected = false;
  std::optional<Percent> max_downstream_connection_duration_jitter_percentage;
};

// Writes a text to the client and closes.
struct NetworkDirectResponse {
  std::optional<DataSource> response;
};

// Writes back what the client sends.
struct Echo {};

const MessageDescription& describe(const TcpClusterWeight*);
const MessageDescription& describe(const TcpWeightedCluster*);
const MessageDescription& describe(const TcpHashPolicy*);
const MessageDescription& describe(const TcpAccessLogOptions*);
const MessageDescription& describe(const TcpProxy*);
const MessageDescription& describe(const NetworkDirectResponse*);
const MessageDescription& describe(const Echo*);

}  // namespace baton::api
