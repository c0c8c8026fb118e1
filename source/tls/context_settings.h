// Turns the parts of a configuration that both sides of TLS share into settings of an SSL_CTX. Main thread. Errors
// begin with the path of the field below the TLS context.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/tls.h"

#include "source/base/result.h"
#include "source/tls/certificate.h"
#include "source/tls/openssl.h"
#include "source/tls/peer_verifier.h"

namespace baton::tls {

// A new context with everything that is the same for all of ours: modes, no compression, no renegotiation, no early
// data, bounded certificate lists.
base::Result<SslCtxPtr> makeSslCtx(const SSL_METHOD* method);
// Versions, ciphers, curves and signature algorithms. Both sides default to TLS 1.2 to 1.3 with ECDHE and AEAD only.
base::Result<void> applyParameters(SSL_CTX* ctx, const api::TlsParameters& parameters);
// Authorities and revocation lists; appends the authorities' facts.
base::Result<void> applyTrust(SSL_CTX* ctx, const api::CertificateValidationContext& validation,
                              std::vector<CertificateFacts>& authorities);
base::Result<VerifySettings> verifySettings(const api::CertificateValidationContext* validation);
// RFC 7301 3.1's list of protocol names.
base::Result<std::string> alpnList(const std::vector<std::string>& protocols);

// SHA-256 over labelled values: for digests that decide which sessions may be resumed.
class PolicyDigest {
 public:
  PolicyDigest();
  PolicyDigest& add(std::string_view label, std::string_view value);
  PolicyDigest& add(std::string_view label, const std::vector<std::string>& values);
  // Everything that decides which certificates of peers are accepted.
  PolicyDigest& add(const api::CertificateValidationContext& validation);
  std::string finish();  // 32 bytes

 private:
  std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> context_;
};

}  // namespace baton::tls
