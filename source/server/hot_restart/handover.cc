#include "source/server/hot_restart/handover.h"

#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace baton::server::hot_restart {
namespace {

Fields namedCount(std::string_view kind, std::string_view name, uint64_t count) {
  Fields entry;
  entry.add(Tag::kKind, kind).add(Tag::kName, name).add(Tag::kCount, count);
  return entry;
}

}  // namespace

Fields encodeInventory(const Inventory& inventory) {
  Fields fields;
  for (const auto& address : inventory.listeners) fields.add(Tag::kEntry, namedCount("listener", address, 0));
  for (const auto& address : inventory.tls_listeners) fields.add(Tag::kEntry, namedCount("tls", address, 0));
  for (const auto& [cluster, count] : inventory.healthy_endpoints) {
    fields.add(Tag::kEntry, namedCount("cluster", cluster, count));
  }
  fields.add(Tag::kOpenFileLimit, inventory.open_file_limit);
  return fields;
}

Inventory decodeInventory(const Fields& fields) {
  Inventory inventory;
  for (const std::string_view bytes : fields.all(Tag::kEntry)) {
    const auto entry = Fields::decode(bytes);
    if (!entry) continue;
    const std::string_view kind = entry->text(Tag::kKind).value_or("");
    const std::string name(entry->text(Tag::kName).value_or(""));
    if (kind == "listener") inventory.listeners.push_back(name);
    if (kind == "tls") inventory.tls_listeners.push_back(name);
    if (kind == "cluster") inventory.healthy_endpoints.emplace_back(name, entry->number(Tag::kCount).value_or(0));
  }
  inventory.open_file_limit = fields.number(Tag::kOpenFileLimit).value_or(0);
  return inventory;
}

Fields encodeStatus(const GenerationStatus& status) {
  Fields fields;
  fields.add(Tag::kEpoch, status.epoch).add(Tag::kPid, static_cast<uint64_t>(status.pid));
  fields.add(Tag::kCount, status.drain.connections);
  fields.add(Tag::kMilliseconds, static_cast<uint64_t>(status.drain.left.count()));
  fields.add(Tag::kReason, status.drain.waits_for);
  for (const auto& [kind, count] : status.drain.by_kind) {
    fields.add(Tag::kEntry, namedCount("connections", kind, count));
  }
  return fields;
}

GenerationStatus decodeStatus(const Fields& fields) {
  GenerationStatus status;
  status.epoch = fields.number(Tag::kEpoch).value_or(0);
  status.pid = static_cast<int>(fields.number(Tag::kPid).value_or(0));
  status.draining = true;
  status.drain.connections = fields.number(Tag::kCount).value_or(0);
  status.drain.left = std::chrono::milliseconds(fields.number(Tag::kMilliseconds).value_or(0));
  status.drain.waits_for = std::string(fields.text(Tag::kReason).value_or(""));
  for (const std::string_view bytes : fields.all(Tag::kEntry)) {
    const auto entry = Fields::decode(bytes);
    if (!entry || entry->text(Tag::kKind) != "connections") continue;
    status.drain.by_kind.emplace_back(entry->text(Tag::kName).value_or(""), entry->number(Tag::kCount).value_or(0));
  }
  return status;
}

std::vector<std::string> compareInventories(const Inventory& parent, const Inventory& child) {
  std::vector<std::string> losses;
  const std::unordered_set<std::string_view> listeners(child.listeners.begin(), child.listeners.end());
  const std::unordered_set<std::string_view> tls(child.tls_listeners.begin(), child.tls_listeners.end());
  const std::unordered_map<std::string_view, uint64_t> clusters(child.healthy_endpoints.begin(),
                                                                child.healthy_endpoints.end());
  for (const std::string& address : parent.listeners) {
    if (!listeners.contains(address)) losses.push_back("listener " + address + " is not in the new configuration");
  }
  for (const std::string& address : parent.tls_listeners) {
    if (listeners.contains(address) && !tls.contains(address)) {
      losses.push_back("listener " + address + " has no TLS in the new configuration");
    }
  }
  for (const auto& [cluster, count] : parent.healthy_endpoints) {
    const auto same = clusters.find(cluster);
    if (same == clusters.end()) {
      losses.push_back("cluster " + cluster + " is not in the new configuration");
    } else if (same->second < count) {
      losses.push_back("cluster " + cluster + " has " + std::to_string(same->second) + " healthy endpoints, had " +
                       std::to_string(count));
    }
  }
  if (child.open_file_limit < parent.open_file_limit) {
    losses.push_back("open-file limit is " + std::to_string(child.open_file_limit) + ", was " +
                     std::to_string(parent.open_file_limit));
  }
  return losses;
}

}  // namespace baton::server::hot_restart
