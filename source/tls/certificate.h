// X.509 certificates as the rest of Baton sees them: facts for /certs and logs, names for selection and verification.
// Free functions over OpenSSL's objects; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/clock.h"
#include "source/base/result.h"
#include "source/tls/openssl.h"

namespace baton::tls {

// What /certs tells about one certificate.
struct CertificateFacts {
  std::string path;           // the file, or "<inline>"
  bool authority = false;     // of trusted_ca rather than of a chain that we present
  std::string serial_number;  // lower-case hex
  std::string subject;        // RFC 2253
  std::vector<std::string> dns_sans;
  std::vector<std::string> uri_sans;
  std::vector<std::string> ip_sans;
  base::WallTime valid_from{};
  base::WallTime expires{};

  // Whole days, rounded down; negative when it has expired.
  int64_t daysUntilExpiration(base::WallTime now) const;
};

enum class SanType { kEmail, kDns, kUri, kIpAddress };

struct SubjectAltName {
  SanType type;
  std::string value;  // addresses in text form
};

CertificateFacts certificateFacts(X509* certificate, std::string_view path);
std::vector<SubjectAltName> subjectAltNames(X509* certificate);
std::string subjectName(X509* certificate);
std::string issuerName(X509* certificate);
std::string serialNumber(X509* certificate);
// Lower-case hex of a digest of the DER.
std::string fingerprint(X509* certificate, const EVP_MD* digest);
// Base64 of the SHA-256 of the SubjectPublicKeyInfo, as verify_certificate_spki has it.
std::string publicKeyPin(X509* certificate);
std::string timeText(const ASN1_TIME* time);  // "2026-01-31T12:00:00.000Z"
base::WallTime wallTime(const ASN1_TIME* time);
// Percent-encoded PEM, as x-forwarded-client-cert carries it.
std::string urlEncodedPem(X509* certificate);

// All certificates of a PEM text, in order; at least one, or an error.
base::Result<std::vector<X509Ptr>> parseCertificates(std::string_view pem);

// RFC 6125 6.4: "*" stands for the whole leftmost label only.
bool dnsNameMatches(std::string_view pattern, std::string_view host);

}  // namespace baton::tls
