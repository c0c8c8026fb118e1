#include "source/proxy/http/connection_manager.h"

#include "test/support/http_rig.h"

namespace baton::test {
namespace {

using namespace std::chrono_literals;

class ConnectionManagerTest : public HttpRig {};

TEST_F(ConnectionManagerTest, ARequestGoesUpstreamAndItsResponseComesBack) {
  start();
  get("/hello?a=1", "x-mine: yes\r\n");
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().header(":method"), "GET");
  EXPECT_EQ(web().last().header(":path"), "/hello?a=1");
  EXPECT_EQ(web().last().header(":authority"), "www.test");
  EXPECT_EQ(web().last().header("x-mine"), "yes");
  EXPECT_TRUE(web().last().ended);
  web().last().respond(200, "hello", {{"content-length", "5"}, {"x-theirs", "1"}});
  settle();
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(body(), "hello");
  EXPECT_EQ(field("x-theirs"), "1");
  EXPECT_EQ(field("server"), "envoy");
  EXPECT_EQ(field("date"), "Tue, 14 Nov 2023 22:13:20 GMT");
  EXPECT_EQ(field("x-envoy-upstream-service-time"), "0");
  EXPECT_FALSE(closed());
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].status, 200);
  EXPECT_EQ(log[0].flags, "");
  EXPECT_EQ(log[0].details, "via_upstream");
  EXPECT_EQ(log[0].route, "to-web");
  EXPECT_EQ(log[0].cluster, "web");
  EXPECT_EQ(log[0].sent, 5u);
}

TEST_F(ConnectionManagerTest, AConnectionServesRequestAfterRequest) {
  start();
  for (int i = 0; i < 3; ++i) {
    forget();
    get("/" + std::to_string(i));
    web().last().respond(204);
    settle();
    EXPECT_EQ(status(), 204);
  }
  EXPECT_EQ(web().requests(), 3u);
  EXPECT_EQ(counter("http.test.downstream_cx_total"), 1u);
  EXPECT_EQ(counter("http.test.downstream_rq_total"), 3u);
  EXPECT_EQ(counter("http.test.downstream_rq_2xx"), 3u);
  EXPECT_EQ(counter("http.test.downstream_rq_completed"), 3u);
  EXPECT_EQ(counter("listener.127.0.0.1_10000.http.test.downstream_rq_2xx"), 3u);
  EXPECT_EQ(gauge("http.test.downstream_rq_active"), 0);
  EXPECT_EQ(gauge("http.test.downstream_cx_active"), 1);
  EXPECT_EQ(gauge("http.test.downstream_cx_http1_active"), 1);
}

TEST_F(ConnectionManagerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_EQ(web().requests(), 1u);
  web().last().respond(200, "one", {{"content-length", "3"}});
  settle();
  ASSERT_EQ(web().requests(), 2u);
  EXPECT_EQ(web().last().header(":path"), "/2");
  web().last().respond(200, "two", {{"content-length", "3"}});
  settle();
  EXPECT_LT(received().find("one"), received().find("two"));
}

TEST_F(ConnectionManagerTest, ABodyIsPassedOnAsItComes) {
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_EQ(web().last().body, "abc");
  EXPECT_FALSE(web().last().ended);
  send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(web().last().body, "abcde");
  EXPECT_TRUE(web().last().ended);
  web().last().respondHeaders(200);
  web().last().respondData("x");
  settle();
  EXPECT_NE(received().find("1\r\nx\r\n"), std::string::npos);
  web().last().respondData("y", true);
  settle();
  EXPECT_NE(received().find("1\r\ny\r\n0\r\n\r\n"), std::string::npos);
  EXPECT_EQ(log.at(0).received, 5u);
}

