// The configuration as JSON, and the schema of what may be written.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include <boost/json.hpp>

#include "source/config/loader.h"
#include "source/config/schema.h"

namespace baton::config {
namespace {

std::shared_ptr<const api::Bootstrap> loaded(const std::string& yaml) {
  LoadReport report;
  auto result = load({.inline_yaml = yaml}, report);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? *result : std::make_shared<api::Bootstrap>();
}

TEST(ConfigDump, ShowsWhatIsNotADefault) {
  const auto bootstrap = loaded(R"(
node: {id: a}
static_resources:
  clusters:
    - name: c
      connect_timeout: 5s
      lb_policy: RANDOM
      dns_refresh_rate: 0.25s
      outlier_detection: {}
)");
  EXPECT_EQ(boost::json::parse(dumpJson(*bootstrap)),
            boost::json::parse(R"({"node": {"id": "a"}, "static_resources": {"clusters": [
              {"name": "c", "lb_policy": "RANDOM", "dns_refresh_rate": "0.25s", "outlier_detection": {}}]}})"));
}

TEST(ConfigDump, HidesSecrets) {
  api::Bootstrap bootstrap;
  api::DownstreamTlsContext tls;
  auto& certificate = tls.common_tls_context.tls_certificates.emplace_back();
  certificate.certificate_chain = api::DataSource{.inline_string = "PUBLIC"};
  certificate.private_key = api::DataSource{.inline_string = "TOP SECRET"};
  certificate.password = api::DataSource{.inline_bytes = "TOP SECRET"};
  tls.session_ticket_keys = api::TlsSessionTicketKeys{{api::DataSource{.inline_string = "TOP SECRET"}}};
  auto& chain = bootstrap.static_resources.listeners.emplace_back().filter_chains.emplace_back();
  chain.transport_socket = api::TransportSocket{"tls", api::TypedConfig::of(tls)};
  const std::string text = dumpJson(bootstrap);
  EXPECT_EQ(text.find("TOP SECRET"), std::string::npos);
  EXPECT_EQ(text.find("VE9QIFNFQ1JFVA"), std::string::npos);
  EXPECT_NE(text.find("PUBLIC"), std::string::npos);
  EXPECT_NE(text.find("\"inline_string\": \"[redacted]\""), std::string::npos);
}

TEST(ConfigDump, IsReadBackToTheSame) {
  const auto bootstrap = loaded(R"(
admin: {access_log_path: /dev/null, address: {pipe: {path: "@a", mode: 384}}}
layered_runtime: {layers: [{name: s, static_layer: {a: {b: [1, 2.5, "x", true]}}}, {name: a, admin_layer: {}}]}
static_resources:
  clusters: [{name: web, health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1,
    tcp_health_check: {send: {binary: AAEC}}}]}]
  listeners:
    address: {socket_address: {address: "::1", port_value: 0}}
    filter_chains:
      filters:
        typed_config:
          "@type": a/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: s
          normalize_path: false
          http_filters: {name: envoy.filters.http.router, typed_config: {"@type": a/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
              name: v
              domains: "*"
              routes: {match: {prefix: "/\n\"é", grpc: {}}, route: {cluster: web, timeout: 0s}}
)");
  const std::string first = dumpJson(*bootstrap);
  EXPECT_EQ(dumpJson(*loaded(first)), first);
}

TEST(ConfigSchema, FileIsInSync) {
  const std::string path = "api/bootstrap.schema.json";
  if (const char* write = std::getenv("BATON_WRITE_SCHEMA"); write != nullptr)
    std::ofstream(write) << bootstrapSchema();
  std::ostringstream file;
  file << std::ifstream(path).rdbuf();
  // Not EXPECT_EQ: the difference would be half a megabyte.
  EXPECT_TRUE(file.str() == bootstrapSchema())
      << path << " is not what the descriptions say; write it anew with\n"
      << "  bazel run //test/config -- --gtest_filter=ConfigSchema.FileIsInSync\n"
      << "  and BATON_WRITE_SCHEMA=" << path << " (absolute) in the environment";
}

TEST(ConfigSchema, KnowsFieldsDefaultsAndLimits) {
  const auto schema = boost::json::parse(bootstrapSchema());
  const auto& listener = schema.at("$defs").at("Listener").at("properties");
  EXPECT_EQ(listener.at("per_connection_buffer_limit_bytes").at("default"), 32768);
  EXPECT_EQ(listener.at("per_connection_buffer_limit_bytes").at("minimum"), 1);
  EXPECT_EQ(listener.at("listener_filters_timeout").at("default"), "15s");
  EXPECT_TRUE(listener.as_object().contains("filterChains"));
  EXPECT_FALSE(listener.as_object().contains("udp_listener_config"));
}

}  // namespace
}  // namespace baton::config
