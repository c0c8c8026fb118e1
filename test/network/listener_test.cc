#include "source/network/listener.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "api/tcp_proxy.h"

#include "source/network/active_connection.h"
#include "test/support/sockets.h"

namespace baton::network {
namespace {

using std::chrono::milliseconds;
using test::Peer;
using testing::ElementsAre;
using testing::HasSubstr;

class NoDrain : public DrainDecision {
 public:
  bool draining() const override { return true; }
  bool drainClose(base::Random&) const override { return false; }
  bool closeIdle() const override { return false; }
};

// Answers every read with its tag and what came, ends when the peer ends.
class TagSession final : public Session {
 public:
  TagSession(Connection& connection, std::string tag) : connection_(connection), tag_(std::move(tag)) {}
  size_t onData(std::string_view bytes, bool end) override {
    if (!bytes.empty()) connection_.write(tag_ + ":" + std::string(bytes));
    if (end) connection_.endWrite();
    return bytes.size();
  }
  void onClosed(CloseReason) override {}
  void onDrain(const DrainDecision& decision) override {
    if (decision.draining()) connection_.close(CloseType::kAbort);
  }
  void terminate() override { connection_.close(CloseType::kAbort); }
  const char* kind() const override { return "tag"; }

 private:
  Connection& connection_;
  std::string tag_;
};

class TagFactory final : public NetworkFilterFactory {
 public:
  explicit TagFactory(std::string tag) : tag_(std::move(tag)) {}
  std::unique_ptr<Session> createSession(const SessionContext& context) const override {
    last_info = context.connection.info();
    return std::make_unique<TagSession>(context.connection, tag_);
  }
  static inline ConnectionInfo last_info;

 private:
  std::string tag_;
};

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    // Any registered settings do for a test; echo has none to fill in.
    registry.add<api::Echo>(
        [](const api::Echo&, const NetworkFilterPlace& place) -> base::Result<NetworkFilterFactoryPtr> {
          return NetworkFilterFactoryPtr(std::make_shared<TagFactory>(place.filter_chain_name));
        });
    settings.name = "test";
    settings.address = api::Address{api::SocketAddress{.address = "127.0.0.1", .port_value = 0}, {}};
    settings.stat_prefix = "t";
  }

  api::FilterChain chain(std::string name, std::optional<api::FilterChainMatch> match = {}) {
    api::FilterChain chain;
    chain.name = std::move(name);
    chain.filter_chain_match = std::move(match);
    chain.filters.push_back({"echo", api::TypedConfig::of(api::Echo{})});
    return chain;
  }

  base::Result<std::shared_ptr<ListenerConfig>> build() {
    return ListenerConfig::build(settings, {.root = stats::Scope(*store, ""), .filters = &registry});
  }

  void start() {
    auto config = build();
    ASSERT_TRUE(config) << config.error().message;
    auto socket = openListeningSocket((*config)->addresses[0]);
    ASSERT_TRUE(socket) << socket.error().message;
    Listener::Environment environment{.loop = loop, .drain = drain, .global_limit = &global};
    environment.accept = accept;
    listener = std::make_unique<Listener>(environment, *config, 0, std::move(*socket));
    ASSERT_TRUE(listener->startAccepting());
  }

  Peer connect() { return Peer(test::connectTo(listener->localAddress())); }
  uint64_t counter(std::string_view name) { return store->findCounter("listener.t." + std::string(name)).value_or(0); }
  int64_t gauge(std::string_view name) { return store->findGauge("listener.t." + std::string(name)).value_or(0); }

  base::SimulatedClock clock;
  event::Loop loop{clock};
  NoDrain drain;
  ConnectionLimit global;
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  NetworkFilterRegistry registry;
  api::Listener settings;
  std::function<int(int, sockaddr*, socklen_t*, int)> accept;
  std::unique_ptr<Listener> listener;
};

