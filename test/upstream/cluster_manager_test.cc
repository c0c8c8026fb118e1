#include "source/upstream/cluster_manager.h"

#include <gtest/gtest.h>
#include <utility>

#include "test/support/fake_server.h"

namespace baton::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Answers only when the test does.
class FakeResolver final : public DnsResolver {
 public:
  class Query final : public DnsQuery {
   public:
    explicit Query(FakeResolver& resolver) : resolver_(resolver) {}
    ~Query() override { resolver_.asked = {}; }

   private:
    FakeResolver& resolver_;
  };

  std::unique_ptr<DnsQuery> resolve(const std::string& name, DnsFamily asked_family, Done done) override {
    ++questions;
    last_name = name;
    family = asked_family;
    asked = std::move(done);
    return std::make_unique<Query>(*this);
  }
  void answer(const std::vector<std::string>& addresses, seconds ttl = seconds(0)) {
    DnsAnswer answer{.ttl = ttl};
    for (const std::string& address : addresses) answer.addresses.push_back(*network::Address::parseIp(address, 0));
    std::exchange(asked, nullptr)(std::move(answer));
  }
  void fail(base::ErrorCode code) { std::exchange(asked, nullptr)(base::Error{code, "DNS: failed"}); }

  int questions = 0;
  std::string last_name;
  DnsFamily family = DnsFamily::kAuto;
  Done asked;  // empty: nothing is asked at the moment
};

class ClusterManagerTest : public testing::Test {
 protected:
  ClusterManagerTest() {
    api::Cluster& config = bootstrap->static_resources.clusters.emplace_back();
    config.name = "c";
    config.type = api::Cluster::DiscoveryType::kStrictDns;
    addEndpoint("web.test", 80);
  }
  ~ClusterManagerTest() override {
    manager.reset();
    settle();
  }

  api::Cluster& config() { return bootstrap->static_resources.clusters.front(); }
  void addEndpoint(const std::string& name, uint32_t port) {
    api::LbEndpoint lb;
    lb.endpoint.emplace();
    lb.endpoint->address.emplace();
    lb.endpoint->address->socket_address = api::SocketAddress{.address = name, .port_value = port};
    auto& assignment = config().load_assignment;
    if (!assignment) assignment.emplace();
    if (assignment->endpoints.empty()) assignment->endpoints.emplace_back();
    assignment->endpoints.front().lb_endpoints.push_back(std::move(lb));
  }
  void start() {
    auto fake = std::make_unique<FakeResolver>();
    resolver = fake.get();
    auto made =
        ClusterManager::make(bootstrap, {.loop = loop, .random = random, .store = *store, .resolver = std::move(fake)});
    ASSERT_TRUE(made.ok()) << made.error().message;
    manager = std::move(made).value();
    manager->start([this] { initialized = true; });
  }
  void settle() {
    for (int i = 0; i < 5; ++i) loop.runOnce();
  }
  void pass(milliseconds time) {
    clock.advance(time);
    settle();
  }
  // Whether the next question comes after exactly this time.
  testing::AssertionResult asksAfter(milliseconds time) {
    const int before = resolver->questions;
    pass(time - milliseconds(20));
    if (resolver->questions != before) return testing::AssertionFailure() << "asked before its time";
    pass(milliseconds(220));  // a tick of coarse timers
    if (resolver->questions != before + 1) return testing::AssertionFailure() << "not asked in time";
    return testing::AssertionSuccess();
  }
  std::vector<std::string> addresses() {
    std::vector<std::string> found;
    const std::vector<ClusterReport> report = manager->report();
    for (const HostReport& host : report.front().hosts) found.push_back(host.host->address.text());
    return found;
  }
  uint64_t counter(const std::string& name) { return store->findCounter("cluster.c." + name).value_or(0); }
  int64_t gauge(const std::string& name) { return store->findGauge(name).value_or(-1); }

  base::SimulatedClock clock;
  event::Loop loop{clock};
  base::FastRandom random{1};
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  std::shared_ptr<api::Bootstrap> bootstrap = std::make_shared<api::Bootstrap>();
  FakeResolver* resolver = nullptr;
  std::unique_ptr<ClusterManager> manager;
  bool initialized = false;
};

