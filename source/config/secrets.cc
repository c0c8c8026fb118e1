#include "source/config/secrets.h"

#include <fmt/format.h>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "source/config/scalars.h"
#include "source/config/validation.h"
#include "source/tls/upstream_context.h"

namespace baton::config {
namespace {

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// As protobuf merges messages: what the secret says replaces, lists go on.
api::CertificateValidationContext merged(api::CertificateValidationContext into,
                                         const api::CertificateValidationContext& secret) {
  if (secret.trusted_ca) into.trusted_ca = secret.trusted_ca;
  if (secret.system_root_certs) into.system_root_certs = secret.system_root_certs;
  append(into.match_typed_subject_alt_names, secret.match_typed_subject_alt_names);
  append(into.verify_certificate_spki, secret.verify_certificate_spki);
  append(into.verify_certificate_hash, secret.verify_certificate_hash);
  if (secret.crl) into.crl = secret.crl;
  into.allow_expired_certificate |= secret.allow_expired_certificate;
  if (secret.trust_chain_verification != api::CertificateValidationContext{}.trust_chain_verification) {
    into.trust_chain_verification = secret.trust_chain_verification;
  }
  into.only_verify_leaf_cert_crl |= secret.only_verify_leaf_cert_crl;
  if (secret.max_verify_depth) into.max_verify_depth = secret.max_verify_depth;
  return into;
}

class SecretResolver {
 public:
  SecretResolver(Validation& v, const std::vector<api::Secret>& secrets) : v_(v), secrets_(secrets) {}

  void checkSecrets() {
    const Path::In in(v_.path, "static_resources");
    std::map<std::string, std::string> names;
    for (size_t i = 0; i < secrets_.size(); ++i) {
      const Path::In step(v_.path, "secrets", i);
      v_.unique("name", secrets_[i].name, names);
      if (v_.problems.hasErrorBelow(v_.path) || !check(secrets_[i])) broken_.insert(secrets_[i].name);
    }
  }

  void resolve(api::TransportSocket& socket) {
    const Path::In in(v_.path, "transport_socket");
    const Path::In config(v_.path, "typed_config");
    if (v_.problems.hasErrorBelow(v_.path)) return;
    usable_ = true;
    if (const auto* downstream = socket.typed_config.as<api::DownstreamTlsContext>()) {
      api::DownstreamTlsContext resolved = *downstream;
      resolveCommon(resolved.common_tls_context);
      if (const auto& name = resolved.session_ticket_keys_sds_secret_config) {
        const auto* secret = find("session_ticket_keys_sds_secret_config", name->name,
                                  [](const api::Secret& s) { return s.session_ticket_keys.has_value(); });
        if (secret != nullptr) resolved.session_ticket_keys = secret->session_ticket_keys;
        resolved.session_ticket_keys_sds_secret_config.reset();
      }
      socket.typed_config = usable_ ? api::TypedConfig::of(std::move(resolved)) : api::TypedConfig();
    } else if (const auto* upstream = socket.typed_config.as<api::UpstreamTlsContext>()) {
      api::UpstreamTlsContext resolved = *upstream;
      resolveCommon(resolved.common_tls_context);
      socket.typed_config = usable_ ? api::TypedConfig::of(std::move(resolved)) : api::TypedConfig();
    }
  }

 private:
  // The TLS layer judges, as part of a context that holds nothing else.
  bool check(const api::Secret& secret) {
    api::UpstreamTlsContext context;
    std::string_view there;
    std::string_view here;
    if (secret.tls_certificate) {
      context.common_tls_context.tls_certificates.push_back(*secret.tls_certificate);
      there = "common_tls_context.tls_certificates[0]";
      here = "tls_certificate";
    } else if (secret.validation_context) {
      context.common_tls_context.validation_context = secret.validation_context;
      there = "common_tls_context.validation_context";
      here = "validation_context";
    }
    const auto checked = tls::UpstreamContext::check(context);
    if (checked) return true;
    std::string_view message = checked.error().message;
    if (message.starts_with(there)) message.remove_prefix(there.size());
    v_.errorBelow(fmt::format("{}{}", here, message));
    return false;
  }

