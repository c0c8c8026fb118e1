// Decides whether a peer's certificate is good enough: chain, revocation, names, fingerprints, as a
// validation_context says. Immutable; called by every worker's handshakes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <re2/re2.h>

#include "source/base/result.h"
#include "source/tls/certificate.h"
#include "source/tls/openssl.h"

namespace baton::tls {

// One allowed kind of subject alternative name.
struct SanRule {
  enum class Match { kExact, kPrefix, kSuffix, kContains, kRegex };

  bool any_type = false;  // match_subject_alt_names of old: whatever the type
  SanType type = SanType::kDns;
  Match match = Match::kExact;
  std::string text;
  bool ignore_case = false;
  std::shared_ptr<const RE2> regex;

  bool accepts(const SubjectAltName& san) const;
};

struct VerifySettings {
  bool check_chain = false;       // there is somebody to trust
  bool accept_untrusted = false;  // check, remember the outcome, let in whatever it is
  bool allow_expired = false;
  std::vector<SanRule> sans;                  // one must match; empty: all do
  std::vector<std::string> fingerprints_256;  // lower-case hex without colons
  std::vector<std::string> public_key_pins;   // base64
};

struct VerifyOutcome {
  enum class Kind { kAccepted, kUntrusted, kWrongName, kWrongHash };
  Kind kind = Kind::kAccepted;
  std::string reason;  // empty when accepted
};

class PeerVerifier {
 public:
  explicit PeerVerifier(VerifySettings settings) : settings_(std::move(settings)) {}

  // Whether a certificate is looked at at all.
  bool active() const;
  // `names`: what the certificate must be valid for besides the rules; empty: nothing more.
  VerifyOutcome verify(X509_STORE_CTX* context, std::span<const std::string> names) const;

 private:
  VerifyOutcome verifyNames(X509* certificate, std::span<const std::string> names) const;

  VerifySettings settings_;
};

}  // namespace baton::tls