TEST_F(ClusterManagerTest, ItIsInitializedWhenTheFirstAnswerIsThereWhateverItIs) {
  start();
  EXPECT_FALSE(initialized);
  EXPECT_EQ(gauge("cluster_manager.warming_clusters"), 1);
  EXPECT_EQ(gauge("cluster.c.warming_state"), 1);
  resolver->fail(base::ErrorCode::kUnavailable);
  EXPECT_TRUE(initialized);
  EXPECT_EQ(gauge("cluster_manager.warming_clusters"), 0);
  EXPECT_EQ(gauge("cluster.c.warming_state"), 0);
}

TEST_F(ClusterManagerTest, AClusterThatIsNotWaitedForDoesNotHoldUpTheStart) {
  config().wait_for_warm_on_init = false;
  start();
  EXPECT_TRUE(initialized);
  EXPECT_EQ(gauge("cluster.c.warming_state"), 1);
}

TEST_F(ClusterManagerTest, AnswersBecomeHostsWithTheEndpointsPort) {
  start();
  resolver->answer({"10.0.0.1", "10.0.0.2", "10.0.0.1"});
  EXPECT_EQ(addresses(), (std::vector<std::string>{"10.0.0.1:80", "10.0.0.2:80"}));
  EXPECT_EQ(gauge("cluster.c.membership_total"), 2);
}

TEST_F(ClusterManagerTest, AHostThatStaysInTheAnswerIsTheSameHost) {
  start();
  resolver->answer({"10.0.0.1", "10.0.0.2"});
  const HostPtr before = manager->report().front().hosts.front().host;
  ASSERT_TRUE(asksAfter(seconds(5)));
  resolver->answer({"10.0.0.3", "10.0.0.1"});
  EXPECT_EQ(addresses(), (std::vector<std::string>{"10.0.0.3:80", "10.0.0.1:80"}));
  EXPECT_EQ(manager->report().front().hosts.back().host, before);
}

TEST_F(ClusterManagerTest, AnAnswerThatChangesNothingRebuildsNothing) {
  start();
  resolver->answer({"10.0.0.1", "10.0.0.2"});
  const uint64_t changes = counter("membership_change");
  ASSERT_TRUE(asksAfter(seconds(5)));
  resolver->answer({"10.0.0.2", "10.0.0.1"});
  EXPECT_EQ(counter("membership_change"), changes);
  EXPECT_EQ(counter("update_no_rebuild"), 1u);
}

TEST_F(ClusterManagerTest, HostsStayWhileLookingThemUpFails) {
  start();
  resolver->answer({"10.0.0.1"});
  ASSERT_TRUE(asksAfter(seconds(5)));
  resolver->fail(base::ErrorCode::kUnavailable);
  EXPECT_EQ(addresses(), std::vector<std::string>{"10.0.0.1:80"});
  EXPECT_EQ(counter("update_failure"), 1u);
}

TEST_F(ClusterManagerTest, AStrictNameWithoutAddressesHasNoHosts) {
  start();
  resolver->answer({"10.0.0.1"});
  ASSERT_TRUE(asksAfter(seconds(5)));
  resolver->fail(base::ErrorCode::kNotFound);
  EXPECT_TRUE(addresses().empty());
  EXPECT_EQ(counter("update_failure"), 0u);
  EXPECT_EQ(counter("update_success"), 2u);
}

TEST_F(ClusterManagerTest, ALogicalNameTakesTheFirstAddressAndKeepsItWhenThereIsNone) {
  config().type = api::Cluster::DiscoveryType::kLogicalDns;
  start();
  resolver->answer({"10.0.0.2", "10.0.0.1"});
  EXPECT_EQ(addresses(), std::vector<std::string>{"10.0.0.2:80"});
  ASSERT_TRUE(asksAfter(seconds(5)));
  resolver->fail(base::ErrorCode::kNotFound);
  EXPECT_EQ(addresses(), std::vector<std::string>{"10.0.0.2:80"});
}

TEST_F(ClusterManagerTest, TheTtlCountsOnlyWhenItIsRespectedAndKnown) {
  config().respect_dns_ttl = true;
  config().dns_refresh_rate = seconds(30);
  start();
  resolver->answer({"10.0.0.1"}, seconds(7));
  ASSERT_TRUE(asksAfter(seconds(7)));
  resolver->answer({"10.0.0.1"}, seconds(0));
  ASSERT_TRUE(asksAfter(seconds(30)));
}

