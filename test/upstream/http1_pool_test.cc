#include <gtest/gtest.h>

#include "test/upstream/pool_fixture.h"

namespace baton::upstream {
namespace {

class Http1Pool : public PoolFixture {
 protected:
  // A request that is answered, and the connection that it came over.
  std::unique_ptr<test::Peer> exchange() {
    auto first = request();
    auto peer = server.accept(loop);
    answer(*peer, *first);
    return peer;
  }
  void answer(test::Peer& peer, TestRequest& to, std::string_view response = kOk) {
    EXPECT_TRUE(gets(peer, "\r\n\r\n"));
    peer.forget();
    peer.send(response);
    EXPECT_TRUE(until([&] { return to.over(); }));
  }
};

TEST_F(Http1Pool, ARequestGetsAConnectionAndItsAnswer) {
  build();
  auto r = request();
  EXPECT_NE(r->pending, nullptr);
  auto peer = server.accept(loop);
  ASSERT_NE(peer, nullptr);
  EXPECT_TRUE(gets(*peer, "GET / HTTP/1.1\r\n"));
  peer->send(kOk);
  ASSERT_TRUE(until([&] { return r->answered(); }));
  EXPECT_EQ(r->response.data, "ok");
  EXPECT_FALSE(r->reused);
  EXPECT_EQ(counter("upstream_cx_total"), 1u);
  EXPECT_EQ(counter("upstream_cx_http1_total"), 1u);
  EXPECT_EQ(counter("upstream_rq_total"), 1u);
  EXPECT_EQ(counter("upstream_rq_pending_total"), 1u);
  EXPECT_EQ(hosts[0]->total_requests, 1u);
  expectNothingLeft();
}

TEST_F(Http1Pool, TheConnectionIsReused) {
  build();
  auto peer = exchange();
  settle();
  auto second = request();
  EXPECT_EQ(second->pending, nullptr);  // at once
  EXPECT_TRUE(second->reused);
  answer(*peer, *second);
  EXPECT_TRUE(second->answered());
  EXPECT_EQ(counter("upstream_cx_total"), 1u);
  EXPECT_EQ(counter("upstream_rq_total"), 2u);
  EXPECT_GT(counter("upstream_cx_rx_bytes_total"), 0u);
}

TEST_F(Http1Pool, ConcurrentRequestsGetTheirOwnConnections) {
  build();
  auto one = request(), two = request();
  auto a = server.accept(loop), b = server.accept(loop);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(counter("upstream_cx_total"), 2u);
  EXPECT_TRUE(until([&] { return one->sender && two->sender; }));
  EXPECT_NE(one->connection_id, two->connection_id);
  EXPECT_EQ(gauge("upstream_rq_active"), 2);
}

TEST_F(Http1Pool, TheMostRecentlyUsedConnectionIsTaken) {
  build();
  auto one = request(), two = request();
  auto a = server.accept(loop), b = server.accept(loop);
  ASSERT_TRUE(until([&] { return one->sender && two->sender; }));
  EXPECT_TRUE(until([&] { return !a->received().empty() && !b->received().empty(); }));
  a->send(kOk);
  ASSERT_TRUE(until([&] { return one->answered() || two->answered(); }));
  b->send(kOk);
  ASSERT_TRUE(until([&] { return one->answered() && two->answered(); }));
  const uint64_t last = two->connection_id;
  // Whichever answer came last made its connection the most recent.
  auto third = request();
  EXPECT_TRUE(third->reused);
  EXPECT_TRUE(third->connection_id == last || third->connection_id == one->connection_id);
  EXPECT_EQ(counter("upstream_cx_total"), 2u);
}

TEST_F(Http1Pool, AServerThatClosesAnIdleConnectionCostsNoRequest) {
  build();
  auto peer = exchange();
  peer->close();
  ASSERT_TRUE(until([&] { return gauge("upstream_cx_active") == 0; }));
  EXPECT_EQ(counter("upstream_cx_destroy_remote"), 1u);
  auto second = request();
  auto fresh = server.accept(loop);
  ASSERT_NE(fresh, nullptr);
  answer(*fresh, *second);
  EXPECT_TRUE(second->answered());
  EXPECT_FALSE(second->reused);
}

TEST_F(Http1Pool, AConnectionThatDiedUnnoticedIsNotReused) {
  build();
  auto peer = exchange();
  // Long enough for a server to have given it up.
  pass(std::chrono::milliseconds(200));
  // The FIN is in our socket, but the loop has not run since.
  peer->close();
  auto second = request();
  EXPECT_NE(second->pending, nullptr);
  EXPECT_EQ(counter("upstream_cx_destroy_remote"), 1u);
  auto fresh = server.accept(loop);
  ASSERT_NE(fresh, nullptr);
  answer(*fresh, *second);
  EXPECT_TRUE(second->answered());
}

TEST_F(Http1Pool, AnswerWithConnectionCloseEndsTheConnection) {
  build();
  auto first = request();
  auto peer = server.accept(loop);
  answer(*peer, *first, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
  auto second = request();
  EXPECT_NE(second->pending, nullptr);
}

TEST_F(Http1Pool, AConnectionThatEndsInMidAnswerResetsTheStream) {
  build();
  auto r = request();
  auto peer = server.accept(loop);
  EXPECT_TRUE(gets(*peer, "\r\n\r\n"));
  peer->send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  ASSERT_TRUE(until([&] { return r->response.data == "half"; }));
  peer->close();
  ASSERT_TRUE(until([&] { return !r->response.reset.empty(); }));
  EXPECT_EQ(counter("upstream_cx_destroy_remote_with_active_rq") + counter("upstream_cx_destroy_remote"), 2u - 1u);
  settle();
  expectNothingLeft();
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
}

TEST_F(Http1Pool, AConnectionThatEndsInMidHeadResetsTheStream) {
  build();
  auto r = request();
  auto peer = server.accept(loop);
  EXPECT_TRUE(gets(*peer, "\r\n\r\n"));
  peer->send("HTTP/1.1 200 OK\r\ncontent-le");
  peer->close();
  ASSERT_TRUE(until([&] { return !r->response.reset.empty(); }));
  settle();
  expectNothingLeft();
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
}

TEST_F(Http1Pool, GarbageIsAProtocolError) {
  build();
  auto r = request();
  auto peer = server.accept(loop);
  EXPECT_TRUE(gets(*peer, "\r\n\r\n"));
  peer->send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  ASSERT_TRUE(until([&] { return !r->response.reset.empty(); }));
  ASSERT_TRUE(until([&] { return gauge("upstream_cx_active") == 0; }));
  EXPECT_EQ(counter("upstream_cx_protocol_error"), 1u);
  expectNothingLeft();
}

TEST_F(Http1Pool, RefusedConnectionFailsAllWhoWait) {
  hosts = {std::make_shared<Host>("", server.address(), 1, Locality{}, 0)};
  server.stop();
  build();
  auto one = request(), two = request();
  ASSERT_TRUE(until([&] { return one->failure && two->failure; }));
  EXPECT_EQ(one->failure, PoolFailure::kConnectFailed);
  EXPECT_EQ(one->host, hosts[0]);
  EXPECT_EQ(counter("upstream_rq_pending_failure_eject"), 2u);
  ASSERT_TRUE(until([&] { return gauge("upstream_cx_active") == 0; }));
  EXPECT_EQ(counter("upstream_cx_connect_fail"), 2u);
  EXPECT_EQ(hosts[0]->connect_failures, 2u);
  expectNothingLeft();
}

TEST_F(Http1Pool, ARetryFromInsideTheFailureIsTaken) {
  hosts = {std::make_shared<Host>("", server.address(), 1, Locality{}, 0)};
  server.stop();
  build();
  TestRequest again;
  auto one = std::make_unique<TestRequest>();
  one->on_failed = [&] { begin(again); };
  begin(*one);
  ASSERT_TRUE(until([&] { return again.failure.has_value(); }));
  expectNothingLeft();
}

TEST_F(Http1Pool, ConnectTimeoutIsCountedAndTold) {
  // A full backlog: the kernel drops further SYNs, so the connection never comes.
  info->connect_timeout = std::chrono::milliseconds(300);
  const network::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const network::Address any = *network::Address::parse("127.0.0.1:0");
  ASSERT_EQ(::bind(listener.get(), any.sockaddrPointer(), any.sockaddrLength()), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const network::Address address = *network::Address::localOf(listener.get());
  std::vector<network::Fd> fillers;
  for (int i = 0; i < 4; ++i) fillers.push_back(test::connectTo(address));
  hosts = {std::make_shared<Host>("", address, 1, Locality{}, 0)};
  build();
  auto r = request();
  settle();
  if (r->sender != nullptr) GTEST_SKIP() << "this kernel takes connections above the backlog";
  pass(std::chrono::milliseconds(500));
  ASSERT_TRUE(until([&] { return r->failure.has_value(); }));
  EXPECT_EQ(r->failure, PoolFailure::kConnectTimeout);
  EXPECT_EQ(counter("upstream_cx_connect_timeout"), 1u);
  EXPECT_EQ(counter("upstream_cx_connect_fail"), 1u);
  expectNothingLeft();
}

TEST_F(Http1Pool, NoHostIsSaidAtOnce) {
  build();
  hosts.clear();
  refresh();
  auto r = request();
  EXPECT_EQ(r->failure, PoolFailure::kNoHealthyHost);
  EXPECT_EQ(counter("upstream_cx_none_healthy"), 1u);
}

TEST_F(Http1Pool, PendingRequestsAreBounded) {
  limits[0].max_pending_requests = 1;
  build();
  auto one = request(), two = request();
  EXPECT_FALSE(one->failure);
  EXPECT_EQ(two->failure, PoolFailure::kOverflow);
  EXPECT_EQ(counter("upstream_rq_pending_overflow"), 1u);
  EXPECT_EQ(gauge("circuit_breakers.default.rq_pending_open"), 1);
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return one->sender != nullptr; }));
  EXPECT_EQ(gauge("circuit_breakers.default.rq_pending_open"), 0);
}

TEST_F(Http1Pool, RequestsUnderWayAreBounded) {
  limits[0].max_requests = 1;
  build();
  auto one = request(), two = request();
  auto a = server.accept(loop), b = server.accept(loop);
  ASSERT_TRUE(until([&] { return one->sender && two->failure; }));
  EXPECT_EQ(two->failure, PoolFailure::kOverflow);
  EXPECT_EQ(counter("upstream_rq_active_overflow"), 1u);
}

TEST_F(Http1Pool, AboveMaxConnectionsRequestsWaitForOneThatGetsFree) {
  limits[0].max_connections = 1;
  build();
  auto one = request(), two = request();
  EXPECT_EQ(counter("upstream_cx_overflow"), 1u);
  EXPECT_EQ(gauge("circuit_breakers.default.cx_open"), 1);
  auto peer = server.accept(loop);
  answer(*peer, *one);
  EXPECT_TRUE(one->answered());
  answer(*peer, *two);
  EXPECT_TRUE(two->answered());
  EXPECT_TRUE(two->reused);
  EXPECT_EQ(counter("upstream_cx_total"), 1u);
  expectNothingLeft();
}

TEST_F(Http1Pool, APoolWithoutAnyConnectionGetsOneInSpiteOfTheLimit) {
  limits[0].max_connections = 0;
  build();
  auto one = request();
  auto peer = server.accept(loop);
  ASSERT_NE(peer, nullptr);
  answer(*peer, *one);
  EXPECT_TRUE(one->answered());
}

TEST_F(Http1Pool, WaitersAreServedWhenAConnectionEnds) {
  limits[0].max_connections = 1;
  build();
  auto one = request(), two = request();
  auto peer = server.accept(loop);
  answer(*peer, *one, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  auto fresh = server.accept(loop);
  ASSERT_NE(fresh, nullptr);
  answer(*fresh, *two);
  EXPECT_TRUE(two->answered());
}

TEST_F(Http1Pool, ACancelledRequestLeavesNothingBehind) {
  build();
  auto r = request();
  ASSERT_NE(r->pending, nullptr);
  r->cancel();
  EXPECT_EQ(counter("upstream_rq_cancelled"), 1u);
  expectNothingLeft();
  // Its connection is there for the next one.
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return counter("upstream_cx_http1_total") == 1; }));
  auto next = request();
  EXPECT_EQ(next->pending, nullptr);
  EXPECT_FALSE(next->reused);
}

