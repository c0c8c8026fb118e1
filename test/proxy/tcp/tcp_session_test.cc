#include "source/proxy/tcp/tcp_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <sys/socket.h>

#include "api/tcp_proxy.h"

#include "source/network/listener.h"
#include "source/proxy/token_buckets.h"
#include "test/support/sockets.h"

namespace baton::proxy {
namespace {

using network::Fd;
using std::chrono::milliseconds;
using test::Peer;
using testing::ElementsAre;

class NoDrain : public network::DrainDecision {
 public:
  bool draining() const override { return false; }
  bool drainClose(base::Random&) const override { return false; }
  bool closeIdle() const override { return false; }
};

// Bytes as they are, but said to be something else, so that the session can't splice.
class Wrapped final : public network::Transport {
 public:
  void attach(int fd) override { inner_->attach(fd); }
  network::IoResult handshake() override {
    done_ = true;
    return {};
  }
  bool wantsWrite() const override { return !done_; }
  network::IoResult read(std::span<char> into) override { return inner_->read(into); }
  network::IoResult write(std::span<const iovec> pieces) override { return inner_->write(pieces); }
  network::IoResult shutdownWrite() override { return inner_->shutdownWrite(); }
  bool isPlain() const override { return false; }

 private:
  std::unique_ptr<network::Transport> inner_ = network::makePlainTransport();
  bool done_ = false;
};

class WrappedFactory final : public network::TransportFactory {
 public:
  std::unique_ptr<network::Transport> create(const CreateOptions&) const override {
    return std::make_unique<Wrapped>();
  }
};

// A cluster of one endpoint that really connects, or fails as it is told.
class FakeCluster final : public upstream::WorkerCluster, public upstream::PendingConnection {
 public:
  explicit FakeCluster(event::Loop& loop) : loop_(loop) { info_.name = info_.observability_name = "web"; }

  const upstream::ClusterInfo& info() const override { return info_; }
  upstream::HostPtr chooseHost(const upstream::LoadBalancerContext&) override { return host; }
  upstream::PendingStream* newStream(const upstream::StreamOptions&, const upstream::LoadBalancerContext&,
                                     http::StreamReceiver&, upstream::StreamWaiter&) override {
    return nullptr;
  }
  upstream::PendingConnection* newConnection(upstream::Priority, const upstream::LoadBalancerContext& context,
                                             upstream::ConnectionWaiter& waiter) override {
    ++attempts;
    hash = context.hashKey();
    waiter_ = &waiter;
    if (immediate_failure) {
      waiter.onConnectionFailed(*immediate_failure, "", nullptr);
      return nullptr;
    }
    loop_.post([this] { proceed(); });
    return this;
  }
  void connectionEnded(const upstream::Host&) override { --open; }
  void report(upstream::Host&, upstream::HostOutcome, int) override {}
  upstream::HostCounts hostCounts() const override { return {}; }
  bool tryStartRetry(upstream::Priority) override { return true; }
  void retryEnded(upstream::Priority) override {}
  void cancel() override {
    waiter_ = nullptr;
    ++cancelled;
  }

  upstream::HostPtr host;
  std::optional<upstream::PoolFailure> immediate_failure;
  int failures = 0;  // of the next attempts
  bool never_answers = false;
  bool wrapped = false;
  network::Connection* last = nullptr;  // as long as the session has it
  int attempts = 0;
  int cancelled = 0;
  int open = 0;
  std::optional<uint64_t> hash;

 private:
  struct Connecting final : network::ConnectionHandler {
    void onConnected() override { connected = true; }
    size_t onData(std::string_view, bool) override { return 0; }
    void onClosed(network::CloseReason) override {}
    bool connected = false;
  };

