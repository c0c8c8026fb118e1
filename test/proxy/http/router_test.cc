#include "source/proxy/http/router.h"

#include "test/support/http_rig.h"

namespace baton::test {
namespace {

using namespace std::chrono_literals;
using http::StreamReset;
using upstream::PoolFailure;

class RouterTest : public HttpRig {
 protected:
  api::RouteAction& action() {
    if (host().routes.empty()) addRoute("/", "web");
    return *host().routes[0].route;
  }
  api::RetryPolicy& retries(const std::string& retry_on, uint32_t most = 1) {
    auto& policy = action().retry_policy.emplace();
    policy.retry_on = retry_on;
    policy.num_retries = most;
    return policy;
  }
  // Longer than any back-off.
  void backOff() { advance(300ms); }
  void post(std::string_view body) {
    send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body));
  }
  uint64_t clusterCounter(std::string_view name) { return counter("cluster.web." + std::string(name)); }
};

// --- When there is no upstream ---

struct FailureCase {
  PoolFailure failure;
  int status;
  const char* flags;
  const char* details;
  const char* body;
};

TEST_F(RouterTest, EveryFailureOfAPoolHasItsAnswer) {
  const FailureCase cases[] = {
      {PoolFailure::kNoHealthyHost, 503, "UH", "no_healthy_upstream", "no healthy upstream"},
      {PoolFailure::kOverflow, 503, "UO", "upstream_reset_before_response_started{overflow}",
       "upstream connect error or disconnect/reset before headers. reset reason: overflow"},
      {PoolFailure::kConnectFailed, 503, "UF", "upstream_reset_before_response_started{remote_connection_failure}",
       "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"},
      {PoolFailure::kConnectTimeout, 503, "UF", "upstream_reset_before_response_started{connection_timeout}",
       "upstream connect error or disconnect/reset before headers. reset reason: connection timeout"},
      {PoolFailure::kTlsFailed, 503, "UF", "upstream_reset_before_response_started{remote_connection_failure}",
       "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"},
  };
  start();
  for (const FailureCase& each : cases) {
    forget();
    web().next.push_back({FakeCluster::Outcome::Kind::kFail, each.failure});
    get("/");
    EXPECT_EQ(status(), each.status);
    EXPECT_EQ(body(), each.body);
    EXPECT_EQ(field("content-type"), "text/plain");
    EXPECT_EQ(field("x-envoy-overloaded"), each.failure == PoolFailure::kOverflow ? "true" : "");
    EXPECT_EQ(log.back().flags, each.flags);
    EXPECT_EQ(log.back().details, each.details);
  }
  EXPECT_EQ(clusterCounter("upstream_rq_503"), 5u);
  EXPECT_EQ(clusterCounter("upstream_rq_5xx"), 5u);
}

TEST_F(RouterTest, TheReasonOfATransportFailureIsLogged) {
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, PoolFailure::kTlsFailed, "TLS_error: expired"});
  get("/");
  EXPECT_EQ(log.back().details, "upstream_reset_before_response_started{remote_connection_failure|TLS_error: expired}");
  EXPECT_EQ(body(),
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, "
            "transport failure reason: TLS_error: expired");
}

TEST_F(RouterTest, AFailureAfterRetriesSaysSo) {
  retries("connect-failure");
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, PoolFailure::kTlsFailed, "TLS_error: expired"});
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, PoolFailure::kConnectFailed});
  get("/");
  backOff();
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(body(),
            "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote "
            "connection failure");
}

TEST_F(RouterTest, AnErrorInPlaceOfAResponseIsEditedAsItsRouteSays) {
  auto& route = addRoute("/", "web");
  api::HeaderValueOption option;
  option.header = api::HeaderValue{"x-failed", "%RESPONSE_FLAGS%"};
  route.response_headers_to_add = {option};
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, PoolFailure::kConnectFailed});
  get("/");
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(field("x-failed"), "UF");
}

struct ResetCase {
  StreamReset reset;
  int status;
  const char* flags;
  const char* reason;
};

TEST_F(RouterTest, EveryResetBeforeTheResponseHasItsAnswer) {
  const ResetCase cases[] = {
      {StreamReset::kRemoteReset, 503, "UR", "remote reset"},
      {StreamReset::kConnectionTerminated, 503, "UC", "connection termination"},
      {StreamReset::kProtocolError, 502, "UPE", "protocol error"},
      {StreamReset::kOverflow, 502, "UPE", "protocol error"},
      {StreamReset::kLocalReset, 503, "LR", "local reset"},
  };
  start();
  for (const ResetCase& each : cases) {
    forget();
    get("/");
    web().last().fail(each.reset);
    settle();
    EXPECT_EQ(status(), each.status) << each.reason;
    EXPECT_EQ(body(),
              "upstream connect error or disconnect/reset before headers. reset reason: " + std::string(each.reason));
    EXPECT_EQ(log.back().flags, each.flags);
  }
}

