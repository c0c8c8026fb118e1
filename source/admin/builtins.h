// The commands that every admin interface has, over what the server tells about itself. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/admin/handler_table.h"
#include "source/base/result.h"
#include "source/base/runtime.h"
#include "source/stats/store.h"
#include "source/stats/tags.h"

namespace baton::admin {

enum class ServerState { kLive, kDraining, kPreInitializing, kInitializing };
std::string_view toString(ServerState state);

struct HostStatus {
  std::string address;  // "127.0.0.1:80"
  std::string hostname;
  // In the order in which they are printed: cx_active, cx_connect_fail, cx_total, rq_active, rq_error, rq_success,
  // rq_timeout, rq_total.
  std::vector<std::pair<std::string, uint64_t>> counts;
  std::string health_flags;  // "healthy", or "/failed_active_hc/failed_outlier_check"
  uint32_t weight = 1;
  std::string region, zone, sub_zone;
  bool canary = false;
  uint32_t priority = 0;
  double success_rate = -1;  // unknown
};

struct ClusterStatus {
  std::string name;
  bool added_via_api = false;
  // "default_priority::max_connections" = 1024 and the like.
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<HostStatus> hosts;
};

struct ListenerStatus {
  std::string name;
  std::vector<std::string> addresses;  // "0.0.0.0:10000", "/path"
};

struct ServerInfo {
  std::string version;
  ServerState state = ServerState::kLive;
  uint64_t uptime_current_epoch_s = 0;
  uint64_t uptime_all_epochs_s = 0;
  std::string hot_restart_version;
  std::vector<std::pair<std::string, std::string>> command_line_options;
  std::vector<std::pair<std::string, std::string>> node;      // id, cluster
  std::vector<std::pair<std::string, std::string>> locality;  // region, zone, sub_zone; empty: not set
};

// All of them are required, but before_stats.
struct Providers {
  stats::Store* store = nullptr;
  const stats::TagExtractor* tags = nullptr;
  std::function<void()> before_stats;  // brings gauges like server.uptime up to date
  std::function<std::vector<ClusterStatus>()> clusters;
  std::function<std::vector<ListenerStatus>()> listeners;
  std::function<std::string()> config_dump;  // JSON, without secrets
  std::function<std::string()> certs;        // JSON
  std::function<ServerInfo()> server_info;
  std::function<ServerState()> state;
  std::function<std::shared_ptr<const base::Runtime>()> runtime;
  // Sets or, by an empty value, removes overrides.
  std::function<base::Result<void>(const std::map<std::string, std::string>& changes)> modify_runtime;
  std::function<void()> reopen_logs;
};

void addBuiltIns(HandlerTable& table, Providers providers);

}  // namespace baton::admin