TEST_F(ConnectionManagerTest, TrailersGoBothWays) {
  config.http_protocol_options.enable_trailers = true;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 1\r\n\r\n");
  ASSERT_TRUE(web().last().trailers.has_value());
  EXPECT_EQ(web().last().trailers->get("x-sum"), "1");
  web().last().respondHeaders(200);
  web().last().respondData("b");
  web().last().respondTrailers({{"x-sum", "2"}});
  settle();
  EXPECT_NE(received().find("0\r\nx-sum: 2\r\n\r\n"), std::string::npos);
}

TEST_F(ConnectionManagerTest, ARequestWithoutARouteGets404) {
  addRoute("/known", "web");
  start();
  get("/unknown");
  EXPECT_EQ(status(), 404);
  EXPECT_EQ(body(), "");
  EXPECT_EQ(log.at(0).flags, "NR");
  EXPECT_EQ(log.at(0).details, "route_not_found");
  EXPECT_EQ(counter("http.test.no_route"), 1u);
  EXPECT_FALSE(closed());
}

TEST_F(ConnectionManagerTest, ARouteToAClusterThatIsNotThereGets503) {
  addRoute("/", "gone");
  start();
  get("/");
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(log.at(0).flags, "NC");
  EXPECT_EQ(counter("http.test.no_cluster"), 1u);
}

