#include <functional>

#include "test/tls/tls_fixture.h"

namespace baton::tls {
namespace {

using SanType = api::SubjectAltNameMatcher::SanType;
using Validation = api::CertificateValidationContext;

enum class Client { kNone, kGood, kOtherAuthority, kExpired, kNotYetValid, kRevoked, kSpiffe, kBare };

struct ClientCase {
  const char* name;
  std::function<void(api::DownstreamTlsContext&)> arrange;
  Client client;
  const char* reason = nullptr;   // what the failure reason ends with; null: let in
  const char* counter = nullptr;  // of ssl.*
};

api::StringMatcher exactly(const std::string& text) {
  api::StringMatcher matcher;
  matcher.exact = text;
  return matcher;
}

api::SubjectAltNameMatcher san(SanType type, api::StringMatcher matcher) {
  return {type, std::move(matcher)};
}

class ClientCertificateTest : public TlsTest, public testing::WithParamInterface<ClientCase> {
 public:
  static const test::TestCertificate& certificate(Client client) {
    static const test::TestCertificate other_authority = test::makeAuthority("Other CA");
    static const test::TestCertificate good = test::makeLeaf("good.client", authority());
    static const test::TestCertificate other = test::makeLeaf("good.client", other_authority);
    static const test::TestCertificate expired =
        test::makeCertificate({.common_name = "expired", .issuer = &authority(), .from_days = -30, .to_days = -2});
    static const test::TestCertificate early =
        test::makeCertificate({.common_name = "early", .issuer = &authority(), .from_days = 5});
    static const test::TestCertificate revoked = test::makeLeaf("revoked.client", authority());
    static const test::TestCertificate bare = test::makeCertificate({.common_name = "bare", .issuer = &authority()});
    static const test::TestCertificate spiffe = test::makeCertificate(
        {.common_name = "spiffe",
         .sans = {"URI:spiffe://prod/ns/web", "IP:10.1.2.3", "email:who@example.com", "DNS:*.pods.test"},
         .issuer = &authority()});
    switch (client) {
      case Client::kOtherAuthority:
        return other;
      case Client::kExpired:
        return expired;
      case Client::kNotYetValid:
        return early;
      case Client::kRevoked:
        return revoked;
      case Client::kSpiffe:
        return spiffe;
      case Client::kBare:
        return bare;
      case Client::kGood:
      case Client::kNone:
        break;
    }
    return good;
  }

