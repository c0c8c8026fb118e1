// What a good configuration becomes: values, defaults, spellings that are accepted, texts that are merged.
#include "source/config/loader.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

#include "api/http_connection_manager.h"
#include "api/tcp_proxy.h"

namespace baton::config {
namespace {

using api::Milliseconds;

std::shared_ptr<const api::Bootstrap> loaded(const LoadOptions& options, LoadReport* report_out = nullptr) {
  LoadReport report;
  auto result = load(options, report);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  if (report_out != nullptr) *report_out = report;
  return result.ok() ? *result : std::make_shared<api::Bootstrap>();
}

std::shared_ptr<const api::Bootstrap> loadedYaml(const std::string& yaml, LoadReport* report = nullptr) {
  return loaded({.inline_yaml = yaml}, report);
}

std::string withManager(const std::string& fields) {
  return R"(static_resources:
  clusters: {name: web}
  listeners:
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: s
)" + fields;
}

const std::string kRouterAndRoutes = R"(
          http_filters: {name: envoy.filters.http.router}
          route_config:
            virtual_hosts:
              name: v
              domains: "*"
              routes: {match: {prefix: /}, route: {cluster: web}}
)";

const api::HttpConnectionManager& managerOf(const api::Bootstrap& bootstrap) {
  const auto& filters = bootstrap.static_resources.listeners.at(0).filter_chains.at(0).filters;
  return *filters.at(0).typed_config.as<api::HttpConnectionManager>();
}

std::string onlyError(const LoadOptions& options) {
  LoadReport report;
  EXPECT_FALSE(load(options, report).ok());
  EXPECT_EQ(report.errors.size(), 1U);
  return report.errors.empty() ? "" : report.errors[0];
}

TEST(Loader, DefaultsAreThoseOfAnEdge) {
  const auto bootstrap = loadedYaml(withManager(kRouterAndRoutes));
  const auto& listener = bootstrap->static_resources.listeners[0];
  EXPECT_EQ(listener.per_connection_buffer_limit_bytes, 32768U);
  EXPECT_EQ(listener.listener_filters_timeout, Milliseconds(15000));
  EXPECT_EQ(listener.filter_chains[0].transport_socket_connect_timeout, Milliseconds(10000));
  EXPECT_TRUE(listener.enable_reuse_port);
  const auto& manager = managerOf(*bootstrap);
  EXPECT_EQ(manager.request_headers_timeout, Milliseconds(10000));
  EXPECT_EQ(manager.request_timeout, Milliseconds(300000));
  EXPECT_TRUE(manager.use_remote_address.value_or(true));
  EXPECT_TRUE(manager.normalize_path);
  EXPECT_TRUE(manager.merge_slashes);
  EXPECT_EQ(manager.server_name, "envoy");
  EXPECT_EQ(manager.common_http_protocol_options.headers_with_underscores_action,
            api::HttpProtocolOptions::HeadersWithUnderscoresAction::kRejectRequest);
  EXPECT_EQ(manager.http2_protocol_options.max_concurrent_streams, 100U);
  const auto& cluster = bootstrap->static_resources.clusters[0];
  EXPECT_EQ(cluster.connect_timeout, Milliseconds(5000));
  EXPECT_EQ(cluster.type, api::Cluster::DiscoveryType::kStatic);
  EXPECT_FALSE(cluster.outlier_detection.has_value());
}

TEST(Loader, ALoneValueStandsForAListOfOne) {
  const auto bootstrap = loadedYaml(withManager(kRouterAndRoutes));
  ASSERT_EQ(bootstrap->static_resources.clusters.size(), 1U);
  const auto& host = managerOf(*bootstrap).route_config->virtual_hosts.at(0);
  EXPECT_EQ(host.domains, std::vector<std::string>{"*"});
  EXPECT_EQ(host.routes.at(0).route->cluster, "web");
}

TEST(Loader, AcceptsCamelCaseAndSnakeCase) {
  const auto bootstrap = loadedYaml(R"(
staticResources:
  clusters:
    - name: a
      connectTimeout: 0.25s
      lbPolicy: LEAST_REQUEST
      loadAssignment:
        clusterName: a
        endpoints:
          - lbEndpoints:
              - endpoint: {address: {socketAddress: {address: 127.0.0.1, portValue: 80}}}
)");
  const auto& cluster = bootstrap->static_resources.clusters.at(0);
  EXPECT_EQ(cluster.connect_timeout, Milliseconds(250));
  EXPECT_EQ(cluster.lb_policy, api::Cluster::LbPolicy::kLeastRequest);
  EXPECT_EQ(cluster.load_assignment->endpoints.at(0).lb_endpoints.at(0).endpoint->address->socket_address->port_value,
            80U);
}

