// Makes the Transport of each connection: plain here, TLS in source/tls. Built on the main thread, immutable, shared by
// all workers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/network/transport.h"

namespace baton::network {

class TransportFactory {
 public:
  // What one connection wants otherwise than the configuration says. Upstream only; all empty downstream.
  struct CreateOptions {
    std::string_view server_name;                    // SNI instead of the configured one
    std::string_view host_name;                      // the endpoint's name, for auto_host_sni
    std::vector<std::string> verify_subject_names;   // the peer's certificate must be for one of these
    std::vector<std::string> application_protocols;  // ALPN instead of the configured list
  };

  virtual ~TransportFactory() = default;
  virtual std::unique_ptr<Transport> create(const CreateOptions& options) const = 0;
  std::unique_ptr<Transport> create() const { return create(CreateOptions{}); }
  // Its transports carry bytes as they are.
  virtual bool isPlain() const { return false; }
};

class PlainTransportFactory final : public TransportFactory {
 public:
  std::unique_ptr<Transport> create(const CreateOptions&) const override { return makePlainTransport(); }
  bool isPlain() const override { return true; }
};

}  // namespace baton::network