TEST_F(RouterTest, AResetInTheResponseCutsItOff) {
  start();
  get("/");
  web().last().respondHeaders(200);
  web().last().respondData("part");
  web().last().fail(StreamReset::kConnectionTerminated);
  settle();
  EXPECT_TRUE(closed());
  EXPECT_EQ(received().find("\r\n0\r\n"), std::string::npos);
  EXPECT_EQ(flags(), "UC");
  EXPECT_EQ(log.back().status, 200);
  EXPECT_EQ(counter("http.test.rq_reset_after_downstream_response_started"), 1u);
}

TEST_F(RouterTest, AClusterInMaintenanceIsNotAsked) {
  start();
  worker.runtime = std::make_shared<base::Runtime>(
      std::vector<base::Runtime::Layer>{{"layer", {{"upstream.maintenance_mode.web", "100"}}}});
  get("/");
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(body(), "maintenance mode");
  EXPECT_EQ(field("x-envoy-overloaded"), "true");
  EXPECT_EQ(flags(), "UO");
  EXPECT_EQ(web().requests(), 0u);
  EXPECT_EQ(clusterCounter("upstream_rq_maintenance_mode"), 1u);
}

TEST_F(RouterTest, AMissingClusterGetsTheStatusThatTheRouteWants) {
  action().cluster = "gone";
  action().cluster_not_found_response_code = api::RouteAction::ClusterNotFoundResponseCode::kNotFound;
  start();
  get("/");
  EXPECT_EQ(status(), 404);
  EXPECT_EQ(flags(), "NC");
}

TEST_F(RouterTest, AHeaderCanNameTheCluster) {
  clusters.add("blue");
  action().cluster.reset();
  action().cluster_header = "X-Cluster";
  start();
  get("/", "x-cluster: blue\r\n");
  EXPECT_EQ(clusters["blue"].requests(), 1u);
  clusters["blue"].last().respond(204);
  settle();
  forget();
  get("/");
  EXPECT_EQ(status(), 503);
}

// --- Time ---

TEST_F(RouterTest, AnUpstreamThatDoesNotAnswerGets504) {
  start();
  get("/");
  EXPECT_EQ(web().last().header("x-envoy-expected-rq-timeout-ms"), "15000");
  advance(14s);
  EXPECT_EQ(received(), "");
  advance(1200ms);
  EXPECT_EQ(status(), 504);
  EXPECT_EQ(body(), "upstream request timeout");
  EXPECT_EQ(flags(), "UT");
  EXPECT_EQ(log.back().details, "response_timeout");
  EXPECT_TRUE(web().last().was_reset);
  EXPECT_EQ(clusterCounter("upstream_rq_timeout"), 1u);
  EXPECT_FALSE(closed());
}

TEST_F(RouterTest, TheRouteTimeoutBeginsWithTheEndOfTheRequest) {
  config.request_timeout = 0ms;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na");
  advance(20s);
  EXPECT_EQ(received(), "");
  send("b");
  advance(15200ms);
  EXPECT_EQ(status(), 504);
}

TEST_F(RouterTest, AResponseThatTakesTooLongIsCutOff) {
  start();
  get("/");
  web().last().respondHeaders(200);
  advance(15200ms);
  EXPECT_TRUE(closed());
  EXPECT_EQ(flags(), "UT");
  EXPECT_EQ(log.back().status, 200);
}

TEST_F(RouterTest, ATimeoutOfZeroNeverPasses) {
  action().timeout = 0ms;
  config.stream_idle_timeout = 0ms;
  start();
  get("/");
  EXPECT_EQ(web().last().header("x-envoy-expected-rq-timeout-ms"), "");
  advance(24h);
  EXPECT_EQ(received(), "");
  web().last().respond(204);
  settle();
  EXPECT_EQ(status(), 204);
}

TEST_F(RouterTest, ATrustedClientCanSetTheTimeout) {
  config.use_remote_address = true;
  auto& internal = config.internal_address_config.emplace();
  internal.cidr_ranges = {{"203.0.113.0", 24}};
  start();
  get("/", "x-envoy-upstream-rq-timeout-ms: 500\r\n");
  EXPECT_EQ(web().last().header("x-envoy-upstream-rq-timeout-ms"), "");
  EXPECT_EQ(web().last().header("x-envoy-expected-rq-timeout-ms"), "500");
  advance(600ms);
  EXPECT_EQ(status(), 504);
}

TEST_F(RouterTest, AStrangerCanNotSetTheTimeout) {
  config.use_remote_address = true;
  start();
  get("/", "x-envoy-upstream-rq-timeout-ms: 500\r\nx-envoy-retry-on: 5xx\r\n");
  EXPECT_EQ(web().last().header("x-envoy-expected-rq-timeout-ms"), "15000");
  web().last().respond(500);
  settle();
  EXPECT_EQ(status(), 500);
}

TEST_F(RouterTest, ATimeoutCanBeAnsweredBy204) {
  auto& internal = config.internal_address_config.emplace();
  internal.cidr_ranges = {{"203.0.113.0", 24}};
  config.use_remote_address = true;
  start();
  get("/", "x-envoy-upstream-rq-timeout-alt-response: true\r\n");
  advance(15200ms);
  EXPECT_EQ(status(), 204);
}