TEST(Loader, EnumsAreCaseInsensitiveOrNumbers) {
  const auto bootstrap = loadedYaml(R"(
static_resources:
  clusters:
    - {name: a, lb_policy: round_robin, type: static}
    - {name: b, lb_policy: 3}
    - {name: c, lb_policy: Maglev}
)");
  const auto& clusters = bootstrap->static_resources.clusters;
  EXPECT_EQ(clusters.at(0).lb_policy, api::Cluster::LbPolicy::kRoundRobin);
  EXPECT_EQ(clusters.at(1).lb_policy, api::Cluster::LbPolicy::kRandom);
  EXPECT_EQ(clusters.at(2).lb_policy, api::Cluster::LbPolicy::kMaglev);
}

TEST(Loader, NumbersMayBeQuotedOctalHexOrWholeWithFraction) {
  const auto bootstrap = loadedYaml(R"(
admin: {address: {pipe: {path: "@x", mode: 0600}}}
static_resources:
  clusters:
    - {name: a, per_connection_buffer_limit_bytes: "1024"}
    - {name: b, per_connection_buffer_limit_bytes: 0x400}
    - {name: c, per_connection_buffer_limit_bytes: 1024.0}
    - {name: d, per_connection_buffer_limit_bytes: 1e3}
)");
  EXPECT_EQ(bootstrap->admin->address->pipe->mode, 0600U);
  const auto& clusters = bootstrap->static_resources.clusters;
  EXPECT_EQ(clusters.at(0).per_connection_buffer_limit_bytes, 1024U);
  EXPECT_EQ(clusters.at(1).per_connection_buffer_limit_bytes, 1024U);
  EXPECT_EQ(clusters.at(2).per_connection_buffer_limit_bytes, 1024U);
  EXPECT_EQ(clusters.at(3).per_connection_buffer_limit_bytes, 1000U);
}

TEST(Loader, DurationsBelowAMillisecondAreRoundedUp) {
  const auto bootstrap = loadedYaml(R"(
static_resources:
  clusters:
    - {name: a, connect_timeout: 0.0001s}
    - {name: b, connect_timeout: 1.000000001s}
    - {name: c, connect_timeout: "3s"}
)");
  const auto& clusters = bootstrap->static_resources.clusters;
  EXPECT_EQ(clusters.at(0).connect_timeout, Milliseconds(1));
  EXPECT_EQ(clusters.at(1).connect_timeout, Milliseconds(1001));
  EXPECT_EQ(clusters.at(2).connect_timeout, Milliseconds(3000));
}

TEST(Loader, NullMeansUnset) {
  const auto bootstrap = loadedYaml(R"(
admin:
layered_runtime: ~
static_resources:
  listeners: null
  clusters:
    - {name: a, connect_timeout: null, health_checks: , outlier_detection: }
)");
  EXPECT_FALSE(bootstrap->admin.has_value());
  EXPECT_EQ(bootstrap->static_resources.clusters.at(0).connect_timeout, Milliseconds(5000));
  EXPECT_FALSE(bootstrap->static_resources.clusters.at(0).outlier_detection.has_value());
}

TEST(Loader, AnEmptyMessageIsThere) {
  const auto bootstrap = loadedYaml("static_resources: {clusters: [{name: a, outlier_detection: {}}]}");
  ASSERT_TRUE(bootstrap->static_resources.clusters.at(0).outlier_detection.has_value());
  EXPECT_EQ(bootstrap->static_resources.clusters.at(0).outlier_detection->consecutive_5xx, 5U);
}