TEST_F(ListenerTest, AConnectionRunsTheSessionOfItsChainAndIsCounted) {
  settings.filter_chains.push_back(chain("main"));
  start();
  Peer peer = connect();
  peer.send("hi");
  EXPECT_TRUE(peer.receives(loop, "main:hi"));
  EXPECT_EQ(listener->connections(), 1u);
  EXPECT_EQ(counter("downstream_cx_total"), 1u);
  EXPECT_EQ(counter("worker_0.downstream_cx_total"), 1u);
  EXPECT_EQ(gauge("downstream_cx_active"), 1);
  EXPECT_EQ(TagFactory::last_info.local_address, listener->localAddress());
  EXPECT_EQ(TagFactory::last_info.remote_address.ip(), "127.0.0.1");
  EXPECT_GT(TagFactory::last_info.id, 0u);
  EXPECT_EQ(TagFactory::last_info.filter_chain_name, "main");
  peer.close();
  ASSERT_TRUE(loop.runUntil([&] { return listener->connections() == 0; }));
  EXPECT_EQ(counter("downstream_cx_destroy"), 1u);
  EXPECT_EQ(gauge("downstream_cx_active"), 0);
  EXPECT_EQ(gauge("worker_0.downstream_cx_active"), 0);
  EXPECT_EQ(listener->config().limit.open.load(), 0u);
  EXPECT_EQ(global.open.load(), 0u);
}

TEST_F(ListenerTest, AConnectionThatMatchesNoChainIsClosedAndCounted) {
  settings.filter_chains.push_back(chain("other", api::FilterChainMatch{.destination_port = 1}));
  start();
  Peer peer = connect();
  EXPECT_TRUE(peer.endedWithin(loop));
  EXPECT_EQ(counter("no_filter_chain_match"), 1u);
  EXPECT_EQ(counter("downstream_cx_total"), 0u);
  EXPECT_EQ(listener->config().limit.open.load(), 0u);
}

TEST_F(ListenerTest, TheDefaultChainTakesWhatMatchesNothing) {
  settings.filter_chains.push_back(chain("other", api::FilterChainMatch{.destination_port = 1}));
  settings.default_filter_chain = chain("default");
  start();
  Peer peer = connect();
  peer.send("x");
  EXPECT_TRUE(peer.receives(loop, "default:x"));
}

TEST_F(ListenerTest, ConnectionsAboveTheLimitAreClosedAndCounted) {
  settings.filter_chains.push_back(chain("main"));
  settings.max_connections = 2;
  start();
  Peer first = connect();
  Peer second = connect();
  ASSERT_TRUE(loop.runUntil([&] { return listener->connections() == 2; }));
  Peer third = connect();
  EXPECT_TRUE(third.endedWithin(loop));
  EXPECT_EQ(counter("downstream_cx_overflow"), 1u);
  first.close();
  ASSERT_TRUE(loop.runUntil([&] { return listener->connections() == 1; }));
  Peer fourth = connect();
  fourth.send("x");
  EXPECT_TRUE(fourth.receives(loop, "main:x"));
}

TEST_F(ListenerTest, TheLimitOfTheProcessCountsToo) {
  settings.filter_chains.push_back(chain("main"));
  global.most = 1;
  start();
  Peer first = connect();
  ASSERT_TRUE(loop.runUntil([&] { return listener->connections() == 1; }));
  Peer second = connect();
  EXPECT_TRUE(second.endedWithin(loop));
  EXPECT_EQ(counter("downstream_global_cx_overflow"), 1u);
}

TEST_F(ListenerTest, AListenerMayIgnoreTheLimitOfTheProcess) {
  settings.filter_chains.push_back(chain("main"));
  settings.ignore_global_conn_limit = true;
  global.most = 0;
  start();
  Peer peer = connect();
  peer.send("x");
  EXPECT_TRUE(peer.receives(loop, "main:x"));
  EXPECT_EQ(global.open.load(), 0u);
}

TEST_F(ListenerTest, AnOverloadedProcessRejectsNewConnections) {
  settings.filter_chains.push_back(chain("main"));
  global.reject_new = true;
  start();
  Peer peer = connect();
  EXPECT_TRUE(peer.endedWithin(loop));
  EXPECT_EQ(counter("downstream_cx_overload_reject"), 1u);
}

TEST_F(ListenerTest, ABurstIsAcceptedInSharesSoThatOthersGetTheirTurn) {
  settings.filter_chains.push_back(chain("main"));
  settings.max_connections_to_accept_per_socket_event = 2;
  start();
  std::vector<Peer> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(connect());
  loop.runOnce();
  EXPECT_LE(listener->connections(), 2u);
  EXPECT_TRUE(loop.runUntil([&] { return listener->connections() == 5; }));
}

TEST_F(ListenerTest, APausedListenerLeavesConnectionsInTheQueue) {
  settings.filter_chains.push_back(chain("main"));
  start();
  listener->pauseAccepting();
  listener->pauseAccepting();
  EXPECT_FALSE(listener->accepting());
  Peer peer = connect();
  peer.send("x");
  for (int i = 0; i < 5; ++i) loop.runOnce(milliseconds(1));
  EXPECT_EQ(listener->connections(), 0u);
  EXPECT_FALSE(peer.ended());
  ASSERT_TRUE(listener->startAccepting());
  EXPECT_TRUE(peer.receives(loop, "main:x"));
}