TEST_F(RouterTest, AClusterCanLimitTheLifeOfAStream) {
  web().cluster_info->max_stream_duration = 2s;
  start();
  get("/");
  advance(2100ms);
  EXPECT_EQ(status(), 504);
  EXPECT_EQ(flags(), "UMSDR");
  EXPECT_EQ(clusterCounter("upstream_rq_max_duration_reached"), 1u);
}

TEST_F(RouterTest, GrpcTimeoutsAreKept) {
  action().max_stream_duration.emplace().grpc_timeout_header_max = 0ms;
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ngrpc-timeout: 2S\r\n\r\n");
  advance(1900ms);
  EXPECT_EQ(received(), "");
  advance(300ms);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(field("grpc-status"), "4");
  EXPECT_EQ(flags(), "DT");
}

// --- Retries ---

TEST_F(RouterTest, A503IsTriedAgain) {
  retries("5xx");
  host().include_request_attempt_count = true;
  host().include_attempt_count_in_response = true;
  start();
  get("/");
  EXPECT_EQ(web().last().header("x-envoy-attempt-count"), "1");
  web().last().respond(503, "sorry");
  settle();
  EXPECT_EQ(received(), "");
  EXPECT_EQ(web().retries_active, 1);
  backOff();
  ASSERT_EQ(web().requests(), 2u);
  EXPECT_EQ(web().last().header("x-envoy-attempt-count"), "2");
  EXPECT_EQ(web().last().header(":path"), "/");
  web().last().respond(200, "fine", {{"content-length", "4"}});
  settle();
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(body(), "fine");
  EXPECT_EQ(field("x-envoy-attempt-count"), "2");
  EXPECT_EQ(web().retries_active, 0);
  EXPECT_EQ(log.back().attempts, 2u);
  EXPECT_EQ(clusterCounter("upstream_rq_retry"), 1u);
  EXPECT_EQ(clusterCounter("upstream_rq_retry_success"), 1u);
  EXPECT_EQ(clusterCounter("retry.upstream_rq_503"), 1u);
  EXPECT_EQ(clusterCounter("upstream_rq_503"), 0u);
  EXPECT_EQ(clusterCounter("upstream_rq_200"), 1u);
}

TEST_F(RouterTest, TheRuntimeSaysHowLongARetryWaitsWhereThePolicyDoesNot) {
  retries("5xx");
  start();
  worker.runtime = std::make_shared<base::Runtime>(
      std::vector<base::Runtime::Layer>{{"layer", {{"upstream.base_retry_backoff_ms", "100000"}}}});
  get("/");
  web().last().respond(503);
  backOff();
  EXPECT_EQ(web().requests(), 1u);
  advance(100s);
  EXPECT_EQ(web().requests(), 2u);
}

TEST_F(RouterTest, APolicyKnowsBetterThanTheRuntimeHowLongARetryWaits) {
  retries("5xx").retry_back_off.emplace().base_interval = 25ms;
  start();
  worker.runtime = std::make_shared<base::Runtime>(
      std::vector<base::Runtime::Layer>{{"layer", {{"upstream.base_retry_backoff_ms", "100000"}}}});
  get("/");
  web().last().respond(503);
  backOff();
  EXPECT_EQ(web().requests(), 2u);
}

TEST_F(RouterTest, RetriesEnd) {
  retries("5xx", 2);
  start();
  get("/");
  for (int i = 0; i < 3; ++i) {
    web().last().respond(500);
    backOff();
  }
  EXPECT_EQ(web().requests(), 3u);
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(flags(), "URX");
  EXPECT_EQ(clusterCounter("upstream_rq_retry_limit_exceeded"), 1u);
}

TEST_F(RouterTest, ABreakerForbidsRetries) {
  retries("5xx", 2);
  web().retries_allowed = 0;
  start();
  get("/");
  web().last().respond(500);
  settle();
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(flags(), "UO");
  EXPECT_EQ(clusterCounter("upstream_rq_retry_overflow"), 1u);
}

struct RetryCase {
  const char* retry_on;
  int status;
  std::vector<std::pair<std::string, std::string>> fields;
  bool retried;
};