  static void trust(api::DownstreamTlsContext& down) {
    down.require_client_certificate = true;
    validation(down).trusted_ca = inlineSource(authority().certificate_pem);
  }
  static Validation& validation(api::DownstreamTlsContext& down) {
    auto& context = down.common_tls_context.validation_context;
    if (!context) context.emplace();
    return *context;
  }
  static std::string hashOf(Client client) { return fingerprint(certificate(client).certificate.get(), EVP_sha256()); }
};

TEST_P(ClientCertificateTest, PolicyIsEnforced) {
  const ClientCase& c = GetParam();
  for (const auto version : {api::TlsParameters::TlsProtocol::kTlsv12, api::TlsParameters::TlsProtocol::kTlsv13}) {
    store_ = stats::Store::inMemory();
    api::DownstreamTlsContext down = serverSettings();
    c.arrange(down);
    down.common_tls_context.tls_params.tls_maximum_protocol_version = version;
    api::UpstreamTlsContext up;
    if (c.client != Client::kNone) up.common_tls_context.tls_certificates.push_back(identityOf(certificate(c.client)));
    const auto server_context = server(down);
    test::TlsPair pair(server_context->create(), client(up)->create());
    EXPECT_EQ(pair.handshake(), c.reason == nullptr) << pair.server().failureReason();
    if (c.reason == nullptr) {
      EXPECT_EQ(counter("listener.l.ssl.handshake"), 1);
    } else {
      EXPECT_TRUE(pair.server().failureReason().ends_with(c.reason)) << pair.server().failureReason();
      EXPECT_EQ(counter(std::string("listener.l.ssl.") + c.counter), 1);
      EXPECT_EQ(counter("listener.l.ssl.connection_error"), 0);
      EXPECT_EQ(counter("listener.l.ssl.handshake"), 0);
    }
  }
}

using T = ClientCertificateTest;
using Down = api::DownstreamTlsContext;
const ClientCase kClientCases[] = {
    {"GoodOneGetsIn", [](Down& d) { T::trust(d); }, Client::kGood},
    {"NoneIsRefused", [](Down& d) { T::trust(d); }, Client::kNone, "peer did not return a certificate",
     "fail_verify_no_cert"},
    {"NoneGetsInWhenOptional",
     [](Down& d) {
       T::trust(d);
       d.require_client_certificate = false;
     },
     Client::kNone},
    {"BadOneIsRefusedEvenWhenOptional",
     [](Down& d) {
       T::trust(d);
       d.require_client_certificate = false;
     },
     Client::kOtherAuthority, "verify cert failed: unable to get local issuer certificate", "fail_verify_error"},
    {"OtherAuthorityIsRefused", [](Down& d) { T::trust(d); }, Client::kOtherAuthority,
     "verify cert failed: unable to get local issuer certificate", "fail_verify_error"},
    {"OtherAuthorityGetsInWhenUntrustedIsAccepted",
     [](Down& d) {
       T::trust(d);
       T::validation(d).trust_chain_verification = Validation::TrustChainVerification::kAcceptUntrusted;
     },
     Client::kOtherAuthority},
    {"ExpiredIsRefused", [](Down& d) { T::trust(d); }, Client::kExpired, "certificate has expired",
     "fail_verify_error"},
    {"ExpiredGetsInWhenAllowed",
     [](Down& d) {
       T::trust(d);
       T::validation(d).allow_expired_certificate = true;
     },
     Client::kExpired},
    {"AllowingExpiredDoesNotAllowStrangers",
     [](Down& d) {
       T::trust(d);
       T::validation(d).allow_expired_certificate = true;
     },
     Client::kOtherAuthority, "unable to get local issuer certificate", "fail_verify_error"},
    {"NotYetValidIsRefused", [](Down& d) { T::trust(d); }, Client::kNotYetValid, "certificate is not yet valid",
     "fail_verify_error"},
    {"RevokedIsRefused",
     [](Down& d) {
       T::trust(d);
       T::validation(d).crl =
           inlineSource(test::makeRevocationList(T::authority(), {&T::certificate(Client::kRevoked)}));
     },
     Client::kRevoked, "certificate revoked", "fail_verify_error"},
    {"RevokedIsRefusedWhenOnlyLeavesAreChecked",
     [](Down& d) {
       T::trust(d);
       T::validation(d).only_verify_leaf_cert_crl = true;
       T::validation(d).crl =
           inlineSource(test::makeRevocationList(T::authority(), {&T::certificate(Client::kRevoked)}));
     },
     Client::kRevoked, "certificate revoked", "fail_verify_error"},
    {"NotRevokedGetsIn",
     [](Down& d) {
       T::trust(d);
       T::validation(d).crl =
           inlineSource(test::makeRevocationList(T::authority(), {&T::certificate(Client::kRevoked)}));
     },
     Client::kGood},
    {"ExactDns",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kDns, exactly("good.client"))};
     },
     Client::kGood},
    {"WildcardInTheCertificateMatchesExactDns",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kDns, exactly("one.pods.test"))};
     },
     Client::kSpiffe},
    {"WrongDns",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kDns, exactly("other.client"))};
     },
     Client::kGood, "verify cert failed: verify SAN list, found: good.client", "fail_verify_san"},
    {"NoNamesAtAll",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kDns, exactly("bare"))};
     },
     Client::kBare, "verify SAN list, found: none", "fail_verify_san"},
    {"TypeCounts",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kUri, exactly("good.client"))};
     },
     Client::kGood, "verify SAN list, found: good.client", "fail_verify_san"},
    {"ExactUri",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kUri, exactly("spiffe://prod/ns/web"))};
     },
     Client::kSpiffe},
    {"PrefixUri",
     [](Down& d) {
       T::trust(d);
       api::StringMatcher m;
       m.prefix = "spiffe://prod/";
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kUri, m)};
     },
     Client::kSpiffe},
    {"SuffixEmail",
     [](Down& d) {
       T::trust(d);
       api::StringMatcher m;
       m.suffix = "@EXAMPLE.com";
       m.ignore_case = true;
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kEmail, m)};
     },
     Client::kSpiffe},
    {"SuffixEmailWithCase",
     [](Down& d) {
       T::trust(d);
       api::StringMatcher m;
       m.suffix = "@EXAMPLE.com";
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kEmail, m)};
     },
     Client::kSpiffe, "*.pods.test", "fail_verify_san"},
    {"ContainsUri",
     [](Down& d) {
       T::trust(d);
       api::StringMatcher m;
       m.contains = "/ns/";
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kUri, m)};
     },
     Client::kSpiffe},
    {"RegexUri",
     [](Down& d) {
       T::trust(d);
       api::StringMatcher m;
       m.safe_regex = api::RegexMatcher{"spiffe://[a-z]+/ns/.*"};
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kUri, m)};
     },
     Client::kSpiffe},
    {"RegexMatchesTheWholeName",
     [](Down& d) {
       T::trust(d);
       api::StringMatcher m;
       m.safe_regex = api::RegexMatcher{"spiffe://[a-z]+"};
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kUri, m)};
     },
     Client::kSpiffe, "*.pods.test", "fail_verify_san"},
    {"IpAddress",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kIpAddress, exactly("10.1.2.3"))};
     },
     Client::kSpiffe},
    {"OneOfSeveralSuffices",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_typed_subject_alt_names = {san(SanType::kDns, exactly("x")),
                                                         san(SanType::kUri, exactly("spiffe://prod/ns/web"))};
     },
     Client::kSpiffe},
    {"UntypedMatcherLooksAtAllTypes",
     [](Down& d) {
       T::trust(d);
       T::validation(d).match_subject_alt_names = {exactly("spiffe://prod/ns/web")};
     },
     Client::kSpiffe},
    {"HashWithoutAuthority",
     [](Down& d) {
       d.require_client_certificate = true;
       T::validation(d).verify_certificate_hash = {T::hashOf(Client::kGood)};
     },
     Client::kGood},
    {"HashOfAnother",
     [](Down& d) {
       d.require_client_certificate = true;
       T::validation(d).verify_certificate_hash = {T::hashOf(Client::kSpiffe)};
     },
     Client::kGood, "verify certificate hash", "fail_verify_cert_hash"},
    {"HashDoesNotReplaceTheChain",
     [](Down& d) {
       T::trust(d);
       T::validation(d).verify_certificate_hash = {T::hashOf(Client::kOtherAuthority)};
     },
     Client::kOtherAuthority, "unable to get local issuer certificate", "fail_verify_error"},
    {"PublicKeyPin",
     [](Down& d) {
       T::trust(d);
       T::validation(d).verify_certificate_spki = {publicKeyPin(T::certificate(Client::kGood).certificate.get())};
     },
     Client::kGood},
    {"WrongPublicKeyPin",
     [](Down& d) {
       T::trust(d);
       T::validation(d).verify_certificate_spki = {publicKeyPin(T::certificate(Client::kSpiffe).certificate.get())};
     },
     Client::kGood, "verify certificate SPKI", "fail_verify_cert_hash"},
    {"HashOrPinSuffices",
     [](Down& d) {
       T::trust(d);
       T::validation(d).verify_certificate_hash = {T::hashOf(Client::kSpiffe)};
       T::validation(d).verify_certificate_spki = {publicKeyPin(T::certificate(Client::kGood).certificate.get())};
     },
     Client::kGood},
    {"NotAskedForMeansNotChecked", [](Down&) {}, Client::kOtherAuthority},
};
INSTANTIATE_TEST_SUITE_P(Clients, ClientCertificateTest, testing::ValuesIn(kClientCases),
                         [](const auto& info) { return info.param.name; });