TEST_F(ListenerTest, ASocketThatIsGivenAwayGoesOnListening) {
  settings.filter_chains.push_back(chain("main"));
  start();
  Peer before = connect();
  ASSERT_TRUE(loop.runUntil([&] { return listener->connections() == 1; }));
  const Address address = listener->localAddress();
  Fd socket = listener->releaseSocket();
  ASSERT_TRUE(socket);
  Peer after(test::connectTo(address));
  after.send("y");
  before.send("x");
  EXPECT_TRUE(before.receives(loop, "main:x")) << "connections go on";
  Listener next(Listener::Environment{.loop = loop, .drain = drain}, listener->sharedConfig(), 0, std::move(socket));
  ASSERT_TRUE(next.startAccepting());
  EXPECT_TRUE(after.receives(loop, "main:y"));
}

TEST_F(ListenerTest, RunningOutOfDescriptorsPausesAcceptingAndRecovers) {
  settings.filter_chains.push_back(chain("main"));
  bool exhausted = true;
  int attempts = 0;
  accept = [&](int fd, sockaddr* peer, socklen_t* length, int flags) {
    ++attempts;
    if (!exhausted) return ::accept4(fd, peer, length, flags);
    errno = EMFILE;
    return -1;
  };
  start();
  Peer peer = connect();
  peer.send("x");
  ASSERT_TRUE(loop.runUntil([&] { return attempts == 1; }));
  for (int i = 0; i < 10; ++i) loop.runOnce(milliseconds(1));
  EXPECT_EQ(attempts, 1) << "no busy loop";
  clock.advance(milliseconds(250));
  ASSERT_TRUE(loop.runUntil([&] { return attempts == 2; }));
  exhausted = false;
  clock.advance(milliseconds(150));
  for (int i = 0; i < 10; ++i) loop.runOnce(milliseconds(1));
  EXPECT_EQ(attempts, 2) << "the pause grows";
  clock.advance(milliseconds(250));
  EXPECT_TRUE(peer.receives(loop, "main:x"));
}

TEST_F(ListenerTest, AConnectionThatWasAbortedInTheQueueIsSkipped) {
  settings.filter_chains.push_back(chain("main"));
  bool first = true;
  accept = [&](int fd, sockaddr* peer, socklen_t* length, int flags) {
    if (!std::exchange(first, false)) return ::accept4(fd, peer, length, flags);
    errno = ECONNABORTED;
    return -1;
  };
  start();
  Peer peer = connect();
  peer.send("x");
  EXPECT_TRUE(peer.receives(loop, "main:x"));
}

TEST_F(ListenerTest, AnAdoptedConnectionRunsWithTheBytesThatCameAlong) {
  settings.filter_chains.push_back(chain("main"));
  start();
  auto [ours, theirs] = test::tcpPair();
  Peer peer(std::move(theirs));
  AcceptedSocket socket;
  socket.fd = ours.release();
  listener->adopt(std::move(socket), "early");
  EXPECT_TRUE(peer.receives(loop, "main:early"));
}

TEST_F(ListenerTest, ADrainReachesEverySession) {
  settings.filter_chains.push_back(chain("main"));
  start();
  std::vector<Peer> peers;
  for (int i = 0; i < 3; ++i) peers.push_back(connect());
  ASSERT_TRUE(loop.runUntil([&] { return listener->connections() == 3; }));
  listener->announceDrain();
  EXPECT_EQ(listener->connections(), 0u);
  for (Peer& peer : peers) EXPECT_TRUE(peer.endedWithin(loop));
}

TEST_F(ListenerTest, TerminatingEndsPendingConnectionsToo) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"tls", api::TypedConfig::of(api::TlsInspector{})});
  start();
  Peer pending = connect();
  Peer running = connect();
  running.send("x");
  ASSERT_TRUE(running.receives(loop, "main:x"));
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 1; }));
  listener->terminateConnections();
  EXPECT_TRUE(pending.endedWithin(loop));
  EXPECT_TRUE(running.endedWithin(loop));
  EXPECT_EQ(listener->config().limit.open.load(), 0u);
  EXPECT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 0; }));
}

TEST_F(ListenerTest, DestroyingTheListenerDropsItsConnections) {
  settings.filter_chains.push_back(chain("main"));
  start();
  Peer peer = connect();
  peer.send("x");
  ASSERT_TRUE(peer.receives(loop, "main:x"));
  peer.close();
  listener.reset();
  loop.runOnce();
  EXPECT_EQ(gauge("downstream_cx_active"), 0);
}

