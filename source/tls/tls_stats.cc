#include "source/tls/tls_stats.h"

namespace baton::tls {
namespace {

std::string_view curveName(int nid) {
  switch (nid) {
    case NID_X25519:
      return "X25519";
    case NID_X448:
      return "X448";
    case NID_X9_62_prime256v1:
      return "P-256";
    case NID_secp384r1:
      return "P-384";
    case NID_secp521r1:
      return "P-521";
    case NID_undef:
      return {};
    default:
      return "other";
  }
}

// RFC 8446 4.2.3's name of what the peer signed with; empty when it signed nothing.
std::string_view signatureName(SSL* ssl) {
  int type = NID_undef;
  int digest = NID_undef;
  if (SSL_get_peer_signature_type_nid(ssl, &type) != 1) return {};
  SSL_get_peer_signature_nid(ssl, &digest);
  const auto by_digest = [digest](std::string_view sha256, std::string_view sha384, std::string_view sha512) {
    if (digest == NID_sha256) return sha256;
    if (digest == NID_sha384) return sha384;
    if (digest == NID_sha512) return sha512;
    return std::string_view("other");
  };
  switch (type) {
    case EVP_PKEY_RSA_PSS:
      return by_digest("rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512");
    case EVP_PKEY_RSA:
      return by_digest("rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512");
    case EVP_PKEY_EC:
      return by_digest("ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512");
    case EVP_PKEY_ED25519:
      return "ed25519";
    default:
      return "other";
  }
}

}  // namespace

TlsStats::TlsStats(const stats::Scope& scope) : scope_(scope.scope("ssl.")) {
  connection_error = scope_.counter("connection_error");
  handshake = scope_.counter("handshake");
  session_reused = scope_.counter("session_reused");
  no_certificate = scope_.counter("no_certificate");
  fail_verify_no_cert = scope_.counter("fail_verify_no_cert");
  fail_verify_error = scope_.counter("fail_verify_error");
  fail_verify_san = scope_.counter("fail_verify_san");
  fail_verify_cert_hash = scope_.counter("fail_verify_cert_hash");
  ocsp_staple_failed = scope_.counter("ocsp_staple_failed");
  ocsp_staple_omitted = scope_.counter("ocsp_staple_omitted");
  ocsp_staple_responses = scope_.counter("ocsp_staple_responses");
  ocsp_staple_requests = scope_.counter("ocsp_staple_requests");
}

void TlsStats::onHandshake(SSL* ssl) {
  handshake.add();
  if (SSL_session_reused(ssl)) session_reused.add();
  ciphers_.add(scope_, SSL_get_cipher_name(ssl));
  versions_.add(scope_, SSL_get_version(ssl));
  curves_.add(scope_, curveName(static_cast<int>(SSL_get_negotiated_group(ssl))));
  sigalgs_.add(scope_, signatureName(ssl));
}

void TlsStats::Family::add(const stats::Scope& scope, std::string_view member) {
  if (member.empty()) return;
  std::lock_guard lock(mutex_);
  for (auto& [name, counter] : members_) {
    if (name == member) return counter.add();
  }
  stats::Counter counter = scope.counter(name_ + std::string(member));
  counter.add();
  members_.emplace_back(member, counter);
}

}  // namespace baton::tls
