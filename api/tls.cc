#include "api/tls.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const EnumDescription& describeEnum(const TlsParameters::TlsProtocol*) {
  static const EnumDescription description{
      "TlsParameters.TlsProtocol", {{"TLS_AUTO", 0}, {"TLSv1_0", 1}, {"TLSv1_1", 2}, {"TLSv1_2", 3}, {"TLSv1_3", 4}}};
  return description;
}

const MessageDescription& describe(const TlsParameters*) {
  static const MessageDescription description = message<TlsParameters>(
      "TlsParameters", "", "Protocol versions, ciphers and curves.", {},
      {
          field<&TlsParameters::tls_minimum_protocol_version>("tls_minimum_protocol_version", "TLS_AUTO is TLSv1_2."),
          field<&TlsParameters::tls_maximum_protocol_version>("tls_maximum_protocol_version", "TLS_AUTO is TLSv1_3."),
          field<&TlsParameters::cipher_suites>(
              "cipher_suites", "For TLS 1.2, in OpenSSL's or BoringSSL's syntax; ECDHE with an AEAD when empty."),
          field<&TlsParameters::ecdh_curves>("ecdh_curves", "In order of preference; X25519 and P-256 when empty."),
          field<&TlsParameters::signature_algorithms>("signature_algorithms",
                                                      "In order of preference; the library's when empty."),
          unsupported("compliance_policies", "compliance policies"),
      });
  return description;
}

const MessageDescription& describe(const TlsCertificate*) {
  static const MessageDescription description = message<TlsCertificate>(
      "TlsCertificate", "envoy.extensions.transport_sockets.tls.v3.TlsCertificate", "A certificate and its key.", {},
      {
          field<&TlsCertificate::certificate_chain>("certificate_chain", "The chain in PEM, leaf first."),
          field<&TlsCertificate::private_key>("private_key", "The key in PEM.", {.secret = true}),
          field<&TlsCertificate::pkcs12>("pkcs12", "Chain and key in PKCS#12, in place of the two.", {.secret = true}),
          field<&TlsCertificate::password>("password", "Password of the key or of the PKCS#12 file.", {.secret = true}),
          field<&TlsCertificate::ocsp_staple>("ocsp_staple", "OCSP response in DER to staple."),
          unsupported("watched_directory", "watching files for change"),
          unsupported("private_key_provider", "private key providers"),
          unsupported("signed_certificate_timestamp", "signed certificate timestamps"),
      });
  return description;
}

const EnumDescription& describeEnum(const SubjectAltNameMatcher::SanType*) {
  static const EnumDescription description{"SubjectAltNameMatcher.SanType",
                                           {{"SAN_TYPE_UNSPECIFIED", 0, false},
                                            {"EMAIL", 1},
                                            {"DNS", 2},
                                            {"URI", 3},
                                            {"IP_ADDRESS", 4},
                                            {"OTHER_NAME", 5, false}}};
  return description;
}

const MessageDescription& describe(const SubjectAltNameMatcher*) {
  static const MessageDescription description = message<SubjectAltNameMatcher>(
      "SubjectAltNameMatcher", "", "A test of one kind of subject alternative name.", {},
      {
          field<&SubjectAltNameMatcher::san_type>("san_type", "The kind of name.", {.required = true}),
          field<&SubjectAltNameMatcher::matcher>("matcher", "The test.", {.required = true}),
          unsupported("oid", "other names"),
      });
  return description;
}

const EnumDescription& describeEnum(const CertificateValidationContext::TrustChainVerification*) {
  static const EnumDescription description{"CertificateValidationContext.TrustChainVerification",
                                           {{"VERIFY_TRUST_CHAIN", 0}, {"ACCEPT_UNTRUSTED", 1}}};
  return description;
}

