// The server side of TLS for one filter chain: certificates and how to choose among them, whom to let in, tickets.
// Built on the main thread from its configuration, then immutable and shared by all workers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/result.h"
#include "source/network/transport_factory.h"
#include "source/stats/store.h"
#include "source/tls/certificate.h"

namespace baton::api {
struct DownstreamTlsContext;
}

namespace baton::tls {

class TicketKeyStore;

class DownstreamContext final : public network::TransportFactory {
 public:
  // Reads the files that the configuration names. `scope` is the listener's ("listener.<address>."); both references
  // must outlive the context.
  static base::Result<std::shared_ptr<DownstreamContext>> build(const api::DownstreamTlsContext& settings,
                                                                TicketKeyStore& ticket_keys, const stats::Scope& scope);
  // Whether build() would succeed.
  static base::Result<void> check(const api::DownstreamTlsContext& settings);

  ~DownstreamContext() override;

  using TransportFactory::create;
  std::unique_ptr<network::Transport> create(const CreateOptions& options) const override;

  const std::vector<CertificateFacts>& certificates() const;
  // What a hot restart compares and ticket keys are bound to: a digest of everything that decides which clients get in.
  const std::string& clientCertificatePolicy() const;

  struct State;  // shared with the transports, which may outlive the context

 private:
  explicit DownstreamContext(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace baton::tls
