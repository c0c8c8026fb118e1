// What one process tells its successor about hosts, so that an endpoint known to be dead gets no request from the new
// one. Plain values; they cross the hot restart channel.
#pragma once

#include <string>
#include <vector>

namespace baton::upstream {

struct ExportedHost {
  std::string address;
  bool failed_active_check = false;
  bool failed_outlier_check = false;
  bool degraded_by_check = false;
  bool checked = false;  // failed_active_check and degraded_by_check come from a check
};

struct ExportedHealth {
  std::string cluster;
  std::vector<ExportedHost> hosts;
};

}  // namespace baton::upstream