TEST_F(Http1Pool, AResetRequestClosesItsConnection) {
  build();
  auto r = request();
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return r->sender != nullptr; }));
  r->reset();
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(counter("upstream_rq_tx_reset"), 1u);
  EXPECT_EQ(counter("upstream_cx_destroy_local"), 1u);
  expectNothingLeft();
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
}

TEST_F(Http1Pool, AResetFromInsideTheAnswerIsSafe) {
  build();
  auto r = request();
  r->response.on_headers = [&] { r->reset(); };
  auto peer = server.accept(loop);
  EXPECT_TRUE(gets(*peer, "\r\n\r\n"));
  peer->send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe");
  EXPECT_TRUE(peer->endedWithin(loop));
  expectNothingLeft();
}

TEST_F(Http1Pool, MaxRequestsPerConnectionEndsIt) {
  info->max_requests_per_connection = 2;
  build();
  auto peer = exchange();
  auto second = request();
  EXPECT_TRUE(second->reused);
  answer(*peer, *second);
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(counter("upstream_cx_max_requests"), 1u);
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
}

TEST_F(Http1Pool, IdleConnectionsEndAfterTheIdleTimeout) {
  info->idle_timeout = std::chrono::seconds(10);
  build();
  auto peer = exchange();
  pass(std::chrono::seconds(5));
  EXPECT_EQ(gauge("upstream_cx_active"), 1);
  pass(std::chrono::seconds(6));
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(counter("upstream_cx_idle_timeout"), 1u);
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
}

