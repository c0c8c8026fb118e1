#include "source/proxy/http/filters/registry.h"
#include "test/support/http_rig.h"

namespace baton::test {
namespace {

using namespace std::chrono_literals;

class FilterTest : public HttpRig {
 protected:
  template <typename Settings>
  api::HttpFilter& addFilter(const std::string& name, Settings settings) {
    api::HttpFilter filter;
    filter.name = name;
    filter.typed_config = api::TypedConfig::of(std::move(settings));
    return *config.http_filters.insert(config.http_filters.end() - 1, filter);
  }
  api::Route& route() {
    if (host().routes.empty()) addRoute("/", "web");
    return host().routes[0];
  }
  static api::RuntimeFractionalPercent percent(uint32_t numerator) {
    api::RuntimeFractionalPercent fraction;
    fraction.default_value.emplace().numerator = numerator;
    return fraction;
  }
  std::string buildError() {
    if (host().routes.empty()) addRoute("/", "web");
    auto result = proxy::HttpConfig::build(
        config, {.root = stats::Scope(*store, ""), .listener_scope = stats::Scope(*store, "listener.")});
    return result.ok() ? "" : result.error().message;
  }
};

// --- The chain ---

TEST_F(FilterTest, TheRouterMustBeTheLastFilter) {
  config.http_filters.push_back(config.http_filters.front());
  config.http_filters.back().name = "again";
  EXPECT_EQ(buildError(), "http_filters: the router must be the last filter, found 'again' after it");
  config.http_filters.clear();
  EXPECT_EQ(buildError(), "http_filters: the router filter is missing at the end");
}

TEST_F(FilterTest, ARouteCanSwitchAFilterOffAndOn) {
  addFilter("buffer", api::Buffer{.max_request_bytes = 3}).disabled = true;
  route();
  auto& strict = addRoute("/strict", "web");
  strict.typed_per_filter_config["buffer"] = api::TypedConfig::of(api::FilterConfig{});
  std::swap(host().routes[0], host().routes[1]);
  start();
  send("POST /strict HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nabcd");
  EXPECT_EQ(status(), 413);
  forget();
  manager->terminate();
  settle();
  manager.reset();
  connection.reset();
  start();
  send("POST /lax HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nabcd");
  EXPECT_EQ(received(), "");
  EXPECT_EQ(web().last().body, "abcd");
}

// --- Buffer ---

TEST_F(FilterTest, ABufferedRequestGoesUpstreamWhenItIsComplete) {
  addFilter("buffer", api::Buffer{.max_request_bytes = 1000});
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_EQ(web().requests(), 0u);
  send("2\r\nde\r\n0\r\n\r\n");
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().body, "abcde");
  EXPECT_EQ(web().last().header("content-length"), "5");
  EXPECT_TRUE(web().last().ended);
}

TEST_F(FilterTest, ABufferedRequestKeepsItsTrailers) {
  config.http_protocol_options.enable_trailers = true;
  addFilter("buffer", api::Buffer{.max_request_bytes = 1000});
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n");
  ASSERT_EQ(web().requests(), 1u);
  EXPECT_EQ(web().last().body, "abc");
  ASSERT_TRUE(web().last().trailers.has_value());
  EXPECT_EQ(web().last().trailers->get("x-sum"), "6");
}

TEST_F(FilterTest, ABufferedRequestThatIsTooLargeGets413) {
  addFilter("buffer", api::Buffer{.max_request_bytes = 3});
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nabcd");
  EXPECT_EQ(status(), 413);
  EXPECT_EQ(body(), "Payload Too Large");
  EXPECT_EQ(web().requests(), 0u);
  EXPECT_EQ(counter("http.test.downstream_rq_too_large"), 1u);
}

TEST_F(FilterTest, ARouteCanSetTheBufferSize) {
  addFilter("buffer", api::Buffer{.max_request_bytes = 3});
  api::BufferPerRoute settings;
  settings.buffer = api::Buffer{.max_request_bytes = 10};
  route().typed_per_filter_config["buffer"] = api::TypedConfig::of(settings);
  start();
  send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nabcd");
  EXPECT_EQ(web().requests(), 1u);
}

TEST_F(FilterTest, SettingsOfAnotherTypeAreRefused) {
  addFilter("buffer", api::Buffer{.max_request_bytes = 3});
  route().typed_per_filter_config["buffer"] = api::TypedConfig::of(api::CorsPolicy{});
  EXPECT_NE(buildError().find("typed_per_filter_config 'buffer': expected settings of type BufferPerRoute"),
            std::string::npos);
}

// --- Health checks ---

class HealthCheckTest : public FilterTest {
 protected:
  api::HealthCheckFilter settings() {
    api::HealthCheckFilter filter;
    filter.headers = {{.name = ":path", .string_match = api::StringMatcher{.exact = "/healthz"}}};
    return filter;
  }
};

TEST_F(HealthCheckTest, HealthChecksAreAnsweredHere) {
  addFilter("health", settings());
  start();
  get("/healthz");
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(web().requests(), 0u);
  forget();
  get("/other");
  EXPECT_EQ(web().requests(), 1u);
  EXPECT_EQ(counter("http.test.downstream_rq_2xx"), 0u);  // health checks are not counted
}

TEST_F(HealthCheckTest, AServerThatWasToldToFailFails) {
  addFilter("health", settings());
  server.health_check_failed = true;
  start();
  get("/healthz");
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(field("x-envoy-immediate-health-check-fail"), "true");
  EXPECT_EQ(flags(), "LH");
}

TEST_F(HealthCheckTest, TheUpstreamCanBeAskedAndItsAnswerKept) {
  auto filter = settings();
  filter.pass_through_mode = true;
  filter.cache_time = 5000ms;
  addFilter("health", filter);
  start();
  get("/healthz");
  ASSERT_EQ(web().requests(), 1u);
  web().last().respond(503);
  settle();
  forget();
  get("/healthz");
  EXPECT_EQ(web().requests(), 1u);
  EXPECT_EQ(status(), 503);
  advance(5001ms);
  get("/healthz");
  EXPECT_EQ(web().requests(), 2u);
}

TEST_F(HealthCheckTest, HealthCanDependOnClusters) {
  auto filter = settings();
  filter.cluster_min_healthy_percentages["web"].value = 50;
  addFilter("health", filter);
  start();
  web().counts = {4, 2, 0};
  get("/healthz");
  EXPECT_EQ(status(), 200);
  forget();
  web().counts = {4, 1, 0};
  get("/healthz");
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(flags(), "LH");
}

// --- CORS ---

class CorsTest : public FilterTest {
 protected:
  api::CorsPolicy policy() {
    api::CorsPolicy cors;
    cors.allow_origin_string_match = {{.suffix = ".good.test"}};
    cors.allow_methods = "GET,POST";
    cors.allow_headers = "x-a";
    cors.expose_headers = "x-b";
    cors.max_age = "100";
    cors.allow_credentials = true;
    return cors;
  }
  void startWith(const api::CorsPolicy& cors) {
    addFilter("cors", api::Cors{});
    route().typed_per_filter_config["cors"] = api::TypedConfig::of(cors);
    start();
  }
  void preflight(const std::string& origin) {
    send("OPTIONS / HTTP/1.1\r\nhost: a\r\norigin: " + origin + "\r\naccess-control-request-method: GET\r\n\r\n");
  }
};

TEST_F(CorsTest, APreflightOfAnAllowedOriginIsAnswered) {
  startWith(policy());
  preflight("https://a.good.test");
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(field("access-control-allow-origin"), "https://a.good.test");
  EXPECT_EQ(field("access-control-allow-methods"), "GET,POST");
  EXPECT_EQ(field("access-control-allow-headers"), "x-a");
  EXPECT_EQ(field("access-control-max-age"), "100");
  EXPECT_EQ(field("access-control-allow-credentials"), "true");
  EXPECT_EQ(web().requests(), 0u);
  EXPECT_EQ(counter("http.test.cors.origin_valid"), 1u);
}

TEST_F(CorsTest, APreflightOfAnotherOriginIsPassedOnOrNot) {
  startWith(policy());
  preflight("https://evil.test");
  EXPECT_EQ(web().requests(), 1u);
  EXPECT_EQ(counter("http.test.cors.origin_invalid"), 1u);
}

TEST_F(CorsTest, APreflightOfAnotherOriginCanBeAnswered) {
  auto cors = policy();
  cors.forward_not_matching_preflights = false;
  startWith(cors);
  preflight("https://evil.test");
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(field("access-control-allow-origin"), "");
}

TEST_F(CorsTest, AResponseToAnAllowedOriginSaysSo) {
  startWith(policy());
  get("/", "origin: https://a.good.test\r\n");
  web().last().respond(200, "", {{"access-control-allow-origin", "*"}});
  settle();
  EXPECT_EQ(field("access-control-allow-origin"), "https://a.good.test");
  EXPECT_EQ(field("access-control-expose-headers"), "x-b");
}

TEST_F(CorsTest, AStarMatcherLetsEverybodyIn) {
  auto cors = policy();
  cors.allow_origin_string_match = {{.safe_regex = api::RegexMatcher{"\\*"}}};
  startWith(cors);
  preflight("https://any.test");
  EXPECT_EQ(field("access-control-allow-origin"), "https://any.test");
}

TEST_F(CorsTest, ASwitchedOffPolicyDoesNothingButMayCount) {
  auto cors = policy();
  cors.filter_enabled = percent(0);
  cors.shadow_enabled = percent(100);
  startWith(cors);
  preflight("https://a.good.test");
  EXPECT_EQ(web().requests(), 1u);
  EXPECT_EQ(counter("http.test.cors.origin_valid"), 1u);
}

// --- Local rate limit ---

class RateLimitTest : public FilterTest {
 protected:
  api::LocalRateLimit settings(uint32_t tokens) {
    api::LocalRateLimit limit;
    limit.stat_prefix = "limiter";
    limit.token_bucket = api::TokenBucket{.max_tokens = tokens, .tokens_per_fill = 1, .fill_interval = 1000ms};
    limit.filter_enabled = percent(100);
    limit.filter_enforced = percent(100);
    return limit;
  }
  int ask() {
    forget();
    const size_t before = web().requests();
    get("/");
    if (web().requests() > before) web().last().respond(200);
    settle();
    return status();
  }
};

TEST_F(RateLimitTest, RequestsAboveTheRateGet429) {
  auto limit = settings(2);
  api::HeaderValueOption option;
  option.header = api::HeaderValue{"x-limited", "true"};
  limit.response_headers_to_add = {option};
  limit.enable_x_ratelimit_headers = api::LocalRateLimit::XRateLimitHeaders::kDraftVersion03;
  addFilter("limit", limit);
  start();
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(field("x-ratelimit-limit"), "2");
  EXPECT_EQ(field("x-ratelimit-remaining"), "1");
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 429);
  EXPECT_EQ(body(), "local_rate_limited");
  EXPECT_EQ(field("x-envoy-ratelimited"), "true");
  EXPECT_EQ(field("x-limited"), "true");
  EXPECT_EQ(flags(), "RL");
  advance(1000ms);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 429);
  EXPECT_EQ(counter("limiter.http_local_rate_limit.enabled"), 5u);
  EXPECT_EQ(counter("limiter.http_local_rate_limit.ok"), 3u);
  EXPECT_EQ(counter("limiter.http_local_rate_limit.rate_limited"), 2u);
  EXPECT_EQ(counter("limiter.http_local_rate_limit.enforced"), 2u);
}