// --- listener filters ---

TEST_F(ListenerTest, ProxyProtocolGivesTheClientsAddressAndLeavesTheStream) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(api::ProxyProtocol{})});
  start();
  Peer peer = connect();
  for (const char c : std::string_view("PROXY TCP4 1.2.3.4 5.6.7.8 111 222\r\n")) {
    peer.send({&c, 1});
    loop.runOnce(milliseconds(1));
  }
  peer.send("stream");
  EXPECT_TRUE(peer.receives(loop, "main:stream"));
  EXPECT_EQ(TagFactory::last_info.remote_address.text(), "1.2.3.4:111");
  EXPECT_EQ(TagFactory::last_info.local_address.text(), "5.6.7.8:222");
  EXPECT_EQ(TagFactory::last_info.direct_remote_address.ip(), "127.0.0.1");
  EXPECT_EQ(store->findCounter("proxy_proto.versions.v1.found"), 1u);
}

TEST_F(ListenerTest, ALargeProxyHeaderIsTakenWhole) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(api::ProxyProtocol{})});
  start();
  Peer peer = connect();
  std::string rest("\x0a\x00\x00\x01\x0a\x00\x00\x02\x01\x00\x02\x00", 12);
  rest += '\xee';
  rest += '\x4e';
  rest += '\x20';  // 20000
  rest += std::string(20000, 't');
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11", 14);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size() & 255);
  const std::string all = header + rest + "after";
  peer.send(std::string_view(all).substr(0, 3000));
  loop.runOnce(milliseconds(5));
  peer.send(std::string_view(all).substr(3000));
  EXPECT_TRUE(peer.receives(loop, "main:after"));
  EXPECT_EQ(TagFactory::last_info.remote_address.text(), "10.0.0.1:256");
  ASSERT_EQ(TagFactory::last_info.proxy_protocol_tlvs.size(), 1u);
  EXPECT_EQ(TagFactory::last_info.proxy_protocol_tlvs[0].second.size(), 20000u);
}

TEST_F(ListenerTest, AConnectionWithoutTheProxyHeaderIsClosedUnlessAllowed) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(api::ProxyProtocol{})});
  start();
  Peer refused = connect();
  refused.send("GET / HTTP/1.1\r\n");
  EXPECT_TRUE(refused.endedWithin(loop));
  EXPECT_EQ(counter("downstream_listener_filter_error"), 1u);

  settings.listener_filters[0].typed_config =
      api::TypedConfig::of(api::ProxyProtocol{.allow_requests_without_proxy_protocol = true});
  start();
  Peer allowed = connect();
  allowed.send("GET");
  EXPECT_TRUE(allowed.receives(loop, "main:GET"));
}

TEST_F(ListenerTest, ADisallowedProxyVersionIsRefused) {
  settings.filter_chains.push_back(chain("main"));
  api::ProxyProtocol proxy;
  proxy.disallowed_versions = {api::ProxyProtocol::Version::kV1};
  proxy.stat_prefix = "edge";
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(proxy)});
  start();
  Peer peer = connect();
  peer.send("PROXY UNKNOWN\r\nx");
  EXPECT_TRUE(peer.endedWithin(loop));
  EXPECT_EQ(store->findCounter("proxy_proto.edge.versions.v1.disallowed"), 1u);
}

TEST_F(ListenerTest, ASilentClientIsClosedWhenTheListenerFiltersTimeOut) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(api::ProxyProtocol{})});
  settings.listener_filters_timeout = milliseconds(500);
  start();
  Peer peer = connect();
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 1; }));
  clock.advance(milliseconds(400));
  loop.runOnce();
  EXPECT_EQ(gauge("downstream_pre_cx_active"), 1);
  clock.advance(milliseconds(300));
  EXPECT_TRUE(peer.endedWithin(loop));
  EXPECT_EQ(counter("downstream_pre_cx_timeout"), 1u);
}

TEST_F(ListenerTest, ASilentClientGoesOnWhenConfiguredSo) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"tls", api::TypedConfig::of(api::TlsInspector{})});
  settings.listener_filters_timeout = milliseconds(500);
  settings.continue_on_listener_filters_timeout = true;
  start();
  Peer peer = connect();
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 1; }));
  clock.advance(milliseconds(700));
  ASSERT_TRUE(loop.runUntil([&] { return listener->connections() == 1; }));
  peer.send("late");
  EXPECT_TRUE(peer.receives(loop, "main:late"));
}