TEST(Loader, AnchorsMergeKeysAndIgnoredTagsWork) {
  const auto bootstrap = loadedYaml(R"(
!ignore templates:
  - &address {socket_address: {address: 127.0.0.1, port_value: 9901}}
  - &cluster {connect_timeout: 2s, lb_policy: RANDOM}
node: !ignore {nonsense: true}
admin: {address: *address}
static_resources:
  clusters:
    - {<<: *cluster, name: a}
    - {<<: [*cluster], name: b, lb_policy: MAGLEV}
)");
  EXPECT_EQ(bootstrap->admin->address->socket_address->port_value, 9901U);
  const auto& clusters = bootstrap->static_resources.clusters;
  EXPECT_EQ(clusters.at(0).connect_timeout, Milliseconds(2000));
  EXPECT_EQ(clusters.at(0).lb_policy, api::Cluster::LbPolicy::kRandom);
  EXPECT_EQ(clusters.at(1).lb_policy, api::Cluster::LbPolicy::kMaglev);
}

TEST(Loader, AlpnProtocolsMayBeJoinedByCommas) {
  const auto bootstrap = loadedYaml(R"(
static_resources:
  clusters:
    name: a
    transport_socket:
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: {alpn_protocols: ["h2,http/1.1", h2c]}
)");
  const auto* tls =
      bootstrap->static_resources.clusters.at(0).transport_socket->typed_config.as<api::UpstreamTlsContext>();
  EXPECT_EQ(tls->common_tls_context.alpn_protocols, (std::vector<std::string>{"h2", "http/1.1", "h2c"}));
}

TEST(Loader, AWellKnownNameMayStandForSettingsWithAWarning) {
  LoadReport report;
  const auto bootstrap = loadedYaml(withManager(kRouterAndRoutes), &report);
  EXPECT_NE(managerOf(*bootstrap).http_filters.at(0).typed_config.as<api::Router>(), nullptr);
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_NE(report.warnings[0].find("no typed_config; 'envoy.filters.http.router' is taken for "
                                    "envoy.extensions.filters.http.router.v3.Router with its defaults"),
            std::string::npos);
}

TEST(Loader, NamesFromBeforeV3StandForSettingsToo) {
  const auto bootstrap = loadedYaml(withManager(R"(
          http_filters:
          - {name: envoy.cors, typed_config: {}}
          - {name: envoy.grpc_web}
          - {name: envoy.router, typed_config: {}}
          route_config: {virtual_hosts: {name: v, domains: "*"}}
)"));
  const auto& filters = managerOf(*bootstrap).http_filters;
  ASSERT_EQ(filters.size(), 3U);
  EXPECT_NE(filters[0].typed_config.as<api::Cors>(), nullptr);
  EXPECT_NE(filters[1].typed_config.as<api::GrpcWeb>(), nullptr);
  EXPECT_NE(filters[2].typed_config.as<api::Router>(), nullptr);
}

TEST(Loader, OperatorsAreCheckedWhereTheyStand) {
  LoadReport report;
  const auto check = [](std::string_view text) -> base::Result<void> {
    if (text.find("%BAD%") == std::string_view::npos) return {};
    return base::Error{base::ErrorCode::kInvalidArgument, "no such operator"};
  };
  const std::string yaml = withManager(R"(
          access_log:
          - typed_config:
              "@type": a/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {text_format_source: {inline_string: "%GOOD% %BAD%"}}
          local_reply_config:
            body_format:
              json_format:
                a: "%GOOD%"
                b: {c: [1, "%BAD%"]}
          http_filters: {name: envoy.filters.http.router}
          route_config:
            virtual_hosts:
              name: v
              domains: "*"
              request_headers_to_add: {header: {key: x, value: "%BAD%"}}
)");
  EXPECT_FALSE(load({.inline_yaml = yaml, .check_operators = check}, report).ok());
  const std::string at = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.";
  const std::vector<std::string> expected{
      "--config-yaml:15:64: " + at +
          "access_log[0].typed_config.log_format.text_format_source.inline_string: no such operator",
      "--config-yaml:20:28: " + at + "local_reply_config.body_format.json_format.b.c[1]: no such operator",
      "--config-yaml:26:64: " + at +
          "route_config.virtual_hosts[0].request_headers_to_add[0].header.value: no such operator",
  };
  EXPECT_EQ(report.errors, expected);
}

TEST(Loader, DeprecatedFieldsCountAndMoveToTheirSuccessors) {
  LoadReport report;
  const auto bootstrap = loadedYaml(R"(
admin: {access_log_path: /dev/null}
static_resources:
  listeners:
    address: {pipe: {path: "@l"}}
    reuse_port: false
    deprecated_v1: {bind_to_port: false}
    filter_chains: {use_proxy_proto: true, filters: {name: envoy.filters.network.echo}}
  clusters:
    name: a
    http2_protocol_options: {max_concurrent_streams: 7}
    max_requests_per_connection: 9
)",
                                    &report);
  EXPECT_EQ(report.deprecated_uses, 6U);
  const auto& listener = bootstrap->static_resources.listeners.at(0);
  EXPECT_FALSE(listener.enable_reuse_port);
  EXPECT_FALSE(listener.bind_to_port);
  EXPECT_NE(listener.listener_filters.at(0).typed_config.as<api::ProxyProtocol>(), nullptr);
  EXPECT_EQ(bootstrap->admin->access_log.at(0).typed_config.as<api::FileAccessLog>()->path, "/dev/null");
  const auto& options = bootstrap->static_resources.clusters.at(0).typed_extension_protocol_options;
  const auto* http =
      options.at("envoy.extensions.upstreams.http.v3.HttpProtocolOptions").as<api::UpstreamHttpOptions>();
  EXPECT_EQ(http->explicit_http_config->http2_protocol_options->max_concurrent_streams, 7U);
  EXPECT_EQ(http->common_http_protocol_options.max_requests_per_connection, 9U);
}

