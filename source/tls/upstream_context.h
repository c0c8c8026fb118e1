// The client side of TLS for one cluster: SNI, ALPN, whom to trust, sessions to resume. Built on the main thread from
// its configuration, then shared by all workers; only the session cache changes, under its lock.
#pragma once

#include <memory>
#include <vector>

#include "source/base/result.h"
#include "source/network/transport_factory.h"
#include "source/stats/store.h"
#include "source/tls/certificate.h"

namespace baton::api {
struct UpstreamTlsContext;
}

namespace baton::tls {

class UpstreamContext final : public network::TransportFactory {
 public:
  // Reads the files that the configuration names. `scope` is the cluster's ("cluster.<name>.").
  static base::Result<std::shared_ptr<UpstreamContext>> build(const api::UpstreamTlsContext& settings,
                                                              const stats::Scope& scope);
  // Whether build() would succeed.
  static base::Result<void> check(const api::UpstreamTlsContext& settings);

  ~UpstreamContext() override;

  using TransportFactory::create;
  std::unique_ptr<network::Transport> create(const CreateOptions& options) const override;

  const std::vector<CertificateFacts>& certificates() const;

  struct State;  // shared with the transports, which may outlive the context

 private:
  explicit UpstreamContext(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace baton::tls
