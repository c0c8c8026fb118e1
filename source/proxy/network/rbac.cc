// Role based access control of connections. Judged as soon as all is known that the rules look at: at once, or when
// they look at certificates after the TLS handshake; until then nothing that follows in the chain runs.
#include "api/network_filters.h"

#include "source/http/rbac_rules.h"
#include "source/proxy/network/held_session.h"
#include "source/proxy/network/registry.h"

namespace baton::proxy {
namespace {

struct RbacStats {
  explicit RbacStats(const stats::Scope& scope, const std::string& shadow)
      : allowed(scope.counter("allowed")),
        denied(scope.counter("denied")),
        shadow_allowed(scope.counter(shadow + "shadow_allowed")),
        shadow_denied(scope.counter(shadow + "shadow_denied")),
        logged(scope.counter("logged")),
        not_logged(scope.counter("not_logged")) {}

  stats::Counter allowed;
  stats::Counter denied;
  stats::Counter shadow_allowed;
  stats::Counter shadow_denied;
  stats::Counter logged;
  stats::Counter not_logged;
};

class Rbac final : public network::NetworkFilterFactory, public std::enable_shared_from_this<Rbac> {
 public:
  Rbac(const api::NetworkRbac& settings, std::optional<http::RbacRules> rules, std::optional<http::RbacRules> shadow,
       const stats::Scope& scope, network::NetworkFilterFactoryPtr next)
      : rules_(std::move(rules)),
        shadow_(std::move(shadow)),
        logs_(settings.rules && settings.rules->action == api::RbacRules::Action::kLog),
        delay_(settings.delay_deny),
        stats_(scope, settings.shadow_rules_stat_prefix),
        next_(std::move(next)) {}

  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override;

  // What goes on with a connection of which all is known; null: it is closed.
  std::unique_ptr<network::Session> goOn(const network::SessionContext& context) const {
    network::ConnectionInfo& connection = context.connection.info();
    if (shadow_) (shadow_->judge(connection).allowed ? stats_.shadow_allowed : stats_.shadow_denied).add();
    if (!rules_) return next_->createSession(context);
    const http::RbacRules::Verdict verdict = rules_->judge(connection);
    if (logs_) (verdict.policy != nullptr ? stats_.logged : stats_.not_logged).add();
    if (verdict.allowed) {
      stats_.allowed.add();
      return next_->createSession(context);
    }
    stats_.denied.add();
    connection.termination_details =
        "rbac_access_denied_matched_policy[" + (verdict.policy != nullptr ? *verdict.policy : "none") + "]";
    return HeldSession::make(context, delay_);
  }

 private:
  const std::optional<http::RbacRules> rules_;
  const std::optional<http::RbacRules> shadow_;
  const bool logs_;
  const std::optional<api::Milliseconds> delay_;
  const RbacStats stats_;
  const network::NetworkFilterFactoryPtr next_;
};

// Until the TLS handshake is done.
class HandshakeSession final : public network::Session {
 public:
  HandshakeSession(std::shared_ptr<const Rbac> rbac, const network::SessionContext& context)
      : rbac_(std::move(rbac)), context_(context) {}

  void onConnected() override { context_.owner.replaceSession(rbac_->goOn(context_)); }
  size_t onData(std::string_view, bool) override { return 0; }
  void onClosed(network::CloseReason) override {}
  void terminate() override { context_.connection.close(network::CloseType::kAbort); }
  const char* kind() const override { return "handshake"; }

 private:
  const std::shared_ptr<const Rbac> rbac_;
  const network::SessionContext context_;
};

std::unique_ptr<network::Session> Rbac::createSession(const network::SessionContext& context) const {
  const bool wait = (rules_ && rules_->lookAtCertificates()) || (shadow_ && shadow_->lookAtCertificates());
  network::Connection& connection = context.connection;
  if (wait && !connection.transport().isPlain() && connection.state() != network::Connection::State::kOpen) {
    return std::make_unique<HandshakeSession>(shared_from_this(), context);
  }
  return goOn(context);
}

base::Result<std::optional<http::RbacRules>> build(const std::optional<api::RbacRules>& config, const char* field) {
  if (!config) return std::optional<http::RbacRules>();
  auto rules = http::RbacRules::build(*config);
  if (!rules) return base::Error{rules.error().code, std::string(field) + "." + rules.error().message};
  return std::optional<http::RbacRules>(std::move(*rules));
}

}  // namespace

void registerNetworkRbac(network::NetworkFilterRegistry& registry) {
  registry.addPassing<api::NetworkRbac>(
      [](const auto& settings, const auto& place, auto next) -> network::NetworkFilterRegistry::Built {
        auto rules = build(settings.rules, "rules");
        if (!rules) return rules.error();
        auto shadow = build(settings.shadow_rules, "shadow_rules");
        if (!shadow) return shadow.error();
        // As in Envoy: the prefix ends with a dot, whether the user wrote it or not.
        std::string prefix = settings.stat_prefix;
        if (!prefix.ends_with('.')) prefix += '.';
        return network::NetworkFilterFactoryPtr(std::make_shared<Rbac>(
            settings, std::move(*rules), std::move(*shadow), place.root.scope(prefix + "rbac."), std::move(next)));
      });
}

}  // namespace baton::proxy