TEST_F(Http1Pool, UseStartsTheIdleTimeAnew) {
  info->idle_timeout = std::chrono::seconds(10);
  build();
  auto peer = exchange();
  pass(std::chrono::seconds(8));
  auto second = request();
  answer(*peer, *second);
  pass(std::chrono::seconds(8));
  EXPECT_EQ(gauge("upstream_cx_active"), 1);
  pass(std::chrono::seconds(3));
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
}

TEST_F(Http1Pool, MaxConnectionDurationEndsAnOldConnectionAfterItsAnswer) {
  info->max_connection_duration = std::chrono::seconds(60);
  build();
  auto peer = exchange();
  pass(std::chrono::seconds(61));
  auto second = request();
  answer(*peer, *second);
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(counter("upstream_cx_max_duration_reached"), 1u);
}

TEST_F(Http1Pool, PrioritiesHaveTheirOwnConnectionsAndLimits) {
  limits[0].max_pending_requests = 1;
  build();
  auto one = request();
  auto high = request(true, Priority::kHigh);
  EXPECT_FALSE(high->failure);
  auto a = server.accept(loop), b = server.accept(loop);
  EXPECT_TRUE(a && b);
}

TEST_F(Http1Pool, AHostThatGoesDrainsItsConnections) {
  build();
  auto one = request();
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return one->sender != nullptr; }));
  const auto kept = hosts;
  hosts.clear();
  refresh();
  EXPECT_EQ(cluster->openConnections(), 1u);
  answer(*peer, *one);
  EXPECT_TRUE(one->answered());
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(cluster->openConnections(), 0u);
}

