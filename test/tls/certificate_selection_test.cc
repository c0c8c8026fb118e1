#include <sys/socket.h>
#include <unistd.h>

#include "test/tls/tls_fixture.h"

namespace baton::tls {
namespace {

using Key = test::CertificateSpec::Key;

struct SniCase {
  const char* name;
  const char* sni;
  bool client_has_ecdsa = true;
  bool client_has_rsa = true;
  bool full_scan = false;
  const char* subject = nullptr;  // null: no handshake
};

// Five certificates: first.test (EC), a.test (EC and RSA), *.wild.test (EC), *.a.test (RSA), exact.wild.test (RSA).
class CertificateSelectionTest : public TlsTest, public testing::WithParamInterface<SniCase> {
 protected:
  static test::TestCertificate leaf(const std::string& label, const std::string& name, Key key) {
    return test::makeCertificate({.common_name = label, .sans = {"DNS:" + name}, .issuer = &authority(), .key = key});
  }
  static const std::vector<test::TestCertificate>& certificates() {
    static const std::vector<test::TestCertificate> made = [] {
      std::vector<test::TestCertificate> all;
      all.push_back(leaf("first", "first.test", Key::kEc));
      all.push_back(leaf("a-ec", "a.test", Key::kEc));
      all.push_back(leaf("a-rsa", "a.test", Key::kRsa));
      all.push_back(leaf("wild-ec", "*.wild.test", Key::kEc));
      all.push_back(leaf("suba-rsa", "*.a.test", Key::kRsa));
      all.push_back(leaf("exact-rsa", "exact.wild.test", Key::kRsa));
      return all;
    }();
    return made;
  }
};

TEST_P(CertificateSelectionTest, CertificateFitsNameAndClient) {
  const SniCase& c = GetParam();
  api::DownstreamTlsContext down;
  for (const auto& certificate : certificates()) {
    down.common_tls_context.tls_certificates.push_back(identityOf(certificate));
  }
  down.full_scan_certs_on_sni_mismatch = c.full_scan;
  api::UpstreamTlsContext up;
  up.sni = c.sni;
  auto& algorithms = up.common_tls_context.tls_params.signature_algorithms;
  if (c.client_has_ecdsa) algorithms.push_back("ecdsa_secp256r1_sha256");
  if (c.client_has_rsa) algorithms.push_back("rsa_pss_rsae_sha256");
  test::TlsPair pair(server(down)->create(), client(up)->create());
  ASSERT_EQ(pair.handshake(), c.subject != nullptr) << pair.server().failureReason();
  if (c.subject == nullptr) return;
  EXPECT_EQ(pair.client().tlsInfo()->peer_subject, std::string("CN=") + c.subject);
  EXPECT_EQ(pair.server().tlsInfo()->local_subject, std::string("CN=") + c.subject);
}

INSTANTIATE_TEST_SUITE_P(
    Names, CertificateSelectionTest,
    testing::Values(SniCase{"ExactEcdsaFirst", "a.test", true, true, false, "a-ec"},
                    SniCase{"ExactRsaForARsaClient", "a.test", false, true, false, "a-rsa"},
                    SniCase{"CaseDoesNotMatter", "A.Test", true, true, false, "a-ec"},
                    SniCase{"Wildcard", "x.wild.test", true, true, false, "wild-ec"},
                    SniCase{"ExactBeforeWildcard", "exact.wild.test", false, true, false, "exact-rsa"},
                    SniCase{"WildcardAddsTheMissingKeyType", "exact.wild.test", true, false, false, "wild-ec"},
                    SniCase{"WildcardCoversOneLabelOnly", "x.y.wild.test", true, true, false, "first"},
                    SniCase{"WildcardDoesNotCoverTheParent", "wild.test", true, true, false, "first"},
                    SniCase{"RsaWildcard", "sub.a.test", true, true, false, "suba-rsa"},
                    SniCase{"UnknownNameGetsTheFirst", "unknown.test", true, true, false, "first"},
                    SniCase{"UnknownNameFailsIfTheFirstDoesNotFit", "unknown.test", false, true, false, nullptr},
                    SniCase{"FullScanFindsOneThatFits", "unknown.test", false, true, true, "a-rsa"},
                    SniCase{"NoNameGetsTheFirst", "", true, true, false, "first"},
                    SniCase{"NoNameScansAll", "", false, true, false, "a-rsa"}),
    [](const auto& info) { return info.param.name; });

TEST_F(TlsTest, FactsOfAllCertificatesAreListed) {
  api::DownstreamTlsContext settings = serverSettings();
  settings.common_tls_context.validation_context.emplace();
  settings.common_tls_context.validation_context->trusted_ca = inlineSource(authority().certificate_pem);
  const auto context = server(settings);
  const auto& facts = context->certificates();
  ASSERT_EQ(facts.size(), 2);
  EXPECT_EQ(facts[0].path, "<inline>");
  EXPECT_FALSE(facts[0].authority);
  EXPECT_EQ(facts[0].subject, "CN=a.test");
  EXPECT_EQ(facts[0].dns_sans, std::vector<std::string>{"a.test"});
  EXPECT_EQ(facts[0].serial_number.find_first_not_of("0123456789abcdef"), std::string::npos);
  const int64_t days = facts[0].daysUntilExpiration(base::RealClock::instance().wall());
  EXPECT_GE(days, 363);
  EXPECT_LE(days, 365);
  EXPECT_TRUE(facts[1].authority);
  EXPECT_EQ(facts[1].subject, "CN=Test CA");
}

TEST_F(TlsTest, ExpiredCertificateHasNegativeDays) {
  CertificateFacts facts;
  facts.expires = clock_.wall() - std::chrono::hours(1);
  EXPECT_EQ(facts.daysUntilExpiration(clock_.wall()), -1);
  facts.expires = clock_.wall() + std::chrono::hours(47);
  EXPECT_EQ(facts.daysUntilExpiration(clock_.wall()), 1);
}

TEST_F(TlsTest, IntermediatesAreSentWithTheLeaf) {
  const auto intermediate =
      test::makeCertificate({.common_name = "Intermediate", .issuer = &authority(), .authority = true});
  const auto leaf = test::makeLeaf("chain.test", intermediate);
  api::DownstreamTlsContext down;
  api::TlsCertificate identity = identityOf(leaf);
  identity.certificate_chain = inlineSource(leaf.certificate_pem + intermediate.certificate_pem);
  down.common_tls_context.tls_certificates.push_back(identity);
  api::UpstreamTlsContext up;
  up.common_tls_context.validation_context.emplace();
  up.common_tls_context.validation_context->trusted_ca = inlineSource(authority().certificate_pem);
  test::TlsPair pair(server(down)->create(), client(up)->create());
  EXPECT_TRUE(pair.handshake()) << pair.client().failureReason();
  EXPECT_TRUE(pair.client().tlsInfo()->peer_certificate_validated);
}

TEST_F(TlsTest, Pkcs12AndEncryptedKeysAreRead) {
  api::TlsCertificate bundle;
  bundle.pkcs12.emplace();
  bundle.pkcs12->inline_bytes = test::makePkcs12(serverCertificate(), "secret");
  bundle.password = inlineSource("secret");
  api::DownstreamTlsContext settings;
  settings.common_tls_context.tls_certificates = {bundle};
  EXPECT_EQ(refusal(settings), "");
  settings.common_tls_context.tls_certificates[0].password = inlineSource("wrong");
  EXPECT_NE(refusal(settings).find("tls_certificates[0].pkcs12: <inline>: not a PKCS#12 bundle, or not its password"),
            std::string::npos)
      << refusal(settings);

  api::TlsCertificate encrypted = identityOf(serverCertificate());
  encrypted.private_key = inlineSource(test::encryptedKey(serverCertificate(), "secret"));
  encrypted.password = inlineSource("secret");
  settings.common_tls_context.tls_certificates = {encrypted};
  EXPECT_EQ(refusal(settings), "");
  settings.common_tls_context.tls_certificates[0].password.reset();
  EXPECT_NE(refusal(settings).find("not a PEM private key, or not its password"), std::string::npos);
}

struct StapleCase {
  const char* name;
  int valid_days;  // 0: no staple
  api::DownstreamTlsContext::OcspStaplePolicy policy;
  bool must_staple;
  const char* counter;  // counted besides requests; null: the configuration is refused
};

class StapleTest : public TlsTest, public testing::WithParamInterface<StapleCase> {};

TEST_P(StapleTest, PolicyDecides) {
  const StapleCase& c = GetParam();
  const auto leaf = test::makeCertificate({.common_name = "staple.test",
                                           .sans = {"DNS:staple.test"},
                                           .issuer = &authority(),
                                           .must_staple = c.must_staple});
  api::DownstreamTlsContext down;
  down.common_tls_context.tls_certificates.push_back(identityOf(leaf));
  if (c.valid_days != 0) {
    auto& source = down.common_tls_context.tls_certificates[0].ocsp_staple.emplace();
    source.inline_bytes = test::makeOcspResponse(authority(), leaf, c.valid_days);
  }
  down.ocsp_staple_policy = c.policy;
  if (c.counter == nullptr) {
    EXPECT_NE(refusal(down).find("tls_certificates[0].ocsp_staple: required"), std::string::npos) << refusal(down);
    return;
  }
  const auto context = server(down);
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  const auto transport = context->create();
  transport->attach(fds[0]);
  const SslCtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  const SslPtr ssl(SSL_new(ctx.get()));
  SSL_set_tlsext_status_type(ssl.get(), TLSEXT_STATUSTYPE_ocsp);
  SSL_set_fd(ssl.get(), fds[1]);
  SSL_set_connect_state(ssl.get());
  for (int turn = 0; turn < 10; ++turn) {
    SSL_do_handshake(ssl.get());
    transport->handshake();
  }
  ERR_clear_error();
  EXPECT_EQ(counter("listener.l.ssl.ocsp_staple_requests"), 1);
  EXPECT_EQ(counter(std::string("listener.l.ssl.ocsp_staple_") + c.counter), 1);
  const bool refused = std::string(c.counter) == "failed";
  EXPECT_EQ(transport->tlsInfo() == nullptr, refused) << transport->failureReason();
  const unsigned char* response = nullptr;
  EXPECT_EQ(SSL_get_tlsext_status_ocsp_resp(ssl.get(), &response) > 0, std::string(c.counter) == "responses");
  ::close(fds[0]);
  ::close(fds[1]);
}

using Policy = api::DownstreamTlsContext::OcspStaplePolicy;
INSTANTIATE_TEST_SUITE_P(
    Policies, StapleTest,
    testing::Values(StapleCase{"LenientStaplesWhatIsValid", 7, Policy::kLenientStapling, false, "responses"},
                    StapleCase{"LenientOmitsWhatHasExpired", -7, Policy::kLenientStapling, false, "omitted"},
                    StapleCase{"LenientGoesWithout", 0, Policy::kLenientStapling, false, "omitted"},
                    StapleCase{"StrictRefusesWhatHasExpired", -7, Policy::kStrictStapling, false, "failed"},
                    StapleCase{"StrictGoesWithout", 0, Policy::kStrictStapling, false, "omitted"},
                    StapleCase{"MustNeedsOne", 0, Policy::kMustStaple, false, nullptr},
                    StapleCase{"MustRefusesWhatHasExpired", -7, Policy::kMustStaple, false, "failed"},
                    StapleCase{"MustStaplesWhatIsValid", 7, Policy::kMustStaple, false, "responses"},
                    StapleCase{"CertificateThatMustStapleNeedsOne", 0, Policy::kLenientStapling, true, nullptr},
                    StapleCase{"CertificateThatMustStapleRefusesExpired", -7, Policy::kLenientStapling, true,
                               "failed"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace baton::tls
