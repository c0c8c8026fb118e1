// Rules about who may connect to what, compiled: each policy a list of permissions (what the client wants) and one of
// principals (who it is). Built on the main thread, immutable, read by all workers.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "api/network_filters.h"

#include "source/base/result.h"
#include "source/network/connection_info.h"

namespace baton::http {

class RbacRules {
 public:
  static base::Result<RbacRules> build(const api::RbacRules& config);

  struct Verdict {
    bool allowed = true;
    const std::string* policy = nullptr;  // that matched, the first by name; null: none did
  };
  Verdict judge(const network::ConnectionInfo& connection) const;

  // Whether a TLS handshake has to be done before they can be judged.
  bool lookAtCertificates() const { return look_at_certificates_; }

 private:
  using Test = std::function<bool(const network::ConnectionInfo&)>;
  struct Policy {
    std::string name;
    Test matches;
  };
  friend struct RbacCompiler;

  api::RbacRules::Action action_ = api::RbacRules::Action::kAllow;
  std::vector<Policy> policies_;
  bool look_at_certificates_ = false;
};

}  // namespace baton::http
