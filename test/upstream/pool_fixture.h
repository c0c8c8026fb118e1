// A cluster on one thread, its hosts played by FakeServers, and requests that write down what becomes of them.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/event/loop.h"
#include "source/upstream/pooled_cluster.h"
#include "test/support/fake_server.h"
#include "test/support/http1_ends.h"
#include "test/upstream/hosts.h"

namespace baton::upstream {

// One request through a cluster. GET without a body unless begun otherwise.
class TestRequest final : public StreamWaiter {
 public:
  TestRequest() = default;
  TestRequest(const TestRequest&) = delete;
  TestRequest& operator=(const TestRequest&) = delete;
  ~TestRequest() {
    cancel();
    if (!over()) reset();
  }

  void onStreamReady(http::StreamSender& stream, const HostPtr& on, const network::Connection& connection,
                     bool connection_reused) override {
    pending = nullptr;
    sender = &stream;
    host = on;
    reused = connection_reused;
    connection_id = connection.info().id;
    if (send_at_once) sendHead(true);
    if (on_ready) on_ready();
  }
  void onStreamFailed(PoolFailure why, std::string_view reason, const HostPtr& on) override {
    pending = nullptr;
    failure = why;
    failure_reason = reason;
    host = on;
    if (on_failed) on_failed();
  }
  void sendHead(bool end) {
    sender->sendHeaders(
        test::makeHeaders(
            {{":method", end ? "GET" : "POST"}, {":scheme", "http"}, {":authority", "x"}, {":path", "/"}}),
        end);
  }
  void cancel() {
    if (pending != nullptr) std::exchange(pending, nullptr)->cancel();
  }
  void reset() {
    if (sender != nullptr) std::exchange(sender, nullptr)->reset(http::StreamReset::kLocalReset);
  }
  bool answered() const { return response.ended; }
  bool over() const { return response.ended || !response.reset.empty() || failure.has_value(); }

  test::Recorder response;
  PendingStream* pending = nullptr;
  http::StreamSender* sender = nullptr;
  HostPtr host;
  bool reused = false;
  bool send_at_once = true;
  uint64_t connection_id = 0;
  std::optional<PoolFailure> failure;
  std::string failure_reason;
  std::function<void()> on_ready;
  std::function<void()> on_failed;
};

class PoolFixture : public testing::Test {
 protected:
  PoolFixture() : info(std::make_shared<ClusterInfo>("c", "", *store)) {}
  ~PoolFixture() override {
    cluster.reset();
    loop.runOnce();
  }

  // The limits take effect at build().
  void build() {
    info->breakers.configure(limits, stats::Scope(*store, "cluster.c.circuit_breakers."));
    if (hosts.empty()) hosts = {std::make_shared<Host>("", server.address(), 1, Locality{}, 0)};
    cluster = std::make_unique<PooledCluster>(context, info, makeHostSnapshot(hosts, info->lb, 1));
  }
  void refresh() { cluster->update(makeHostSnapshot(hosts, info->lb, ++version)); }

  std::unique_ptr<TestRequest> request(bool send_at_once = true, Priority priority = Priority::kDefault) {
    auto made = std::make_unique<TestRequest>();
    made->send_at_once = send_at_once;
    begin(*made, priority);
    return made;
  }
  void begin(TestRequest& made, Priority priority = Priority::kDefault) {
    PendingStream* pending =
        cluster->newStream({.priority = priority, .downstream_protocol = downstream}, choice, made.response, made);
    if (pending != nullptr) made.pending = pending;
  }
  bool until(const std::function<bool()>& done) { return loop.runUntil(done); }
  // Until the peer has received this among other bytes.
  bool gets(test::Peer& peer, std::string_view text) {
    return until([&] { return peer.received().find(text) != std::string::npos; });
  }
  void settle() {
    for (int i = 0; i < 5; ++i) loop.runOnce();
  }
  // Lets simulated time pass, so that timers fire.
  void pass(std::chrono::milliseconds time) {
    clock.advance(time);
    settle();
  }

  uint64_t counter(const std::string& name) { return store->findCounter("cluster.c." + name).value_or(0); }
  int64_t gauge(const std::string& name) { return store->findGauge("cluster.c." + name).value_or(-1); }
  void expectNothingLeft() {
    EXPECT_EQ(gauge("upstream_rq_active"), 0);
    EXPECT_EQ(gauge("upstream_rq_pending_active"), 0);
    for (const HostPtr& host : hosts) EXPECT_EQ(host->active_requests, 0u);
    EXPECT_EQ(info->breakers.requests(Priority::kDefault).used(), 0u);
    EXPECT_EQ(info->breakers.pending(Priority::kDefault).used(), 0u);
    EXPECT_EQ(static_cast<int64_t>(info->breakers.connections(Priority::kDefault).used()), gauge("upstream_cx_active"));
  }

  base::SimulatedClock clock;
  event::Loop loop{clock};
  base::FastRandom random{1};
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  std::shared_ptr<ClusterInfo> info;
  std::array<BreakerLimits, kPriorities> limits;
  test::FakeServer server;
  std::vector<HostPtr> hosts;
  PoolContext context{loop, random, ClientCodecs::instance()};
  TestContext choice;
  http::Protocol downstream = http::Protocol::kHttp11;
  uint64_t version = 1;
  std::unique_ptr<PooledCluster> cluster;
};

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

}  // namespace baton::upstream