TEST_F(ListenerTest, AClientThatLeavesDuringTheFiltersIsCounted) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(api::ProxyProtocol{})});
  start();
  Peer peer = connect();
  peer.send("PROX");
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 1; }));
  peer.close();
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 0; }));
  EXPECT_EQ(counter("downstream_listener_filter_remote_close"), 1u);
}

TEST_F(ListenerTest, AWrongHeaderThatComesWithTheEndIsTheHeadersFault) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(api::ProxyProtocol{})});
  start();
  Peer peer = connect();
  peer.send("PROXY");
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 1; }));
  peer.send(" UDP4 1.2.3.4 5.6.7.8 1 2\r\n");
  peer.endWrite();
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 0; }));
  EXPECT_EQ(counter("downstream_listener_filter_error"), 1u);
  EXPECT_EQ(counter("downstream_listener_filter_remote_close"), 0u);
}

TEST_F(ListenerTest, AHeaderThatComesWithTheEndStillCounts) {
  settings.filter_chains.push_back(chain("main"));
  settings.listener_filters.push_back({"pp", api::TypedConfig::of(api::ProxyProtocol{})});
  start();
  Peer peer = connect();
  ASSERT_TRUE(loop.runUntil([&] { return gauge("downstream_pre_cx_active") == 1; }));
  peer.send("PROXY UNKNOWN\r\nall");
  peer.endWrite();
  EXPECT_TRUE(peer.receives(loop, "main:all"));
}

TEST_F(ListenerTest, HttpInspectorChoosesByProtocol) {
  settings.filter_chains.push_back(chain("h2", api::FilterChainMatch{.application_protocols = {"h2c"}}));
  settings.filter_chains.push_back(chain("h1", api::FilterChainMatch{.application_protocols = {"http/1.1"}}));
  settings.filter_chains.push_back(chain("rest"));
  settings.listener_filters.push_back({"http", api::TypedConfig::of(api::HttpInspector{})});
  start();
  const auto answer = [&](std::string_view bytes) {
    Peer peer = connect();
    peer.send(bytes.substr(0, 3));
    loop.runOnce(milliseconds(1));
    peer.send(bytes.substr(3));
    loop.runUntil([&] { return !peer.received().empty(); });
    return peer.received().substr(0, peer.received().find(':'));
  };
  EXPECT_EQ(answer("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "h2");
  EXPECT_EQ(answer("GET / HTTP/1.1\r\n"), "h1");
  EXPECT_EQ(answer("PRI / HTTP/1.1\r\n"), "h1");
  EXPECT_EQ(answer("\x80\x01\x02\x03"), "rest");
  EXPECT_EQ(answer("SSH-2.0-x\r\n"), "rest");
}

// --- building ---

TEST_F(ListenerTest, ErrorsNameTheListenerAndWhatIsWrong) {
  settings.filter_chains.push_back(chain("a"));
  settings.filter_chains.push_back(chain("b"));
  auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().message, "listener 'test': filter chain 'b' has the same matching rules as filter chain 'a'");
  settings.filter_chains.pop_back();
  settings.filter_chains[0].filters.push_back({"second", api::TypedConfig::of(api::Echo{})});
  EXPECT_THAT(build().error().message, HasSubstr("'echo' must be the last"));
  settings.filter_chains[0].filters = {{"tcp", api::TypedConfig::of(api::TcpProxy{})}};
  EXPECT_THAT(build().error().message, HasSubstr("network filter 'tcp' is not implemented"));
}

TEST_F(ListenerTest, StatsAreNamedByAddressUnlessAPrefixIsGiven) {
  settings.stat_prefix.clear();
  settings.address->socket_address->port_value = 8080;
  EXPECT_EQ(ListenerConfig::statPrefix(settings), "listener.127.0.0.1_8080.");
  settings.address->socket_address->address = "::1";
  EXPECT_EQ(ListenerConfig::statPrefix(settings), "listener.[__1]_8080.");
  settings.stat_prefix = "edge";
  EXPECT_EQ(ListenerConfig::statPrefix(settings), "listener.edge.");
}

TEST_F(ListenerTest, ATlsInspectorIsAddedWhenChainsMatchByServerName) {
  settings.filter_chains.push_back(chain("sni", api::FilterChainMatch{.server_names = {"a.example"}}));
  auto built = build();
  ASSERT_TRUE(built);
  EXPECT_EQ((*built)->filters.size(), 1u);
}

}  // namespace
}  // namespace baton::network
