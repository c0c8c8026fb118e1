#include "source/tls/downstream_context.h"

#include <algorithm>
#include <cstring>

#include "api/tls.h"

#include "source/base/clock.h"
#include "source/base/strings.h"
#include "source/tls/certificate_set.h"
#include "source/tls/context_settings.h"
#include "source/tls/errors.h"
#include "source/tls/ticket_callback.h"
#include "source/tls/ticket_keys.h"
#include "source/tls/tls_transport.h"

namespace baton::tls {
namespace {

constexpr std::chrono::seconds kSessionTimeout = std::chrono::hours(2);
constexpr long kMaxCachedSessions = 4096;

using StaplePolicy = api::DownstreamTlsContext::OcspStaplePolicy;

base::Error fieldError(std::string_view field, std::string_view message) {
  return {base::ErrorCode::kInvalidArgument, std::string(field) + ": " + std::string(message)};
}

// A digest of who is let in; all contexts that ask for no certificate have the same.
std::string policyOf(const api::DownstreamTlsContext& settings) {
  PolicyDigest digest;
  digest.add("require", settings.require_client_certificate ? "1" : "0");
  if (settings.common_tls_context.validation_context) digest.add(*settings.common_tls_context.validation_context);
  return digest.finish();
}

base::Result<std::vector<Identity>> loadIdentities(const api::DownstreamTlsContext& settings) {
  const auto& certificates = settings.common_tls_context.tls_certificates;
  if (certificates.empty()) return fieldError("common_tls_context.tls_certificates", "a server needs a certificate");
  std::vector<Identity> identities;
  for (size_t i = 0; i < certificates.size(); ++i) {
    const std::string field = "common_tls_context.tls_certificates[" + std::to_string(i) + "]";
    auto identity = loadIdentity(certificates[i], field);
    if (!identity) return identity.error();
    const bool needed = identity->must_staple || settings.ocsp_staple_policy == StaplePolicy::kMustStaple;
    if (needed && !identity->staple) {
      return fieldError(field + ".ocsp_staple", identity->must_staple
                                                    ? "required: the certificate says that it comes with a staple"
                                                    : "required by ocsp_staple_policy MUST_STAPLE");
    }
    identities.push_back(std::move(*identity));
  }
  return identities;
}

base::Result<std::shared_ptr<TicketKeyRing>> configuredKeys(const api::TlsSessionTicketKeys& settings) {
  TicketKeyRing::Keys keys;
  for (size_t i = 0; i < settings.keys.size(); ++i) {
    const std::string field = "session_ticket_keys.keys[" + std::to_string(i) + "]";
    auto material = readMaterial(settings.keys[i], field);
    if (!material) return material.error();
    auto key = TicketKey::fromBytes(material->bytes, base::RealClock::instance().wall());
    OPENSSL_cleanse(material->bytes.data(), material->bytes.size());
    if (!key) return fieldError(field, key.error().message);
    keys.push_back(*key);
  }
  if (keys.empty()) return fieldError("session_ticket_keys.keys", "at least one key is required");
  return std::make_shared<TicketKeyRing>(std::move(keys));
}

}  // namespace

struct DownstreamContext::State : ContextCore {
  using ContextCore::ContextCore;

  std::string alpn;
  std::string policy;
  std::string session_scope;  // session id context: sessions are resumed only where it is the same
  std::shared_ptr<TicketKeyRing> ticket_keys;
  StaplePolicy staple_policy = StaplePolicy::kLenientStapling;
  std::optional<CertificateSet> certificate_set;

  static State& of(SSL* ssl) { return static_cast<State&>(TlsTransport::of(ssl).core()); }