TEST_F(ClusterManagerTest, FailuresAreRetriedWithGrowingWaitsUntilAnAnswer) {
  config().dns_refresh_rate = seconds(60);
  config().dns_failure_refresh_rate = api::BackOff{.base_interval = seconds(1), .max_interval = seconds(4)};
  start();
  // Each wait is its step less a random half.
  for (const milliseconds step : {seconds(1), seconds(2), seconds(4), seconds(4)}) {
    resolver->fail(base::ErrorCode::kUnavailable);
    const int before = resolver->questions;
    pass(step / 2 - milliseconds(20));
    EXPECT_EQ(resolver->questions, before);
    pass(step / 2 + milliseconds(220));
    ASSERT_EQ(resolver->questions, before + 1);
  }
  resolver->answer({"10.0.0.1"});
  ASSERT_TRUE(asksAfter(seconds(60)));
}

TEST_F(ClusterManagerTest, WithoutAFailureRateFailuresWaitForTheRefreshRate) {
  config().dns_refresh_rate = seconds(9);
  start();
  resolver->fail(base::ErrorCode::kUnavailable);
  EXPECT_TRUE(asksAfter(seconds(9)));
}

TEST_F(ClusterManagerTest, JitterIsAddedToTheRefreshRate) {
  config().dns_refresh_rate = seconds(10);
  config().dns_jitter = seconds(5);
  start();
  bool later = false;
  for (int i = 0; i < 8; ++i) {
    resolver->answer({"10.0.0.1"});
    const int before = resolver->questions;
    pass(seconds(10) - milliseconds(20));
    ASSERT_EQ(resolver->questions, before);
    pass(milliseconds(500));
    later = later || resolver->questions == before;
    pass(seconds(5));
    ASSERT_EQ(resolver->questions, before + 1);
  }
  EXPECT_TRUE(later);
}

TEST_F(ClusterManagerTest, TheFamilyIsPassedOn) {
  config().dns_lookup_family = api::Cluster::DnsLookupFamily::kV4Preferred;
  start();
  EXPECT_EQ(resolver->last_name, "web.test");
  EXPECT_EQ(resolver->family, DnsFamily::kV4Preferred);
}

TEST_F(ClusterManagerTest, OneAddressOfTwoNamesIsOneHost) {
  addEndpoint("10.0.0.1", 80);
  start();
  resolver->answer({"10.0.0.1", "10.0.0.2"});
  EXPECT_EQ(addresses().size(), 2u);
}

TEST_F(ClusterManagerTest, AWorkersViewFollowsTheAnswers) {
  start();
  auto clusters = manager->makeWorkerClusters(loop);
  ASSERT_NE(clusters->find("c"), nullptr);
  EXPECT_EQ(clusters->find("c")->hostCounts().total, 0u);
  resolver->answer({"10.0.0.1", "10.0.0.2"});
  settle();
  EXPECT_EQ(clusters->find("c")->hostCounts().total, 2u);
  EXPECT_EQ(clusters->find("other"), nullptr);
  clusters.reset();
  // Nobody is told any more.
  ASSERT_TRUE(asksAfter(seconds(5)));
  resolver->answer({"10.0.0.3"});
  settle();
  EXPECT_EQ(addresses(), std::vector<std::string>{"10.0.0.3:80"});
}

// Health checks, with a server that the test drives.
class HealthCheckedTest : public ClusterManagerTest {
 protected:
  HealthCheckedTest() {
    config().type = api::Cluster::DiscoveryType::kStatic;
    config().load_assignment.reset();
    addEndpoint("127.0.0.1", server.address().port());
    api::HealthCheck& check = config().health_checks.emplace_back();
    check.timeout = seconds(1);
    check.interval = seconds(10);
    check.no_traffic_interval = seconds(60);
    check.unhealthy_threshold = 2;
    check.healthy_threshold = 2;
    check.http_health_check = api::HttpHealthCheck{.path = "/health"};
    check.http_health_check->retriable_statuses.push_back({.start = 500, .end = 600});
  }