TEST_F(ClientCertificateTest, WhatTheCertificateSaysIsKnownAfterwards) {
  api::DownstreamTlsContext down = serverSettings();
  trust(down);
  api::UpstreamTlsContext up;
  const test::TestCertificate& spiffe = certificate(Client::kSpiffe);
  up.common_tls_context.tls_certificates.push_back(identityOf(spiffe));
  test::TlsPair pair(server(down)->create(), client(up)->create());
  ASSERT_TRUE(pair.handshake());
  const auto info = pair.server().tlsInfo();
  EXPECT_TRUE(info->peer_certificate_presented);
  EXPECT_TRUE(info->peer_certificate_validated);
  EXPECT_EQ(info->peer_subject, "CN=spiffe");
  EXPECT_EQ(info->peer_issuer, "CN=Test CA");
  EXPECT_EQ(info->peer_uri_sans, std::vector<std::string>{"spiffe://prod/ns/web"});
  EXPECT_EQ(info->peer_dns_sans, std::vector<std::string>{"*.pods.test"});
  EXPECT_EQ(info->peer_fingerprint_256, hashOf(Client::kSpiffe));
  EXPECT_EQ(info->peer_fingerprint_1.size(), 40);
  EXPECT_EQ(info->peer_serial, serialNumber(spiffe.certificate.get()));
  EXPECT_TRUE(info->peer_certificate_url_encoded_pem.starts_with("-----BEGIN%20CERTIFICATE-----%0A"));
  EXPECT_TRUE(info->peer_chain_url_encoded_pem.starts_with(info->peer_certificate_url_encoded_pem));
  EXPECT_EQ(info->peer_cert_v_start.size(), std::string("2026-01-01T00:00:00.000Z").size());
  EXPECT_EQ(counter("listener.l.ssl.no_certificate"), 0);
}

