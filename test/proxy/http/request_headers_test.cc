#include "source/proxy/http/request_headers.h"

#include "source/proxy/http/client_certificate_header.h"
#include "test/support/http_rig.h"

namespace baton::test {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

class RequestHeadersTest : public HttpRig {
 protected:
  // What upstream gets of a request of this client.
  http::HeaderMap prepare(const Fields& fields, const std::string& from = "203.0.113.9") {
    if (host().routes.empty()) addRoute("/", "web");
    auto built = proxy::HttpConfig::build(config, {.root = stats::Scope(*store, ""),
                                                   .listener_scope = stats::Scope(*store, "listener."),
                                                   .service_cluster = "front"});
    EXPECT_TRUE(built.ok()) << built.error().message;
    http::HeaderMap headers;
    headers.add(":method", "GET");
    headers.add(":authority", "a.test");
    headers.add(":path", "/");
    for (const auto& [name, value] : fields) headers.add(name, value);
    auto connection = std::make_shared<network::ConnectionInfo>(info);
    connection->remote_address = *network::Address::parseIp(from, 1234);
    stream_info = http::StreamInfo();
    stream_info.connection = connection;
    was_internal = proxy::prepareRequestHeaders(headers, **built, stream_info, random);
    return headers;
  }
  static std::string valueOf(const http::HeaderMap& headers, std::string_view name) {
    std::string storage;
    return headers.has(name) ? std::string(headers.getJoined(name, storage)) : "(none)";
  }

