// Texts that are made to cost more than they say: refused, with the place, in little time.
#include <chrono>
#include <gtest/gtest.h>

#include "source/config/loader.h"

namespace baton::config {
namespace {

std::vector<std::string> errorsOf(const std::string& yaml) {
  LoadReport report;
  EXPECT_FALSE(load({.inline_yaml = yaml}, report).ok());
  return report.errors;
}

std::string repeated(const std::string& text, size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(HostileConfig, AliasesThatUnfoldToTooMuchAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeated(before + ", ", 9) + before + "]\n";
  }
  const auto errors = errorsOf(bomb);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0], "--config-yaml:5:10: an alias that stands for 11111 nodes; at most 10000 are allowed");
}

TEST(HostileConfig, ManyAliasesOfMiddleSizeAreRefused) {
  const std::string list = "a: &a [" + repeated("x,", 9000) + "x]\n";
  const auto errors = errorsOf(list + "b: [" + repeated("*a,", 1000) + "*a]\n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].find("more than 4000000 nodes with aliases unfolded"), std::string::npos) << errors[0];
}

TEST(HostileConfig, DeepNestingIsRefused) {
  for (const std::string& open : {std::string("["), std::string("{a: ")}) {
    const auto errors = errorsOf("node: " + repeated(open, 100'000));
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_NE(errors[0].find("nested deeper than 100 levels"), std::string::npos) << errors[0];
  }
}

TEST(HostileConfig, BracketsAreCountedBeforeTheParserRuns) {
  const std::pair<std::string, std::string> kCases[] = {
      {repeated("[", 1'000'000), "1:101"},
      {repeated("[\n", 500'000), "101:1"},
      {"a: 'x'\nb: |\n  [[\n  [[\nc: " + repeated("{b: [", 200'000), "5:254"},
      {"# [[[\nb: [\"]\", " + repeated("[", 200), "2:109"},
      {"- - a: >\n      [\n    b: " + repeated("[", 200), "3:108"},
  };
  for (const auto& [yaml, place] : kCases) {
    const auto errors = errorsOf(yaml);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0], "--config-yaml:" + place + ": nested deeper than 100 levels");
  }
}

TEST(HostileConfig, BracketsInsideOfTextsAreNotNesting) {
  const std::string many = repeated("[", 300);
  const std::string kCases[] = {
      "node: {id: \"" + many + "\\\"" + many + "\"}",
      "node: {id: '" + many + "''" + many + "'}",
      "node:\n  id: a" + many,
      "node:\n  id: it's " + many + " # '" + many,
      "node:\n  id: |\n    " + many + "\n\n    " + many + "\n  cluster: a",
      "node:\n  ? id\n  : >-\n    " + many + "\n  cluster: a",
      "{\"node\":{\"id\":\"" + many + "\"}}",
      "#" + many + "\nnode: {}",
      "static_resources:\n  clusters:\n  - name: |-\n      " + many + "\n    connect_timeout: 1s",
      "static_resources: {clusters: [" + repeated("{name: []},", 300) + "]}",
  };
  for (const std::string& yaml : kCases) {
    LoadReport report;
    const auto loaded = load({.inline_yaml = yaml}, report);
    for (const std::string& error : report.errors) {
      EXPECT_EQ(error.find("nested deeper"), std::string::npos) << yaml.substr(0, 40) << ": " << error;
    }
  }
}

TEST(HostileConfig, NestingThroughAliasesIsRefused) {
  std::string deep = "a: &a " + repeated("[", 60) + repeated("]", 60) + "\n";
  const auto errors = errorsOf(deep + "b: " + repeated("[", 60) + "*a" + repeated("]", 60) + "\n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].find("nested deeper than 100 levels"), std::string::npos) << errors[0];
}

TEST(HostileConfig, FiltersNestedAsDeepAsAllowedAreRead) {
  std::string filter = "{not_health_check_filter: {}}";
  for (int i = 0; i < 200; ++i) filter = "{and_filter: {filters: [" + filter + "]}}";
  EXPECT_FALSE(errorsOf("admin: {access_log: {filter: " + filter + "}}").empty());
}

TEST(HostileConfig, NulBytesAndLargeTextsAreRefused) {
  const std::string nul("node: {id: \"a\0b\"}", 17);
  EXPECT_EQ(errorsOf(nul).at(0), "--config-yaml:1:1: a NUL byte at offset 13; this is not a YAML text");
  EXPECT_EQ(errorsOf("#" + std::string(16 << 20, 'x')).at(0), "--config-yaml:1:1: larger than 16777216 bytes");
}

TEST(HostileConfig, ErrorsWithoutEndAreCutOff) {
  const auto errors = errorsOf("static_resources: {clusters: [" + repeated("{bad: 1},", 5000) + "]}");
  EXPECT_EQ(errors.size(), 1001U);
  EXPECT_EQ(errors.back(), "1000 errors; there may be more");
}

TEST(HostileConfig, RegexesThatExplodeAreRefused) {
  const auto errors = errorsOf(
      "static_resources: {listeners: [{address: {pipe: {path: /a}}, filter_chains: [{filters: [{typed_config: "
      "{\"@type\": a/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: "
      "a, "
      "http_filters: [{name: envoy.filters.http.router}], route_config: {virtual_hosts: [{name: a, domains: ['*'], "
      "routes: [{match: {safe_regex: {regex: '((a{100}){100}){100}'}}, direct_response: {status: 200}}]}]}}}]}]}]}");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].find("invalid repetition size"), std::string::npos) << errors[0];
}

TEST(HostileConfig, AMegabyteOfClustersIsReadQuickly) {
  std::string yaml = "static_resources:\n  clusters:\n";
  for (int i = 0; yaml.size() < (1 << 20); ++i) {
    const std::string name = "cluster_" + std::to_string(i);
    yaml += "  - name: " + name + "\n    connect_timeout: 1s\n    load_assignment:\n      cluster_name: " + name +
            "\n      endpoints:\n      - lb_endpoints:\n        - endpoint:\n            address:\n              "
            "socket_address:\n                address: 10.0.0.1\n                port_value: 80\n";
  }
  LoadReport report;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(load({.inline_yaml = yaml}, report).ok());
  // A second is what we promise for an optimised build; a loaded machine with sanitizers gets more.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace baton::config
