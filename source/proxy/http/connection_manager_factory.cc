#include "source/proxy/http/connection_manager_factory.h"

#include "source/proxy/http/connection_manager.h"

namespace baton::proxy {

std::unique_ptr<network::Session> ConnectionManagerFactory::createSession(
    const network::SessionContext& context) const {
  return std::make_unique<ConnectionManager>(context, config_);
}

void registerHttpConnectionManager(network::NetworkFilterRegistry& registry, HttpServices services) {
  registry.add<api::HttpConnectionManager>(
      [services = std::move(services)](
          const api::HttpConnectionManager& settings,
          const network::NetworkFilterPlace& place) -> base::Result<network::NetworkFilterFactoryPtr> {
        HttpConfig::Builders builders{.root = place.root,
                                      .listener_scope = place.listener_scope,
                                      .access_log = services.access_log,
                                      .service_cluster = services.service_cluster,
                                      .buckets = services.buckets};
        builders.buffer_limit = place.listener.per_connection_buffer_limit_bytes;
        auto config = HttpConfig::build(settings, builders);
        if (!config) return config.error();
        return network::NetworkFilterFactoryPtr(std::make_shared<ConnectionManagerFactory>(std::move(*config)));
      });
}

}  // namespace baton::proxy