TEST_F(RateLimitTest, TheBucketNeverHoldsMoreThanItsSize) {
  addFilter("limit", settings(2));
  start();
  ask();
  advance(30s);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 429);
}

TEST_F(RateLimitTest, WithoutSharesItLimitsNothing) {
  auto limit = settings(1);
  limit.filter_enabled.reset();
  limit.filter_enforced.reset();
  addFilter("limit", limit);
  start();
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(counter("limiter.http_local_rate_limit.enabled"), 0u);
}

TEST_F(RateLimitTest, ALimitThatIsNotEnforcedOnlyCounts) {
  auto limit = settings(1);
  limit.filter_enforced = percent(0);
  addFilter("limit", limit);
  start();
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(counter("limiter.http_local_rate_limit.rate_limited"), 1u);
  EXPECT_EQ(counter("limiter.http_local_rate_limit.enforced"), 0u);
}

TEST_F(RateLimitTest, ARouteCanHaveALimitOfItsOwn) {
  addFilter("limit", settings(100));
  auto limit = settings(1);
  limit.status = api::HttpStatus{503};
  route().typed_per_filter_config["limit"] = api::TypedConfig::of(limit);
  start();
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 503);
}

TEST_F(RateLimitTest, EveryConnectionCanHaveABucketOfItsOwn) {
  auto limit = settings(1);
  limit.local_rate_limit_per_downstream_connection = true;
  addFilter("limit", limit);
  start();
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 429);
  manager->terminate();
  settle();
  manager.reset();
  connection.reset();
  start();
  EXPECT_EQ(ask(), 200);
}