TEST_F(ConnectionManagerTest, WithoutExpectationsOfItsOwnAnExpectIsAnsweredHere) {
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  EXPECT_EQ(received(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(web().last().header("expect"), "");
  send("hi");
  EXPECT_EQ(web().last().body, "hi");
}

TEST_F(ConnectionManagerTest, AnExpectCanBePassedOn) {
  config.proxy_100_continue = true;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  EXPECT_EQ(received(), "");
  EXPECT_EQ(web().last().header("expect"), "100-continue");
  web().last().respondInformational(100);
  settle();
  EXPECT_EQ(received(), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(ConnectionManagerTest, EarlyHintsArePassedOn) {
  start();
  get("/");
  web().last().respondInformational(103);
  settle();
  EXPECT_TRUE(received().starts_with("HTTP/1.1 103 Early Hints\r\n")) << received();
  web().last().respond(200);
  settle();
  EXPECT_NE(received().find("HTTP/1.1 200 OK"), std::string::npos);
}

TEST_F(ConnectionManagerTest, ABadRequestGets400AndTheConnectionCloses) {
  start();
  send("GET / HTTP/1.1\r\nhost: a\r\nbad header: 1\r\n\r\n");
  EXPECT_EQ(status(), 400);
  EXPECT_EQ(web().requests(), 0u);
  EXPECT_TRUE(closed());
  EXPECT_EQ(log.at(0).flags, "DPE");
  EXPECT_EQ(log.at(0).details.substr(0, 6), "http1.");
  EXPECT_EQ(counter("http.test.downstream_cx_protocol_error"), 1u);
  EXPECT_EQ(counter("http.test.downstream_rq_4xx"), 1u);
}

TEST_F(ConnectionManagerTest, AHeadThatIsTooLargeGets431) {
  config.max_request_headers_kb = 1;
  start();
  send("GET / HTTP/1.1\r\nhost: a\r\nx: " + std::string(2000, 'a') + "\r\n\r\n");
  EXPECT_EQ(status(), 431);
  EXPECT_EQ(counter("http.test.downstream_rq_too_large"), 1u);
}

TEST_F(ConnectionManagerTest, ASlowHeadGets408) {
  start();
  send("GET / HTTP/1.1\r\nhost:");
  advance(10s);
  advance(200ms);
  EXPECT_EQ(status(), 408);
  EXPECT_EQ(body(), "request header timeout");
  EXPECT_EQ(counter("http.test.downstream_rq_header_timeout"), 1u);
  EXPECT_EQ(log.at(0).details, "request_header_timeout");
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionManagerTest, AConnectionThatSaysNothingAtFirstIsClosed) {
  start();
  advance(9s);
  EXPECT_FALSE(closed());
  advance(1200ms);
  EXPECT_TRUE(closed());
  EXPECT_EQ(received(), "");
}

TEST_F(ConnectionManagerTest, ASlowBodyGets408) {
  config.request_timeout = 30s;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc");
  advance(31s);
  EXPECT_EQ(status(), 408);
  EXPECT_EQ(body(), "request timeout");
  EXPECT_EQ(counter("http.test.downstream_rq_timeout"), 1u);
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionManagerTest, AnIdleStreamGets504WhenItsRequestIsComplete) {
  config.stream_idle_timeout = 5s;
  addRoute("/", "web").route->timeout = 0ms;
  start();
  get("/");
  advance(5200ms);
  EXPECT_EQ(status(), 504);
  EXPECT_EQ(body(), "stream timeout");
  EXPECT_EQ(log.at(0).flags, "SI");
  EXPECT_EQ(counter("http.test.downstream_rq_idle_timeout"), 1u);
}

TEST_F(ConnectionManagerTest, AnIdleStreamGets408WhenItsRequestIsNot) {
  config.stream_idle_timeout = 5s;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc");
  advance(4s);
  send("d");
  advance(4s);
  EXPECT_EQ(received(), "");
  advance(1200ms);
  EXPECT_EQ(status(), 408);
}

TEST_F(ConnectionManagerTest, ARouteMayAllowAStreamToBeIdleForLonger) {
  config.stream_idle_timeout = 5s;
  auto& route = addRoute("/", "web");
  route.route->timeout = 0ms;
  route.route->idle_timeout = 20s;
  start();
  get("/");
  advance(10s);
  EXPECT_EQ(received(), "");
  advance(11s);
  EXPECT_EQ(status(), 504);
}

TEST_F(ConnectionManagerTest, AnIdleStreamInItsResponseIsCutOff) {
  config.stream_idle_timeout = 5s;
  addRoute("/", "web").route->timeout = 0ms;
  start();
  get("/");
  web().last().respondHeaders(200);
  web().last().respondData("half");
  advance(5200ms);
  EXPECT_TRUE(closed());
  EXPECT_EQ(received().find("\r\n0\r\n"), std::string::npos);
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_EQ(log.at(0).status, 200);
  EXPECT_EQ(log.at(0).flags, "SI");
}

TEST_F(ConnectionManagerTest, AStreamCanBeTooOld) {
  config.common_http_protocol_options.max_stream_duration = 3s;
  start();
  get("/");
  advance(3200ms);
  EXPECT_EQ(status(), 504);
  EXPECT_EQ(log.at(0).flags, "DT");
  EXPECT_EQ(log.at(0).details, "max_duration_timeout");
  EXPECT_EQ(counter("http.test.downstream_rq_max_duration_reached"), 1u);
}

TEST_F(ConnectionManagerTest, AnIdleConnectionIsClosedAfterAMinute) {
  start();
  get("/");
  web().last().respond(204);
  settle();
  advance(59s);
  EXPECT_FALSE(closed());
  advance(1200ms);
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_idle_timeout"), 1u);
}

TEST_F(ConnectionManagerTest, AConnectionWithARequestIsNotIdle) {
  addRoute("/", "web").route->timeout = 0ms;
  start();
  get("/");
  web().last().respondHeaders(200);
  for (int i = 0; i < 10; ++i) {
    advance(10s);
    web().last().respondData("x");
  }
  EXPECT_FALSE(closed());
  web().last().respondData("", true);
  settle();
  EXPECT_FALSE(closed());
  advance(61s);
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionManagerTest, AnOldConnectionIsClosedAfterItsNextResponse) {
  config.common_http_protocol_options.max_connection_duration = 20s;
  start();
  get("/");
  advance(21s);
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("connection"), "close");
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_max_duration_reached"), 1u);
}

TEST_F(ConnectionManagerTest, AConnectionEndsAfterItsLastAllowedRequest) {
  config.common_http_protocol_options.max_requests_per_connection = 2;
  start();
  get("/");
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("connection"), "");
  get("/");
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("connection"), "close");
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_max_requests_reached"), 1u);
}

TEST_F(ConnectionManagerTest, ADrainEndsAConnectionWithAResponse) {
  start();
  get("/");
  drain.probability = 1;
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("connection"), "close");
  EXPECT_TRUE(closed());
  EXPECT_EQ(counter("http.test.downstream_cx_drain_close"), 1u);
}

