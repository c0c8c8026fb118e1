#include <cstring>

#include "test/tls/tls_fixture.h"

namespace baton::tls {
namespace {

using Protocol = api::TlsParameters::TlsProtocol;

class ResumptionTest : public TlsTest, public testing::WithParamInterface<Protocol> {
 protected:
  // One connection of a client that keeps its sessions; whether it resumed one.
  bool resumes(const DownstreamContext& server, const UpstreamContext& client,
               const network::TransportFactory::CreateOptions& options = {}) {
    test::TlsPair pair(server.create(), client.create(options));
    EXPECT_TRUE(pair.handshake()) << pair.server().failureReason() << pair.client().failureReason();
    pair.close();
    return pair.server().tlsInfo() && pair.server().tlsInfo()->session_reused;
  }
  std::shared_ptr<UpstreamContext> resumingClient(uint32_t sessions = 1) {
    api::UpstreamTlsContext up;
    up.sni = "a.test";
    up.max_session_keys = sessions;
    up.common_tls_context.tls_params.tls_maximum_protocol_version = GetParam();
    return client(up);
  }
  // The next process: its own store, its own context, the same configuration.
  std::shared_ptr<DownstreamContext> nextGeneration(TicketKeyStore& keys, const api::DownstreamTlsContext& settings) {
    auto built = DownstreamContext::build(settings, keys, stats::Scope(*store_, "listener.l."));
    EXPECT_TRUE(built.ok());
    return built.value();
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, ResumptionTest, testing::Values(Protocol::kTlsv12, Protocol::kTlsv13),
                         [](const auto& info) { return info.param == Protocol::kTlsv12 ? "Tls12" : "Tls13"; });

TEST_P(ResumptionTest, SecondConnectionResumes) {
  const auto down = server(serverSettings());
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*down, *up));
  EXPECT_TRUE(resumes(*down, *up));
  EXPECT_TRUE(resumes(*down, *up)) << "the resumed connection brought a new ticket";
  EXPECT_EQ(counter("listener.l.ssl.session_reused"), 2);
  EXPECT_EQ(counter("cluster.c.ssl.session_reused"), 2);
}

TEST_P(ResumptionTest, ClientWithoutSessionKeysNeverResumes) {
  const auto down = server(serverSettings());
  const auto up = resumingClient(0);
  EXPECT_FALSE(resumes(*down, *up));
  EXPECT_FALSE(resumes(*down, *up));
}

TEST_P(ResumptionTest, SessionIsNotResumedUnderAnotherName) {
  const auto down = server(serverSettings());
  const auto up = resumingClient(8);
  EXPECT_FALSE(resumes(*down, *up));
  EXPECT_FALSE(resumes(*down, *up, {.server_name = "b.test"}));
  EXPECT_FALSE(resumes(*down, *up, {.verify_subject_names = {"a.test"}})) << "it was not verified for that name";
  EXPECT_TRUE(resumes(*down, *up));
}

TEST_P(ResumptionTest, TicketsWorkInTheNextGenerationAndTheOneAfter) {
  const auto first = server(serverSettings());
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*first, *up));

  TicketKeyStore second_keys(clock_);
  const auto second = nextGeneration(second_keys, serverSettings());
  EXPECT_EQ(second_keys.importKeys(ticket_keys_.exportKeys()), 1);
  TicketKeyStore third_keys(clock_);
  const auto third = nextGeneration(third_keys, serverSettings());
  EXPECT_EQ(third_keys.importKeys(second_keys.exportKeys()), 1);
  EXPECT_TRUE(resumes(*third, *up));
}

TEST_P(ResumptionTest, NextGenerationWithoutTheKeysMakesAFullHandshake) {
  const auto first = server(serverSettings());
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*first, *up));
  TicketKeyStore second_keys(clock_);
  EXPECT_FALSE(resumes(*nextGeneration(second_keys, serverSettings()), *up));
}

TEST_P(ResumptionTest, TicketOfARotatedKeyStillWorksUntilTheKeyIsForgotten) {
  const auto down = server(serverSettings());
  for (size_t rotations = 0; rotations <= TicketKeyStore::kKeptKeys; ++rotations) {
    const auto up = resumingClient();
    EXPECT_FALSE(resumes(*down, *up));
    for (size_t i = 0; i < rotations; ++i) {
      clock_.advance(TicketKeyStore::kRotationInterval);
      ticket_keys_.rotate();
    }
    EXPECT_EQ(resumes(*down, *up), rotations < TicketKeyStore::kKeptKeys) << rotations << " rotations";
  }
}