// --- Local replies ---

class LocalReplyTest : public FilterTest {};

TEST_F(LocalReplyTest, MappersEditOurOwnResponses) {
  auto& replies = config.local_reply_config.emplace();
  api::ResponseMapper mapper;
  auto& comparison = mapper.filter.emplace().status_code_filter.emplace().comparison.emplace();
  comparison.op = api::ComparisonFilter::Op::kEq;
  comparison.value.emplace().default_value = 503;
  mapper.status_code = 599;
  mapper.body.emplace().inline_string = "out of order";
  mapper.body_format_override.emplace().text_format_source.emplace().inline_string =
      "<%LOCAL_REPLY_BODY% %RESPONSE_CODE%>";
  mapper.body_format_override->content_type = "text/html";
  api::HeaderValueOption option;
  option.header = api::HeaderValue{"x-edited", "yes"};
  mapper.headers_to_add = {option};
  replies.mappers.push_back(mapper);
  replies.body_format.emplace().text_format_source.emplace().inline_string = "%RESPONSE_CODE%: %LOCAL_REPLY_BODY%";
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, upstream::PoolFailure::kNoHealthyHost});
  get("/");
  EXPECT_EQ(status(), 599);
  EXPECT_EQ(body(), "<out of order 599>");
  EXPECT_EQ(field("content-type"), "text/html");
  EXPECT_EQ(field("x-edited"), "yes");
  EXPECT_EQ(log.back().status, 599);
  forget();
  get("/");
  advance(15200ms);
  EXPECT_EQ(body(), "504: upstream request timeout");
}

