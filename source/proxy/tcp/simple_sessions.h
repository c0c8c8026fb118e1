// Network filters that need no upstream: echo, and a fixed answer.
#pragma once

#include <memory>
#include <string>

#include "api/tcp_proxy.h"

#include "source/base/result.h"
#include "source/network/network_filter.h"

namespace baton::proxy {

class EchoFactory final : public network::NetworkFilterFactory {
 public:
  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override;
};

class DirectResponseFactory final : public network::NetworkFilterFactory {
 public:
  // Reads the file that the settings may name.
  static base::Result<std::shared_ptr<const DirectResponseFactory>> build(const api::NetworkDirectResponse& settings);

  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override;

 private:
  explicit DirectResponseFactory(std::string response) : response_(std::move(response)) {}

  const std::string response_;
};

}  // namespace baton::proxy