  base::Result<SslCtxPtr> makeCtx(const api::DownstreamTlsContext& settings,
                                  std::vector<CertificateFacts>& authorities);
};

namespace {

using State = DownstreamContext::State;

int chooseCertificate(SSL* ssl, int*, void*) {
  const State& state = State::of(ssl);
  if (state.certificate_set->single()) return SSL_TLSEXT_ERR_OK;
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  SSL_CTX* ctx = state.certificate_set->choose(name != nullptr ? name : "");
  if (SSL_get_SSL_CTX(ssl) != ctx) SSL_set_SSL_CTX(ssl, ctx);
  return SSL_TLSEXT_ERR_OK;
}

int chooseProtocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                   unsigned int offered_size, void*) {
  const std::string& ours = State::of(ssl).alpn;
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned int>(ours.size()), offered, offered_size);
  // As Envoy: a client that offers nothing we speak goes on without ALPN.
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int ticketKey(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  // A client of TLS 1.3 uses a ticket once (RFC 8446 C.4).
  const bool renew = SSL_version(ssl) == TLS1_3_VERSION;
  return useTicketKey(*State::of(ssl).ticket_keys->keys(), renew, name, iv, cipher, mac, encrypt);
}

// Called only for clients that ask for a staple.
int staple(SSL* ssl, void*) {
  State& state = State::of(ssl);
  state.stats.ocsp_staple_requests.add();
  const Identity* identity = state.certificate_set->identityOf(SSL_get_certificate(ssl));
  const bool present = identity != nullptr && identity->staple;
  const bool valid = present && identity->staple->valid(base::RealClock::instance().wall());
  if (!valid) {
    const bool refuse = state.staple_policy == StaplePolicy::kMustStaple ||
                        (state.staple_policy == StaplePolicy::kStrictStapling && present) ||
                        (identity != nullptr && identity->must_staple);
    if (refuse) {
      state.stats.ocsp_staple_failed.add();
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    state.stats.ocsp_staple_omitted.add();
    return SSL_TLSEXT_ERR_NOACK;
  }
  const std::string& der = identity->staple->der;
  void* copy = OPENSSL_malloc(der.size());
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  std::memcpy(copy, der.data(), der.size());
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(der.size()));
  state.stats.ocsp_staple_responses.add();
  return SSL_TLSEXT_ERR_OK;
}

void applySessions(SSL_CTX* ctx, const api::DownstreamTlsContext& settings) {
  const bool tickets = !settings.disable_stateless_session_resumption.value_or(false);
  const bool cache = !settings.disable_stateful_session_resumption;
  if (tickets) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticketKey);
  } else {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (!cache) SSL_CTX_set_num_tickets(ctx, 0);
  }
  SSL_CTX_set_session_cache_mode(ctx, cache ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
  SSL_CTX_sess_set_cache_size(ctx, kMaxCachedSessions);
  const std::chrono::milliseconds timeout = settings.session_timeout.value_or(kSessionTimeout);
  SSL_CTX_set_timeout(ctx, std::chrono::ceil<std::chrono::seconds>(timeout).count());
}

void nameAuthorities(SSL_CTX* ctx) {
  STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    X509* certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (certificate != nullptr) SSL_CTX_add_client_CA(ctx, certificate);
  }
}

}  // namespace