TEST_P(ResumptionTest, ConfiguredKeysAreSharedByWhoHasThem) {
  api::DownstreamTlsContext settings = serverSettings();
  settings.session_ticket_keys.emplace();
  settings.session_ticket_keys->keys = {inlineSource(std::string(80, 'k'))};
  const auto first = server(settings);
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*first, *up));
  TicketKeyStore other_keys(clock_);
  // Another instance with a newer key in front.
  settings.session_ticket_keys->keys.insert(settings.session_ticket_keys->keys.begin(),
                                            inlineSource(std::string(80, 'n')));
  EXPECT_TRUE(resumes(*nextGeneration(other_keys, settings), *up));
  EXPECT_TRUE(other_keys.exportKeys().empty()) << "configured keys are not for us to hand over";
}

TEST_P(ResumptionTest, WithoutTicketsTheCacheResumes) {
  api::DownstreamTlsContext settings = serverSettings();
  settings.disable_stateless_session_resumption = true;
  const auto down = server(settings);
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*down, *up));
  EXPECT_TRUE(resumes(*down, *up));
}

TEST_P(ResumptionTest, WithNeitherTicketsNorCacheNothingResumes) {
  api::DownstreamTlsContext settings = serverSettings();
  settings.disable_stateless_session_resumption = true;
  settings.disable_stateful_session_resumption = true;
  const auto down = server(settings);
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*down, *up));
  EXPECT_FALSE(resumes(*down, *up));
}

TEST_P(ResumptionTest, ListenerWithOtherNamesDoesNotTakeTheSession) {
  const auto first = server(serverSettings());
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*first, *up));
  api::DownstreamTlsContext other;
  const auto leaf = test::makeLeaf("other.test", authority());
  other.common_tls_context.tls_certificates.push_back(identityOf(leaf));
  EXPECT_FALSE(resumes(*server(other), *up));
}

TEST_P(ResumptionTest, RenewedCertificateKeepsSessions) {
  const auto first = server(serverSettings());
  const auto up = resumingClient();
  EXPECT_FALSE(resumes(*first, *up));
  api::DownstreamTlsContext renewed;
  const auto leaf = test::makeLeaf("a.test", authority());
  renewed.common_tls_context.tls_certificates.push_back(identityOf(leaf));
  EXPECT_TRUE(resumes(*server(renewed), *up));
}