TEST_F(ClientCertificateTest, UntrustedButAcceptedIsNotCalledValidated) {
  api::DownstreamTlsContext down = serverSettings();
  trust(down);
  validation(down).trust_chain_verification = Validation::TrustChainVerification::kAcceptUntrusted;
  api::UpstreamTlsContext up;
  up.common_tls_context.tls_certificates.push_back(identityOf(certificate(Client::kOtherAuthority)));
  test::TlsPair pair(server(down)->create(), client(up)->create());
  ASSERT_TRUE(pair.handshake());
  EXPECT_TRUE(pair.server().tlsInfo()->peer_certificate_presented);
  EXPECT_FALSE(pair.server().tlsInfo()->peer_certificate_validated);
}

class ServerCertificateTest : public TlsTest {
 protected:
  static api::UpstreamTlsContext trusting() {
    api::UpstreamTlsContext up;
    up.common_tls_context.validation_context.emplace();
    up.common_tls_context.validation_context->trusted_ca = inlineSource(authority().certificate_pem);
    return up;
  }
  bool connects(const api::UpstreamTlsContext& up, const network::TransportFactory::CreateOptions& options = {}) {
    test::TlsPair pair(server(serverSettings())->create(), client(up)->create(options));
    const bool done = pair.handshake();
    failure_ = pair.client().failureReason();
    if (done) server_name_ = pair.server().tlsInfo()->requested_server_name;
    return done;
  }

  std::string failure_;
  std::string server_name_;
};

TEST_F(ServerCertificateTest, TrustedServerIsAccepted) {
  EXPECT_TRUE(connects(trusting()));
}

TEST_F(ServerCertificateTest, StrangerIsRefused) {
  api::UpstreamTlsContext up = trusting();
  up.common_tls_context.validation_context->trusted_ca = inlineSource(test::makeAuthority("Other").certificate_pem);
  EXPECT_FALSE(connects(up));
  EXPECT_EQ(failure_,
            "TLS_error:|SSL routines:certificate verify failed:verify cert failed: unable to get local issuer "
            "certificate");
  EXPECT_EQ(counter("cluster.c.ssl.fail_verify_error"), 1);
  EXPECT_EQ(counter("cluster.c.ssl.connection_error"), 0);
}

TEST_F(ServerCertificateTest, ConfiguredNameMustMatch) {
  api::UpstreamTlsContext up = trusting();
  up.common_tls_context.validation_context->match_typed_subject_alt_names = {san(SanType::kDns, exactly("a.test"))};
  EXPECT_TRUE(connects(up));
  up.common_tls_context.validation_context->match_typed_subject_alt_names = {san(SanType::kDns, exactly("b.test"))};
  EXPECT_FALSE(connects(up));
  EXPECT_EQ(counter("cluster.c.ssl.fail_verify_san"), 1);
}

TEST_F(ServerCertificateTest, AutoValidationChecksTheNameAskedFor) {
  api::UpstreamTlsContext up = trusting();
  up.auto_sni_san_validation = true;
  up.sni = "a.test";
  EXPECT_TRUE(connects(up));
  up.sni = "b.test";
  EXPECT_FALSE(connects(up));
}

TEST_F(ServerCertificateTest, OptionsOfTheConnectionOverrideTheConfiguredName) {
  api::UpstreamTlsContext up = trusting();
  up.sni = "configured.test";
  EXPECT_TRUE(connects(up));
  EXPECT_EQ(server_name_, "configured.test");
  EXPECT_TRUE(connects(up, {.server_name = "request.test"}));
  EXPECT_EQ(server_name_, "request.test");
  up.auto_host_sni = true;
  EXPECT_TRUE(connects(up, {.host_name = "host.test"}));
  EXPECT_EQ(server_name_, "host.test");
  EXPECT_TRUE(connects(up, {.host_name = "10.0.0.1"}));
  EXPECT_EQ(server_name_, "") << "an address is no server name";
}

TEST_F(ServerCertificateTest, NamesOfTheConnectionAreVerified) {
  EXPECT_TRUE(connects(trusting(), {.verify_subject_names = {"x.test", "a.test"}}));
  EXPECT_FALSE(connects(trusting(), {.verify_subject_names = {"x.test"}}));
}

TEST_F(ServerCertificateTest, ProtocolsOfTheConnectionReplaceTheConfiguredOnes) {
  api::DownstreamTlsContext down = serverSettings();
  down.common_tls_context.alpn_protocols = {"h2", "http/1.1"};
  api::UpstreamTlsContext up;
  up.common_tls_context.alpn_protocols = {"h2"};
  test::TlsPair pair(server(down)->create(), client(up)->create({.application_protocols = {"http/1.1"}}));
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(pair.client().applicationProtocol(), "http/1.1");
}

}  // namespace
}  // namespace baton::tls
