#include "source/tls/context_settings.h"

#include <algorithm>
#include <openssl/pem.h>

#include "source/base/strings.h"
#include "source/tls/errors.h"
#include "source/tls/materials.h"

namespace baton::tls {
namespace {

using Protocol = api::TlsParameters::TlsProtocol;

constexpr std::string_view kParams = "common_tls_context.tls_params";
constexpr std::string_view kValidation = "common_tls_context.validation_context";
constexpr long kMaxPeerChainBytes = 64 * 1024;
constexpr int kMaxVerifyDepth = 100;

// AES-128 before AES-256: it is the cheaper one wherever AES is in hardware, and safe.
constexpr std::string_view kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
// What TLS 1.0 and 1.1 have at best; offered only where they are allowed.
constexpr std::string_view kOldCiphers = ":ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA";
constexpr const char* kTls13Ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kCurves = "X25519:P-256";

base::Error fieldError(std::string_view where, std::string_view field, std::string_view message) {
  return {base::ErrorCode::kInvalidArgument,
          std::string(where) + "." + std::string(field) + ": " + std::string(message)};
}

int versionNumber(Protocol protocol, int automatic) {
  switch (protocol) {
    case Protocol::kTlsv10:
      return TLS1_VERSION;
    case Protocol::kTlsv11:
      return TLS1_1_VERSION;
    case Protocol::kTlsv12:
      return TLS1_2_VERSION;
    case Protocol::kTlsv13:
      return TLS1_3_VERSION;
    case Protocol::kTlsAuto:
      break;
  }
  return automatic;
}

// BoringSSL writes groups of equal preference as "[A|B]"; here they are in the order they stand.
std::vector<std::string> cipherNames(const std::vector<std::string>& configured) {
  std::vector<std::string> names;
  for (std::string entry : configured) {
    for (char& c : entry) {
      if (c == '[' || c == ']' || c == '|') c = ':';
    }
    for (const std::string_view name : base::split(entry, ':')) {
      if (!base::trim(name).empty()) names.emplace_back(base::trim(name));
    }
  }
  return names;
}

base::Result<void> applyCiphers(SSL_CTX* ctx, const std::vector<std::string>& configured, bool with_old) {
  std::vector<std::string> tls12;
  std::vector<std::string> tls13;
  for (const std::string& name : cipherNames(configured)) {
    const bool is_tls13 = name.starts_with("TLS_");
    const int known =
        is_tls13 ? SSL_CTX_set_ciphersuites(ctx, name.c_str()) : SSL_CTX_set_cipher_list(ctx, name.c_str());
    if (known != 1) {
      ERR_clear_error();
      return fieldError(kParams, "cipher_suites", "unknown cipher \"" + name + "\"");
    }
    (is_tls13 ? tls13 : tls12).push_back(name);
  }
  std::string list = tls12.empty() ? std::string(kCiphers) : base::join(tls12, ":");
  if (tls12.empty() && with_old) list += kOldCiphers;
  const std::string suites = tls13.empty() ? std::string(kTls13Ciphers) : base::join(tls13, ":");
  if (SSL_CTX_set_cipher_list(ctx, list.c_str()) != 1 || SSL_CTX_set_ciphersuites(ctx, suites.c_str()) != 1) {
    return libraryError(std::string(kParams) + ".cipher_suites");
  }
  return {};
}

base::Result<std::vector<X509CrlPtr>> parseRevocationLists(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<X509CrlPtr> lists;
  while (X509_CRL* list = PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)) lists.emplace_back(list);
  const unsigned long last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (lists.empty() || !at_end) return libraryError("not a revocation list in PEM");
  ERR_clear_error();
  return lists;
}

base::Result<SanRule> sanRule(const api::StringMatcher& matcher, std::string_view field) {
  SanRule rule;
  rule.ignore_case = matcher.ignore_case;
  const std::pair<const std::optional<std::string>&, SanRule::Match> kinds[] = {
      {matcher.exact, SanRule::Match::kExact},
      {matcher.prefix, SanRule::Match::kPrefix},
      {matcher.suffix, SanRule::Match::kSuffix},
      {matcher.contains, SanRule::Match::kContains}};
  for (const auto& [text, match] : kinds) {
    if (!text) continue;
    rule.text = *text;
    rule.match = match;
    return rule;
  }
  if (!matcher.safe_regex)
    return fieldError(kValidation, field, "a matcher needs exact, prefix, suffix, contains or safe_regex");
  RE2::Options options;
  options.set_log_errors(false);
  rule.match = SanRule::Match::kRegex;
  rule.regex = std::make_shared<const RE2>(matcher.safe_regex->regex, options);
  if (!rule.regex->ok()) return fieldError(kValidation, field, "regex: " + rule.regex->error());
  return rule;
}

base::Result<SanType> sanType(api::SubjectAltNameMatcher::SanType type) {
  using Type = api::SubjectAltNameMatcher::SanType;
  switch (type) {
    case Type::kEmail:
      return SanType::kEmail;
    case Type::kDns:
      return SanType::kDns;
    case Type::kUri:
      return SanType::kUri;
    case Type::kIpAddress:
      return SanType::kIpAddress;
    case Type::kSanTypeUnspecified:
    case Type::kOtherName:
      break;
  }
  return fieldError(kValidation, "match_typed_subject_alt_names.san_type", "expected EMAIL, DNS, URI or IP_ADDRESS");
}

// "AB:CD:..." or "abcd..." to lower-case hex.
base::Result<std::string> fingerprintText(const std::string& text) {
  std::string hex = base::lower(text);
  std::erase(hex, ':');
  const bool valid = hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!valid)
    return fieldError(kValidation, "verify_certificate_hash", "expected 64 hex digits, found \"" + text + "\"");
  return hex;
}