base::Result<SslCtxPtr> State::makeCtx(const api::DownstreamTlsContext& settings,
                                       std::vector<CertificateFacts>& authorities) {
  auto made = makeSslCtx(TLS_server_method());
  if (!made) return made;
  SSL_CTX* ctx = made->get();
  if (const auto applied = applyParameters(ctx, settings.common_tls_context.tls_params); !applied) {
    return applied.error();
  }
  if (!settings.prefer_client_ciphers) {
    // A client that puts ChaCha20 first has no AES in hardware: what is cheap for it decides.
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  }
  SSL_CTX_set_tlsext_servername_callback(ctx, chooseCertificate);
  if (!alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx, chooseProtocol, nullptr);
  SSL_CTX_set_tlsext_status_cb(ctx, staple);
  SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>(session_scope.data()),
                                 static_cast<unsigned int>(session_scope.size()));
  applySessions(ctx, settings);
  if (const auto& validation = settings.common_tls_context.validation_context) {
    authorities.clear();
    if (const auto applied = applyTrust(ctx, *validation, authorities); !applied) return applied.error();
    nameAuthorities(ctx);
  }
  if (verifier.active() || settings.require_client_certificate) {
    SSL_CTX_set_verify(
        ctx, SSL_VERIFY_PEER | (settings.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  }
  SSL_CTX_set_cert_verify_callback(ctx, TlsTransport::verifyPeer, static_cast<ContextCore*>(this));
  if (key_log) SSL_CTX_set_keylog_callback(ctx, TlsTransport::logSecret);
  return made;
}

base::Result<std::shared_ptr<DownstreamContext>> DownstreamContext::build(const api::DownstreamTlsContext& settings,
                                                                          TicketKeyStore& ticket_keys,
                                                                          const stats::Scope& scope) {
  const api::CommonTlsContext& common = settings.common_tls_context;
  auto verify = verifySettings(common.validation_context ? &*common.validation_context : nullptr);
  if (!verify) return verify.error();
  auto state = std::make_shared<State>(scope, std::move(*verify));
  if (settings.require_client_certificate && !state->verifier.active()) {
    return fieldError("require_client_certificate",
                      "needs common_tls_context.validation_context with trusted_ca or a certificate hash");
  }
  auto alpn = alpnList(common.alpn_protocols);
  if (!alpn) return alpn.error();
  state->alpn = std::move(*alpn);
  state->staple_policy = settings.ocsp_staple_policy;
  auto identities = loadIdentities(settings);
  if (!identities) return identities.error();

  if (common.key_log) {
    auto log = KeyLog::open(*common.key_log);
    if (!log) return log.error();
    state->key_log = std::move(*log);
  }
  state->policy = policyOf(settings);
  PolicyDigest session_scope;
  session_scope.add("policy", state->policy).add("alpn", state->alpn);
  for (const Identity& identity : *identities) {
    for (const SubjectAltName& san : subjectAltNames(identity.leaf())) session_scope.add("name", san.value);
    session_scope.add("subject", subjectName(identity.leaf()));
  }
  state->session_scope = session_scope.finish();
  if (settings.session_ticket_keys) {
    auto ring = configuredKeys(*settings.session_ticket_keys);
    if (!ring) return ring.error();
    state->ticket_keys = std::move(*ring);
  } else {
    state->ticket_keys = ticket_keys.ring(state->policy);
  }

  std::vector<CertificateFacts> authorities;
  auto set = CertificateSet::build(std::move(*identities), settings.full_scan_certs_on_sni_mismatch,
                                   [&] { return state->makeCtx(settings, authorities); });
  if (!set) return set.error();
  state->certificate_set = std::move(*set);
  for (const Identity& identity : state->certificate_set->identities()) {
    state->own.emplace_back(identity.leaf(), certificateFacts(identity.leaf(), identity.path));
    for (const X509Ptr& certificate : identity.chain) {
      state->certificates.push_back(certificateFacts(certificate.get(), identity.path));
    }
  }
  state->certificates.insert(state->certificates.end(), authorities.begin(), authorities.end());
  return std::shared_ptr<DownstreamContext>(new DownstreamContext(std::move(state)));
}

base::Result<void> DownstreamContext::check(const api::DownstreamTlsContext& settings) {
  const auto store = stats::Store::inMemory();
  TicketKeyStore ticket_keys(base::RealClock::instance());
  const auto built = build(settings, ticket_keys, stats::Scope(*store, ""));
  if (!built) return built.error();
  return {};
}

DownstreamContext::~DownstreamContext() = default;

std::unique_ptr<network::Transport> DownstreamContext::create(const CreateOptions&) const {
  SslPtr ssl(SSL_new(state_->certificate_set->initial()));
  return std::make_unique<TlsTransport>(state_, std::move(ssl), TlsTransport::Role::kServer);
}

const std::vector<CertificateFacts>& DownstreamContext::certificates() const {
  return state_->certificates;
}

const std::string& DownstreamContext::clientCertificatePolicy() const {
  return state_->policy;
}

}  // namespace baton::tls