const MessageDescription& describe(const CertificateValidationContext*) {
  static const MessageDescription description = message<CertificateValidationContext>(
      "CertificateValidationContext", "", "Which certificates of the peer are accepted.", {},
      {
          field<&CertificateValidationContext::trusted_ca>(
              "trusted_ca", "Certificates of the authorities in PEM; without it chains are not verified."),
          field<&CertificateValidationContext::system_root_certs>("system_root_certs",
                                                                  "Trust the authorities that the system trusts."),
          field<&CertificateValidationContext::match_typed_subject_alt_names>(
              "match_typed_subject_alt_names", "One of the names must pass one of these."),
          field<&CertificateValidationContext::match_subject_alt_names>(
              "match_subject_alt_names", "One of the names, of any kind, must pass one of these.",
              {.deprecated = "match_typed_subject_alt_names"}),
          field<&CertificateValidationContext::verify_certificate_spki>(
              "verify_certificate_spki", "Base64 SHA-256 of the public key must be one of these."),
          field<&CertificateValidationContext::verify_certificate_hash>(
              "verify_certificate_hash", "Hex SHA-256 of the certificate must be one of these."),
          field<&CertificateValidationContext::crl>("crl", "Revocation lists in PEM."),
          field<&CertificateValidationContext::allow_expired_certificate>("allow_expired_certificate",
                                                                          "Accept expired certificates."),
          field<&CertificateValidationContext::trust_chain_verification>(
              "trust_chain_verification", "Whether a chain that does not verify is refused."),
          field<&CertificateValidationContext::only_verify_leaf_cert_crl>("only_verify_leaf_cert_crl",
                                                                          "Check revocation of the leaf only."),
          field<&CertificateValidationContext::max_verify_depth>(
              "max_verify_depth", "Longest chain; the library's limit of 100 when not set.", {.max = 100}),
          unsupported("watched_directory", "watching files for change"),
          unsupported("custom_validator_config", "custom certificate validators"),
          unsupported("ca_certificate_provider_instance", "certificate providers"),
          unsupported("require_signed_certificate_timestamp", "signed certificate timestamps"),
      },
      [](void* object) {
        auto& context = *static_cast<CertificateValidationContext*>(object);

        using SanType = SubjectAltNameMatcher::SanType;
        for (const StringMatcher& matcher : context.match_subject_alt_names) {
          for (const SanType type : {SanType::kDns, SanType::kUri, SanType::kEmail, SanType::kIpAddress}) {
            context.match_typed_subject_alt_names.push_back({type, matcher});
          }
        }
        context.match_subject_alt_names.clear();
      });
  return description;
}

const MessageDescription& describe(const TlsSessionTicketKeys*) {
  static const MessageDescription description = message<TlsSessionTicketKeys>(
      "TlsSessionTicketKeys", "", "Keys that encrypt session tickets.", {},
      {
          field<&TlsSessionTicketKeys::keys>("keys", "80 bytes each; the first encrypts, all decrypt.",
                                             {.secret = true, .min_items = 1}),
      });
  return description;
}

const MessageDescription& describe(const TlsKeyLog*) {
  static const MessageDescription description = message<TlsKeyLog>(
      "TlsKeyLog", "", "A file that gets the secrets of sessions.", {},
      {
          field<&TlsKeyLog::path>("path", "The file, in the NSS key log format; lines are added at its end.",
                                  {.required = true}),
          field<&TlsKeyLog::local_address_range>("local_address_range", "Our addresses whose connections are logged."),
          field<&TlsKeyLog::remote_address_range>("remote_address_range",
                                                  "Addresses of peers whose connections are logged."),
      });
  return description;
}

const MessageDescription& describe(const SdsSecretConfig*) {
  static const MessageDescription description = message<SdsSecretConfig>(
      "SdsSecretConfig", "", "The name of a secret under static_resources.", {},
      {
          field<&SdsSecretConfig::name>("name", "Its name.", {.required = true, .nonempty = true}),
          unsupported("sds_config", "secret discovery; put the secret under static_resources.secrets"),
      });
  return description;
}