std::string describeSource(const std::optional<api::DataSource>& source) {
  if (!source) return {};
  const auto material = readMaterial(*source, "");
  return material ? material->bytes : std::string();
}

std::string describeMatcher(const api::StringMatcher& matcher) {
  const auto part = [](char kind, const std::optional<std::string>& text) {
    return text ? kind + *text : std::string();
  };
  return part('=', matcher.exact) + part('^', matcher.prefix) + part('$', matcher.suffix) +
         part('*', matcher.contains) + (matcher.safe_regex ? '~' + matcher.safe_regex->regex : std::string()) +
         (matcher.ignore_case ? "|i" : "|c");
}

}  // namespace

base::Result<SslCtxPtr> makeSslCtx(const SSL_METHOD* method) {
  ERR_clear_error();
  SslCtxPtr ctx(SSL_CTX_new(method));
  if (!ctx) return libraryError("cannot make a TLS context");
  SSL_CTX_set_mode(ctx.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // One recv for a record's header and body rather than one for each.
  SSL_CTX_set_read_ahead(ctx.get(), 1);
  SSL_CTX_set_max_cert_list(ctx.get(), kMaxPeerChainBytes);
  SSL_CTX_set_max_early_data(ctx.get(), 0);
  SSL_CTX_set_verify_depth(ctx.get(), kMaxVerifyDepth);
  return ctx;
}

base::Result<void> applyParameters(SSL_CTX* ctx, const api::TlsParameters& parameters) {
  const int lowest = versionNumber(parameters.tls_minimum_protocol_version, TLS1_2_VERSION);
  const int highest = versionNumber(parameters.tls_maximum_protocol_version, TLS1_3_VERSION);
  if (lowest > highest) {
    return fieldError(kParams, "tls_minimum_protocol_version", "is above tls_maximum_protocol_version");
  }
  // OpenSSL 3 signs TLS 1.0 and 1.1 handshakes, which need SHA-1, only at level 0.
  if (lowest < TLS1_2_VERSION) SSL_CTX_set_security_level(ctx, 0);
  SSL_CTX_set_min_proto_version(ctx, lowest);
  SSL_CTX_set_max_proto_version(ctx, highest);
  if (const auto ciphers = applyCiphers(ctx, parameters.cipher_suites, lowest < TLS1_2_VERSION); !ciphers)
    return ciphers.error();
  const std::string curves = parameters.ecdh_curves.empty() ? kCurves : base::join(parameters.ecdh_curves, ":");
  if (SSL_CTX_set1_groups_list(ctx, curves.c_str()) != 1) {
    ERR_clear_error();
    return fieldError(kParams, "ecdh_curves", "unknown curve in \"" + curves + "\"");
  }
  if (parameters.signature_algorithms.empty()) return {};
  const std::string algorithms = base::join(parameters.signature_algorithms, ":");
  if (SSL_CTX_set1_sigalgs_list(ctx, algorithms.c_str()) != 1) {
    ERR_clear_error();
    return fieldError(kParams, "signature_algorithms", "unknown algorithm in \"" + algorithms + "\"");
  }
  return {};
}

base::Result<void> applyTrust(SSL_CTX* ctx, const api::CertificateValidationContext& validation,
                              std::vector<CertificateFacts>& authorities) {
  X509_STORE* store = SSL_CTX_get_cert_store(ctx);
  if (validation.system_root_certs && SSL_CTX_set_default_verify_paths(ctx) != 1) {
    return libraryError(std::string(kValidation) + ".system_root_certs");
  }
  if (validation.trusted_ca) {
    const std::string field = std::string(kValidation) + ".trusted_ca";
    const auto material = readMaterial(*validation.trusted_ca, field);
    if (!material) return material.error();
    const auto certificates = parseCertificates(material->bytes);
    if (!certificates)
      return fieldError(kValidation, "trusted_ca", material->path + ": " + certificates.error().message);
    for (const X509Ptr& certificate : *certificates) {
      if (X509_STORE_add_cert(store, certificate.get()) != 1) return libraryError(field);
      authorities.push_back(certificateFacts(certificate.get(), material->path));
      authorities.back().authority = true;
    }
    // An intermediate that is trusted by name ends the chain, as it does for Envoy.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  }
  if (validation.crl) {
    const auto material = readMaterial(*validation.crl, std::string(kValidation) + ".crl");
    if (!material) return material.error();
    const auto lists = parseRevocationLists(material->bytes);
    if (!lists) return fieldError(kValidation, "crl", material->path + ": " + lists.error().message);
    for (const X509CrlPtr& list : *lists) {
      if (X509_STORE_add_crl(store, list.get()) != 1) return libraryError(std::string(kValidation) + ".crl");
    }
    X509_STORE_set_flags(store, validation.only_verify_leaf_cert_crl
                                    ? X509_V_FLAG_CRL_CHECK
                                    : X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }
  if (validation.max_verify_depth) SSL_CTX_set_verify_depth(ctx, static_cast<int>(*validation.max_verify_depth));
  return {};
}

base::Result<VerifySettings> verifySettings(const api::CertificateValidationContext* validation) {
  VerifySettings settings;
  if (validation == nullptr) return settings;
  settings.check_chain = validation->trusted_ca || validation->system_root_certs;
  settings.accept_untrusted = validation->trust_chain_verification ==
                              api::CertificateValidationContext::TrustChainVerification::kAcceptUntrusted;
  settings.allow_expired = validation->allow_expired_certificate;
  for (const api::SubjectAltNameMatcher& matcher : validation->match_typed_subject_alt_names) {
    auto rule = sanRule(matcher.matcher.value_or(api::StringMatcher{}), "match_typed_subject_alt_names");
    if (!rule) return rule.error();
    const auto type = sanType(matcher.san_type);
    if (!type) return type.error();
    rule->type = *type;
    settings.sans.push_back(std::move(*rule));
  }
  for (const api::StringMatcher& matcher : validation->match_subject_alt_names) {
    auto rule = sanRule(matcher, "match_subject_alt_names");
    if (!rule) return rule.error();
    rule->any_type = true;
    settings.sans.push_back(std::move(*rule));
  }
  for (const std::string& text : validation->verify_certificate_hash) {
    auto hex = fingerprintText(text);
    if (!hex) return hex.error();
    settings.fingerprints_256.push_back(std::move(*hex));
  }
  for (const std::string& pin : validation->verify_certificate_spki) {
    const auto bytes = base::base64Decode(pin);
    if (!bytes || bytes->size() != 32) {
      return fieldError(kValidation, "verify_certificate_spki", "expected 32 bytes in base64, found \"" + pin + "\"");
    }
    settings.public_key_pins.push_back(base::base64Encode(*bytes));
  }
  if (!settings.check_chain && !settings.sans.empty()) {
    return fieldError(kValidation, "match_typed_subject_alt_names",
                      "names prove nothing without trusted_ca: anybody can write any name into a certificate");
  }
  if (!settings.check_chain && validation->crl) {
    return fieldError(kValidation, "crl", "needs trusted_ca: without it chains are not checked");
  }
  return settings;
}

base::Result<std::string> alpnList(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& entry : protocols) {
    for (const std::string_view raw : base::split(entry, ',')) {
      const std::string_view name = base::trim(raw);
      if (name.empty() || name.size() > 255) {
        return base::Error{base::ErrorCode::kInvalidArgument,
                           "common_tls_context.alpn_protocols: expected 1 to 255 bytes"};
      }
      list += static_cast<char>(name.size());
      list += name;
    }
  }
  if (list.size() > 65535) {
    return base::Error{base::ErrorCode::kInvalidArgument, "common_tls_context.alpn_protocols: too long a list"};
  }
  return list;
}

PolicyDigest::PolicyDigest() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

PolicyDigest& PolicyDigest::add(std::string_view label, std::string_view value) {
  // The length first, so that no two lists of values look the same.
  for (const std::string_view part : {label, value}) {
    const uint64_t size = part.size();
    EVP_DigestUpdate(context_.get(), &size, sizeof size);
    EVP_DigestUpdate(context_.get(), part.data(), part.size());
  }
  return *this;
}

PolicyDigest& PolicyDigest::add(std::string_view label, const std::vector<std::string>& values) {
  for (const std::string& value : values) add(label, value);
  return *this;
}

PolicyDigest& PolicyDigest::add(const api::CertificateValidationContext& validation) {
  add("ca", describeSource(validation.trusted_ca));
  add("system", validation.system_root_certs ? "1" : "0");
  add("crl", describeSource(validation.crl));
  for (const api::SubjectAltNameMatcher& matcher : validation.match_typed_subject_alt_names) {
    add("san" + std::to_string(static_cast<int>(matcher.san_type)),
        matcher.matcher ? describeMatcher(*matcher.matcher) : std::string());
  }
  for (const api::StringMatcher& matcher : validation.match_subject_alt_names) add("san", describeMatcher(matcher));
  add("hash", validation.verify_certificate_hash);
  add("spki", validation.verify_certificate_spki);
  add("expired", validation.allow_expired_certificate ? "1" : "0");
  add("trust", std::to_string(static_cast<int>(validation.trust_chain_verification)));
  add("leaf", validation.only_verify_leaf_cert_crl ? "1" : "0");
  add("depth", std::to_string(validation.max_verify_depth.value_or(kMaxVerifyDepth)));
  return *this;
}

std::string PolicyDigest::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_.get(), digest, &size);
  return std::string(reinterpret_cast<const char*>(digest), size);
}

}  // namespace baton::tls
