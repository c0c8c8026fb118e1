// TLS: certificates, what is trusted, and the settings of either side. Plain values with their defaults; any thread
// may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/address.h"
#include "api/data_source.h"
#include "api/string_matcher.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Protocol versions, ciphers and curves.
struct TlsParameters {
  enum class TlsProtocol { kTlsAuto = 0, kTlsv10 = 1, kTlsv11 = 2, kTlsv12 = 3, kTlsv13 = 4 };

  TlsProtocol tls_minimum_protocol_version = TlsProtocol::kTlsAuto;  // TLS_AUTO is TLSv1_2.
  // TLS_AUTO is TLSv1_3 on both sides; upstream that is one more than Envoy offers.
  TlsProtocol tls_maximum_protocol_version = TlsProtocol::kTlsAuto;
  // For TLS 1.2, in OpenSSL's or BoringSSL's syntax; ECDHE with an AEAD when empty.
  std::vector<std::string> cipher_suites;
  std::vector<std::string> ecdh_curves;           // In order of preference; X25519 and P-256 when empty.
  std::vector<std::string> signature_algorithms;  // In order of preference; the library's when empty.
};

// A certificate and its key.
struct TlsCertificate {
  std::optional<DataSource> certificate_chain;
  std::optional<DataSource> private_key;
  std::optional<DataSource> pkcs12;
  std::optional<DataSource> password;
  std::optional<DataSource> ocsp_staple;
};

// A test of one kind of subject alternative name.
struct SubjectAltNameMatcher {
  enum class SanType { kSanTypeUnspecified = 0, kEmail = 1, kDns = 2, kUri = 3, kIpAddress = 4, kOtherName = 5 };

  SanType san_type = SanType::kSanTypeUnspecified;
  std::optional<StringMatcher> matcher;
};

// Which certificates of the peer are accepted.
struct CertificateValidationContext {
  enum class TrustChainVerification { kVerifyTrustChain = 0, kAcceptUntrusted = 1 };

  std::optional<DataSource> trusted_ca;
  std::optional<Empty> system_root_certs;
  std::vector<SubjectAltNameMatcher> match_typed_subject_alt_names;
  std::vector<StringMatcher> match_subject_alt_names;
  std::vector<std::string> verify_certificate_spki;
  std::vector<std::string> verify_certificate_hash;
  std::optional<DataSource> crl;
  bool allow_expired_certificate = false;
  TrustChainVerification trust_chain_verification = TrustChainVerification::kVerifyTrustChain;
  bool only_verify_leaf_cert_crl = false;
  std::optional<uint32_t> max_verify_depth;  // Longest chain; the library's limit of 100 when not set.
};

// Keys that encrypt session tickets.
struct TlsSessionTicketKeys {
  std::vector<DataSource> keys;
};

// Secrets of sessions, written to a file so that captured traffic can be read.
struct TlsKeyLog {
  std::string path;
  std::vector<CidrRange> local_address_range;   // Connections to log, by our address; all when empty.
  std::vector<CidrRange> remote_address_range;  // The same by the peer's address; both must fit.
};

// The name of a secret that is written elsewhere.
struct SdsSecretConfig {
  std::string name;
};

// A secret with its name. A file holds them under static_resources; contexts name them.
struct Secret {
  std::string name;
  std::optional<TlsCertificate> tls_certificate;
  std::optional<TlsSessionTicketKeys> session_ticket_keys;
  std::optional<CertificateValidationContext> validation_context;
};

// Settings that a secret adds to.
struct CombinedCertificateValidationContext {
  CertificateValidationContext default_validation_context;
  SdsSecretConfig validation_context_sds_secret_config;
};

// What both sides of TLS share. Loading puts what a named secret holds in place of the name.
struct CommonTlsContext {
  TlsParameters tls_params;
  std::vector<TlsCertificate> tls_certificates;
  std::vector<SdsSecretConfig> tls_certificate_sds_secret_configs;
  std::optional<CertificateValidationContext> validation_context;
  std::optional<SdsSecretConfig> validation_context_sds_secret_config;
  std::optional<CombinedCertificateValidationContext> combined_validation_context;
  std::vector<std::string> alpn_protocols;
  std::optional<TlsKeyLog> key_log;
};

// TLS towards clients.
struct DownstreamTlsContext {
  enum class OcspStaplePolicy { kLenientStapling = 0, kStrictStapling = 1, kMustStaple = 2 };

  CommonTlsContext common_tls_context;
  bool require_client_certificate = false;
  // Keys for session tickets; made and rotated by Baton when not set.
  std::optional<TlsSessionTicketKeys> session_ticket_keys;
  std::optional<SdsSecretConfig> session_ticket_keys_sds_secret_config;
  std::optional<bool> disable_stateless_session_resumption;
  bool disable_stateful_session_resumption = false;
  std::optional<Milliseconds> session_timeout;  // Longest life of a session; the library's when not set.
  bool prefer_client_ciphers = false;
  bool full_scan_certs_on_sni_mismatch = false;
  OcspStaplePolicy ocsp_staple_policy = OcspStaplePolicy::kLenientStapling;
};

// TLS towards endpoints.
struct UpstreamTlsContext {
  CommonTlsContext common_tls_context;
  std::string sni;
  bool auto_host_sni = false;
  bool auto_sni_san_validation = false;
  bool allow_renegotiation = false;
  uint32_t max_session_keys = 1;  // Sessions to keep for resumption; 0 keeps none.
};

// Plain text.
struct RawBuffer {};

// What lies between a connection and its socket.
struct TransportSocket {
  std::string name;
  TypedConfig typed_config;
};

const MessageDescription& describe(const TlsParameters*);
const EnumDescription& describeEnum(const TlsParameters::TlsProtocol*);
const MessageDescription& describe(const TlsCertificate*);
const MessageDescription& describe(const SubjectAltNameMatcher*);
const EnumDescription& describeEnum(const SubjectAltNameMatcher::SanType*);
const MessageDescription& describe(const CertificateValidationContext*);
const EnumDescription& describeEnum(const CertificateValidationContext::TrustChainVerification*);
const MessageDescription& describe(const TlsSessionTicketKeys*);
const MessageDescription& describe(const TlsKeyLog*);
const MessageDescription& describe(const SdsSecretConfig*);
const MessageDescription& describe(const Secret*);
const MessageDescription& describe(const CombinedCertificateValidationContext*);
const MessageDescription& describe(const CommonTlsContext*);
const MessageDescription& describe(const DownstreamTlsContext*);
const EnumDescription& describeEnum(const DownstreamTlsContext::OcspStaplePolicy*);
const MessageDescription& describe(const UpstreamTlsContext*);
const MessageDescription& describe(const RawBuffer*);
const MessageDescription& describe(const TransportSocket*);

}  // namespace baton::api
