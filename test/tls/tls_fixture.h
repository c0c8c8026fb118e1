// What most tests of TLS need: an authority, contexts from short settings, one handshake.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "api/tls.h"

#include "source/base/clock.h"
#include "source/stats/store.h"
#include "source/tls/downstream_context.h"
#include "source/tls/ticket_keys.h"
#include "source/tls/upstream_context.h"
#include "test/support/certificates.h"
#include "test/support/tls_pair.h"

namespace baton::tls {

inline api::DataSource inlineSource(std::string text) {
  api::DataSource source;
  source.inline_string = std::move(text);
  return source;
}

inline api::TlsCertificate identityOf(const test::TestCertificate& certificate) {
  api::TlsCertificate identity;
  identity.certificate_chain = inlineSource(certificate.certificate_pem);
  identity.private_key = inlineSource(certificate.key_pem);
  return identity;
}

class TlsTest : public testing::Test {
 public:
  static const test::TestCertificate& authority() {
    static const test::TestCertificate made = test::makeAuthority("Test CA");
    return made;
  }
  static const test::TestCertificate& serverCertificate() {
    static const test::TestCertificate made = test::makeLeaf("a.test", authority());
    return made;
  }
  static api::DownstreamTlsContext serverSettings() {
    api::DownstreamTlsContext settings;
    settings.common_tls_context.tls_certificates.push_back(identityOf(serverCertificate()));
    return settings;
  }

 protected:
  std::shared_ptr<DownstreamContext> server(const api::DownstreamTlsContext& settings) {
    auto built = DownstreamContext::build(settings, ticket_keys_, stats::Scope(*store_, "listener.l."));
    EXPECT_TRUE(built.ok()) << (built.ok() ? "" : built.error().message);
    return built.ok() ? built.value() : nullptr;
  }
  std::shared_ptr<UpstreamContext> client(const api::UpstreamTlsContext& settings = {}) {
    auto built = UpstreamContext::build(settings, stats::Scope(*store_, "cluster.c."));
    EXPECT_TRUE(built.ok()) << (built.ok() ? "" : built.error().message);
    return built.ok() ? built.value() : nullptr;
  }
  static std::string refusal(const api::DownstreamTlsContext& settings) {
    const auto result = DownstreamContext::check(settings);
    return result.ok() ? "" : result.error().message;
  }
  static std::string refusal(const api::UpstreamTlsContext& settings) {
    const auto result = UpstreamContext::check(settings);
    return result.ok() ? "" : result.error().message;
  }
  uint64_t counter(const std::string& name) const { return store_->findCounter(name).value_or(0); }

  base::SimulatedClock clock_;
  std::unique_ptr<stats::Store> store_ = stats::Store::inMemory();
  TicketKeyStore ticket_keys_{clock_};
};

}  // namespace baton::tls
