#include "source/access_log/log_filter.h"

#include <gtest/gtest.h>

namespace baton::access_log {
namespace {

class LogFilterTest : public testing::Test {
 protected:
  bool passes(const api::AccessLogFilter& config, const base::Runtime& runtime = {}) {
    const auto filter = LogFilter::build(config);
    EXPECT_TRUE(filter.ok()) << filter.error().message;
    return filter->passes({.info = info_, .request_headers = &request_}, runtime);
  }
  static api::AccessLogFilter status(api::ComparisonFilter::Op op, uint32_t value, std::string key = "") {
    api::AccessLogFilter filter;
    filter.status_code_filter = api::StatusCodeFilter{
        api::ComparisonFilter{op, api::RuntimeUInt32{.default_value = value, .runtime_key = std::move(key)}}};
    return filter;
  }

  http::StreamInfo info_;
  http::HeaderMap request_;
};

TEST_F(LogFilterTest, WithoutConfigurationEverythingPasses) {
  EXPECT_TRUE(LogFilter().passes({.info = info_}, base::Runtime()));
}

TEST_F(LogFilterTest, StatusIsComparedInFourWays) {
  using Op = api::ComparisonFilter::Op;
  info_.response_code = 404;
  EXPECT_TRUE(passes(status(Op::kEq, 404)));
  EXPECT_FALSE(passes(status(Op::kEq, 405)));
  EXPECT_TRUE(passes(status(Op::kGe, 404)));
  EXPECT_FALSE(passes(status(Op::kGe, 405)));
  EXPECT_TRUE(passes(status(Op::kLe, 404)));
  EXPECT_FALSE(passes(status(Op::kLe, 403)));
  EXPECT_FALSE(passes(status(Op::kNe, 404)));
  EXPECT_TRUE(passes(status(Op::kNe, 200)));
}

TEST_F(LogFilterTest, ARuntimeKeyOverridesTheThreshold) {
  info_.response_code = 404;
  const base::Runtime runtime({{.name = "l", .values = {{"log.from", "500"}}}});
  EXPECT_TRUE(passes(status(api::ComparisonFilter::Op::kGe, 400, "log.from")));
  EXPECT_FALSE(passes(status(api::ComparisonFilter::Op::kGe, 400, "log.from"), runtime));
}

TEST_F(LogFilterTest, DurationIsInMilliseconds) {
  info_.end = info_.start + std::chrono::milliseconds(1500);
  api::AccessLogFilter filter;
  filter.duration_filter = api::DurationFilter{
      api::ComparisonFilter{api::ComparisonFilter::Op::kGe, api::RuntimeUInt32{.default_value = 1500}}};
  EXPECT_TRUE(passes(filter));
  filter.duration_filter->comparison->value->default_value = 1501;
  EXPECT_FALSE(passes(filter));
}

TEST_F(LogFilterTest, HealthChecksAreLeftOut) {
  api::AccessLogFilter filter;
  filter.not_health_check_filter = api::Empty{};
  EXPECT_TRUE(passes(filter));
  info_.health_check = true;
  EXPECT_FALSE(passes(filter));
}

TEST_F(LogFilterTest, SamplesFollowTheRequestId) {
  api::AccessLogFilter filter;
  filter.runtime_filter = api::RuntimeFilter{.runtime_key = "sample", .percent_sampled = api::FractionalPercent{50}};
  int passed = 0;
  for (int i = 0; i < 1000; ++i) {
    info_.request_id = std::to_string(i);
    const bool first = passes(filter);
    EXPECT_EQ(passes(filter), first);
    passed += first;
  }
  EXPECT_GT(passed, 400);
  EXPECT_LT(passed, 600);
  EXPECT_FALSE(passes(filter, base::Runtime({{.name = "l", .values = {{"sample", "0"}}}})));
  EXPECT_TRUE(passes(filter, base::Runtime({{.name = "l", .values = {{"sample", "100"}}}})));
}

TEST_F(LogFilterTest, AndNeedsAllAndOrNeedsOne) {
  info_.response_code = 404;
  using Op = api::ComparisonFilter::Op;
  api::AccessLogFilter both;
  both.and_filter = api::AndFilter{{status(Op::kGe, 400), status(Op::kLe, 403)}};
  EXPECT_FALSE(passes(both));
  both.and_filter->filters[1] = status(Op::kLe, 499);
  EXPECT_TRUE(passes(both));
  api::AccessLogFilter either;
  either.or_filter = api::OrFilter{{status(Op::kEq, 200), status(Op::kEq, 404)}};
  EXPECT_TRUE(passes(either));
  either.or_filter->filters[1] = status(Op::kEq, 500);
  EXPECT_FALSE(passes(either));
}

TEST_F(LogFilterTest, HeadersAreMatched) {
  api::AccessLogFilter filter;
  api::HeaderMatcher matcher;
  matcher.name = "x-debug";
  matcher.present_match = true;
  filter.header_filter = api::HeaderFilter{matcher};
  EXPECT_FALSE(passes(filter));
  request_.add("x-debug", "1");
  EXPECT_TRUE(passes(filter));
}

TEST_F(LogFilterTest, FlagsAreChosenByShortName) {
  api::AccessLogFilter any;
  any.response_flag_filter = api::ResponseFlagFilter{};
  api::AccessLogFilter some;
  some.response_flag_filter = api::ResponseFlagFilter{{"UF", "NR", "RLSE"}};
  EXPECT_FALSE(passes(any));
  info_.flags.set(http::ResponseFlag::kRateLimited);
  EXPECT_TRUE(passes(any));
  EXPECT_FALSE(passes(some));
  info_.flags.set(http::ResponseFlag::kNoRouteFound);
  EXPECT_TRUE(passes(some));
  some.response_flag_filter->flags = {"XX"};
  const auto unknown = LogFilter::build(some);
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("'XX'"), std::string::npos);
}

TEST_F(LogFilterTest, GrpcStatusCanBeListedOrExcluded) {
  http::HeaderMap trailers;
  trailers.add(http::HeaderName::kGrpcStatus, "14");
  api::AccessLogFilter config;
  config.grpc_status_filter = api::GrpcStatusFilter{.statuses = {api::GrpcStatusFilter::Status::kUnavailable}};
  const FormatContext context{.info = info_, .response_trailers = &trailers};
  EXPECT_TRUE(LogFilter::build(config)->passes(context, base::Runtime()));
  config.grpc_status_filter->exclude = true;
  EXPECT_FALSE(LogFilter::build(config)->passes(context, base::Runtime()));
}

TEST_F(LogFilterTest, AnEmptyFilterIsAnError) {
  EXPECT_FALSE(LogFilter::build({}).ok());
}

}  // namespace
}  // namespace baton::access_log