TEST_F(ConnectionManagerTest, AGradualDrainLeavesMostConnectionsAloneAtFirst) {
  drain.probability = 0.0001;
  start();
  get("/");
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("connection"), "");
  EXPECT_FALSE(closed());
}

TEST_F(ConnectionManagerTest, AnIdleConnectionSurvivesAGradualDrainButNotAnImmediateOne) {
  start();
  get("/");
  web().last().respond(204);
  settle();
  drain.probability = 1;
  manager->onDrain(drain);
  EXPECT_FALSE(closed());
  drain.idle = true;
  manager->onDrain(drain);
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionManagerTest, AnImmediateDrainLeavesANewConnectionASecondForItsFirstRequest) {
  start();
  drain.idle = true;
  manager->onDrain(drain);
  settle();
  EXPECT_FALSE(closed());
  advance(1100ms);
  manager->onDrain(drain);
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionManagerTest, AClientThatGoesAwayEndsItsUpstreamRequest) {
  start();
  get("/");
  client->reset();
  settle();
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_EQ(log.at(0).flags, "DC");
  EXPECT_EQ(log.at(0).status, 0);
  EXPECT_EQ(counter("http.test.downstream_cx_destroy_remote_active_rq"), 1u);
  EXPECT_EQ(gauge("http.test.downstream_cx_active"), 0);
  EXPECT_EQ(gauge("http.test.downstream_rq_active"), 0);
}

TEST_F(ConnectionManagerTest, AClientThatSendsNoMoreHasAMomentForItsAnswer) {
  start();
  get("/");
  client->endWrite();
  settle();
  advance(500ms);
  EXPECT_FALSE(web().last().was_reset);
  web().last().respond(204);
  settle();
  EXPECT_EQ(status(), 204);
}

TEST_F(ConnectionManagerTest, AClientThatSendsNoMoreAndGetsNothingIsGone) {
  start();
  get("/");
  client->endWrite();
  settle();
  advance(1200ms);
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_EQ(log.at(0).flags, "DC");
  EXPECT_EQ(counter("http.test.downstream_cx_destroy_remote_active_rq"), 1u);
  EXPECT_EQ(counter("http.test.downstream_cx_destroy_local"), 0u);
}

TEST_F(ConnectionManagerTest, AClientThatSendsNoMoreIsThereForAsLongAsItTakesBytes) {
  start();
  get("/");
  web().last().respondHeaders(200);
  client->endWrite();
  settle();
  for (int i = 0; i < 5; ++i) {
    web().last().respondData("more");
    settle();
    advance(900ms);
    EXPECT_FALSE(web().last().was_reset);
  }
  // It took bytes since the last look; the next finds that it has taken none since.
  advance(1200ms);
  advance(1200ms);
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_EQ(log.at(0).flags, "DC");
}

TEST_F(ConnectionManagerTest, AnOverloadedServerRefusesRequests) {
  server.stop_accepting_requests = true;
  start();
  get("/");
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(body(), "envoy overloaded");
  EXPECT_EQ(log.at(0).flags, "OM");
  EXPECT_EQ(web().requests(), 0u);
}

TEST_F(ConnectionManagerTest, ABodyAboveTheLimitGets413) {
  config.max_request_bytes = 10;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n");
  EXPECT_EQ(status(), 413);
  EXPECT_EQ(web().requests(), 0u);
}

TEST_F(ConnectionManagerTest, ABodyOfUnknownLengthAboveTheLimitGets413) {
  config.max_request_bytes = 10;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n");
  EXPECT_EQ(received(), "");
  send("1\r\nx\r\n");
  EXPECT_EQ(status(), 413);
  EXPECT_TRUE(web().last().was_reset);
}

