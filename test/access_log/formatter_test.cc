#include "source/access_log/formatter.h"

#include <cstdlib>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "source/access_log/escape.h"
#include "source/access_log/loggers.h"
#include "source/access_log/time_format.h"

namespace baton::access_log {
namespace {

using std::chrono::milliseconds;

class FormatterTest : public testing::Test {
 protected:
  FormatterTest() {
    auto connection = std::make_shared<network::ConnectionInfo>();
    connection->id = 77;
    connection->remote_address = *network::Address::parse("203.0.113.9:4000");
    connection->direct_remote_address = *network::Address::parse("10.0.0.1:5000");
    connection->local_address = *network::Address::parse("[2001:db8::1]:443");
    connection->requested_server_name = "shop.example";
    connection->transport_failure_reason = "TLS error: no shared cipher";
    connection->filter_chain_name = "main";
    auto tls = std::make_shared<network::TlsInfo>();
    tls->version = "TLSv1.3";
    tls->cipher = "TLS_AES_128_GCM_SHA256";
    tls->peer_subject = "CN=client";
    tls->peer_uri_sans = {"spiffe://a", "spiffe://b"};
    connection->tls = tls;
    info_.connection = connection;
    info_.remote_address = connection->remote_address;
    info_.stream_id = 5;
    info_.request_id = "4b5c7e0a-0000-4000-8000-000000000000";
    info_.start_wall = base::WallTime(std::chrono::seconds(1'700'000'000)) + milliseconds(42);
    info_.start = base::MonotonicTime(std::chrono::seconds(100));
    info_.request_received = info_.start + milliseconds(3);
    info_.first_upstream_rx = info_.start + milliseconds(10);
    info_.last_downstream_tx = info_.start + milliseconds(25);
    info_.end = info_.start + milliseconds(26);
    info_.protocol = http::Protocol::kHttp11;
    info_.response_code = 503;
    info_.response_code_details = "upstream reset before response";
    info_.flags.set(http::ResponseFlag::kUpstreamConnectionFailure);
    info_.flags.set(http::ResponseFlag::kUpstreamRetryLimitExceeded);
    info_.bytes_received = 12;
    info_.bytes_sent = 345;
    info_.route_name = "r1";
    info_.upstream_cluster = "web";
    info_.upstream.remote_address = *network::Address::parse("127.0.0.1:8080");
    info_.upstream.attempt_count = 2;
    request_.add(http::HeaderName::kMethod, "GET");
    request_.add(http::HeaderName::kPath, "/new?q=1");
    request_.add(http::HeaderName::kAuthority, "shop.example");
    request_.add(http::HeaderName::kXEnvoyOriginalPath, "/old?q=1&empty&x=a%20b");
    request_.add(http::HeaderName::kUserAgent, "curl");
    request_.add("x-empty", "");
    request_.add("x-evil", std::string_view("a\r\nb\0c\"\xff", 8));
    response_.add("x-answer", "42");
    response_.add(http::HeaderName::kContentType, "text/html");
    trailers_.add(http::HeaderName::kGrpcStatus, "3");
  }

  FormatContext context() {
    return {.info = info_,
            .request_headers = &request_,
            .response_headers = &response_,
            .response_trailers = &trailers_,
            .local_reply_body = "no healthy upstream",
            .log_type = "DownstreamEnd"};
  }
  std::string format(std::string_view text, WhenUnset unset = WhenUnset::kDash) {
    const auto formatter = Formatter::parse(text, unset);
    EXPECT_TRUE(formatter.ok()) << text << ": " << formatter.error().message;
    std::string out;
    if (formatter.ok()) formatter->format(context(), out);
    return out;
  }

  http::StreamInfo info_;
  http::HeaderMap request_;
  http::HeaderMap response_;
  http::HeaderMap trailers_;
};

TEST_F(FormatterTest, TheDefaultFormatIsEnvoys) {
  request_.add(http::HeaderName::kXRequestId, "id");
  EXPECT_EQ(format(kDefaultFormat),
            "[2023-11-14T22:13:20.042Z] \"GET /old?q=1&empty&x=a%20b HTTP/1.1\" 503 UF,URX 12 345 26 - \"-\" \"curl\" "
            "\"id\" \"shop.example\" \"127.0.0.1:8080\"\n");
}

TEST_F(FormatterTest, EachOperatorGivesItsValue) {
  setenv("BATON_TEST_ENVIRONMENT", "north", 1);
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"plain", "plain"},
      {"100%%", "100%"},
      {"%START_TIME%", "2023-11-14T22:13:20.042Z"},
      {"%START_TIME(%s.%3f)%", "1700000000.042"},
      {"%START_TIME(%Y/%m/%d %H:%M:%S)%", "2023/11/14 22:13:20"},
      {"%START_TIME(%f %1f %6f %9f)%", "042000000 0 042000 042000000"},
      {"%REQ(:METHOD)%", "GET"},
      {"%REQ(User-Agent)%", "curl"},
      {"%REQ(host)%", "shop.example"},
      {"%REQ(X-Nothing)%", "-"},
      {"%REQ(X-Empty)%", ""},
      {"%REQ(X-Nothing?User-Agent)%", "curl"},
      {"%REQ(User-Agent?:path)%", "curl"},
      {"%REQUEST_HEADER(user-agent):2%", "cu"},
      {"%RESP(x-answer)%", "42"},
      {"%RESPONSE_HEADER(x-none)%", "-"},
      {"%TRAILER(grpc-status)%", "3"},
      {"%RESPONSE_TRAILER(none)%", "-"},
      {"%PATH%", "/old?q=1&empty&x=a%20b"},
      {"%PATH(NQ)%", "/old"},
      {"%PATH(WQ:PATH)%", "/new?q=1"},
      {"%PATH(NQ:PATH)%", "/new"},
      {"%PATH(NQ:ORIG)%", "/old"},
      {"%PATH(WQ:ORIG):4%", "/old"},
      {"%QUERY_PARAM(q)%", "1"},
      {"%QUERY_PARAM(none)%", "-"},
      {"%QUERY_PARAMS%", "q=1&empty&x=a%20b"},
      {"%PROTOCOL%", "HTTP/1.1"},
      {"%RESPONSE_CODE%", "503"},
      {"%RESPONSE_CODE_DETAILS%", "upstream_reset_before_response"},
      {"%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%", "upstream reset before response"},
      {"%RESPONSE_FLAGS%", "UF,URX"},
      {"%RESPONSE_FLAGS_LONG%", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"},
      {"%GRPC_STATUS%", "InvalidArgument"},
      {"%GRPC_STATUS(SNAKE_STRING)%", "INVALID_ARGUMENT"},
      {"%GRPC_STATUS(NUMBER)%", "3"},
      {"%GRPC_STATUS_NUMBER%", "3"},
      {"%LOCAL_REPLY_BODY%", "no healthy upstream"},
      {"%BYTES_RECEIVED%", "12"},
      {"%BYTES_SENT%", "345"},
      {"%RESPONSE_TRAILERS_BYTES%", "12"},
      {"%DURATION%", "26"},
      {"%REQUEST_DURATION%", "3"},
      {"%REQUEST_TX_DURATION%", "-"},
      {"%RESPONSE_DURATION%", "10"},
      {"%RESPONSE_TX_DURATION%", "15"},
      {"%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)%", "10000"},
      {"%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ms)%", "-"},
      {"%UPSTREAM_HOST%", "127.0.0.1:8080"},
      {"%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "127.0.0.1"},
      {"%UPSTREAM_REMOTE_PORT%", "8080"},
      {"%UPSTREAM_LOCAL_ADDRESS%", "-"},
      {"%UPSTREAM_CLUSTER%", "web"},
      {"%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "2"},
      {"%UPSTREAM_TLS_VERSION%", "-"},
      {"%UPSTREAM_CONNECTION_ID%", "-"},
      {"%DOWNSTREAM_REMOTE_ADDRESS%", "203.0.113.9:4000"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "203.0.113.9"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%", "203.0.0.0/16"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)%", "0.0.0.0/0"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(64)%", "-"},
      {"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(32)%", "2001:db8::/32"},
      {R"(%COALESCE({"operators": ["ROUTE_NAME"]})%)", "r1"},
      {R"(%COALESCE({"operators": [{"command": "REQ", "param": "x-none"}, {"command": "RESP", "param": "x-answer"}]})%)",
       "42"},
      {R"(%COALESCE({"operators": [{"command": "REQ", "param": ":authority", "max_length": 4}]})%)", "shop"},
      {R"(%COALESCE({"operators": ["REQUESTED_SERVER_NAME", "HOSTNAME"]}):3%)", "sho"},
      {R"(%COALESCE({"operators": [{"command": "REQ", "param": "x-none"}]})%)", "-"},
      {"%DOWNSTREAM_REMOTE_PORT%", "4000"},
      {"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "10.0.0.1:5000"},
      {"%DOWNSTREAM_LOCAL_ADDRESS%", "[2001:db8::1]:443"},
      {"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "2001:db8::1"},
      {"%DOWNSTREAM_LOCAL_PORT%", "443"},
      {"%CONNECTION_ID%", "77"},
      {"%STREAM_ID%", "4b5c7e0a-0000-4000-8000-000000000000"},
      {"%CONNECTION_TERMINATION_DETAILS%", "-"},
      {"%DOWNSTREAM_TRANSPORT_FAILURE_REASON%", "TLS_error:_no_shared_cipher"},
      {"%REQUESTED_SERVER_NAME%", "shop.example"},
      {"%DOWNSTREAM_TLS_VERSION%", "TLSv1.3"},
      {"%DOWNSTREAM_TLS_CIPHER%", "TLS_AES_128_GCM_SHA256"},
      {"%DOWNSTREAM_PEER_SUBJECT%", "CN=client"},
      {"%DOWNSTREAM_PEER_ISSUER%", "-"},
      {"%DOWNSTREAM_PEER_URI_SAN%", "spiffe://a,spiffe://b"},
      {"%ROUTE_NAME%", "r1"},
      {"%FILTER_CHAIN_NAME%", "main"},
      {"%ENVIRONMENT(BATON_TEST_ENVIRONMENT)%", "north"},
      {"%ENVIRONMENT(BATON_TEST_ENVIRONMENT):2%", "no"},
      {"%ENVIRONMENT(BATON_TEST_NOT_SET)%", "-"},
      {"%ACCESS_LOG_TYPE%", "DownstreamEnd"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(format(text), expected) << text;
  EXPECT_EQ(format("%UNIQUE_ID%").size(), 36u);
  EXPECT_NE(format("%HOSTNAME%"), "-");
  EXPECT_EQ(format("%EMIT_TIME%").size(), std::string_view("2023-11-14T22:13:20.042Z").size());
}

TEST_F(FormatterTest, ABadFormatIsAnErrorThatNamesIt) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"%REQ(x)", "must end with %"},
      {"50% off", "must end with %"},
      {"%RESPONSE_CODES%", "did you mean RESPONSE_CODE?"},
      {"%SOMETHING_ELSE_ENTIRELY%", "unknown operator"},
      {"%TRACE_ID%", "unsupported operator"},
      {"%REQ%", "expected a header name"},
      {"%REQ()%", "expected a header name"},
      {"%PROTOCOL(x)%", "takes no argument"},
      {"%REQ(x):y%", "LENGTH"},
      {"%REQ(x)z%", "LENGTH"},
      {"%PATH(XX)%", "one of WQ, NQ"},
      {"%GRPC_STATUS(LOUD)%", "CAMEL_STRING"},
      {"%START_TIME(\n)%", "one line"},
      {"%COMMON_DURATION(A:B)%", "FROM:TO"},
      {"%%%", "must end with %"},
  };
  for (const auto& [text, message] : cases) {
    const auto formatter = Formatter::parse(text);
    ASSERT_FALSE(formatter.ok()) << text;
    EXPECT_NE(formatter.error().message.find(message), std::string::npos) << text << ": " << formatter.error().message;
  }
}

TEST_F(FormatterTest, AValueCanNeverEndALine) {
  EXPECT_EQ(format("%REQ(x-evil)%\n"), "a\\r\\nb\\x00c\"\xff\n");
}

TEST_F(FormatterTest, AnUnsetOperatorOfAHeaderPrintsNothing) {
  EXPECT_EQ(format("%REQ(x-none)%", WhenUnset::kNothing), "");
  EXPECT_EQ(format("a%REQ(x-none)%b", WhenUnset::kNothing), "ab");
}

TEST_F(FormatterTest, WithoutHeadersOrConnectionEverythingIsUnset) {
  info_ = {};
  const FormatContext bare{.info = info_};
  const auto formatter = Formatter::parse(
      "%REQ(a)% %RESP(a)% %TRAILER(a)% %PATH% %QUERY_PARAM(a)% %QUERY_PARAMS% %PROTOCOL% %CONNECTION_ID% "
      "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_TLS_VERSION% %GRPC_STATUS% %DURATION% %UPSTREAM_HOST% "
      "%FILTER_CHAIN_NAME%");
  ASSERT_TRUE(formatter.ok());
  std::string out;
  formatter->format(bare, out);
  EXPECT_EQ(out, "- - - - - - - - - - - - - -");
}

TEST_F(FormatterTest, OnlyFormatsWithoutOperatorsAreConstant) {
  EXPECT_TRUE(Formatter().constant());
  EXPECT_TRUE(Formatter::parse("50 %%")->constant());
  EXPECT_FALSE(Formatter::parse("x%PROTOCOL%")->constant());
}

api::Value text(std::string value) {
  return {std::move(value)};
}

TEST_F(FormatterTest, JsonKeepsTypesAndOrder) {
  api::SubstitutionFormatString config;
  config.json_format =
      api::Value{api::Value::Object{{"status", text("%RESPONSE_CODE%")},
                                    {"path", text("%REQ(:path)%")},
                                    {"none", text("%REQ(x-none)%")},
                                    {"mixed", text("%PROTOCOL% %REQ(x-none)% \"q\"")},
                                    {"evil", text("%REQ(x-evil)%")},
                                    {"fixed", api::Value{int64_t{7}}},
                                    {"half", api::Value{0.5}},
                                    {"yes", api::Value{true}},
                                    {"null", api::Value{}},
                                    {"list", api::Value{api::Value::List{text("%BYTES_SENT%"), text("x")}}},
                                    {"in\"ner", api::Value{api::Value::Object{{"a", text("%ROUTE_NAME%")}}}}}};
  const auto formatter = Formatter::build(config);
  ASSERT_TRUE(formatter.ok()) << formatter.error().message;
  std::string out;
  formatter->format(context(), out);
  EXPECT_EQ(out,
            "{\"status\":503,\"path\":\"/new?q=1\",\"none\":null,\"mixed\":\"HTTP/1.1 - \\\"q\\\"\","
            "\"evil\":\"a\\r\\nb\\u0000c\\\"\\u00ff\",\"fixed\":7,\"half\":0.5,\"yes\":true,\"null\":null,"
            "\"list\":[345,\"x\"],\"in\\\"ner\":{\"a\":\"r1\"}}\n");
  EXPECT_NO_THROW(boost::json::parse(out));
  EXPECT_EQ(formatter->contentType(), "application/json");
  EXPECT_FALSE(formatter->constant());
}

TEST_F(FormatterTest, JsonLeavesOutWhatIsUnsetAndSortsWhenAsked) {
  api::SubstitutionFormatString config;
  config.json_format = api::Value{api::Value::Object{{"b", text("%REQ(x-none)%")},
                                                     {"d", text("%ROUTE_NAME%")},
                                                     {"c", text("%REQ(x-none)%x")},
                                                     {"a", text("%REQ(x-none)%")}}};
  config.omit_empty_values = true;
  config.json_format_options.sort_properties = true;
  std::string out;
  Formatter::build(config)->format(context(), out);
  EXPECT_EQ(out, "{\"c\":\"x\",\"d\":\"r1\"}\n");
}

TEST_F(FormatterTest, TextComesFromItsSourceWithAContentType) {
  api::SubstitutionFormatString config;
  config.text_format_source = api::DataSource{.inline_string = "<%REQ(x-none)%%RESPONSE_CODE%>"};
  config.omit_empty_values = true;
  config.content_type = "text/html";
  const auto formatter = Formatter::build(config);
  std::string out;
  formatter->format(context(), out);
  EXPECT_EQ(out, "<503>");
  EXPECT_EQ(formatter->contentType(), "text/html");
  config.text_format_source = api::DataSource{.filename = "/nonexistent/format"};
  EXPECT_FALSE(Formatter::build(config).ok());
}

TEST_F(FormatterTest, GrpcStatusFollowsFromHttpWhenTheServerSaysNone) {
  trailers_.clear();
  request_.set(http::HeaderName::kContentType, "application/grpc+proto");
  EXPECT_EQ(format("%GRPC_STATUS%"), "Unavailable");
  request_.set(http::HeaderName::kContentType, "text/plain");
  EXPECT_EQ(format("%GRPC_STATUS%"), "-");
}

TEST(TimeFormat, SecondsBeforeTheEpochAndChangesOfSecondAreRight) {
  const TimeFormat format("%H:%M:%S.%3f %%");
  std::string out;
  format.append(base::WallTime(milliseconds(-1)), out);
  format.append(base::WallTime(milliseconds(1000)), out);
  format.append(base::WallTime(milliseconds(1999)), out);
  EXPECT_EQ(out, "23:59:59.999 %00:00:01.000 %00:00:01.999 %");
}

TEST(Escape, WellFormedUtf8StaysAndTheRestIsEscaped) {
  std::string out;
  appendJson("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", out);
  EXPECT_EQ(out, "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
  out.clear();
  appendJson("\xc0\xaf \xed\xa0\x80 \xf5 \xe2\x82", out);
  EXPECT_EQ(out, "\\u00c0\\u00af \\u00ed\\u00a0\\u0080 \\u00f5 \\u00e2\\u0082");
}

}  // namespace
}  // namespace baton::access_log