TEST(Loader, DeprecatedMatchersAndFormatsMoveToTheirSuccessors) {
  const auto bootstrap = loadedYaml(withManager(R"(
          access_log:
            typed_config:
              "@type": a/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: /dev/null
              format: "%PROTOCOL%"
          http_filters: {name: envoy.filters.http.router}
          route_config:
            virtual_hosts:
              name: v
              domains: "*"
              cors: {allow_methods: GET}
              routes:
                - match: {prefix: /, headers: [{name: a, prefix_match: b}]}
                  route: {cluster: web, max_grpc_timeout: 3s}
                  request_headers_to_add: [{header: {key: a, value: b}, append: false}]
)"));
  const auto& manager = managerOf(*bootstrap);
  const auto* log = manager.access_log.at(0).typed_config.as<api::FileAccessLog>();
  EXPECT_EQ(log->log_format->text_format_source->inline_string, "%PROTOCOL%");
  const auto& host = manager.route_config->virtual_hosts.at(0);
  EXPECT_EQ(host.typed_per_filter_config.at("envoy.filters.http.cors").as<api::CorsPolicy>()->allow_methods, "GET");
  const auto& route = host.routes.at(0);
  EXPECT_EQ(route.match->headers.at(0).string_match->prefix, "b");
  // It is no other word for max_stream_duration, which turns the route's timeout off.
  EXPECT_EQ(route.route->max_grpc_timeout, Milliseconds(3000));
  EXPECT_FALSE(route.route->max_stream_duration);
  EXPECT_EQ(route.request_headers_to_add.at(0).append_action,
            api::HeaderValueOption::AppendAction::kOverwriteIfExistsOrAdd);
}

TEST(Loader, FieldsWithoutEffectAreMentionedOnce) {
  LoadReport report;
  loadedYaml(R"(
flags_path: /x
static_resources: {clusters: [{name: a, load_assignment: {cluster_name: a, endpoints: [{metadata: {}}, {metadata: {}}]}}]}
)",
             &report);
  EXPECT_EQ(report.warnings,
            (std::vector<std::string>{"--config-yaml:2:1: flags_path: field 'flags_path' has no effect",
                                      "--config-yaml:3:89: static_resources.clusters[0].load_assignment.endpoints[0]."
                                      "metadata: field 'metadata' has no effect"}));
}

TEST(Loader, UnsupportedFieldsThatSayNothingAreAccepted) {
  loadedYaml("{header_prefix: , bootstrap_extensions: [], stats_config: }");
}

TEST(Loader, ObservabilityMayBeIgnoredOnRequest) {
  LoadReport report;
  loaded({.inline_yaml = "tracing: {http: {name: zipkin}}", .ignore_unsupported = {"tracing"}}, &report);
  EXPECT_EQ(report.warnings,
            std::vector<std::string>{"--config-yaml:1:1: tracing: unsupported field 'tracing' (not implemented: HTTP "
                                     "tracing) is ignored"});
  EXPECT_EQ(onlyError({.inline_yaml = "admin: {}", .ignore_unsupported = {"rds"}}),
            "--ignore-unsupported: expected tracing or load_stats_config, found \"rds\"");
}