TEST_F(RouterTest, ResponsesAreTriedAgainAsThePolicySays) {
  const RetryCase cases[] = {
      {"5xx", 500, {}, true},
      {"5xx", 504, {}, true},
      {"5xx", 404, {}, false},
      {"5xx", 200, {}, false},
      {"gateway-error", 502, {}, true},
      {"gateway-error", 503, {}, true},
      {"gateway-error", 504, {}, true},
      {"gateway-error", 500, {}, false},
      {"retriable-4xx", 409, {}, true},
      {"retriable-4xx", 404, {}, false},
      {"retriable-status-codes", 418, {}, true},
      {"retriable-status-codes", 500, {}, false},
      {"retriable-headers", 200, {{"x-again", "yes"}}, true},
      {"retriable-headers", 200, {{"x-again", "no"}}, false},
      {"reset", 500, {}, false},
      {"5xx", 503, {{"x-envoy-overloaded", "true"}}, false},
      {"5xx", 429, {{"x-envoy-ratelimited", "true"}}, false},
      {"envoy-ratelimited", 429, {{"x-envoy-ratelimited", "true"}}, true},
      {"cancelled", 200, {{"grpc-status", "1"}}, true},
      {"deadline-exceeded", 200, {{"grpc-status", "4"}}, true},
      {"resource-exhausted", 200, {{"grpc-status", "8"}}, true},
      {"internal", 200, {{"grpc-status", "13"}}, true},
      {"unavailable", 200, {{"grpc-status", "14"}}, true},
      {"unavailable", 200, {{"grpc-status", "13"}}, false},
      {"unavailable", 200, {{"grpc-status", "0"}}, false},
      {"http3-post-connect-failure", 500, {}, false},
      {"reset,5xx", 500, {}, true},
  };
  auto& policy = retries("");
  policy.retriable_status_codes = {418};
  policy.retriable_headers = {{.name = "x-again", .string_match = api::StringMatcher{.exact = "yes"}}};
  for (const RetryCase& each : cases) {
    action().retry_policy->retry_on = each.retry_on;
    start();
    const size_t before = web().requests();
    get("/");
    web().last().respond(each.status, "", each.fields);
    backOff();
    EXPECT_EQ(web().requests() - before, each.retried ? 2u : 1u) << each.retry_on << " " << each.status;
    manager->terminate();
    settle();
    manager.reset();
    connection.reset();
  }
}

struct ResetRetryCase {
  const char* retry_on;
  StreamReset reset;
  bool retried;
};

TEST_F(RouterTest, ResetsAreTriedAgainAsThePolicySays) {
  const ResetRetryCase cases[] = {
      {"reset", StreamReset::kRemoteReset, true},
      {"reset", StreamReset::kConnectionTerminated, true},
      {"5xx", StreamReset::kConnectionTerminated, true},
      {"gateway-error", StreamReset::kConnectionTerminated, true},
      {"retriable-4xx", StreamReset::kConnectionTerminated, false},
      {"connect-failure", StreamReset::kConnectionTerminated, false},
      {"reset", StreamReset::kOverflow, false},
      {"reset-before-request", StreamReset::kConnectionTerminated, false},
      {"refused-stream", StreamReset::kRemoteReset, false},
  };
  retries("");
  for (const ResetRetryCase& each : cases) {
    action().retry_policy->retry_on = each.retry_on;
    start();
    const size_t before = web().requests();
    get("/");
    web().last().fail(each.reset);
    backOff();
    EXPECT_EQ(web().requests() - before, each.retried ? 2u : 1u) << each.retry_on;
    manager->terminate();
    settle();
    manager.reset();
    connection.reset();
  }
}

TEST_F(RouterTest, AFailedConnectIsTriedAgain) {
  retries("connect-failure");
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, PoolFailure::kConnectFailed});
  get("/");
  EXPECT_EQ(received(), "");
  backOff();
  ASSERT_EQ(web().requests(), 1u);
  web().last().respond(204);
  settle();
  EXPECT_EQ(status(), 204);
}

TEST_F(RouterTest, ATryCanTimeOut) {
  retries("5xx").per_try_timeout = 500ms;
  start();
  get("/");
  EXPECT_EQ(web().last().header("x-envoy-expected-rq-timeout-ms"), "500");
  advance(500ms);
  EXPECT_TRUE(web().last().was_reset);
  backOff();
  ASSERT_EQ(web().requests(), 2u);
  advance(500ms);
  EXPECT_EQ(status(), 504);
  EXPECT_EQ(log.back().details, "upstream_per_try_timeout");
  EXPECT_EQ(clusterCounter("upstream_rq_per_try_timeout"), 2u);
}

TEST_F(RouterTest, ATryCanBeIdleForTooLong) {
  auto& policy = retries("5xx", 0);
  policy.per_try_idle_timeout = 500ms;
  start();
  get("/");
  advance(400ms);
  web().last().respondHeaders(200);
  advance(400ms);
  EXPECT_FALSE(closed());
  advance(200ms);
  EXPECT_TRUE(closed());
  EXPECT_EQ(flags(), "SI");
}

TEST_F(RouterTest, TheRouteTimeoutCoversAllTries) {
  retries("5xx", 100);
  action().timeout = 1s;
  start();
  get("/");
  for (int i = 0; i < 6; ++i) {
    if (!web().last().over()) web().last().respond(500);
    backOff();
  }
  EXPECT_EQ(status(), 504);
  EXPECT_EQ(web().retries_active, 0);
}

TEST_F(RouterTest, TheBodyIsSentAgain) {
  retries("5xx");
  start();
  post("hello");
  EXPECT_EQ(web().last().body, "hello");
  web().last().respond(500);
  backOff();
  ASSERT_EQ(web().requests(), 2u);
  EXPECT_EQ(web().last().body, "hello");
  EXPECT_TRUE(web().last().ended);
}

