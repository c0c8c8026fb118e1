// Certificates, revocation lists and OCSP responses made on the spot, for tests of TLS.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "source/tls/openssl.h"

namespace baton::test {

struct TestCertificate {
  std::string certificate_pem;
  std::string key_pem;
  tls::X509Ptr certificate;
  tls::KeyPtr key;
};

struct CertificateSpec {
  enum class Key { kEc, kRsa };

  std::string common_name;
  std::vector<std::string> sans =
      {};  // as OpenSSL writes them: "DNS:a.com", "URI:spiffe://x", "IP:127.0.0.1", "email:a@b.c"
  const TestCertificate* issuer = nullptr;  // null: signed by itself
  bool authority = false;
  Key key = Key::kEc;
  int from_days = -1;  // from now
  int to_days = 365;
  bool must_staple = false;
};

TestCertificate makeCertificate(const CertificateSpec& spec);
TestCertificate makeAuthority(const std::string& common_name);
// A server's certificate for one name, signed by `issuer`.
TestCertificate makeLeaf(const std::string& name, const TestCertificate& issuer);
// The revocation list of an authority, in PEM.
std::string makeRevocationList(const TestCertificate& issuer, const std::vector<const TestCertificate*>& revoked);
// A "good" response in DER. Valid from yesterday for `valid_days` from now.
std::string makeOcspResponse(const TestCertificate& issuer, const TestCertificate& subject, int valid_days);
// A PKCS#12 bundle in DER.
std::string makePkcs12(const TestCertificate& certificate, const std::string& password);
// The key in PEM, encrypted.
std::string encryptedKey(const TestCertificate& certificate, const std::string& password);

}  // namespace baton::test