TEST(Loader, UnknownFieldsMayBeAllowed) {
  LoadReport report;
  loaded({.inline_yaml = "{admn: {}, node: {idd: x}}", .allow_unknown_static_fields = true}, &report);
  EXPECT_EQ(report.unknown_fields, 2U);
  EXPECT_EQ(report.warnings.at(0), "--config-yaml:1:2: unknown field 'admn' in Bootstrap; did you mean 'admin'?");
}

TEST(Loader, AFieldGivenTwiceWithTheSameValueIsAWarning) {
  LoadReport report;
  loadedYaml("node: {id: a}\nnode: {id: a}\n", &report);
  EXPECT_EQ(report.warnings,
            std::vector<std::string>{"--config-yaml:2:1: node: given twice with the same value, first on line 1"});
}

TEST(Loader, AnOptionalFilterThatIsNotKnownIsLeftOut) {
  LoadReport report;
  const auto bootstrap = loadedYaml(withManager(R"(
          http_filters:
            - {name: lua, is_optional: true, typed_config: {"@type": a/envoy.extensions.filters.http.lua.v3.Lua, x: 1}}
            - {name: envoy.filters.http.router}
          route_config: {}
)"),
                                    &report);
  ASSERT_EQ(managerOf(*bootstrap).http_filters.size(), 1U);
  EXPECT_NE(managerOf(*bootstrap).http_filters[0].typed_config.as<api::Router>(), nullptr);
}

TEST(Loader, AddsATlsInspectorWhereServerNamesAreMatched) {
  LoadReport report;
  const auto bootstrap = loadedYaml(R"(
static_resources:
  listeners:
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains: {filter_chain_match: {server_names: a.com}, filters: {name: envoy.filters.network.echo}}
)",
                                    &report);
  const auto& filters = bootstrap->static_resources.listeners.at(0).listener_filters;
  ASSERT_EQ(filters.size(), 1U);
  EXPECT_NE(filters[0].typed_config.as<api::TlsInspector>(), nullptr);
}

TEST(Loader, InlineYamlIsMergedOverTheFile) {
  const std::string path = testing::TempDir() + "/merge_base.yaml";
  std::ofstream(path) << R"(
node: {id: one, cluster: c}
admin: {address: {pipe: {path: /a}}}
static_resources:
  clusters:
    - name: a
)";
  const auto bootstrap = loaded({.path = path, .inline_yaml = R"(
node: {id: two}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}
staticResources: {clusters: {name: b}}
)"});
  EXPECT_EQ(bootstrap->node.id, "two");
  EXPECT_EQ(bootstrap->node.cluster, "c");
  EXPECT_FALSE(bootstrap->admin->address->pipe.has_value());
  EXPECT_EQ(bootstrap->admin->address->socket_address->port_value, 1U);
  ASSERT_EQ(bootstrap->static_resources.clusters.size(), 2U);
  EXPECT_EQ(bootstrap->static_resources.clusters[1].name, "b");
}

TEST(Loader, ErrorsOfMergedTextsNameTheTextTheyAreIn) {
  const std::string path = testing::TempDir() + "/merge_errors.yaml";
  std::ofstream(path) << "node: {id: [1]}\nstatic_resources:\n  clusters:\n  - name: a\n";
  LoadReport report;
  EXPECT_FALSE(load({.path = path, .inline_yaml = "static_resources: {clusters: [{name: a}]}"}, report).ok());
  EXPECT_EQ(report.errors, (std::vector<std::string>{
                               path + ":1:12: node.id: expected text, found a list",
                               "--config-yaml:1:38: static_resources.clusters[1].name: \"a\" is also the name of "
                               "static_resources.clusters[0]"}));
}

TEST(Loader, ReadsJsonFiles) {
  const std::string path = testing::TempDir() + "/config.json";
  std::ofstream(path)
      << "{\n\t\"node\": {\"id\": \"a\\u00e9\\ud83d\\ude00\\/\"},\n\t\"staticResources\": {\"clusters\": "
         "[{\"name\": \"a\", \"connectTimeout\": \"1s\"}]}\n}\n";
  const auto bootstrap = loaded({.path = path});
  EXPECT_EQ(bootstrap->node.id, "a\xC3\xA9\xF0\x9F\x98\x80/");
  EXPECT_EQ(bootstrap->static_resources.clusters.at(0).connect_timeout, Milliseconds(1000));
}