  void proceed() {
    if (waiter_ == nullptr || never_answers) return;
    if (failures > 0) {
      --failures;
      std::exchange(waiter_, nullptr)->onConnectionFailed(upstream::PoolFailure::kConnectFailed, "refused", host);
      return;
    }
    auto transport =
        wrapped ? std::unique_ptr<network::Transport>(std::make_unique<Wrapped>()) : network::makePlainTransport();
    connection_ = std::make_unique<network::Connection>(loop_, std::move(transport), network::ConnectionSettings{});
    last = connection_.get();
    connection_->setHandler(handler_);
    handler_.connected = false;
    connection_->connect(host->address, milliseconds(0));
    loop_.post([this] { poll(); });
  }
  void poll() {
    if (!handler_.connected) {
      loop_.post([this] { poll(); });
      return;
    }
    if (waiter_ == nullptr) return;
    ++open;
    std::exchange(waiter_, nullptr)->onConnectionReady(std::move(connection_), host);
  }

  event::Loop& loop_;
  upstream::ClusterInfo info_;
  upstream::ConnectionWaiter* waiter_ = nullptr;
  Connecting handler_;
  std::unique_ptr<network::Connection> connection_;
};

class FakeClusters final : public upstream::WorkerClusters {
 public:
  explicit FakeClusters(FakeCluster& cluster) : cluster_(cluster) {}
  upstream::WorkerCluster* find(std::string_view name) override {
    asked.emplace_back(name);
    return name == "missing" ? nullptr : &cluster_;
  }
  void forEach(const std::function<void(upstream::WorkerCluster&)>& visit) override { visit(cluster_); }
  void drainConnections() override {}
  size_t openConnections() const override { return 0; }
  std::vector<std::string> asked;

 private:
  FakeCluster& cluster_;
};

// Keeps what a log line would say.
class FlagLogger final : public access_log::AccessLogger {
 public:
  void log(const access_log::FormatContext& context, const base::Runtime&) const override {
    std::string flags;
    for (unsigned i = 0; i < static_cast<unsigned>(http::ResponseFlag::kCount); ++i) {
      const auto flag = static_cast<http::ResponseFlag>(i);
      if (context.info.flags.has(flag)) flags += (flags.empty() ? "" : ",") + std::string(http::shortName(flag));
    }
    lines.push_back(flags + "|" + std::to_string(context.info.bytes_received) + "|" +
                    std::to_string(context.info.bytes_sent) + "|" + context.info.connection_termination_details);
  }
  mutable std::vector<std::string> lines;
};

// The parameter: plain on both sides (spliced), or not.
class TcpSessionTest : public testing::TestWithParam<bool> {
 protected:
  TcpSessionTest() {
    cluster.host = std::make_shared<upstream::Host>("web-1", *network::Address::localOf(server_socket.get()), 1,
                                                    upstream::Locality{}, 0);
    settings.stat_prefix = "edge";
    settings.cluster = "web";
  }
  ~TcpSessionTest() override {
    listener.reset();
    loop.runOnce();
  }

  void start() {
    network::NetworkFilterRegistry registry;
    registerTcpFilters(
        registry,
        [this](const api::AccessLog&) -> base::Result<access_log::AccessLoggerPtr> {
          return access_log::AccessLoggerPtr(logger);
        },
        std::make_shared<TokenBuckets>());
    settings.access_log.resize(1);
    api::Listener api_listener;
    api_listener.address = api::Address{api::SocketAddress{.address = "127.0.0.1", .port_value = 0}, {}};
    api::FilterChain chain;
    chain.filters.push_back({"tcp", filter ? *filter : api::TypedConfig::of(settings)});
    if (!GetParam()) chain.transport_socket = api::TransportSocket{"wrapped", api::TypedConfig{}};
    api_listener.filter_chains.push_back(std::move(chain));
    network::ListenerBuilders builders{.root = stats::Scope(*store, ""), .filters = &registry};
    builders.transport = [](const api::TransportSocket&, const stats::Scope&) {
      return base::Result<std::shared_ptr<const network::TransportFactory>>(std::make_shared<WrappedFactory>());
    };
    auto config = network::ListenerConfig::build(api_listener, builders);
    ASSERT_TRUE(config) << config.error().message;
    auto socket = network::openListeningSocket((*config)->addresses[0]);
    ASSERT_TRUE(socket);
    listener = std::make_unique<network::Listener>(
        network::Listener::Environment{.loop = loop, .drain = drain, .worker = &worker}, *config, 0,
        std::move(*socket));
    ASSERT_TRUE(listener->startAccepting());
  }

