// http_connection_manager as a network filter.
#pragma once

#include <memory>

#include "source/network/network_filter.h"
#include "source/proxy/http/http_config.h"

namespace baton::proxy {

class ConnectionManagerFactory final : public network::NetworkFilterFactory {
 public:
  explicit ConnectionManagerFactory(std::shared_ptr<const HttpConfig> config) : config_(std::move(config)) {}

  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override;
  const HttpConfig& config() const { return *config_; }

 private:
  std::shared_ptr<const HttpConfig> config_;
};

// What the server gives to all connection managers.
struct HttpServices {
  access_log::AccessLoggerBuilder access_log;
  std::string service_cluster;
  std::shared_ptr<TokenBuckets> buckets;
};
// Makes the registry know http_connection_manager.
void registerHttpConnectionManager(network::NetworkFilterRegistry& registry, HttpServices services);

}  // namespace baton::proxy