  // The next check is asked and answered.
  void checked(std::string_view answer) {
    if (peer == nullptr) peer = server.accept(loop);
    ASSERT_NE(peer, nullptr);
    const size_t asked_before = std::exchange(asked_, asked_ + 1);
    ASSERT_TRUE(loop.runUntil([&] { return count("GET /health") > asked_before; }));
    const uint64_t results = counter("health_check.success") + counter("health_check.failure");
    peer->send(answer);
    ASSERT_TRUE(
        loop.runUntil([&] { return counter("health_check.success") + counter("health_check.failure") > results; }));
  }
  size_t count(std::string_view text) {
    size_t found = 0;
    const std::string received = peer->received();
    for (size_t at = received.find(text); at != std::string::npos; at = received.find(text, at + 1)) ++found;
    return found;
  }
  std::string flags() { return manager->report().front().hosts.front().health_flags; }

  static constexpr std::string_view kGood = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
  static constexpr std::string_view kBad = "HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n";
  test::FakeServer server;
  std::unique_ptr<test::Peer> peer;

 private:
  size_t asked_ = 0;
};

TEST_F(HealthCheckedTest, TheFirstSuccessIsEnoughAndEndsTheWait) {
  start();
  EXPECT_FALSE(initialized);
  EXPECT_EQ(flags(), "/failed_active_hc");
  checked(kGood);
  EXPECT_TRUE(initialized);
  EXPECT_EQ(flags(), "healthy");
  EXPECT_EQ(gauge("cluster.c.health_check.healthy"), 1);
}

TEST_F(HealthCheckedTest, WithoutTrafficChecksAreRareAndThresholdsCount) {
  start();
  checked(kGood);
  pass(seconds(59));
  EXPECT_EQ(counter("health_check.attempt"), 1u);
  pass(seconds(2));
  checked(kBad);
  EXPECT_EQ(flags(), "healthy");
  pass(seconds(61));
  checked(kBad);
  EXPECT_EQ(flags(), "/failed_active_hc");
  pass(seconds(61));
  checked(kGood);
  EXPECT_EQ(flags(), "/failed_active_hc");
  pass(seconds(61));
  checked(kGood);
  EXPECT_EQ(flags(), "healthy");
}

TEST_F(HealthCheckedTest, TrafficMakesChecksAsFrequentAsConfigured) {
  start();
  checked(kGood);
  manager->report().front().info->stats.upstream_cx_total.add();
  pass(seconds(61));
  checked(kGood);
  pass(seconds(11));
  EXPECT_EQ(counter("health_check.attempt"), 3u);
}

TEST_F(HealthCheckedTest, SilenceIsANetworkFailure) {
  start();
  checked(kGood);
  pass(seconds(61));
  ASSERT_TRUE(loop.runUntil([&] { return count("GET /health") == 2; }));
  pass(milliseconds(1100));
  EXPECT_EQ(counter("health_check.network_failure"), 1u);
  EXPECT_EQ(counter("health_check.failure"), 1u);
  EXPECT_EQ(flags(), "healthy");
}

TEST_F(HealthCheckedTest, AHostThatSaysItFailsInAnAnswerToSomebodyElseFailsAtOnce) {
  start();
  checked(kGood);
  const ClusterReport report = manager->report().front();
  ASSERT_TRUE(report.info->fail_at_once);
  report.info->fail_at_once(report.hosts.front().host);
  settle();
  EXPECT_EQ(flags(), "/failed_active_hc");
  EXPECT_EQ(counter("health_check.passive_failure"), 1u);
  report.info->fail_at_once(report.hosts.front().host);
  settle();
  EXPECT_EQ(counter("health_check.passive_failure"), 1u);
}

TEST_F(HealthCheckedTest, WhatAnotherProcessFoundOutCounts) {
  auto fake = std::make_unique<FakeResolver>();
  auto made =
      ClusterManager::make(bootstrap, {.loop = loop, .random = random, .store = *store, .resolver = std::move(fake)});
  ASSERT_TRUE(made.ok());
  manager = std::move(made).value();
  manager->importHealth({{"c", {{.address = server.address().text(), .failed_active_check = false, .checked = true}}}});
  manager->start([this] { initialized = true; });
  EXPECT_TRUE(initialized);
  EXPECT_EQ(flags(), "healthy");
}

}  // namespace
}  // namespace baton::upstream