  Peer connect() { return Peer(test::connectTo(listener->localAddress())); }
  std::optional<Peer> accepted() {
    int fd = -1;
    loop.runUntil([&] {
      fd = ::accept4(server_socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return fd >= 0;
    });
    if (fd < 0) return std::nullopt;
    return Peer(Fd(fd));
  }
  bool untilOver() {
    return loop.runUntil([&] { return listener->connections() == 0; });
  }
  uint64_t counter(std::string_view name) { return store->findCounter("tcp.edge." + std::string(name)).value_or(0); }

  base::SimulatedClock clock;
  event::Loop loop{clock};
  NoDrain drain;
  Fd server_socket = test::listenOnLoopback();
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  FakeCluster cluster{loop};
  FakeClusters clusters{cluster};
  base::FastRandom random{1};
  ServerState server_state;
  WorkerContext worker{loop, clusters, std::make_shared<base::Runtime>(), random, server_state};
  std::shared_ptr<FlagLogger> logger = std::make_shared<FlagLogger>();
  api::TcpProxy settings;
  std::optional<api::TypedConfig> filter;
  std::unique_ptr<network::Listener> listener;
};

INSTANTIATE_TEST_SUITE_P(Transports, TcpSessionTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Plain" : "Wrapped"; });

TEST_P(TcpSessionTest, BytesGoBothWaysAndAreCounted) {
  start();
  Peer client = connect();
  client.send("early");  // before the upstream is connected
  auto server = accepted();
  ASSERT_TRUE(server);
  EXPECT_TRUE(server->receives(loop, "early"));
  server->send("answer");
  EXPECT_TRUE(client.receives(loop, "answer"));
  client.send(" more");
  EXPECT_TRUE(server->receives(loop, "early more"));
  EXPECT_EQ(cluster.open, 1);
  client.endWrite();
  ASSERT_TRUE(server->endedWithin(loop));
  server->send("!");
  server->endWrite();
  ASSERT_TRUE(client.endedWithin(loop));
  EXPECT_EQ(client.received(), "answer!");
  ASSERT_TRUE(untilOver());
  EXPECT_EQ(cluster.open, 0);
  EXPECT_EQ(counter("downstream_cx_total"), 1u);
  EXPECT_EQ(counter("downstream_cx_rx_bytes_total"), 10u);
  EXPECT_EQ(counter("downstream_cx_tx_bytes_total"), 7u);
  EXPECT_THAT(logger->lines, ElementsAre("|10|7|"));
}

TEST_P(TcpSessionTest, LargeTransfersArriveWhole) {
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  const std::string bytes(6u << 20, 'z');
  size_t up = 0;
  size_t down = 0;
  ASSERT_TRUE(loop.runUntil([&] {
    if (up < bytes.size()) up += client.send(std::string_view(bytes).substr(up));
    if (down < bytes.size()) down += server->send(std::string_view(bytes).substr(down));
    return client.received().size() >= bytes.size() && server->received().size() >= bytes.size();
  }));
  EXPECT_TRUE(client.received() == bytes);
  EXPECT_TRUE(server->received() == bytes);
}

TEST_P(TcpSessionTest, ASlowServerStopsTheClient) {
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  size_t sent = 0;
  const std::string piece(1u << 20, 's');
  for (int i = 0; i < 300; ++i) {
    sent += client.send(piece);
    loop.runOnce();
  }
  EXPECT_LT(sent, 100u << 20);
  ASSERT_TRUE(loop.runUntil([&] { return server->received().size() >= sent; }));
  EXPECT_EQ(server->received().size(), sent);
}

TEST_P(TcpSessionTest, WhatAClientSentBeforeItLeftReachesASlowServer) {
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  // The server has no more to say, and does not read for now.
  server->endWrite();
  ASSERT_TRUE(client.endedWithin(loop));
  size_t sent = 0;
  const std::string piece(4096, 's');
  const auto more = [&] { return GetParam() ? sent < (1u << 20) : cluster.last->unsentBytes() == 0; };
  while (more()) {
    sent += client.send(piece);
    loop.runOnce();
  }
  client.endWrite();
  if (!GetParam()) {
    ASSERT_TRUE(untilOver());
    EXPECT_EQ(counter("upstream_flush_total"), 1u);
    EXPECT_EQ(store->findGauge("tcp.edge.upstream_flush_active").value_or(0), 1);
    EXPECT_EQ(cluster.open, 1);
  }
  ASSERT_TRUE(loop.runUntil([&] { return server->received().size() >= sent && server->ended(); }));
  EXPECT_EQ(server->received().size(), sent);
  EXPECT_FALSE(server->wasReset());
  ASSERT_TRUE(loop.runUntil([&] { return cluster.open == 0 && listener->connections() == 0; }));
  EXPECT_EQ(store->findGauge("tcp.edge.upstream_flush_active").value_or(0), 0);
}

TEST_P(TcpSessionTest, TheServerMayEndFirst) {
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  server->send("bye");
  server->endWrite();
  ASSERT_TRUE(client.endedWithin(loop));
  EXPECT_EQ(client.received(), "bye");
  client.send("last");
  client.endWrite();
  ASSERT_TRUE(server->endedWithin(loop));
  EXPECT_EQ(server->received(), "last");
  ASSERT_TRUE(untilOver());
}

TEST_P(TcpSessionTest, AResetOfTheServerReachesTheClient) {
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  server->send("partial");
  ASSERT_TRUE(client.receives(loop, "partial"));
  server->reset();
  ASSERT_TRUE(client.endedWithin(loop));
  EXPECT_TRUE(client.wasReset()) << "a truncated stream must not look complete";
  ASSERT_TRUE(untilOver());
  EXPECT_THAT(logger->lines, ElementsAre("UC|0|7|upstream_reset"));
}

TEST_P(TcpSessionTest, AResetOfTheClientReachesTheServer) {
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  client.send("partial");
  ASSERT_TRUE(server->receives(loop, "partial"));
  client.reset();
  ASSERT_TRUE(server->endedWithin(loop));
  EXPECT_TRUE(server->wasReset());
  ASSERT_TRUE(untilOver());
  EXPECT_EQ(cluster.open, 0);
}

TEST_P(TcpSessionTest, AnUnknownClusterClosesTheConnection) {
  settings.cluster = "missing";
  start();
  Peer client = connect();
  ASSERT_TRUE(client.endedWithin(loop));
  EXPECT_EQ(counter("downstream_cx_no_route"), 1u);
  ASSERT_TRUE(untilOver());
  EXPECT_THAT(logger->lines, ElementsAre("NC|0|0|cluster_not_found"));
}

TEST_P(TcpSessionTest, WithoutAHealthyHostTheConnectionIsClosed) {
  cluster.immediate_failure = upstream::PoolFailure::kNoHealthyHost;
  settings.max_connect_attempts = 3;
  start();
  Peer client = connect();
  ASSERT_TRUE(client.endedWithin(loop));
  ASSERT_TRUE(untilOver());
  EXPECT_EQ(cluster.attempts, 1);
  EXPECT_THAT(logger->lines, ElementsAre("UH|0|0|no_healthy_upstream"));
}

TEST_P(TcpSessionTest, AnOpenCircuitBreakerClosesTheConnection) {
  cluster.immediate_failure = upstream::PoolFailure::kOverflow;
  start();
  Peer client = connect();
  ASSERT_TRUE(client.endedWithin(loop));
  ASSERT_TRUE(untilOver());
  EXPECT_THAT(logger->lines, ElementsAre("UO|0|0|upstream_overflow"));
}

TEST_P(TcpSessionTest, ConnectingIsTriedAsOftenAsConfigured) {
  cluster.failures = 2;
  settings.max_connect_attempts = 3;
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  server->send("third time lucky");
  EXPECT_TRUE(client.receives(loop, "third time lucky"));
  EXPECT_EQ(cluster.attempts, 3);
}

TEST_P(TcpSessionTest, AfterTheLastAttemptTheConnectionIsClosed) {
  cluster.failures = 5;
  settings.max_connect_attempts = 2;
  start();
  Peer client = connect();
  ASSERT_TRUE(client.endedWithin(loop));
  ASSERT_TRUE(untilOver());
  EXPECT_EQ(cluster.attempts, 2);
  EXPECT_THAT(logger->lines, ElementsAre("UF,URX|0|0|upstream_connection_failure"));
}

TEST_P(TcpSessionTest, AClientThatLeavesWhileConnectingCancelsTheAttempt) {
  cluster.never_answers = true;
  start();
  Peer client = connect();
  ASSERT_TRUE(loop.runUntil([&] { return cluster.attempts == 1; }));
  client.reset();
  ASSERT_TRUE(untilOver());
  EXPECT_EQ(cluster.cancelled, 1);
}

TEST_P(TcpSessionTest, AnIdleSessionEndsAndABusyOneDoesNot) {
  settings.idle_timeout = milliseconds(1000);
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  for (int i = 0; i < 4; ++i) {
    client.send("x");
    ASSERT_TRUE(server->receives(loop, "x"));
    server->forget();
    clock.advance(milliseconds(700));
    loop.runOnce();
  }
  EXPECT_EQ(listener->connections(), 1u);
  clock.advance(milliseconds(1200));
  ASSERT_TRUE(untilOver());
  EXPECT_EQ(counter("idle_timeout"), 1u);
  EXPECT_THAT(logger->lines, ElementsAre("|4|0|tcp_session_idle_timeout"));
}

TEST_P(TcpSessionTest, ASessionLivesNoLongerThanAllowed) {
  settings.max_downstream_connection_duration = milliseconds(2000);
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  clock.advance(milliseconds(2200));
  ASSERT_TRUE(untilOver());
  EXPECT_EQ(counter("max_downstream_connection_duration"), 1u);
  EXPECT_THAT(logger->lines, ElementsAre("DT|0|0|max_downstream_connection_duration"));
}

TEST_P(TcpSessionTest, ClustersShareConnectionsByWeight) {
  settings.cluster.reset();
  settings.weighted_clusters = api::TcpWeightedCluster{{{"a", 3}, {"b", 1}, {"never", 0}}};
  auto proxy = TcpProxy::build(settings, stats::Scope(*store, ""), {});
  ASSERT_TRUE(proxy);
  std::map<std::string, int> hits;
  for (int i = 0; i < 4000; ++i) ++hits[(*proxy)->chooseCluster(random)];
  EXPECT_NEAR(hits["a"], 3000, 200);
  EXPECT_NEAR(hits["b"], 1000, 200);
  EXPECT_EQ(hits["never"], 0);
}

TEST_P(TcpSessionTest, TheClientsAddressIsHashedWhenAskedFor) {
  settings.hash_policy = {{.source_ip = api::Empty{}}};
  start();
  Peer client = connect();
  ASSERT_TRUE(accepted());
  EXPECT_TRUE(cluster.hash.has_value());
}

TEST_P(TcpSessionTest, TerminatingEndsTheSession) {
  start();
  Peer client = connect();
  auto server = accepted();
  ASSERT_TRUE(server);
  server->send("x");
  ASSERT_TRUE(client.receives(loop, "x"));
  listener->terminateConnections();
  EXPECT_TRUE(client.endedWithin(loop));
  EXPECT_TRUE(server->endedWithin(loop));
  EXPECT_EQ(cluster.open, 0);
}

TEST_P(TcpSessionTest, EchoSendsBackWhatCame) {
  filter = api::TypedConfig::of(api::Echo{});
  start();
  Peer client = connect();
  client.send("hello");
  EXPECT_TRUE(client.receives(loop, "hello"));
  client.endWrite();
  EXPECT_TRUE(client.endedWithin(loop));
  EXPECT_TRUE(untilOver());
}

TEST_P(TcpSessionTest, ADirectResponseIsSentAndTheConnectionEnds) {
  api::NetworkDirectResponse response;
  response.response = api::DataSource{.inline_string = "go away\n"};
  filter = api::TypedConfig::of(response);
  start();
  Peer client = connect();
  client.send("anything");
  ASSERT_TRUE(client.endedWithin(loop));
  EXPECT_EQ(client.received(), "go away\n");
  client.close();
  EXPECT_TRUE(untilOver());
}

}  // namespace
}  // namespace baton::proxy
