// SNI cluster: what the client asks for by SNI is the name of tcp_proxy's cluster. Without SNI, tcp_proxy's own.
#include "api/network_filters.h"

#include "source/proxy/network/registry.h"

namespace baton::proxy {
namespace {

class SniCluster final : public network::NetworkFilterFactory {
 public:
  explicit SniCluster(network::NetworkFilterFactoryPtr next) : next_(std::move(next)) {}

  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override {
    network::SessionContext chosen = context;
    chosen.cluster = context.connection.info().requested_server_name;
    return next_->createSession(chosen);
  }

 private:
  const network::NetworkFilterFactoryPtr next_;
};

}  // namespace

void registerSniCluster(network::NetworkFilterRegistry& registry) {
  registry.addPassing<api::SniCluster>(
      [](const auto&, const auto&, auto next) -> network::NetworkFilterRegistry::Built {
        return network::NetworkFilterFactoryPtr(std::make_shared<SniCluster>(std::move(next)));
      });
}

}  // namespace baton::proxy