  http::StreamInfo stream_info;
  bool was_internal = false;
};

struct ForwardedCase {
  const char* what;
  bool use_remote_address;
  uint32_t trusted_hops;
  const char* forwarded_for;  // null: none
  const char* expected_header;
  const char* expected_client;
};

TEST_F(RequestHeadersTest, TheClientIsFoundInXForwardedFor) {
  const ForwardedCase cases[] = {
      {"edge", true, 0, nullptr, "203.0.113.9", "203.0.113.9"},
      {"edge, a lie", true, 0, "1.1.1.1", "1.1.1.1,203.0.113.9", "203.0.113.9"},
      {"edge behind one proxy", true, 1, "1.1.1.1", "1.1.1.1,203.0.113.9", "1.1.1.1"},
      {"edge behind one proxy, with a lie", true, 1, "9.9.9.9, 1.1.1.1", "9.9.9.9, 1.1.1.1,203.0.113.9", "1.1.1.1"},
      {"edge behind two proxies", true, 2, "1.1.1.1, 2.2.2.2", "1.1.1.1, 2.2.2.2,203.0.113.9", "1.1.1.1"},
      {"edge behind two proxies, one seen", true, 2, "1.1.1.1", "1.1.1.1,203.0.113.9", "203.0.113.9"},
      {"edge behind a proxy that says nonsense", true, 1, "unknown", "unknown,203.0.113.9", "203.0.113.9"},
      {"inside", false, 0, "1.1.1.1", "1.1.1.1", "1.1.1.1"},
      {"inside, several", false, 0, "1.1.1.1, 2.2.2.2", "1.1.1.1, 2.2.2.2", "2.2.2.2"},
      {"inside, one more hop", false, 1, "1.1.1.1, 2.2.2.2", "1.1.1.1, 2.2.2.2", "1.1.1.1"},
      {"inside, none", false, 0, nullptr, "(none)", "203.0.113.9"},
      {"inside, too many hops", false, 5, "1.1.1.1", "1.1.1.1", "203.0.113.9"},
      {"inside, IPv6", false, 0, "2001:db8::1", "2001:db8::1", "2001:db8::1"},
      {"inside, nonsense", false, 0, "1.1.1.1, ?", "1.1.1.1, ?", "203.0.113.9"},
  };
  for (const ForwardedCase& each : cases) {
    config.use_remote_address = each.use_remote_address;
    config.xff_num_trusted_hops = each.trusted_hops;
    const auto headers =
        prepare(each.forwarded_for == nullptr ? Fields{} : Fields{{"x-forwarded-for", each.forwarded_for}});
    EXPECT_EQ(valueOf(headers, "x-forwarded-for"), each.expected_header) << each.what;
    EXPECT_EQ(stream_info.remote_address.ip(), each.expected_client) << each.what;
  }
}

TEST_F(RequestHeadersTest, XForwardedForCanBeLeftAlone) {
  config.use_remote_address = true;
  config.skip_xff_append = true;
  EXPECT_EQ(valueOf(prepare({{"x-forwarded-for", "1.1.1.1"}}), "x-forwarded-for"), "1.1.1.1");
}

TEST_F(RequestHeadersTest, Ipv4CanBeWrittenAsIpv6) {
  config.use_remote_address = true;
  config.represent_ipv4_remote_address_as_ipv4_mapped_ipv6 = true;
  EXPECT_EQ(valueOf(prepare({}), "x-forwarded-for"), "::ffff:203.0.113.9");
}

TEST_F(RequestHeadersTest, TheProtocolIsThatOfTheConnectionAtTheEdge) {
  config.use_remote_address = true;
  EXPECT_EQ(valueOf(prepare({{"x-forwarded-proto", "https"}}), "x-forwarded-proto"), "http");
  info.tls = std::make_shared<network::TlsInfo>();
  const auto headers = prepare({});
  EXPECT_EQ(valueOf(headers, "x-forwarded-proto"), "https");
  EXPECT_EQ(valueOf(headers, ":scheme"), "https");
  config.xff_num_trusted_hops = 1;
  EXPECT_EQ(valueOf(prepare({{"x-forwarded-proto", "http"}}), "x-forwarded-proto"), "http");
  config.use_remote_address = false;
  EXPECT_EQ(valueOf(prepare({{"x-forwarded-proto", "http"}}), "x-forwarded-proto"), "http");
}

TEST_F(RequestHeadersTest, TheSchemeCanBeOverwritten) {
  config.scheme_header_transformation.emplace().scheme_to_overwrite = "https";
  const auto headers = prepare({{":scheme", "http"}});
  EXPECT_EQ(valueOf(headers, ":scheme"), "https");
}

TEST_F(RequestHeadersTest, ThePortCanBeForwarded) {
  config.use_remote_address = true;
  config.append_x_forwarded_port = true;
  EXPECT_EQ(valueOf(prepare({}), "x-forwarded-port"), "10000");
}

TEST_F(RequestHeadersTest, ClientsFromInsideAreInternal) {
  config.use_remote_address = true;
  config.internal_address_config.emplace().cidr_ranges = {{"10.0.0.0", 8}};
  auto headers = prepare({{"x-envoy-retry-on", "5xx"}}, "10.1.2.3");
  EXPECT_TRUE(was_internal);
  EXPECT_EQ(valueOf(headers, "x-envoy-internal"), "true");
  EXPECT_EQ(valueOf(headers, "x-envoy-retry-on"), "5xx");
  EXPECT_EQ(valueOf(headers, "x-envoy-external-address"), "(none)");
  headers = prepare({{"x-envoy-retry-on", "5xx"}, {"x-envoy-internal", "true"}});
  EXPECT_FALSE(was_internal);
  EXPECT_EQ(valueOf(headers, "x-envoy-internal"), "(none)");
  EXPECT_EQ(valueOf(headers, "x-envoy-retry-on"), "(none)");
  EXPECT_EQ(valueOf(headers, "x-envoy-external-address"), "203.0.113.9");
}

TEST_F(RequestHeadersTest, NobodyIsInternalUnlessConfigured) {
  config.use_remote_address = true;
  prepare({}, "10.1.2.3");
  EXPECT_FALSE(was_internal);
}

TEST_F(RequestHeadersTest, ARequestThatWasForwardedBeforeIsNotInternalAtTheEdge) {
  config.use_remote_address = true;
  config.internal_address_config.emplace().cidr_ranges = {{"10.0.0.0", 8}};
  prepare({{"x-forwarded-for", "10.0.0.1"}}, "10.1.2.3");
  EXPECT_FALSE(was_internal);
}

TEST_F(RequestHeadersTest, AllInternalHeadersOfStrangersAreRemoved) {
  config.use_remote_address = true;
  config.route_config->internal_only_headers = {"X-Secret"};
  const char* removed[] = {"x-envoy-downstream-service-cluster",
                           "x-envoy-downstream-service-node",
                           "x-envoy-retriable-status-codes",
                           "x-envoy-retriable-header-names",
                           "x-envoy-retry-on",
                           "x-envoy-retry-grpc-on",
                           "x-envoy-max-retries",
                           "x-envoy-upstream-alt-stat-name",
                           "x-envoy-upstream-rq-timeout-ms",
                           "x-envoy-upstream-rq-per-try-timeout-ms",
                           "x-envoy-upstream-rq-timeout-alt-response",
                           "x-envoy-expected-rq-timeout-ms",
                           "x-envoy-force-trace",
                           "x-envoy-ip-tags",
                           "x-envoy-original-url",
                           "x-secret"};
  Fields fields;
  for (const char* name : removed) fields.emplace_back(name, "1");
  const auto headers = prepare(fields);
  for (const char* name : removed) EXPECT_FALSE(headers.has(std::string_view(name))) << name;
}

TEST_F(RequestHeadersTest, ARequestIdIsMade) {
  const std::string made = valueOf(prepare({}), "x-request-id");
  EXPECT_EQ(made.size(), 36u);
  EXPECT_EQ(made, stream_info.request_id);
  EXPECT_NE(valueOf(prepare({}), "x-request-id"), made);
  EXPECT_EQ(valueOf(prepare({{"x-request-id", "mine"}}), "x-request-id"), "mine");
  config.generate_request_id = false;
  EXPECT_EQ(valueOf(prepare({}), "x-request-id"), "(none)");
}

TEST_F(RequestHeadersTest, AtTheEdgeARequestIdOfAStrangerIsReplaced) {
  config.use_remote_address = true;
  EXPECT_NE(valueOf(prepare({{"x-request-id", "theirs"}}), "x-request-id"), "theirs");
  config.preserve_external_request_id = true;
  EXPECT_EQ(valueOf(prepare({{"x-request-id", "theirs"}}), "x-request-id"), "theirs");
}

TEST_F(RequestHeadersTest, ViaAndUserAgentAreAdded) {
  config.via = "baton";
  config.add_user_agent = true;
  auto headers = prepare({{"via", "1.1 other"}});
  EXPECT_EQ(valueOf(headers, "via"), "1.1 other, baton");
  EXPECT_EQ(valueOf(headers, "user-agent"), "front");
  EXPECT_EQ(valueOf(headers, "x-envoy-downstream-service-cluster"), "front");
  headers = prepare({{"user-agent", "curl"}});
  EXPECT_EQ(valueOf(headers, "user-agent"), "curl");
}

struct HostCase {
  const char* host;
  bool any;
  bool matching;
  bool dot;
  const char* expected;
};

TEST_F(RequestHeadersTest, HostsAreNormalized) {
  const HostCase cases[] = {
      {"a.test:1", false, false, false, "a.test:1"},  {"a.test:1", true, false, false, "a.test"},
      {"a.test", true, false, false, "a.test"},       {"[::1]:443", true, false, false, "[::1]"},
      {"a.test:10000", false, true, false, "a.test"}, {"a.test:10001", false, true, false, "a.test:10001"},
      {"a.test.", false, false, true, "a.test"},      {"a.test.:80", false, false, true, "a.test:80"},
      {"a.test.:80", true, false, true, "a.test"},    {"a.test.", false, false, false, "a.test."},
  };
  for (const HostCase& each : cases) {
    config.strip_any_host_port = each.any;
    config.strip_matching_host_port = each.matching;
    config.strip_trailing_host_dot = each.dot;
    if (host().routes.empty()) addRoute("/", "web");
    auto built = proxy::HttpConfig::build(
        config, {.root = stats::Scope(*store, ""), .listener_scope = stats::Scope(*store, "listener.")});
    ASSERT_TRUE(built.ok());
    http::HeaderMap headers;
    headers.add(":authority", each.host);
    proxy::normalizeHost(headers, **built, 10000, false);
    EXPECT_EQ(headers.authority(), each.expected) << each.host;
  }
}

// --- Responses ---

TEST_F(RequestHeadersTest, TheServerHeaderIsTransformed) {
  using Transformation = api::HttpConnectionManager::ServerHeaderTransformation;
  const auto server = [&](Transformation how, const char* theirs) {
    HttpRig::config.server_header_transformation = how;
    HttpRig::config.server_name = "baton";
    if (host().routes.empty()) addRoute("/", "web");
    auto built = proxy::HttpConfig::build(
        HttpRig::config, {.root = stats::Scope(*store, ""), .listener_scope = stats::Scope(*store, "listener.")});
    http::HeaderMap headers;
    headers.setStatus(200);
    if (theirs != nullptr) headers.add("server", theirs);
    proxy::finishResponseHeaders(headers, **built, stream_info, true, "now");
    EXPECT_EQ(valueOf(headers, "date"), "now");
    return valueOf(headers, "server");
  };
  EXPECT_EQ(server(Transformation::kOverwrite, "nginx"), "baton");
  EXPECT_EQ(server(Transformation::kOverwrite, nullptr), "baton");
  EXPECT_EQ(server(Transformation::kAppendIfAbsent, "nginx"), "nginx");
  EXPECT_EQ(server(Transformation::kAppendIfAbsent, nullptr), "baton");
  EXPECT_EQ(server(Transformation::kPassThrough, "nginx"), "nginx");
  EXPECT_EQ(server(Transformation::kPassThrough, nullptr), "(none)");
}

TEST_F(RequestHeadersTest, HopByHopFieldsStayOnTheirHop) {
  start();
  get("/",
      "connection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\n"
      "te: gzip\r\nx-end: 1\r\n");
  for (const char* name : {"connection", "x-hop", "keep-alive", "proxy-connection", "te"}) {
    EXPECT_EQ(web().last().header(name), "") << name;
  }
  EXPECT_EQ(web().last().header("x-end"), "1");
  web().last().respond(200, "", {{"connection", "x-hop"}, {"x-hop", "1"}, {"keep-alive", "timeout=5"}, {"x-end", "2"}});
  settle();
  EXPECT_EQ(field("x-hop"), "");
  EXPECT_EQ(field("keep-alive"), "");
  EXPECT_EQ(field("x-end"), "2");
}

TEST_F(RequestHeadersTest, TheRequestIdCanBeToldToTheClient) {
  config.always_set_request_id_in_response = true;
  start();
  get("/", "x-request-id: abc\r\n");
  web().last().respond(204);
  settle();
  EXPECT_EQ(field("x-request-id"), "abc");
}

// --- Client certificates ---

struct CertificateCase {
  api::HttpConnectionManager::ForwardClientCertDetails mode;
  bool presented;
  const char* before;
  const char* expected;
};

TEST(ClientCertificateHeaderTest, FollowsItsMode) {
  using Mode = api::HttpConnectionManager::ForwardClientCertDetails;
  const std::string ours =
      "By=spiffe://server;By=spiffe://other;Hash=abc;Cert=\"pem\";Chain=\"chain\";Subject=\"CN=\\\"a\\\"\";"
      "URI=spiffe://client;DNS=a;DNS=b";
  const std::string appended = "Hash=x," + ours;
  const CertificateCase cases[] = {
      {Mode::kSanitize, true, "Hash=x", "(none)"},       {Mode::kForwardOnly, true, "Hash=x", "Hash=x"},
      {Mode::kForwardOnly, false, "Hash=x", "(none)"},   {Mode::kAppendForward, true, "Hash=x", appended.c_str()},
      {Mode::kAppendForward, false, "Hash=x", "(none)"}, {Mode::kSanitizeSet, true, "Hash=x", ours.c_str()},
      {Mode::kSanitizeSet, false, "Hash=x", "(none)"},   {Mode::kAlwaysForwardOnly, false, "Hash=x", "Hash=x"},
  };
  auto tls = std::make_shared<network::TlsInfo>();
  tls->local_uri_sans = {"spiffe://server", "spiffe://other"};
  tls->peer_fingerprint_256 = "abc";
  tls->peer_subject = "CN=\"a\"";
  tls->peer_uri_sans = {"spiffe://client"};
  tls->peer_dns_sans = {"a", "b"};
  tls->peer_certificate_url_encoded_pem = "pem";
  tls->peer_chain_url_encoded_pem = "chain";
  for (const CertificateCase& each : cases) {
    api::HttpConnectionManager config;
    config.forward_client_cert_details = each.mode;
    auto& details = config.set_current_client_cert_details.emplace();
    details.subject = details.cert = details.chain = details.dns = details.uri = true;
    tls->peer_certificate_presented = each.presented;
    network::ConnectionInfo connection;
    connection.tls = tls;
    http::HeaderMap headers;
    headers.add("x-forwarded-client-cert", each.before);
    proxy::setClientCertificateHeader(headers, config, connection);
    const std::string after = headers.has("x-forwarded-client-cert")
                                  ? std::string(headers.get("x-forwarded-client-cert"))
                                  : std::string("(none)");
    EXPECT_EQ(after, each.expected) << static_cast<int>(each.mode);
  }
}

}  // namespace
}  // namespace baton::test