const MessageDescription& describe(const Secret*) {
  static const MessageDescription description = message<Secret>(
      "Secret", "envoy.extensions.transport_sockets.tls.v3.Secret", "A secret with its name.", {{"type", true}},
      {
          field<&Secret::name>("name", "The name that contexts use.", {.required = true, .nonempty = true}),
          field<&Secret::tls_certificate>("tls_certificate", "A certificate and its key.", {.oneof = "type"}),
          field<&Secret::session_ticket_keys>("session_ticket_keys", "Keys that encrypt session tickets.",
                                              {.oneof = "type"}),
          field<&Secret::validation_context>("validation_context", "Which certificates of the peer are accepted.",
                                             {.oneof = "type"}),
          unsupported("generic_secret", "secrets of extensions", "type"),
      });
  return description;
}

const MessageDescription& describe(const CombinedCertificateValidationContext*) {
  static const MessageDescription description = message<CombinedCertificateValidationContext>(
      "CombinedCertificateValidationContext", "", "Settings that a secret adds to.", {},
      {
          field<&CombinedCertificateValidationContext::default_validation_context>("default_validation_context",
                                                                                   "The settings.", {.required = true}),
          field<&CombinedCertificateValidationContext::validation_context_sds_secret_config>(
              "validation_context_sds_secret_config", "The secret.", {.required = true}),
          unsupported("validation_context_certificate_provider", "certificate providers"),
          unsupported("validation_context_certificate_provider_instance", "certificate providers"),
      });
  return description;
}

const MessageDescription& describe(const CommonTlsContext*) {
  static const MessageDescription description = message<CommonTlsContext>(
      "CommonTlsContext", "", "What both sides of TLS share.", {{"validation_context_type"}},
      {
          field<&CommonTlsContext::tls_params>("tls_params", "Protocol versions, ciphers and curves."),
          field<&CommonTlsContext::tls_certificates>(
              "tls_certificates", "Certificates to show; downstream chosen by server name and key type."),
          field<&CommonTlsContext::validation_context>("validation_context",
                                                       "Which certificates of the peer are accepted.",
                                                       {.oneof = "validation_context_type"}),
          field<&CommonTlsContext::alpn_protocols>("alpn_protocols",
                                                   "Protocols to offer or accept, in order of preference.",
                                                   {.format = Format::kCommaSeparated}),
          ignored("read_ahead_buffer_size"),
          field<&CommonTlsContext::tls_certificate_sds_secret_configs>(
              "tls_certificate_sds_secret_configs", "The same by the names of secrets; used without tls_certificates."),
          field<&CommonTlsContext::validation_context_sds_secret_config>("validation_context_sds_secret_config",
                                                                         "The same by the name of a secret.",
                                                                         {.oneof = "validation_context_type"}),
          field<&CommonTlsContext::combined_validation_context>(
              "combined_validation_context", "The same by the name of a secret and settings that it adds to.",
              {.oneof = "validation_context_type"}),
          field<&CommonTlsContext::key_log>("key_log",
                                            "A file that gets the secrets of sessions, to read captures with."),
          unsupported("custom_tls_certificate_selector", "certificate selectors"),
          unsupported("custom_handshaker", "custom handshakers"),
          unsupported("tls_certificate_provider_instance", "certificate providers"),
          unsupported("tls_certificate_certificate_provider", "certificate providers"),
          unsupported("tls_certificate_certificate_provider_instance", "certificate providers"),
          unsupported("validation_context_certificate_provider", "certificate providers"),
          unsupported("validation_context_certificate_provider_instance", "certificate providers"),
      });
  return description;
}

const EnumDescription& describeEnum(const DownstreamTlsContext::OcspStaplePolicy*) {
  static const EnumDescription description{"DownstreamTlsContext.OcspStaplePolicy",
                                           {{"LENIENT_STAPLING", 0}, {"STRICT_STAPLING", 1}, {"MUST_STAPLE", 2}}};
  return description;
}

