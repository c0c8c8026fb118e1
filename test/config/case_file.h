// Cases of configurations from a text file: a name, a fragment and where it belongs, and the lines to expect.
//
//   === name of the case
//   in: cluster
//   type: STRICT_DN
//   --- expect
//   4:11: static_resources.clusters[0].type: expected one of ...
#pragma once

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace baton::config {

struct ConfigCase {
  std::string name;
  std::string yaml;      // the whole text, the fragment at its place
  std::string expected;  // lines with an end each
};

namespace case_file {

// What stands before a fragment; its last line's indent and two spaces more are the fragment's.
inline const std::map<std::string, std::string> kSurroundings = {
    {"bootstrap", ""},
    {"listener", R"(static_resources:
  listeners:
  - name: l
)"},
    {"chain", R"(static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - name: f
)"},
    {"filter", R"(static_resources:
  clusters: {name: c}
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
      - name: n
)"},
    {"http", R"(static_resources:
  clusters: [{name: web}, {name: other}]
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        typed_config:
          "@type": a/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: s
)"},
    {"vhosts", R"(static_resources:
  clusters: [{name: web}, {name: other}]
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        typed_config:
          "@type": a/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: s
          http_filters: {name: envoy.filters.http.router}
          route_config:
            virtual_hosts:
)"},
    {"route", R"(static_resources:
  clusters: [{name: web}, {name: other}]
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        typed_config:
          "@type": a/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: s
          http_filters:
          - {name: buffer, typed_config: {"@type": a/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1}}
          - name: envoy.filters.http.router
            typed_config: {"@type": a/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
              name: v
              domains: "*"
              routes:
              - name: r
)"},
    {"cluster", R"(static_resources:
  clusters:
  - name: c
)"},
    {"endpoint", R"(static_resources:
  clusters:
    name: c
    load_assignment:
      cluster_name: c
      endpoints:
        lb_endpoints:
)"},
};

[[noreturn]] inline void fail(const std::string& path, const std::string& line) {
  std::cerr << path << ": not understood: " << line << "\n";
  std::abort();
}

inline std::string surround(const std::string& where, const std::string& fragment, const std::string& path) {
  const auto it = kSurroundings.find(where);
  if (it == kSurroundings.end()) fail(path, "in: " + where);
  const std::string& before = it->second;
  size_t indent = 0;
  if (!before.empty()) {
    const size_t last = before.rfind('\n', before.size() - 2) + 1;
    indent = before.find_first_not_of(" -", last) - last;
    if (before.ends_with(":\n")) indent += 2;
  }
  std::istringstream lines(fragment);
  std::string text = before;
  for (std::string line; std::getline(lines, line);) {
    text += (line.empty() ? "" : std::string(indent, ' ')) + line + "\n";
  }
  return text;
}

}  // namespace case_file

// Ends the test run when the file is not well formed.
inline std::vector<ConfigCase> readCases(const std::string& path) {
  std::ifstream file(path);
  if (!file) case_file::fail(path, "can't be opened");
  std::vector<ConfigCase> cases;
  std::string where;
  std::string fragment;
  enum { kBefore, kFragment, kExpected } part = kBefore;
  const auto finish = [&] {
    if (!cases.empty()) cases.back().yaml = case_file::surround(where, fragment, path);
  };
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      finish();
      cases.push_back({line.substr(4), "", ""});
      where = "bootstrap";
      fragment.clear();
      part = kFragment;
    } else if (line == "--- expect") {
      part = kExpected;
    } else if (part == kFragment && fragment.empty() && line.starts_with("in: ")) {
      where = line.substr(4);
    } else if (part == kFragment) {
      fragment += line + "\n";
    } else if (part == kExpected && !line.empty()) {
      cases.back().expected += line + "\n";
    } else if (part == kBefore && !line.empty() && !line.starts_with("#")) {
      case_file::fail(path, line);
    }
  }
  finish();
  return cases;
}

}  // namespace baton::config
