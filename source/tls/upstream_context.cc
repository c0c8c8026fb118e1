#include "source/tls/upstream_context.h"

#include "api/tls.h"

#include "source/base/strings.h"
#include "source/network/address.h"
#include "source/tls/context_settings.h"
#include "source/tls/errors.h"
#include "source/tls/materials.h"
#include "source/tls/session_cache.h"
#include "source/tls/tls_transport.h"

namespace baton::tls {

struct UpstreamContext::State : ContextCore {
  State(const stats::Scope& scope, VerifySettings verify, size_t max_sessions)
      : ContextCore(scope, std::move(verify)), sessions(max_sessions) {}

  std::string server_name;
  bool auto_host_server_name = false;
  bool verify_server_name = false;
  std::vector<Identity> identities;
  SessionCache sessions;
};

namespace {

using State = UpstreamContext::State;

base::Error fieldError(std::string_view field, std::string_view message) {
  return {base::ErrorCode::kInvalidArgument, std::string(field) + ": " + std::string(message)};
}

// Returns 1 when it keeps the session.
int keepSession(SSL* ssl, SSL_SESSION* session) {
  TlsTransport& transport = TlsTransport::of(ssl);
  if (SSL_SESSION_is_resumable(session) != 1) return 0;
  static_cast<State&>(transport.core()).sessions.put(transport.resumptionKey(), SessionPtr(session));
  return 1;
}

// RFC 6066 3: SNI carries host names, not addresses.
bool isAddress(std::string_view name) {
  return network::Address::parseIp(name.starts_with('[') ? name.substr(1, name.size() - 2) : name, 0).ok();
}

base::Result<void> configure(State& state, const api::UpstreamTlsContext& settings) {
  const api::CommonTlsContext& common = settings.common_tls_context;
  SSL_CTX* ctx = state.ssl_ctx.get();
  if (const auto applied = applyParameters(ctx, common.tls_params); !applied) return applied.error();
  if (settings.allow_renegotiation) SSL_CTX_clear_options(ctx, SSL_OP_NO_RENEGOTIATION);
  const auto alpn = alpnList(common.alpn_protocols);
  if (!alpn) return alpn.error();
  SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(alpn->data()),
                          static_cast<unsigned int>(alpn->size()));
  std::vector<CertificateFacts> authorities;
  if (common.validation_context) {
    if (const auto applied = applyTrust(ctx, *common.validation_context, authorities); !applied) return applied.error();
  }
  for (size_t i = 0; i < common.tls_certificates.size(); ++i) {
    const std::string field = "common_tls_context.tls_certificates[" + std::to_string(i) + "]";
    auto identity = loadIdentity(common.tls_certificates[i], field);
    if (!identity) return identity.error();
    if (const auto installed = install(ctx, *identity); !installed) return installed.error();
    state.own.emplace_back(identity->leaf(), certificateFacts(identity->leaf(), identity->path));
    for (const X509Ptr& certificate : identity->chain) {
      state.certificates.push_back(certificateFacts(certificate.get(), identity->path));
    }
    state.identities.push_back(std::move(*identity));
  }
  state.certificates.insert(state.certificates.end(), authorities.begin(), authorities.end());
  if (state.verifier.active()) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx, TlsTransport::verifyPeer, static_cast<ContextCore*>(&state));
  if (common.key_log) {
    auto log = KeyLog::open(*common.key_log);
    if (!log) return log.error();
    state.key_log = std::move(*log);
    SSL_CTX_set_keylog_callback(ctx, TlsTransport::logSecret);
  }
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  if (settings.max_session_keys > 0) SSL_CTX_sess_set_new_cb(ctx, keepSession);
  return {};
}

}  // namespace

base::Result<std::shared_ptr<UpstreamContext>> UpstreamContext::build(const api::UpstreamTlsContext& settings,
                                                                      const stats::Scope& scope) {
  const auto& validation = settings.common_tls_context.validation_context;
  auto verify = verifySettings(validation ? &*validation : nullptr);
  if (!verify) return verify.error();
  if (settings.auto_sni_san_validation && !verify->check_chain) {
    return fieldError("auto_sni_san_validation", "needs common_tls_context.validation_context with trusted_ca");
  }
  if (settings.sni.size() > TLSEXT_MAXLEN_host_name) return fieldError("sni", "expected at most 255 bytes");
  auto state = std::make_shared<State>(scope, std::move(*verify), settings.max_session_keys);
  state->server_name = settings.sni;
  state->auto_host_server_name = settings.auto_host_sni;
  state->verify_server_name = settings.auto_sni_san_validation;
  auto ctx = makeSslCtx(TLS_client_method());
  if (!ctx) return ctx.error();
  state->ssl_ctx = std::move(*ctx);
  if (const auto configured = configure(*state, settings); !configured) return configured.error();
  return std::shared_ptr<UpstreamContext>(new UpstreamContext(std::move(state)));
}

base::Result<void> UpstreamContext::check(const api::UpstreamTlsContext& settings) {
  const auto store = stats::Store::inMemory();
  const auto built = build(settings, stats::Scope(*store, ""));
  if (!built) return built.error();
  return {};
}

UpstreamContext::~UpstreamContext() = default;

std::unique_ptr<network::Transport> UpstreamContext::create(const CreateOptions& options) const {
  ERR_clear_error();
  // A request to an address names no server; as in Envoy what is configured is asked for then.
  std::string name(isAddress(options.server_name) ? std::string_view() : options.server_name);
  if (name.empty() && state_->auto_host_server_name) name = options.host_name;
  if (name.empty()) name = state_->server_name;
  std::vector<std::string> verify_names = options.verify_subject_names;
  if (state_->verify_server_name && verify_names.empty() && !name.empty()) verify_names.push_back(name);

  SslPtr ssl(SSL_new(state_->ssl_ctx.get()));
  if (ssl && !name.empty() && !isAddress(name) && SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1) ssl.reset();
  if (ssl && !verify_names.empty()) SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
  const auto alpn = alpnList(options.application_protocols);
  if (ssl && alpn && !alpn->empty()) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn->data()),
                        static_cast<unsigned int>(alpn->size()));
  }
  std::string resumption_key = name;
  for (const std::string& verified : verify_names) resumption_key += '\n' + verified;
  if (const SessionPtr session = state_->sessions.get(resumption_key); ssl && session) {
    SSL_set_session(ssl.get(), session.get());
  }
  auto transport =
      std::make_unique<TlsTransport>(state_, std::move(ssl), TlsTransport::Role::kClient, std::move(verify_names));
  transport->setResumptionKey(std::move(resumption_key));
  ERR_clear_error();
  return transport;
}

const std::vector<CertificateFacts>& UpstreamContext::certificates() const {
  return state_->certificates;
}

}  // namespace baton::tls
