#include "source/config/validate.h"

#include <fmt/format.h>

#include "source/config/validation.h"

namespace baton::config {
namespace {

void validateAdmin(Validation& v, const api::Admin& admin) {
  const Path::In in(v.path, "admin");
  if (admin.address) {
    const Path::In address(v.path, "address");
    if (admin.address->pipe) {
      const Path::In kind(v.path, "pipe");
      v.pipe(*admin.address->pipe);
    } else if (admin.address->socket_address) {
      const Path::In kind(v.path, "socket_address");
      v.ipAddress(*admin.address->socket_address, "the admin interface");
    }
  }
  v.accessLogs("access_log", admin.access_log);
}

void validateRuntime(Validation& v, const api::LayeredRuntime& runtime) {
  const Path::In in(v.path, "layered_runtime");
  std::map<std::string, std::string> names;
  bool admin_layer = false;
  for (size_t i = 0; i < runtime.layers.size(); ++i) {
    const api::RuntimeLayer& layer = runtime.layers[i];
    const Path::In step(v.path, "layers", i);
    v.unique("name", layer.name, names);
    if (!layer.admin_layer) continue;
    const Path::In kind(v.path, "admin_layer");
    if (std::exchange(admin_layer, true)) v.error("a second admin_layer; at most one is allowed");
  }
}

// Two listeners of one address would take each other's connections.
std::string addressKey(const api::Address& address) {
  if (address.pipe) return address.pipe->path;
  if (!address.socket_address || address.socket_address->port_value.value_or(0) == 0) return {};
  return fmt::format("{}:{}", address.socket_address->address, *address.socket_address->port_value);
}

void validateListeners(Validation& v) {
  const auto& listeners = v.bootstrap.static_resources.listeners;
  std::map<std::string, std::string> names;
  std::map<std::string, std::string> addresses;
  for (size_t i = 0; i < listeners.size(); ++i) {
    const Path::In in(v.path, "listeners", i);
    v.unique("name", listeners[i].name, names);
    if (listeners[i].address && listeners[i].bind_to_port) {
      if (const std::string key = addressKey(*listeners[i].address); !key.empty()) {
        v.unique("address", key, addresses);
      }
    }
    validateListener(v, listeners[i]);
  }
}

void validateClusters(Validation& v) {
  const auto& clusters = v.bootstrap.static_resources.clusters;
  std::map<std::string, std::string> names;
  for (size_t i = 0; i < clusters.size(); ++i) {
    const Path::In in(v.path, "clusters", i);
    v.unique("name", clusters[i].name, names);
    validateCluster(v, clusters[i]);
  }
}

}  // namespace

void validate(const api::Bootstrap& bootstrap, const Node& root, Problems& problems,
              const std::function<base::Result<void>(std::string_view)>& check_operators) {
  Validation v(bootstrap, root, problems, check_operators);
  if (bootstrap.admin) validateAdmin(v, *bootstrap.admin);
  v.dnsResolver(bootstrap.typed_dns_resolver_config);
  if (bootstrap.layered_runtime) validateRuntime(v, *bootstrap.layered_runtime);
  const Path::In in(v.path, "static_resources");
  validateListeners(v);
  validateClusters(v);
}

}  // namespace baton::config