TEST_F(RouterTest, ABodyThatIsStillComingIsSentAgain) {
  retries("5xx");
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc");
  web().last().respond(500);
  send("def");
  backOff();
  ASSERT_EQ(web().requests(), 2u);
  EXPECT_EQ(web().last().body, "abcdef");
}

TEST_F(RouterTest, ABodyThatIsTooLargeToKeepIsNotSentAgain) {
  retries("5xx");
  host().routes[0].per_request_buffer_limit_bytes = 4;
  start();
  post("hello");
  web().last().respond(500);
  backOff();
  EXPECT_EQ(web().requests(), 1u);
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(clusterCounter("retry_or_shadow_abandoned"), 1u);
}

TEST_F(RouterTest, PreviousHostsAreNotTriedAgain) {
  auto& policy = retries("5xx");
  policy.retry_host_predicate.emplace_back().typed_config = api::TypedConfig::of(api::PreviousHostsPredicate{});
  policy.host_selection_retry_max_attempts = 5;
  start();
  get("/");
  EXPECT_FALSE(web().refused_host);
  web().last().respond(500);
  backOff();
  EXPECT_TRUE(web().refused_host);
  EXPECT_EQ(web().selection_attempts, 5u);
}

TEST_F(RouterTest, ATrustedClientCanAskForRetries) {
  auto& internal = config.internal_address_config.emplace();
  internal.cidr_ranges = {{"203.0.113.0", 24}};
  config.use_remote_address = true;
  start();
  get("/",
      "x-envoy-retry-on: retriable-status-codes\r\nx-envoy-retriable-status-codes: 404\r\nx-envoy-max-retries: 3\r\n");
  EXPECT_EQ(web().last().header("x-envoy-retry-on"), "");
  EXPECT_EQ(web().last().header("x-envoy-max-retries"), "");
  for (int i = 0; i < 4; ++i) {
    web().last().respond(404);
    backOff();
  }
  EXPECT_EQ(web().requests(), 4u);
  EXPECT_EQ(status(), 404);
}

TEST_F(RouterTest, OnlyRequestsThatThePolicyNamesAreTriedAgain) {
  retries("5xx").retriable_request_headers = {{.name = ":method", .string_match = api::StringMatcher{.exact = "GET"}}};
  start();
  post("x");
  web().last().respond(500);
  backOff();
  EXPECT_EQ(web().requests(), 1u);
  get("/");
  web().last().respond(500);
  backOff();
  EXPECT_EQ(web().requests(), 3u);
}

// --- Connections that close when they are idle ---

TEST_F(RouterTest, ARequestOnAReusedConnectionThatClosesIsSentAgainOnAFreshOne) {
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kReused});
  get("/");
  web().last().fail(StreamReset::kConnectionTerminated);
  settle();
  ASSERT_EQ(web().requests(), 2u);
  EXPECT_TRUE(web().options[1].fresh_connection);
  web().last().respond(204);
  settle();
  EXPECT_EQ(status(), 204);
  EXPECT_EQ(flags(), "");
}

TEST_F(RouterTest, ItIsSentAgainOnlyOnce) {
  start();
  web().next = {{FakeCluster::Outcome::Kind::kReused}, {FakeCluster::Outcome::Kind::kReused}};
  get("/");
  web().last().fail(StreamReset::kConnectionTerminated);
  settle();
  web().last().fail(StreamReset::kConnectionTerminated);
  settle();
  EXPECT_EQ(web().requests(), 2u);
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(flags(), "UC");
}

TEST_F(RouterTest, ARequestThatIsNotSafeToRepeatIsNotSentAgain) {
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kReused});
  post("x");
  web().last().fail(StreamReset::kConnectionTerminated);
  settle();
  EXPECT_EQ(web().requests(), 1u);
  EXPECT_EQ(status(), 503);
}

TEST_F(RouterTest, APutIsSentAgainWithItsBody) {
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kReused});
  send("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello");
  web().last().fail(StreamReset::kConnectionTerminated);
  settle();
  ASSERT_EQ(web().requests(), 2u);
  EXPECT_EQ(web().last().body, "hello");
}

TEST_F(RouterTest, ARefusedStreamIsSentAgainWhateverItsMethod) {
  web().protocol = http::Protocol::kHttp2;
  start();
  post("hello");
  web().last().fail(StreamReset::kRemoteRefused);
  settle();
  ASSERT_EQ(web().requests(), 2u);
  EXPECT_EQ(web().last().body, "hello");
  web().last().fail(StreamReset::kRemoteRefused);
  settle();
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(flags(), "UR");
}

// --- Waiting for a stream ---

