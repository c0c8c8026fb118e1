// A listener as built from its configuration: immutable but for counts, shared by the Listener objects of all
// workers. Building has no side effects but new stats.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/listener.h"

#include "source/base/result.h"
#include "source/network/connection_balancer.h"
#include "source/network/filter_chain_matcher.h"
#include "source/network/listener_filter.h"
#include "source/network/network_filter.h"
#include "source/network/socket.h"
#include "source/network/transport_factory.h"
#include "source/stats/store.h"

namespace baton::network {

// A bound for open connections, shared by several threads. Counts are hints: a burst on many workers at the same
// instant may go over it by a few.
struct ConnectionLimit {
  std::atomic<uint32_t> open{0};
  std::atomic<uint32_t> most{UINT32_MAX};
  std::atomic<bool> reject_new{false};  // overload: accept and close at once
};

struct FilterChain {
  std::string name;
  std::shared_ptr<const api::Metadata> metadata;
  std::shared_ptr<const TransportFactory> transport;  // never null
  std::chrono::milliseconds transport_connect_timeout{0};
  NetworkFilterFactoryPtr filter;  // null: connections are closed
};

// Writes the listener's own access log, one line a connection. Implemented above this layer.
class ConnectionLog {
 public:
  virtual ~ConnectionLog() = default;
  struct Ending {
    std::chrono::nanoseconds duration;
    uint64_t bytes_received = 0;
    uint64_t bytes_sent = 0;
    bool no_filter_chain = false;
    bool transport_failed = false;
  };
  // On the connection's worker.
  virtual void log(const ConnectionInfo& connection, const Ending& ending) const = 0;
};

struct ListenerStats {
  explicit ListenerStats(const stats::Scope& scope);
  stats::Counter cx_total, cx_destroy, cx_overflow, cx_overload_reject, global_cx_overflow,
      cx_transport_socket_connect_timeout, pre_cx_timeout, listener_filter_remote_close, listener_filter_error,
      no_filter_chain_match;
  stats::Gauge cx_active, pre_cx_active;
  stats::Histogram cx_length_ms, connections_accepted_per_socket_event;
};

// How the parts that other layers know are made.
struct ListenerBuilders {
  stats::Scope root;  // "" unless a test wants otherwise
  const NetworkFilterRegistry* filters = nullptr;
  // A transport socket other than raw_buffer; null: refused.
  std::function<base::Result<std::shared_ptr<const TransportFactory>>(const api::TransportSocket& socket,
                                                                      const stats::Scope& listener_scope)>
      transport;
  // Null: the listener's own access log is left out.
  std::function<base::Result<std::shared_ptr<const ConnectionLog>>(const std::vector<api::AccessLog>&)> access_log;
};

struct ListenerConfig {
  // Errors name the listener and the chain or filter.
  static base::Result<std::shared_ptr<ListenerConfig>> build(const api::Listener& settings,
                                                             const ListenerBuilders& builders);
  // "listener.<stat_prefix or address>."
  static std::string statPrefix(const api::Listener& settings);

  // Null when nothing matches: the connection is closed.
  const FilterChain* chainFor(const ConnectionInfo& connection) const;

  std::string name;
  std::shared_ptr<const api::Metadata> metadata;
  std::vector<ListenSettings> addresses;
  std::string stat_prefix;
  stats::Scope scope;
  ListenerStats stats;
  std::vector<FilterChain> chains;
  std::optional<FilterChain> default_chain;
  FilterChainMatcher matcher;
  std::vector<std::shared_ptr<const ListenerFilterFactory>> filters;
  std::chrono::milliseconds filters_timeout{15000};
  bool continue_on_filters_timeout = false;
  ConnectionSettings connection;
  uint32_t accepts_per_event = 16;
  bool bind_to_port = true;
  bool ignore_global_limit = false;
  api::Listener::DrainType drain_type = api::Listener::DrainType::kDefault;
  api::Listener::TrafficDirection direction = api::Listener::TrafficDirection::kUnspecified;
  std::shared_ptr<const ConnectionLog> access_log;

  // max_connections; `open` counts the connections of all workers.
  mutable ConnectionLimit limit;
  // exact_balance: one for each of `addresses`; empty otherwise.
  mutable std::vector<std::unique_ptr<ConnectionBalancer>> balancers;
};

}  // namespace baton::network
