#include "source/admin/status_pages.h"

#include <fstream>
#include <malloc.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "source/base/strings.h"
#include "source/config/pretty_json.h"
#include "source/network/address.h"

namespace baton::admin {
namespace {

namespace json = boost::json;

// As Envoy's JSON says what an address is.
json::object addressJson(const std::string& text) {
  const auto address = network::Address::parse(text);
  if (!address || !address->isIp()) return {{"pipe", {{"path", text}}}};
  return {{"socket_address", {{"address", address->ip()}, {"port_value", address->port()}}}};
}

json::object objectOf(const std::vector<std::pair<std::string, std::string>>& members) {
  json::object object;
  for (const auto& [name, value] : members) object[name] = value;
  return object;
}

json::object healthJson(const HostStatus& host) {
  json::object health{{"eds_health_status", "HEALTHY"}};
  for (const std::string_view flag : base::split(host.health_flags, '/')) {
    if (flag == "failed_eds_health") {
      health["eds_health_status"] = "UNHEALTHY";
    } else if (flag == "degraded_eds_health") {
      health["eds_health_status"] = "DEGRADED";
    } else if (flag == "failed_active_hc") {
      health["failed_active_health_check"] = true;
    } else if (flag == "degraded_active_hc") {
      health["failed_active_degraded_check"] = true;
    } else if (!flag.empty() && flag != "healthy") {
      health[json::string_view(flag.data(), flag.size())] = true;
    }
  }
  return health;
}

uint64_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string clustersText(const std::vector<ClusterStatus>& clusters) {
  std::string text;
  for (const ClusterStatus& cluster : clusters) {
    const auto line = [&](const std::string& what, const std::string& value) {
      text += cluster.name + "::" + what + "::" + value + "\n";
    };
    line("observability_name", cluster.name);
    for (const auto& [name, value] : cluster.settings) line(name, value);
    line("added_via_api", cluster.added_via_api ? "true" : "false");
    for (const HostStatus& host : cluster.hosts) {
      const auto about = [&](const std::string& what, const std::string& value) {
        line(host.address + "::" + what, value);
      };
      for (const auto& [name, value] : host.counts) about(name, std::to_string(value));
      about("hostname", host.hostname);
      about("health_flags", host.health_flags);
      about("weight", std::to_string(host.weight));
      about("region", host.region);
      about("zone", host.zone);
      about("sub_zone", host.sub_zone);
      about("canary", host.canary ? "true" : "false");
      about("priority", std::to_string(host.priority));
      about("success_rate", host.success_rate < 0 ? "-1" : std::to_string(host.success_rate));
    }
  }
  return text;
}

std::string clustersJson(const std::vector<ClusterStatus>& clusters) {
  json::array statuses;
  for (const ClusterStatus& cluster : clusters) {
    json::array hosts;
    for (const HostStatus& host : cluster.hosts) {
      json::array stats;
      for (const auto& [name, value] : host.counts) {
        const bool gauge = name.ends_with("_active");
        stats.push_back({{"name", name}, {"value", std::to_string(value)}, {"type", gauge ? "GAUGE" : "COUNTER"}});
      }
      json::object status{{"address", addressJson(host.address)},
                          {"stats", std::move(stats)},
                          {"health_status", healthJson(host)},
                          {"weight", host.weight},
                          {"hostname", host.hostname},
                          {"priority", host.priority},
                          {"locality", {{"region", host.region}, {"zone", host.zone}, {"sub_zone", host.sub_zone}}}};
      if (host.success_rate >= 0) status["success_rate"] = {{"value", host.success_rate}};
      hosts.push_back(std::move(status));
    }
    json::object status{{"name", cluster.name},
                        {"added_via_api", cluster.added_via_api},
                        {"host_statuses", std::move(hosts)},
                        {"observability_name", cluster.name}};
    statuses.push_back(std::move(status));
  }
  return config::prettyJson(json::object{{"cluster_statuses", std::move(statuses)}}) + "\n";
}

std::string listenersText(const std::vector<ListenerStatus>& listeners) {
  std::string text;
  for (const ListenerStatus& listener : listeners) {
    for (const std::string& address : listener.addresses) text += listener.name + "::" + address + "\n";
  }
  return text;
}

std::string listenersJson(const std::vector<ListenerStatus>& listeners) {
  json::array statuses;
  for (const ListenerStatus& listener : listeners) {
    json::object status{{"name", listener.name}};
    if (!listener.addresses.empty()) status["local_address"] = addressJson(listener.addresses.front());
    json::array more;
    for (size_t i = 1; i < listener.addresses.size(); ++i) more.push_back(addressJson(listener.addresses[i]));
    if (!more.empty()) status["additional_local_addresses"] = std::move(more);
    statuses.push_back(std::move(status));
  }
  return config::prettyJson(json::object{{"listener_statuses", std::move(statuses)}}) + "\n";
}

std::string serverInfoJson(const ServerInfo& info) {
  const std::string_view state = toString(info.state);
  json::object object{{"version", info.version},
                      {"state", json::string_view(state.data(), state.size())},
                      {"uptime_current_epoch", std::to_string(info.uptime_current_epoch_s) + "s"},
                      {"uptime_all_epochs", std::to_string(info.uptime_all_epochs_s) + "s"},
                      {"hot_restart_version", info.hot_restart_version},
                      {"command_line_options", objectOf(info.command_line_options)},
                      {"node", objectOf(info.node)}};
  if (!info.locality.empty()) object["node"].as_object()["locality"] = objectOf(info.locality);
  return config::prettyJson(object) + "\n";
}

std::string runtimeJson(const base::Runtime& runtime) {
  json::array layers;
  for (const std::string& name : runtime.layerNames()) layers.emplace_back(name);
  json::object entries;
  for (const auto& [key, entry] : runtime.entries()) {
    json::array values(entry.layer_values.begin(), entry.layer_values.end());
    entries[key] = {{"layer_values", std::move(values)}, {"final_value", entry.final_value}};
  }
  return config::prettyJson(json::object{{"layers", std::move(layers)}, {"entries", std::move(entries)}}) + "\n";
}

std::string memoryJson() {
  const struct mallinfo2 heap = ::mallinfo2();
  const json::object object{{"allocated", std::to_string(heap.uordblks + heap.hblkhd)},
                            {"heap_size", std::to_string(heap.arena + heap.hblkhd)},
                            {"pageheap_unmapped", "0"},
                            {"pageheap_free", std::to_string(heap.fordblks)},
                            {"total_thread_cache", std::to_string(heap.fsmblks)},
                            {"total_physical_bytes", std::to_string(residentBytes())}};
  return config::prettyJson(object) + "\n";
}

}  // namespace baton::admin