TEST_F(RouterTest, ABodyWaitsForItsUpstreamWithinBounds) {
  host().routes.clear();
  addRoute("/", "web");
  host().routes[0].per_request_buffer_limit_bytes = 1000;
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kWait});
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n");
  client->send(std::string(250'000, 'x'));
  settle();
  // What the kernel does not take stays with the client.
  const size_t pending = connection->bytesReceived();
  EXPECT_LT(pending, 250'000u);
  web().ready();
  settle();
  size_t sent = 250'000;
  for (int i = 0; i < 200 && !web().last().ended; ++i) {
    if (sent < 500'000) sent += client->send(std::string(std::min<size_t>(50'000, 500'000 - sent), 'x'));
    settle();
  }
  EXPECT_GE(web().last().body.size(), 250'000u);
}

TEST_F(RouterTest, AClientThatLeavesWhileItWaitsIsTakenOutOfTheQueue) {
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kWait});
  get("/");
  client->reset();
  settle();
  EXPECT_EQ(web().cancelled, 1);
  EXPECT_EQ(flags(), "DC");
}

// --- What the response carries ---

TEST_F(RouterTest, HeadersOfOurOwnCanBeSuppressed) {
  api::Router router;
  router.suppress_envoy_headers = true;
  config.http_filters.back().typed_config = api::TypedConfig::of(router);
  start();
  get("/");
  EXPECT_EQ(web().last().header("x-envoy-expected-rq-timeout-ms"), "");
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("x-envoy-upstream-service-time"), "");
}

TEST_F(RouterTest, BadEnvoyHeadersCanBeRefused) {
  api::Router router;
  router.strict_check_headers = {"x-envoy-upstream-rq-timeout-ms"};
  config.http_filters.back().typed_config = api::TypedConfig::of(router);
  config.internal_address_config.emplace().cidr_ranges = {{"203.0.113.0", 24}};
  config.use_remote_address = true;
  start();
  get("/", "x-envoy-upstream-rq-timeout-ms: soon\r\n");
  EXPECT_EQ(status(), 400);
  EXPECT_EQ(flags(), "IH");
}

TEST_F(RouterTest, TheServiceTimeIsMeasured) {
  start();
  get("/");
  advance(42ms);
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("x-envoy-upstream-service-time"), "42");
}

TEST_F(RouterTest, CanariesAreCountedApart) {
  start();
  get("/");
  web().last().respond(200, "", {{"x-envoy-upstream-canary", "true"}});
  settle();
  EXPECT_EQ(clusterCounter("canary.upstream_rq_200"), 1u);
  EXPECT_EQ(clusterCounter("external.upstream_rq_200"), 1u);
  EXPECT_EQ(clusterCounter("internal.upstream_rq_200"), 0u);
}

TEST_F(RouterTest, HostsHearOfTheirOutcomes) {
  start();
  get("/");
  web().last().respond(200);
  settle();
  get("/");
  web().last().respond(500);
  settle();
  get("/");
  web().last().respond(503);
  settle();
  get("/");
  web().last().fail(StreamReset::kRemoteReset);
  settle();
  ASSERT_EQ(web().outcomes.size(), 4u);
  EXPECT_EQ(web().outcomes[0].first, upstream::HostOutcome::kSuccess);
  EXPECT_EQ(web().outcomes[1].first, upstream::HostOutcome::kServerError5xx);
  EXPECT_EQ(web().outcomes[2].first, upstream::HostOutcome::kGatewayError);
  EXPECT_EQ(web().outcomes[3].first, upstream::HostOutcome::kReset);
}

// --- Hashes ---

TEST_F(RouterTest, TheSameHeaderHasTheSameHash) {
  action().hash_policy.emplace_back().header = api::HashPolicyHeader{.header_name = "X-User"};
  start();
  for (const char* user : {"ann", "ann", "bob"}) {
    get("/", "x-user: " + std::string(user) + "\r\n");
    web().last().respond(204);
    settle();
  }
  get("/");
  ASSERT_EQ(web().hashes.size(), 4u);
  ASSERT_TRUE(web().hashes[0].has_value());
  EXPECT_EQ(web().hashes[0], web().hashes[1]);
  EXPECT_NE(web().hashes[0], web().hashes[2]);
  EXPECT_FALSE(web().hashes[3].has_value());
}

TEST_F(RouterTest, AMissingCookieIsMade) {
  auto& cookie = action().hash_policy.emplace_back().cookie.emplace();
  cookie.name = "sticky";
  cookie.ttl = 60s;
  cookie.path = "/";
  start();
  get("/");
  web().last().respond(204);
  settle();
  const std::string set = field("set-cookie");
  ASSERT_TRUE(set.starts_with("sticky=\"")) << set;
  EXPECT_NE(set.find("Max-Age=60"), std::string::npos);
  const std::string value = set.substr(8, set.find('"', 8) - 8);
  forget();
  get("/", "cookie: a=b; sticky=\"" + value + "\"\r\n");
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("set-cookie"), "");
  EXPECT_EQ(web().hashes[0], web().hashes[1]);
}

// --- Mirrors ---

