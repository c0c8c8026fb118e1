#include "source/tls/peer_verifier.h"

#include <algorithm>

#include "source/base/strings.h"

namespace baton::tls {
namespace {

using Kind = VerifyOutcome::Kind;

// For allow_expired_certificate: everything else about the chain still counts.
int forgiveExpiry(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  const int error = X509_STORE_CTX_get_error(context);
  if (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID) return 0;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool isFor(const std::vector<SubjectAltName>& sans, const std::string& name) {
  return std::any_of(sans.begin(), sans.end(), [&name](const SubjectAltName& san) {
    return san.type == SanType::kDns ? dnsNameMatches(san.value, name) : base::equalsIgnoreCase(san.value, name);
  });
}

}  // namespace

bool SanRule::accepts(const SubjectAltName& san) const {
  if (!any_type && san.type != type) return false;
  if (match == Match::kRegex) return RE2::FullMatch(san.value, *regex);
  if (match == Match::kExact && san.type == SanType::kDns) return dnsNameMatches(san.value, text);
  const std::string value = ignore_case ? base::lower(san.value) : san.value;
  const std::string wanted = ignore_case ? base::lower(text) : text;
  switch (match) {
    case Match::kExact:
      return value == wanted;
    case Match::kPrefix:
      return value.starts_with(wanted);
    case Match::kSuffix:
      return value.ends_with(wanted);
    case Match::kContains:
      return value.find(wanted) != std::string::npos;
    case Match::kRegex:
      break;
  }
  return false;
}

bool PeerVerifier::active() const {
  return settings_.check_chain || !settings_.fingerprints_256.empty() || !settings_.public_key_pins.empty() ||
         !settings_.sans.empty();
}

VerifyOutcome PeerVerifier::verify(X509_STORE_CTX* context, std::span<const std::string> names) const {
  X509* certificate = X509_STORE_CTX_get0_cert(context);
  if (certificate == nullptr) return {Kind::kUntrusted, "no certificate"};
  if (settings_.check_chain) {
    if (settings_.allow_expired) X509_STORE_CTX_set_verify_cb(context, forgiveExpiry);
    if (X509_verify_cert(context) != 1) {
      int error = X509_STORE_CTX_get_error(context);
      if (error == X509_V_OK) error = X509_V_ERR_UNSPECIFIED;
      X509_STORE_CTX_set_error(context, error);
      if (!settings_.accept_untrusted) return {Kind::kUntrusted, X509_verify_cert_error_string(error)};
    }
  }
  VerifyOutcome outcome = verifyNames(certificate, names);
  if (outcome.kind != Kind::kAccepted) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    return outcome;
  }
  if (settings_.fingerprints_256.empty() && settings_.public_key_pins.empty()) return {};
  // Either list may vouch for the certificate.
  if (contains(settings_.fingerprints_256, fingerprint(certificate, EVP_sha256())) ||
      contains(settings_.public_key_pins, publicKeyPin(certificate))) {
    return {};
  }
  X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
  return {Kind::kWrongHash, settings_.fingerprints_256.empty() ? "verify certificate SPKI" : "verify certificate hash"};
}

VerifyOutcome PeerVerifier::verifyNames(X509* certificate, std::span<const std::string> names) const {
  if (settings_.sans.empty() && names.empty()) return {};
  const std::vector<SubjectAltName> sans = subjectAltNames(certificate);
  const bool by_rule =
      settings_.sans.empty() || std::any_of(settings_.sans.begin(), settings_.sans.end(), [&sans](const SanRule& rule) {
        return std::any_of(sans.begin(), sans.end(), [&rule](const SubjectAltName& san) { return rule.accepts(san); });
      });
  const bool by_name = names.empty() || std::any_of(names.begin(), names.end(),
                                                    [&sans](const std::string& name) { return isFor(sans, name); });
  if (by_rule && by_name) return {};
  std::string found;
  for (const SubjectAltName& san : sans) found += (found.empty() ? "" : ", ") + san.value.substr(0, 100);
  return {Kind::kWrongName, "verify SAN list, found: " + (found.empty() ? "none" : found.substr(0, 500))};
}

}  // namespace baton::tls
