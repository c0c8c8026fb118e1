// How what the server tells about itself is printed. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "source/admin/builtins.h"

namespace baton::admin {

// "cluster::what::value" lines, as Envoy's.
std::string clustersText(const std::vector<ClusterStatus>& clusters);
std::string clustersJson(const std::vector<ClusterStatus>& clusters);
// "name::address" lines.
std::string listenersText(const std::vector<ListenerStatus>& listeners);
std::string listenersJson(const std::vector<ListenerStatus>& listeners);
std::string serverInfoJson(const ServerInfo& info);
std::string runtimeJson(const base::Runtime& runtime);
std::string memoryJson();

}  // namespace baton::admin