const MessageDescription& describe(const DownstreamTlsContext*) {
  static const MessageDescription description = message<DownstreamTlsContext>(
      "DownstreamTlsContext", "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "TLS towards clients.",
      {{"session_ticket_keys_type"}},
      {
          field<&DownstreamTlsContext::common_tls_context>("common_tls_context", "What both sides of TLS share."),
          field<&DownstreamTlsContext::require_client_certificate>("require_client_certificate",
                                                                   "Refuse clients that show no certificate."),
          field<&DownstreamTlsContext::session_ticket_keys>(
              "session_ticket_keys", "Keys for session tickets; made and rotated by Baton when not set.",
              {.oneof = "session_ticket_keys_type"}),
          field<&DownstreamTlsContext::disable_stateless_session_resumption>("disable_stateless_session_resumption",
                                                                             "Send no session tickets.",
                                                                             {.oneof = "session_ticket_keys_type"}),
          field<&DownstreamTlsContext::disable_stateful_session_resumption>("disable_stateful_session_resumption",
                                                                            "Keep no session cache."),
          field<&DownstreamTlsContext::session_timeout>("session_timeout",
                                                        "Longest life of a session; the library's when not set."),
          field<&DownstreamTlsContext::prefer_client_ciphers>("prefer_client_ciphers",
                                                              "Take the client's order of ciphers, not ours."),
          field<&DownstreamTlsContext::full_scan_certs_on_sni_mismatch>(
              "full_scan_certs_on_sni_mismatch",
              "Look at all certificates when no name matches, not only at the first."),
          field<&DownstreamTlsContext::ocsp_staple_policy>("ocsp_staple_policy",
                                                           "What happens when a staple is missing or stale."),
          field<&DownstreamTlsContext::session_ticket_keys_sds_secret_config>("session_ticket_keys_sds_secret_config",
                                                                              "The same by the name of a secret.",
                                                                              {.oneof = "session_ticket_keys_type"}),
          unsupported("require_sni", "refusing clients without a server name"),
      });
  return description;
}

const MessageDescription& describe(const UpstreamTlsContext*) {
  static const MessageDescription description = message<UpstreamTlsContext>(
      "UpstreamTlsContext", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "TLS towards endpoints.",
      {},
      {
          field<&UpstreamTlsContext::common_tls_context>("common_tls_context", "What both sides of TLS share."),
          field<&UpstreamTlsContext::sni>("sni", "Server name to ask for.", {.max_length = 255}),
          field<&UpstreamTlsContext::auto_host_sni>("auto_host_sni", "Ask for the endpoint's host name."),
          field<&UpstreamTlsContext::auto_sni_san_validation>(
              "auto_sni_san_validation", "The certificate must be valid for the name that was asked for."),
          field<&UpstreamTlsContext::allow_renegotiation>("allow_renegotiation", "Let the server renegotiate."),
          field<&UpstreamTlsContext::max_session_keys>("max_session_keys",
                                                       "Sessions to keep for resumption; 0 keeps none."),
          ignored("enforce_rsa_key_usage"),
      });
  return description;
}

const MessageDescription& describe(const RawBuffer*) {
  static const MessageDescription description = message<RawBuffer>(
      "RawBuffer", "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer", "Plain text.", {}, {});
  return description;
}

const MessageDescription& describe(const TransportSocket*) {
  static const MessageDescription description = message<TransportSocket>(
      "TransportSocket", "envoy.config.core.v3.TransportSocket", "What lies between a connection and its socket.", {},
      {
          field<&TransportSocket::name>("name", "Any name."),
          field<&TransportSocket::typed_config>("typed_config", "The kind of transport and its settings.",
                                                {.required = true, .category = "transport"}),
      });
  return description;
}

}  // namespace baton::api