TEST_F(Http1Pool, IdleConnectionsOfAHostThatGoesCloseAtOnce) {
  build();
  auto peer = exchange();
  const auto kept = hosts;
  hosts.clear();
  refresh();
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(cluster->openConnections(), 0u);
}

TEST_F(Http1Pool, HealthFailureClosesConnectionsWhenConfigured) {
  info->close_connections_on_host_health_failure = true;
  info->lb.healthy_panic_threshold = 0;
  build();
  auto one = request();
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return one->sender != nullptr; }));
  hosts[0]->failed_active_check = true;
  refresh();
  EXPECT_EQ(one->response.reset.empty(), false);
  EXPECT_TRUE(peer->endedWithin(loop));
  expectNothingLeft();
}

TEST_F(Http1Pool, DrainClosesIdleConnectionsAndOthersAfterTheirAnswer) {
  build();
  auto one = request(), two = request();
  auto a = server.accept(loop), b = server.accept(loop);
  ASSERT_TRUE(until([&] { return one->sender && two->sender; }));
  ASSERT_TRUE(until([&] { return !a->received().empty() && !b->received().empty(); }));
  a->send(kOk);
  ASSERT_TRUE(until([&] { return one->answered() || two->answered(); }));
  cluster->drainConnections();
  EXPECT_TRUE(a->endedWithin(loop));
  EXPECT_EQ(cluster->openConnections(), 1u);
  b->send(kOk);
  ASSERT_TRUE(until([&] { return one->answered() && two->answered(); }));
  EXPECT_TRUE(b->endedWithin(loop));
  EXPECT_EQ(cluster->openConnections(), 0u);
  // Later requests still get through.
  auto three = request();
  auto c = server.accept(loop);
  answer(*c, *three);
  EXPECT_TRUE(three->answered());
}