  void resolveCommon(api::CommonTlsContext& common) {
    const Path::In in(v_.path, "common_tls_context");
    const auto trust = [](const api::Secret& secret) { return secret.validation_context.has_value(); };
    // As in Envoy certificates that are written in place count more.
    for (size_t i = 0; i < common.tls_certificate_sds_secret_configs.size(); ++i) {
      const Path::In step(v_.path, "tls_certificate_sds_secret_configs", i);
      const auto* secret = find({}, common.tls_certificate_sds_secret_configs[i].name,
                                [](const api::Secret& s) { return s.tls_certificate.has_value(); });
      if (i == 0 && !common.tls_certificates.empty()) {
        v_.warning("'tls_certificates' is given too, so these are not used");
        break;
      }
      if (secret != nullptr) common.tls_certificates.push_back(*secret->tls_certificate);
    }
    common.tls_certificate_sds_secret_configs.clear();
    if (const auto& name = common.validation_context_sds_secret_config) {
      const auto* secret = find("validation_context_sds_secret_config", name->name, trust);
      if (secret != nullptr) common.validation_context = secret->validation_context;
      common.validation_context_sds_secret_config.reset();
    }
    if (const auto& combined = common.combined_validation_context) {
      const Path::In step(v_.path, "combined_validation_context");
      const auto* secret =
          find("validation_context_sds_secret_config", combined->validation_context_sds_secret_config.name, trust);
      if (secret != nullptr) {
        common.validation_context = merged(combined->default_validation_context, *secret->validation_context);
      }
      common.combined_validation_context.reset();
    }
  }

  // The secret of that name if it holds what is needed; else null, and the context can not be used.
  const api::Secret* find(std::string_view field, const std::string& name, bool (*holds)(const api::Secret&)) {
    std::vector<std::string_view> known;
    for (const api::Secret& secret : secrets_) {
      known.push_back(secret.name);
      if (secret.name != name) continue;
      if (broken_.count(name) == 0 && holds(secret)) return &secret;
      usable_ = false;
      if (broken_.count(name) == 0) reportName(field, fmt::format("secret \"{}\" holds something else", name));
      return nullptr;
    }
    usable_ = false;
    const std::string_view nearest = suggestion(name, known);
    reportName(field, fmt::format("expected the name of a secret, found \"{}\"{}", name,
                                  nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
    return nullptr;
  }

  void reportName(std::string_view field, std::string_view message) {
    std::optional<Path::In> in;
    if (!field.empty()) in.emplace(v_.path, field);
    const Path::In leaf(v_.path, "name");
    v_.error(message);
  }

  Validation& v_;
  const std::vector<api::Secret>& secrets_;
  std::set<std::string, std::less<>> broken_;  // Names of secrets that can not be used.
  bool usable_ = true;                         // All secrets of the context at hand have been found.
};

}  // namespace

void resolveSecrets(api::Bootstrap& bootstrap, const Node& root, Problems& problems) {
  const std::function<base::Result<void>(std::string_view)> no_operators;
  Validation v(bootstrap, root, problems, no_operators);
  SecretResolver resolver(v, bootstrap.static_resources.secrets);
  resolver.checkSecrets();
  const Path::In in(v.path, "static_resources");
  auto& listeners = bootstrap.static_resources.listeners;
  for (size_t i = 0; i < listeners.size(); ++i) {
    const Path::In step(v.path, "listeners", i);
    for (size_t j = 0; j < listeners[i].filter_chains.size(); ++j) {
      const Path::In chain(v.path, "filter_chains", j);
      if (auto& socket = listeners[i].filter_chains[j].transport_socket) resolver.resolve(*socket);
    }
    if (!listeners[i].default_filter_chain || !listeners[i].default_filter_chain->transport_socket) continue;
    const Path::In chain(v.path, "default_filter_chain");
    resolver.resolve(*listeners[i].default_filter_chain->transport_socket);
  }
  auto& clusters = bootstrap.static_resources.clusters;
  for (size_t i = 0; i < clusters.size(); ++i) {
    const Path::In step(v.path, "clusters", i);
    if (auto& socket = clusters[i].transport_socket) resolver.resolve(*socket);
  }
}

}  // namespace baton::config
