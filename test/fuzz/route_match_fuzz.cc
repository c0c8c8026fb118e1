// A table of routes against a matcher that does the same the slow way: which virtual host a host name gets, and which
// of its routes a path.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/runtime.h"
#include "source/base/strings.h"
#include "source/http/header_map.h"
#include "source/http/stream_info.h"
#include "source/proxy/http/route/route_table.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

// Lines of "d<domain>", "p<prefix>", "e<path>", "s<separated prefix>", "i<prefix, any case>", "h<value of x-a>",
// "q<value of parameter a>": a domain begins a virtual host, the others add routes to it. The request is the last line.
struct Script {
  api::RouteConfiguration config;
  std::string authority;
  std::string path;
};

api::Route& addRoute(api::VirtualHost& host, int number) {
  api::Route& route = host.routes.emplace_back();
  route.name = host.name + "/" + std::to_string(number);
  route.match.emplace();
  route.route.emplace();
  route.route->cluster = "c";
  return route;
}

std::optional<Script> parseScript(std::string_view text) {
  Script script;
  int routes = 0;
  const auto lines = base::split(text, '\n');
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (line.size() < 2) continue;
    const std::string rest(line.substr(1));
    auto& hosts = script.config.virtual_hosts;
    if (line[0] == 'd') {
      api::VirtualHost& host = hosts.emplace_back();
      host.name = "host" + std::to_string(hosts.size());
      host.domains = {rest};
      continue;
    }
    if (hosts.empty()) continue;
    api::Route& route = addRoute(hosts.back(), ++routes);
    api::StringMatcher exact;
    exact.exact = rest;
    switch (line[0]) {
      case 'e':
        route.match->path = rest;
        break;
      case 's':
        route.match->path_separated_prefix = rest;
        break;
      case 'i':
        route.match->prefix = rest;
        route.match->case_sensitive = false;
        break;
      case 'h':
        route.match->prefix = "/";
        route.match->headers.emplace_back();
        route.match->headers.back().name = "x-a";
        route.match->headers.back().string_match = exact;
        break;
      case 'q':
        route.match->prefix = "/";
        route.match->query_parameters.emplace_back();
        route.match->query_parameters.back().name = "a";
        route.match->query_parameters.back().string_match = exact;
        break;
      default:
        route.match->prefix = rest;
        break;
    }
  }
  if (lines.empty() || script.config.virtual_hosts.empty()) return std::nullopt;
  const std::string_view request = lines.back();
  const size_t slash = request.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  script.authority = request.substr(0, slash);
  script.path = request.substr(slash);
  return script;
}

// How well a domain fits a host: exact before the longest suffix before the longest prefix before "*".
std::optional<std::pair<int, size_t>> fit(const std::string& configured, const std::string& host) {
  const std::string domain = base::lower(configured);
  if (domain == host && domain != "*") return std::pair(3, size_t{0});
  if (domain == "*") return std::pair(0, size_t{0});
  if (domain.starts_with('*')) {
    const std::string suffix = domain.substr(1);
    if (host.size() > suffix.size() && host.ends_with(suffix)) return std::pair(2, suffix.size());
  } else if (domain.ends_with('*')) {
    const std::string prefix = domain.substr(0, domain.size() - 1);
    if (host.size() > prefix.size() && host.starts_with(prefix)) return std::pair(1, prefix.size());
  }
  return std::nullopt;
}

bool matches(const api::RouteMatch& match, const std::string& target, const std::string& header) {
  const std::string path = target.substr(0, target.find_first_of("?#"));
  const std::string query = target.find('?') == std::string::npos ? "" : target.substr(target.find('?') + 1);
  if (match.path && path != *match.path) return false;
  if (match.prefix) {
    const bool same = match.case_sensitive ? path.starts_with(*match.prefix)
                                           : base::lower(path).starts_with(base::lower(*match.prefix));
    if (!same) return false;
  }
  if (match.path_separated_prefix) {
    const std::string& prefix = *match.path_separated_prefix;
    if (path != prefix && !path.starts_with(prefix + "/")) return false;
  }
  for (const auto& wanted : match.headers) {
    if (header != *wanted.string_match->exact) return false;
  }
  for (const auto& wanted : match.query_parameters) {
    bool found = false;
    for (const std::string_view parameter : base::split(query, '&')) {
      if (parameter.substr(0, parameter.find('=')) != "a") continue;
      const size_t equals = parameter.find('=');
      found = (equals == std::string_view::npos ? "" : parameter.substr(equals + 1)) == *wanted.string_match->exact;
      break;
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace

BATON_FUZZ_TARGET(route_match, input) {
  const auto script = parseScript(input);
  if (!script) return;
  const auto table = proxy::RouteTable::build(script->config);
  if (!table) {
    fuzzCheck(!table.error().message.empty(), "an error without a message");
    return;
  }
  const std::string host = base::lower(script->authority);
  const api::VirtualHost* expected_host = nullptr;
  std::optional<std::pair<int, size_t>> best;
  for (const api::VirtualHost& candidate : script->config.virtual_hosts) {
    const auto fitting = fit(candidate.domains.front(), host);
    if (!fitting || (best && *fitting <= *best)) continue;
    best = fitting;
    expected_host = &candidate;
  }
  const proxy::VirtualHost* found_host = (*table)->findVirtualHost(script->authority);
  fuzzCheck((found_host == nullptr) == (expected_host == nullptr), "a virtual host is found by one only");
  if (found_host == nullptr) return;
  fuzzCheck(found_host->name == expected_host->name, "another virtual host is found");

  const std::string header = "v";
  std::string expected;
  for (const api::Route& route : expected_host->routes) {
    if (!matches(*route.match, script->path, header)) continue;
    expected = route.name;
    break;
  }
  http::HeaderMap headers;
  headers.add(":method", "GET");
  headers.add(":authority", script->authority);
  headers.add(":path", script->path);
  headers.add(":scheme", "http");
  headers.add("x-a", header);
  const http::StreamInfo info;
  const base::Runtime runtime;
  const proxy::RouteMatch found = (*table)->find({.headers = headers, .info = info, .runtime = runtime});
  fuzzCheck((found.entry == nullptr ? "" : found.entry->name) == expected, "another route is found");
}

}  // namespace baton::test
