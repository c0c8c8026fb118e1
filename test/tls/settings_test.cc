#include <functional>

#include "test/tls/tls_fixture.h"

namespace baton::tls {
namespace {

struct RefusedCase {
  const char* name;
  std::function<void(api::DownstreamTlsContext&)> spoil;
  std::string message;  // what the refusal begins with
};

class RefusedSettingsTest : public TlsTest, public testing::WithParamInterface<RefusedCase> {
 public:
  static api::CertificateValidationContext& validation(api::DownstreamTlsContext& down) {
    auto& context = down.common_tls_context.validation_context;
    if (!context) context.emplace();
    return *context;
  }
  static api::DataSource file(const std::string& path) {
    api::DataSource source;
    source.filename = path;
    return source;
  }
};

TEST_P(RefusedSettingsTest, MessageNamesFieldAndReason) {
  api::DownstreamTlsContext down = serverSettings();
  GetParam().spoil(down);
  const std::string message = refusal(down);
  EXPECT_TRUE(message.starts_with(GetParam().message)) << message;
}

using T = RefusedSettingsTest;
using Down = api::DownstreamTlsContext;
const RefusedCase kRefusedCases[] = {
    {"NoCertificate", [](Down& d) { d.common_tls_context.tls_certificates.clear(); },
     "common_tls_context.tls_certificates: a server needs a certificate"},
    {"NoChain", [](Down& d) { d.common_tls_context.tls_certificates[0].certificate_chain.reset(); },
     "common_tls_context.tls_certificates[0].certificate_chain: required"},
    {"NoKey", [](Down& d) { d.common_tls_context.tls_certificates[0].private_key.reset(); },
     "common_tls_context.tls_certificates[0].private_key: required"},
    {"MissingFile",
     [](Down& d) { d.common_tls_context.tls_certificates[0].certificate_chain = T::file("/nonexistent/c.pem"); },
     "common_tls_context.tls_certificates[0].certificate_chain: cannot read /nonexistent/c.pem: No such file or "
     "directory"},
    {"NotACertificate",
     [](Down& d) { d.common_tls_context.tls_certificates[0].certificate_chain = inlineSource("hello"); },
     "common_tls_context.tls_certificates[0].certificate_chain: <inline>: no PEM certificate"},
    {"DamagedCertificate",
     [](Down& d) {
       d.common_tls_context.tls_certificates[0].certificate_chain =
           inlineSource("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
     },
     "common_tls_context.tls_certificates[0].certificate_chain: <inline>: not a PEM certificate"},
    {"NotAKey", [](Down& d) { d.common_tls_context.tls_certificates[0].private_key = inlineSource("hello"); },
     "common_tls_context.tls_certificates[0].private_key: <inline>: not a PEM private key, or not its password"},
    {"KeyOfAnotherCertificate",
     [](Down& d) {
       d.common_tls_context.tls_certificates[0].private_key = inlineSource(test::makeLeaf("x", T::authority()).key_pem);
     },
     "common_tls_context.tls_certificates[0]: the private key does not belong to the certificate of <inline> "
     "(CN=a.test)"},
    {"EmptyDataSource", [](Down& d) { d.common_tls_context.tls_certificates[0].private_key = api::DataSource{}; },
     "common_tls_context.tls_certificates[0].private_key: expected filename, inline_string, inline_bytes or "
     "environment_variable"},
    {"UnsetEnvironment",
     [](Down& d) {
       api::DataSource s;
       s.environment_variable = "BATON_TEST_UNSET";
       d.common_tls_context.tls_certificates[0].private_key = s;
     },
     "common_tls_context.tls_certificates[0].private_key: environment variable BATON_TEST_UNSET not set"},
    {"UnknownCipher",
     [](Down& d) {
       d.common_tls_context.tls_params.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ROT13"};
     },
     "common_tls_context.tls_params.cipher_suites: unknown cipher \"ROT13\""},
    {"UnknownTls13Cipher", [](Down& d) { d.common_tls_context.tls_params.cipher_suites = {"TLS_ROT13"}; },
     "common_tls_context.tls_params.cipher_suites: unknown cipher \"TLS_ROT13\""},
    {"UnknownCurve", [](Down& d) { d.common_tls_context.tls_params.ecdh_curves = {"P-257"}; },
     "common_tls_context.tls_params.ecdh_curves: unknown curve in \"P-257\""},
    {"UnknownSignature", [](Down& d) { d.common_tls_context.tls_params.signature_algorithms = {"rsa_md2"}; },
     "common_tls_context.tls_params.signature_algorithms: unknown algorithm in \"rsa_md2\""},
    {"VersionsCrossed",
     [](Down& d) {
       d.common_tls_context.tls_params.tls_minimum_protocol_version = api::TlsParameters::TlsProtocol::kTlsv13;
       d.common_tls_context.tls_params.tls_maximum_protocol_version = api::TlsParameters::TlsProtocol::kTlsv12;
     },
     "common_tls_context.tls_params.tls_minimum_protocol_version: is above tls_maximum_protocol_version"},
    {"CertificateRequiredOfNobodyKnown", [](Down& d) { d.require_client_certificate = true; },
     "require_client_certificate: needs common_tls_context.validation_context"},
    {"NamesWithoutAuthority",
     [](Down& d) {
       api::StringMatcher m;
       m.exact = "x";
       T::validation(d).match_subject_alt_names = {m};
     },
     "common_tls_context.validation_context.match_typed_subject_alt_names: names prove nothing without trusted_ca"},
    {"BadHash", [](Down& d) { T::validation(d).verify_certificate_hash = {"12:34"}; },
     "common_tls_context.validation_context.verify_certificate_hash: expected 64 hex digits, found \"12:34\""},
    {"BadPin", [](Down& d) { T::validation(d).verify_certificate_spki = {"AAAA"}; },
     "common_tls_context.validation_context.verify_certificate_spki: expected 32 bytes in base64, found \"AAAA\""},
    {"BadRegex",
     [](Down& d) {
       T::validation(d).trusted_ca = inlineSource(T::authority().certificate_pem);
       api::StringMatcher m;
       m.safe_regex = api::RegexMatcher{"("};
       T::validation(d).match_subject_alt_names = {m};
     },
     "common_tls_context.validation_context.match_subject_alt_names: regex: missing )"},
    {"EmptyMatcher",
     [](Down& d) {
       T::validation(d).trusted_ca = inlineSource(T::authority().certificate_pem);
       T::validation(d).match_subject_alt_names = {api::StringMatcher{}};
     },
     "common_tls_context.validation_context.match_subject_alt_names: a matcher needs"},
    {"BadAuthority", [](Down& d) { T::validation(d).trusted_ca = inlineSource("x"); },
     "common_tls_context.validation_context.trusted_ca: <inline>: no PEM certificate"},
    {"BadRevocationList",
     [](Down& d) {
       T::validation(d).trusted_ca = inlineSource(T::authority().certificate_pem);
       T::validation(d).crl = inlineSource("x");
     },
     "common_tls_context.validation_context.crl: <inline>: not a revocation list in PEM"},
    {"RevocationListWithoutAuthority", [](Down& d) { T::validation(d).crl = inlineSource("x"); },
     "common_tls_context.validation_context.crl: needs trusted_ca"},
    {"EmptyProtocol", [](Down& d) { d.common_tls_context.alpn_protocols = {"h2,,http/1.1"}; },
     "common_tls_context.alpn_protocols: expected 1 to 255 bytes"},
    {"ShortTicketKey", [](Down& d) { d.session_ticket_keys.emplace().keys = {inlineSource("short")}; },
     "session_ticket_keys.keys[0]: a session ticket key has 80 bytes, found 5"},
    {"NoTicketKey", [](Down& d) { d.session_ticket_keys.emplace(); },
     "session_ticket_keys.keys: at least one key is required"},
    {"StapleOfAnotherCertificate",
     [](Down& d) {
       d.common_tls_context.tls_certificates[0].ocsp_staple.emplace().inline_bytes =
           test::makeOcspResponse(T::authority(), test::makeLeaf("x", T::authority()), 7);
     },
     "common_tls_context.tls_certificates[0].ocsp_staple: <inline>: the OCSP response is about another certificate"},
    {"NotAStaple", [](Down& d) { d.common_tls_context.tls_certificates[0].ocsp_staple = inlineSource("x"); },
     "common_tls_context.tls_certificates[0].ocsp_staple: <inline>: not an OCSP response in DER"},
};
INSTANTIATE_TEST_SUITE_P(Settings, RefusedSettingsTest, testing::ValuesIn(kRefusedCases),
                         [](const auto& info) { return info.param.name; });

TEST_F(TlsTest, UpstreamWithoutAnythingIsFine) {
  EXPECT_EQ(refusal(api::UpstreamTlsContext{}), "");
}

TEST_F(TlsTest, AutoValidationUpstreamNeedsAnAuthority) {
  api::UpstreamTlsContext up;
  up.auto_sni_san_validation = true;
  EXPECT_EQ(refusal(up), "auto_sni_san_validation: needs common_tls_context.validation_context with trusted_ca");
}

TEST_F(TlsTest, ChecksLeaveNoErrorsBehind) {
  api::DownstreamTlsContext down = serverSettings();
  down.common_tls_context.tls_certificates[0].private_key = inlineSource("hello");
  EXPECT_NE(refusal(down), "");
  EXPECT_EQ(ERR_peek_error(), 0);
}

struct DnsCase {
  const char* pattern;
  const char* host;
  bool matches;
};

TEST(DnsNameTest, WildcardIsOneWholeLeftmostLabel) {
  const DnsCase cases[] = {
      {"a.test", "a.test", true},
      {"a.test", "A.TEST", true},
      {"a.test", "b.test", false},
      {"*.a.test", "x.a.test", true},
      {"*.a.test", "a.test", false},
      {"*.a.test", "x.y.a.test", false},
      {"*.a.test", ".a.test", false},
      {"*", "a", false},
      {"*.", "a.", false},
      {"x*.a.test", "xy.a.test", false},
      {"a.*.test", "a.b.test", false},
      {"*.A.test", "x.a.TEST", true},
  };
  for (const DnsCase& c : cases) EXPECT_EQ(dnsNameMatches(c.pattern, c.host), c.matches) << c.pattern << " " << c.host;
}

}  // namespace
}  // namespace baton::tls