TEST_F(RouterTest, ACopyGoesToTheMirror) {
  clusters.add("mirror");
  action().request_mirror_policies = {{.cluster = "mirror"}};
  start();
  post("hello");
  ASSERT_EQ(clusters["mirror"].requests(), 1u);
  FakeStream& copy = clusters["mirror"].last();
  EXPECT_EQ(copy.header(":authority"), "a-shadow");
  EXPECT_EQ(copy.body, "hello");
  EXPECT_TRUE(copy.ended);
  web().last().respond(200, "x", {{"content-length", "1"}});
  settle();
  EXPECT_EQ(status(), 200);
  copy.respond(500);
  settle();
  EXPECT_EQ(worker.shadows->size(), 0u);
}

TEST_F(RouterTest, TheMirrorsFailureIsNobodysBusiness) {
  clusters.add("mirror");
  clusters["mirror"].next.push_back({FakeCluster::Outcome::Kind::kFail, PoolFailure::kConnectFailed});
  action().request_mirror_policies = {{.cluster = "mirror"}, {.cluster = "gone"}};
  start();
  get("/");
  web().last().respond(204);
  settle();
  EXPECT_EQ(status(), 204);
}

TEST_F(RouterTest, AMirrorThatNeverAnswersIsGivenUp) {
  clusters.add("mirror");
  action().request_mirror_policies = {{.cluster = "mirror", .disable_shadow_host_suffix_append = true}};
  start();
  get("/");
  EXPECT_EQ(clusters["mirror"].last().header(":authority"), "www.test");
  web().last().respond(204);
  settle();
  advance(16s);
  EXPECT_TRUE(clusters["mirror"].last().was_reset);
  EXPECT_EQ(worker.shadows->size(), 0u);
}

// --- Answers without an upstream ---

TEST_F(RouterTest, ARouteCanAnswerByItself) {
  auto& route = addRoute("/", "web");
  route.route.reset();
  auto& direct = route.direct_response.emplace();
  direct.status = 418;
  direct.body.emplace().inline_string = "short and stout";
  api::HeaderValueOption option;
  option.header = api::HeaderValue{"x-tea", "%RESPONSE_CODE%"};
  route.response_headers_to_add = {option};
  start();
  get("/");
  EXPECT_EQ(status(), 418);
  EXPECT_EQ(body(), "short and stout");
  EXPECT_EQ(field("x-tea"), "418");
  EXPECT_EQ(log.back().details, "direct_response");
  EXPECT_EQ(counter("http.test.rq_direct_response"), 1u);
}

TEST_F(RouterTest, AHeadRequestGetsNoBody) {
  auto& route = addRoute("/", "web");
  route.route.reset();
  auto& direct = route.direct_response.emplace();
  direct.status = 200;
  direct.body.emplace().inline_string = "hello";
  start();
  send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_EQ(body(), "");
  EXPECT_EQ(field("content-length"), "5");
  EXPECT_FALSE(closed());
}

TEST_F(RouterTest, ARouteCanRedirect) {
  auto& route = addRoute("/", "web");
  route.route.reset();
  route.redirect.emplace().https_redirect = true;
  start();
  get("/a?b=c");
  EXPECT_EQ(status(), 301);
  EXPECT_EQ(field("location"), "https://www.test/a?b=c");
  EXPECT_EQ(counter("http.test.rq_redirect"), 1u);
}

TEST_F(RouterTest, AVirtualHostCanRequireTls) {
  host().require_tls = api::VirtualHost::TlsRequirement::kAll;
  start();
  get("/a?b=c");
  EXPECT_EQ(status(), 301);
  EXPECT_EQ(field("location"), "https://www.test/a?b=c");
}

TEST_F(RouterTest, AGrpcClientIsAnsweredInItsOwnTerms) {
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, PoolFailure::kNoHealthyHost});
  send("POST /pkg.Service/Method HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(field("content-type"), "application/grpc");
  EXPECT_EQ(field("grpc-status"), "14");
  EXPECT_EQ(field("grpc-message"), "no healthy upstream");
}

// --- Tunnels ---

class TunnelTest : public RouterTest {
 protected:
  void upgrade(std::string_view type = "websocket") {
    get("/chat", "connection: Upgrade\r\nupgrade: " + std::string(type) + "\r\n");
  }
};

TEST_F(TunnelTest, AnUpgradeIsRefusedUnlessConfigured) {
  start();
  upgrade();
  EXPECT_EQ(status(), 403);
  EXPECT_EQ(web().requests(), 0u);
  EXPECT_EQ(counter("http.test.downstream_rq_ws_on_non_ws_route"), 1u);
}

TEST_F(TunnelTest, AWebSocketIsATunnel) {
  config.upgrade_configs = {{.upgrade_type = "websocket"}};
  start();
  upgrade();
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().header("upgrade"), "websocket");
  EXPECT_FALSE(web().last().ended);
  web().last().respondHeaders(101, false, {{"connection", "upgrade"}, {"upgrade", "websocket"}});
  settle();
  EXPECT_EQ(status(), 101);
  EXPECT_EQ(field("upgrade"), "websocket");
  EXPECT_STREQ(manager->kind(), "tunnel");
  EXPECT_EQ(gauge("http.test.downstream_cx_upgrades_active"), 1);
  send("ping");
  EXPECT_EQ(web().last().body, "ping");
  web().last().respondData("pong");
  settle();
  EXPECT_EQ(body(), "pong");
  // No timeout of the route ends it.
  advance(60s);
  EXPECT_FALSE(closed());
  web().last().respondData("", true);
  settle();
  client->endWrite();
  settle();
  EXPECT_TRUE(closed());
  EXPECT_TRUE(web().last().ended);
  EXPECT_EQ(gauge("http.test.downstream_cx_upgrades_active"), 0);
  EXPECT_EQ(log.back().status, 101);
  EXPECT_EQ(log.back().flags, "");
}