class ClientPolicyTest : public ResumptionTest {
 protected:
  static api::DownstreamTlsContext mutualSettings() {
    api::DownstreamTlsContext settings = serverSettings();
    settings.require_client_certificate = true;
    auto& validation = settings.common_tls_context.validation_context.emplace();
    validation.trusted_ca = inlineSource(authority().certificate_pem);
    return settings;
  }
  std::shared_ptr<UpstreamContext> clientWithCertificate() {
    static const test::TestCertificate leaf = test::makeLeaf("client", authority());
    api::UpstreamTlsContext up;
    up.common_tls_context.tls_params.tls_maximum_protocol_version = GetParam();
    up.common_tls_context.tls_certificates.push_back(identityOf(leaf));
    return client(up);
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, ClientPolicyTest, testing::Values(Protocol::kTlsv12, Protocol::kTlsv13),
                         [](const auto& info) { return info.param == Protocol::kTlsv12 ? "Tls12" : "Tls13"; });

TEST_P(ClientPolicyTest, ResumedSessionKnowsTheClient) {
  const auto down = server(mutualSettings());
  const auto up = clientWithCertificate();
  EXPECT_FALSE(resumes(*down, *up));
  test::TlsPair pair(down->create(), up->create());
  ASSERT_TRUE(pair.handshake());
  const auto info = pair.server().tlsInfo();
  EXPECT_TRUE(info->session_reused);
  EXPECT_TRUE(info->peer_certificate_presented);
  EXPECT_TRUE(info->peer_certificate_validated);
  EXPECT_EQ(info->peer_subject, "CN=client");
}

TEST_P(ClientPolicyTest, SamePolicyInTheNextGenerationResumes) {
  const auto first = server(mutualSettings());
  const auto up = clientWithCertificate();
  EXPECT_FALSE(resumes(*first, *up));
  TicketKeyStore second_keys(clock_);
  const auto second = nextGeneration(second_keys, mutualSettings());
  EXPECT_EQ(second->clientCertificatePolicy(), first->clientCertificatePolicy());
  EXPECT_EQ(second_keys.importKeys(ticket_keys_.exportKeys()), 1);
  EXPECT_TRUE(resumes(*second, *up));
}

TEST_P(ClientPolicyTest, ChangedPolicyDropsKeysAndSessions) {
  const auto first = server(mutualSettings());
  const auto up = clientWithCertificate();
  EXPECT_FALSE(resumes(*first, *up));
  api::DownstreamTlsContext changed = mutualSettings();
  api::SubjectAltNameMatcher matcher{api::SubjectAltNameMatcher::SanType::kDns, api::StringMatcher{}};
  matcher.matcher->exact = "client";
  changed.common_tls_context.validation_context->match_typed_subject_alt_names = {matcher};
  TicketKeyStore second_keys(clock_);
  const auto second = nextGeneration(second_keys, changed);
  EXPECT_NE(second->clientCertificatePolicy(), first->clientCertificatePolicy());
  EXPECT_EQ(second_keys.importKeys(ticket_keys_.exportKeys()), 0);
  EXPECT_FALSE(resumes(*second, *up));
}

TEST_P(ClientPolicyTest, ListenerThatAsksForNoCertificateDoesNotOpenOneThatDoes) {
  const auto open = server(serverSettings());
  const auto closed = server(mutualSettings());
  const auto up = clientWithCertificate();
  EXPECT_FALSE(resumes(*open, *up));
  EXPECT_FALSE(resumes(*closed, *up));
}

class TicketKeysTest : public TlsTest {};

TEST_F(TicketKeysTest, NewKeyComesAfterTheInterval) {
  const auto ring = ticket_keys_.ring("p");
  const auto first = ring->keys();
  ASSERT_EQ(first->size(), 1);
  clock_.advance(TicketKeyStore::kRotationInterval - std::chrono::seconds(1));
  ticket_keys_.rotate();
  EXPECT_EQ(ring->keys()->front().name, first->front().name);
  clock_.advance(std::chrono::seconds(1));
  ticket_keys_.rotate();
  EXPECT_NE(ring->keys()->front().name, first->front().name);
  EXPECT_EQ(ring->keys()->at(1).name, first->front().name);
}

TEST_F(TicketKeysTest, OnlySoManyAreKept) {
  const auto ring = ticket_keys_.ring("p");
  for (int i = 0; i < 10; ++i) {
    clock_.advance(TicketKeyStore::kRotationInterval);
    ticket_keys_.rotate();
  }
  EXPECT_EQ(ring->keys()->size(), TicketKeyStore::kKeptKeys);
}

TEST_F(TicketKeysTest, ClockThatWasSetBackDoesNotStopTheRotation) {
  const auto ring = ticket_keys_.ring("p");
  const auto name = ring->keys()->front().name;
  clock_.setWall(clock_.wall() - std::chrono::hours(24 * 365));
  ticket_keys_.rotate();
  EXPECT_NE(ring->keys()->front().name, name);
}

TEST_F(TicketKeysTest, RingsNobodyUsesAreForgotten) {
  ticket_keys_.ring("gone");
  const auto kept = ticket_keys_.ring("kept");
  ticket_keys_.rotate();
  const auto sets = ticket_keys_.exportKeys();
  ASSERT_EQ(sets.size(), 1);
  EXPECT_EQ(sets[0].policy, "kept");
}

TEST_F(TicketKeysTest, ImportedKeysReplaceOurOwnAndAreRotatedWhenDue) {
  TicketKeyStore parent(clock_);
  const auto parent_ring = parent.ring("p");
  const auto ring = ticket_keys_.ring("p");
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(ticket_keys_.importKeys(parent.exportKeys()), 1);
  EXPECT_EQ(ring->keys()->front().name, parent_ring->keys()->front().name);
  EXPECT_EQ(ring->keys()->size(), 1);
  clock_.advance(TicketKeyStore::kRotationInterval - std::chrono::hours(1));
  ticket_keys_.rotate();
  EXPECT_EQ(ring->keys()->size(), 2);
  EXPECT_EQ(ticket_keys_.importKeys({{"p", {}}}), 0) << "an empty set takes nothing away";
}

TEST_F(TicketKeysTest, KeyBytesHaveAFixedSize) {
  EXPECT_FALSE(TicketKey::fromBytes(std::string(79, 'x'), clock_.wall()).ok());
  EXPECT_EQ(TicketKey::fromBytes("", clock_.wall()).error().message, "a session ticket key has 80 bytes, found 0");
  const auto key =
      TicketKey::fromBytes(std::string(16, 'n') + std::string(32, 'm') + std::string(32, 'c'), clock_.wall());
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->name[15], 'n');
  EXPECT_EQ(key->mac_key[0], 'm');
  EXPECT_EQ(key->cipher_key[31], 'c');
}

TEST_F(TicketKeysTest, KeysAreWipedWhenTheyGo) {
  alignas(TicketKey) unsigned char memory[sizeof(TicketKey)];
  auto* key = new (memory) TicketKey(TicketKey::random(clock_.wall()));
  const auto* secret = key->cipher_key.data();
  key->~TicketKey();
  const std::array<uint8_t, 32> zeros{};
  EXPECT_EQ(std::memcmp(secret, zeros.data(), zeros.size()), 0);
}

}  // namespace
}  // namespace baton::tls