TEST_F(LocalReplyTest, MappersEditWhatGrpcClientsGet) {
  auto& replies = config.local_reply_config.emplace();
  api::ResponseMapper mapper;
  mapper.filter.emplace().status_code_filter.emplace().comparison.emplace().value.emplace().default_value = 503;
  mapper.status_code = 401;
  mapper.body.emplace().inline_string = "come in first";
  api::HeaderValueOption option;
  option.header = api::HeaderValue{"x-edited", "yes"};
  mapper.headers_to_add = {option};
  replies.mappers.push_back(mapper);
  start();
  web().next.push_back({FakeCluster::Outcome::Kind::kFail, upstream::PoolFailure::kNoHealthyHost});
  send("POST /s/m HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(field("content-type"), "application/grpc");
  EXPECT_EQ(field("grpc-status"), "16");
  EXPECT_EQ(field("grpc-message"), "come in first");
  EXPECT_EQ(field("x-edited"), "yes");
}

TEST_F(LocalReplyTest, ResponsesOfUpstreamsAreLeftAlone) {
  auto& replies = config.local_reply_config.emplace();
  replies.body_format.emplace().text_format_source.emplace().inline_string = "edited";
  start();
  get("/");
  web().last().respond(503, "theirs", {{"content-length", "6"}});
  settle();
  EXPECT_EQ(body(), "theirs");
}

}  // namespace
}  // namespace baton::test