TEST_F(TunnelTest, TheClientMayEndItsSideFirst) {
  config.upgrade_configs = {{.upgrade_type = "websocket"}};
  start();
  upgrade();
  web().last().respondHeaders(101, false, {{"connection", "upgrade"}, {"upgrade", "websocket"}});
  settle();
  send("bye");
  client->endWrite();
  settle();
  EXPECT_TRUE(web().last().ended);
  web().last().respondData("later", true);
  settle();
  EXPECT_TRUE(closed());
  EXPECT_EQ(body(), "later");
}

TEST_F(TunnelTest, AnUpgradeThatTheUpstreamRefusesIsAnOrdinaryResponse) {
  config.upgrade_configs = {{.upgrade_type = "websocket"}};
  start();
  upgrade();
  web().last().respond(400, "no", {{"content-length", "2"}});
  settle();
  EXPECT_EQ(status(), 400);
  EXPECT_EQ(body(), "no");
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].status, 400);
}

TEST_F(TunnelTest, ARouteCanForbidOrAllowAnUpgrade) {
  config.upgrade_configs = {{.upgrade_type = "websocket", .enabled = false}};
  action().upgrade_configs = {{.upgrade_type = "WebSocket", .enabled = true}};
  start();
  upgrade();
  EXPECT_EQ(web().requests(), 1u);
}

TEST_F(TunnelTest, AnOfferOfClearTextHttp2IsPassedOver) {
  start();
  get("/", "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n");
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().header("upgrade"), "");
  EXPECT_EQ(web().last().header("http2-settings"), "");
}

TEST_F(TunnelTest, AnIdleTunnelEnds) {
  config.upgrade_configs = {{.upgrade_type = "websocket"}};
  config.stream_idle_timeout = 10s;
  start();
  upgrade();
  web().last().respondHeaders(101, false, {{"connection", "upgrade"}, {"upgrade", "websocket"}});
  settle();
  advance(9s);
  send("still here");
  advance(9s);
  EXPECT_FALSE(closed());
  advance(1200ms);
  EXPECT_TRUE(closed());
}

TEST_F(TunnelTest, ConnectIsPassedOnWhenAllowed) {
  config.upgrade_configs = {{.upgrade_type = "CONNECT"}};
  auto& route = addRoute("/", "web");
  route.match->prefix.reset();
  route.match->connect_matcher.emplace();
  start();
  send("CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n");
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().header(":method"), "CONNECT");
  EXPECT_EQ(web().last().header(":authority"), "db.test:5432");
  web().last().respondHeaders(200);
  settle();
  EXPECT_EQ(status(), 200);
  send("bytes");
  EXPECT_EQ(web().last().body, "bytes");
}

TEST_F(TunnelTest, ConnectIsRefusedUnlessConfigured) {
  start();
  send("CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n");
  EXPECT_EQ(status(), 403);
}

TEST_F(TunnelTest, ConnectCanEndHereAndGoOnAsTcp) {
  config.upgrade_configs = {{.upgrade_type = "CONNECT"}};
  auto& route = addRoute("/", "web");
  route.match->prefix.reset();
  route.match->connect_matcher.emplace();
  route.route->upgrade_configs = {{.upgrade_type = "CONNECT", .connect_config = api::ConnectConfig{}}};
  auto [ours, theirs] = unixPair();
  Peer database(std::move(theirs));
  web().connection_for_tunnel = std::make_unique<network::Connection>(
      loop, ours.release(), network::makePlainTransport(), network::ConnectionInfo{}, network::ConnectionSettings{});
  // A connection that a pool hands out is connected already.
  struct Handler final : network::ConnectionHandler {
    size_t onData(std::string_view, bool) override { return 0; }
    void onClosed(network::CloseReason) override {}
  } pool;
  web().connection_for_tunnel->setHandler(pool);
  web().connection_for_tunnel->start();
  start();
  send("CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n");
  EXPECT_EQ(status(), 200);
  send("query");
  EXPECT_EQ(database.received(), "query");
  database.send("rows");
  settle();
  EXPECT_EQ(body(), "rows");
  database.endWrite();
  settle();
  client->endWrite();
  settle();
  EXPECT_TRUE(closed());
  EXPECT_TRUE(database.ended());
  EXPECT_EQ(web().connections_ended, 1);
  EXPECT_EQ(log.back().status, 200);
  EXPECT_EQ(log.back().flags, "");
}

}  // namespace
}  // namespace baton::test