TEST(Loader, JsonErrorsHavePositions) {
  const std::string path = testing::TempDir() + "/bad.json";
  const auto errorOf = [&](const std::string& text) {
    std::ofstream(path) << text;
    return onlyError({.path = path}).substr(path.size());
  };
  EXPECT_EQ(errorOf("{\n  \"admin\": {},\n}"), ":3:1: not valid JSON: expected a key in double quotes, found \"}\"");
  EXPECT_EQ(errorOf("{\"a\" 1}"), ":1:6: not valid JSON: expected ':', found \"1\"");
  EXPECT_EQ(errorOf("[1, 2"), ":1:6: not valid JSON: expected ',' or ']', found the end");
  EXPECT_EQ(errorOf("{} x"), ":1:4: not valid JSON: expected the end of the text, found \"x\"");
  EXPECT_EQ(errorOf("{\"node\": {\"id\": \"\\ud800\"}}"),
            ":1:24: not valid JSON: expected a surrogate pair, found \"\"\"");
  EXPECT_EQ(errorOf("{\"stats_flush_interval\":\n \"1ms\"}"),
            ":2:2: stats_flush_interval: expected a duration in seconds such as \"0.25s\", found \"1ms\"; write "
            "\"0.001s\"");
}

TEST(Loader, AFileThatIsNotThereIsAnError) {
  EXPECT_EQ(onlyError({.path = "/nonexistent/x.yaml"}),
            "cannot open \"/nonexistent/x.yaml\": No such file or directory");
  EXPECT_EQ(onlyError({.path = "/tmp"}), "\"/tmp\" is not a file");
  EXPECT_EQ(onlyError({}), "no configuration: give --config-path or --config-yaml");
}

TEST(Loader, TheRegexLimitComesFromTheRuntime) {
  const auto with = [](const std::string& limit) {
    return limit + withManager(R"(
          http_filters: {name: envoy.filters.http.router}
          route_config:
            virtual_hosts:
              name: v
              domains: "*"
              routes: {match: {safe_regex: {regex: "/[a-z]{100}"}}, route: {cluster: web}}
)");
  };
  EXPECT_NE(onlyError({.inline_yaml = with("")}).find("found one of"), std::string::npos);
  loadedYaml(with("layered_runtime: {layers: [{name: a, static_layer: {re2.max_program_size.error_level: 1000}}]}\n"));
}

TEST(Loader, WrappedFilterSettingsAreRead) {
  const auto bootstrap = loadedYaml(withManager(R"(
          http_filters:
            - {name: cors, typed_config: {"@type": a/envoy.extensions.filters.http.cors.v3.Cors}}
            - {name: envoy.filters.http.router}
          route_config:
            virtual_hosts:
              name: v
              domains: "*"
              typed_per_filter_config:
                cors:
                  "@type": a/envoy.config.route.v3.FilterConfig
                  disabled: true
                  config: {"@type": a/envoy.extensions.filters.http.cors.v3.CorsPolicy, max_age: "10"}
)"));
  const auto& host = managerOf(*bootstrap).route_config->virtual_hosts.at(0);
  const auto* wrapper = host.typed_per_filter_config.at("cors").as<api::FilterConfig>();
  EXPECT_TRUE(wrapper->disabled);
  EXPECT_EQ(wrapper->config.as<api::CorsPolicy>()->max_age, "10");
}

TEST(Loader, FreeFormValuesKeepTheirTypes) {
  const auto bootstrap = loadedYaml(R"(
layered_runtime: {layers: [{name: a, static_layer: {a: 1, b: 1.5, c: true, d: "1", e: {f: [x, null]}}}]}
)");
  const auto& object = *bootstrap->layered_runtime->layers.at(0).static_layer->object();
  EXPECT_EQ(*object.at(0).value.integer(), 1);
  EXPECT_EQ(*object.at(1).value.number(), 1.5);
  EXPECT_EQ(*object.at(2).value.boolean(), true);
  EXPECT_EQ(*object.at(3).value.string(), "1");
  const auto& list = *object.at(4).value.object()->at(0).value.list();
  EXPECT_EQ(*list.at(0).string(), "x");
  EXPECT_TRUE(list.at(1).isNull());
}

}  // namespace
}  // namespace baton::config
