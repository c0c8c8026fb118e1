// The immutable side of a cluster: settings and stats that every worker shares. Built on the main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "source/stats/store.h"

namespace baton::upstream {

struct ClusterInfo {
  std::string name;
  std::string observability_name;  // alt_stat_name or name
  bool maintenance = false;
  // The owner of source/upstream completes: connect timeout, protocol options, breakers, lb policy, stats
  // (ClusterStats), transport socket factory, features. The router needs at least:
  //   std::string maintenance_runtime_key;    // upstream.maintenance_mode.<name>, built once
  //   bool auto_sni, auto_san_validation; stats (upstream_rq_*)
};

}  // namespace baton::upstream