TEST_F(ConnectionManagerTest, TraceIsNotAllowedUnlessConfigured) {
  start();
  send("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_EQ(status(), 405);
}

TEST_F(ConnectionManagerTest, PathsAreNormalizedBeforeRouting) {
  addRoute("/admin", "web").direct_response.emplace().status = 403;
  host().routes.back().route.reset();
  addRoute("/", "web");
  start();
  get("/public/..//admin/x");
  EXPECT_EQ(status(), 403);
}

TEST_F(ConnectionManagerTest, EscapedSlashesAreRedirected) {
  start();
  get("/a%2fb?q=1");
  EXPECT_EQ(status(), 307);
  EXPECT_EQ(field("location"), "/a/b?q=1");
  EXPECT_EQ(counter("http.test.downstream_rq_redirected_with_normalized_path"), 1u);
}

TEST_F(ConnectionManagerTest, AFragmentInThePathIsRefused) {
  start();
  get("/a%00b");
  EXPECT_EQ(status(), 400);
  EXPECT_EQ(counter("http.test.downstream_rq_failed_path_normalization"), 1u);
}

TEST_F(ConnectionManagerTest, ASlowReaderStopsTheUpstream) {
  start();
  get("/");
  web().last().respondHeaders(200);
  const std::string chunk(64 * 1024, 'x');
  for (int i = 0; i < 100 && web().last().pauses == 0; ++i) {
    web().last().respondData(chunk);
    settle();
  }
  EXPECT_GT(web().last().pauses, 0);
  for (int i = 0; i < 1000 && web().last().pauses > 0; ++i) {
    client->received();
    settle();
  }
  EXPECT_EQ(web().last().pauses, 0);
}

TEST_F(ConnectionManagerTest, AFullUpstreamStopsTheClient) {
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n");
  web().last().full();
  const size_t before = web().last().body.size();
  client->send(std::string(50'000, 'x'));
  settle();
  const size_t stopped = web().last().body.size();
  client->send(std::string(50'000, 'x'));
  settle();
  EXPECT_EQ(web().last().body.size(), stopped);
  EXPECT_GE(stopped, before);
  EXPECT_EQ(counter("http.test.downstream_flow_control_paused_reading_total"), 1u);
  web().last().drained();
  settle();
  EXPECT_EQ(web().last().body.size(), 100'000u);
  EXPECT_EQ(counter("http.test.downstream_flow_control_resumed_reading_total"), 1u);
}

TEST_F(ConnectionManagerTest, AResponseBeforeTheEndOfTheRequestEndsTheConnection) {
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc");
  web().last().respond(401, "no", {{"content-length", "2"}});
  settle();
  EXPECT_EQ(status(), 401);
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_TRUE(closed());
}

TEST_F(ConnectionManagerTest, TerminateEndsEverythingAtOnce) {
  start();
  get("/");
  manager->terminate();
  settle();
  EXPECT_TRUE(closed());
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_EQ(counter("http.test.downstream_cx_destroy_local"), 1u);
}

TEST_F(ConnectionManagerTest, AQuietConnectionIsIdleAndCanBeMoved) {
  start();
  EXPECT_FALSE(manager->quiet());  // nothing is known about it yet
  get("/");
  EXPECT_FALSE(manager->quiet());
  EXPECT_STREQ(manager->kind(), "http1");
  web().last().respond(204);
  settle();
  EXPECT_TRUE(manager->quiet());
  EXPECT_STREQ(manager->kind(), "idle");
  send("GET");
  EXPECT_FALSE(manager->quiet());
}

TEST_F(ConnectionManagerTest, AConnectionManagerIsSmallEnoughForTenThousandIdleOnes) {
  // 1 KiB for connection, manager and codec together.
  EXPECT_LE(sizeof(proxy::ConnectionManager), 400u);
}

}  // namespace
}  // namespace baton::test