TEST_F(Http1Pool, AnUploadIsHeldBackByASlowServer) {
  info->buffer_limit_bytes = 32 * 1024;
  build();
  auto r = request(false);
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return r->sender != nullptr; }));
  r->sendHead(false);
  const std::string piece(16 * 1024, 'x');
  for (int i = 0; i < 4000 && r->response.above == 0; ++i) {
    r->sender->sendData(piece, false);
    loop.runOnce();
  }
  EXPECT_EQ(r->response.above, 1);
  EXPECT_EQ(counter("upstream_flow_control_backed_up_total"), 1u);
  ASSERT_TRUE(until([&] {
    peer->received();
    peer->forget();
    return r->response.below == 1;
  }));
  EXPECT_EQ(counter("upstream_flow_control_drained_total"), 1u);
  r->reset();
}

TEST_F(Http1Pool, APausedAnswerWaitsInTheSocket) {
  build();
  auto r = request();
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return r->sender != nullptr; }));
  EXPECT_TRUE(gets(*peer, "\r\n\r\n"));
  r->sender->pauseReading();
  peer->send(kOk);
  settle();
  EXPECT_FALSE(r->answered());
  r->sender->resumeReading();
  ASSERT_TRUE(until([&] { return r->answered(); }));
  EXPECT_EQ(r->response.data, "ok");
  EXPECT_EQ(counter("upstream_flow_control_paused_reading_total"), 1u);
  EXPECT_EQ(counter("upstream_flow_control_resumed_reading_total"), 1u);
}

TEST_F(Http1Pool, UnixSocketEndpointsWork) {
  const std::string name = "@baton-pool-test-" + std::to_string(::getpid());
  const network::Address address = *network::Address::unixSocket(name);
  const network::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), address.sockaddrPointer(), address.sockaddrLength()), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  hosts = {std::make_shared<Host>("", address, 1, Locality{}, 0)};
  build();
  auto r = request();
  int fd = -1;
  ASSERT_TRUE(until([&] { return (fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK)) >= 0; }));
  test::Peer peer{network::Fd(fd)};
  answer(peer, *r);
  EXPECT_TRUE(r->answered());
}

TEST_F(Http1Pool, AWebSocketTunnelRunsBothWaysAndEndsInBoth) {
  build();
  auto r = request(false);
  auto peer = server.accept(loop);
  ASSERT_TRUE(until([&] { return r->sender != nullptr; }));
  r->sender->sendHeaders(test::makeHeaders({{":method", "GET"},
                                            {":scheme", "http"},
                                            {":authority", "x"},
                                            {":path", "/"},
                                            {"connection", "upgrade"},
                                            {"upgrade", "websocket"}}),
                         false);
  EXPECT_TRUE(gets(*peer, "\r\n\r\n"));
  peer->forget();
  peer->send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello");
  ASSERT_TRUE(until([&] { return r->response.data == "hello"; }));
  r->sender->sendData("world", false);
  EXPECT_TRUE(gets(*peer, "world"));
  peer->endWrite();
  ASSERT_TRUE(until([&] { return r->response.ended; }));
  peer->forget();
  r->sender->sendData("bye", true);
  EXPECT_TRUE(gets(*peer, "bye"));
  EXPECT_TRUE(peer->endedWithin(loop));
  ASSERT_TRUE(until([&] { return gauge("upstream_cx_active") == 0; }));
  expectNothingLeft();
}

}  // namespace
}  // namespace baton::upstream
