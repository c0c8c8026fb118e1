#include "source/proxy/http/route/route_table.h"

#include <gtest/gtest.h>

namespace baton::proxy {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

http::HeaderMap request(std::string_view host, std::string_view path, const Fields& more = {}) {
  http::HeaderMap headers;
  headers.add(":method", "GET");
  headers.add(":scheme", "http");
  headers.add(":authority", host);
  headers.add(":path", path);
  for (const auto& [name, value] : more) headers.set(name, value);
  return headers;
}

api::Route routeTo(const std::string& name) {
  api::Route route;
  route.name = name;
  route.match.emplace().prefix = "/";
  route.route.emplace().cluster = name;
  return route;
}

class RouteTableTest : public testing::Test {
 protected:
  api::VirtualHost& addHost(const std::string& name, std::vector<std::string> domains) {
    api::VirtualHost host;
    host.name = name;
    host.domains = std::move(domains);
    host.routes.push_back(routeTo(name));
    config.virtual_hosts.push_back(host);
    return config.virtual_hosts.back();
  }
  void build() {
    auto built = RouteTable::build(config);
    ASSERT_TRUE(built.ok()) << built.error().message;
    table = *built;
  }
  std::string buildError() {
    auto built = RouteTable::build(config);
    return built.ok() ? "" : built.error().message;
  }
  RouteMatch find(const http::HeaderMap& headers, uint64_t random = 0) {
    return table->find({.headers = headers, .info = info, .runtime = runtime, .random = random, .internal = internal});
  }
  std::string nameFor(const http::HeaderMap& headers, uint64_t random = 0) {
    const RouteMatch match = find(headers, random);
    if (match.kind == RouteMatch::Kind::kTlsRedirect) return "https";
    return match.entry == nullptr ? "none" : match.entry->name;
  }

  api::RouteConfiguration config;
  std::shared_ptr<const RouteTable> table;
  http::StreamInfo info;
  base::Runtime runtime;
  bool internal = false;
};

// --- Virtual hosts ---

struct HostCase {
  const char* authority;
  const char* expected;
};

TEST_F(RouteTableTest, VirtualHostsAreChosenByExactThenSuffixThenPrefixThenAny) {
  addHost("exact", {"www.example.com", "other.test:8080"});
  addHost("suffix", {"*.example.com"});
  addHost("longer-suffix", {"*.api.example.com", "*-api.example.com"});
  addHost("prefix", {"www.*"});
  addHost("longer-prefix", {"www.foo.*"});
  addHost("any", {"*"});
  build();
  const HostCase cases[] = {
      {"www.example.com", "exact"},
      {"WWW.Example.COM", "exact"},
      {"other.test:8080", "exact"},
      {"other.test", "any"},
      {"other.test:8081", "any"},
      {"www.example.com:80", "prefix"},
      {"a.example.com", "suffix"},
      {"a.b.example.com", "suffix"},
      {"example.com", "any"},
      {".example.com", "any"},
      {"v1.api.example.com", "longer-suffix"},
      {"v1-api.example.com", "longer-suffix"},
      {"api.example.com", "suffix"},
      {"www.other.com", "prefix"},
      {"www.foo.com", "longer-prefix"},
      {"www.foo.", "prefix"},
      {"www.", "any"},
      {"unknown", "any"},
      {"", "any"},
      {"[::1]", "any"},
      {"1.2.3.4", "any"},
  };
  for (const HostCase& each : cases) {
    EXPECT_EQ(nameFor(request(each.authority, "/")), each.expected) << each.authority;
  }
}

TEST_F(RouteTableTest, WithoutACatchAllAnUnknownHostHasNoRoute) {
  addHost("exact", {"a.test"});
  build();
  EXPECT_EQ(nameFor(request("a.test", "/")), "exact");
  EXPECT_EQ(nameFor(request("b.test", "/")), "none");
}

TEST_F(RouteTableTest, PortsCanBeIgnored) {
  addHost("exact", {"a.test"});
  addHost("v6", {"[::1]"});
  config.ignore_port_in_host_matching = true;
  build();
  EXPECT_EQ(nameFor(request("a.test:8080", "/")), "exact");
  EXPECT_EQ(nameFor(request("[::1]:8080", "/")), "v6");
  EXPECT_EQ(nameFor(request("[::1]", "/")), "v6");
}

TEST_F(RouteTableTest, ADomainMayOccurOnlyOnce) {
  addHost("one", {"a.test"});
  addHost("two", {"A.test"});
  EXPECT_EQ(buildError(), "virtual host 'two': domain 'A.test' occurs twice in the route table");
}

TEST_F(RouteTableTest, OneOfAThousandVirtualHostsIsFound) {
  for (int i = 0; i < 1000; ++i) addHost("h" + std::to_string(i), {"h" + std::to_string(i) + ".test"});
  build();
  EXPECT_EQ(nameFor(request("h777.test", "/")), "h777");
}

// --- Matches ---

struct PathCase {
  const char* kind;  // prefix, path, separated, regex; upper case: without regard to case
  const char* pattern;
  const char* path;
  bool matches;
};

TEST_F(RouteTableTest, PathsMatch) {
  const PathCase cases[] = {
      {"prefix", "/", "/", true},
      {"prefix", "/", "/anything?x", true},
      {"prefix", "/a", "/a", true},
      {"prefix", "/a", "/ab", true},
      {"prefix", "/a", "/a/b", true},
      {"prefix", "/a", "/a?q", true},
      {"prefix", "/a", "/b", false},
      {"prefix", "/a", "/A", false},
      {"prefix", "/a/", "/a", false},
      {"prefix", "/a?", "/a?x", false},
      {"PREFIX", "/a", "/A/b", true},
      {"PREFIX", "/API", "/api", true},
      {"PREFIX", "/API", "/ap", false},
      {"path", "/a", "/a", true},
      {"path", "/a", "/a?q=1", true},
      {"path", "/a", "/a#f", true},
      {"path", "/a", "/a/", false},
      {"path", "/a", "/ab", false},
      {"path", "/a", "/A", false},
      {"PATH", "/a", "/A", true},
      {"PATH", "/Ab", "/aB?q", true},
      {"separated", "/a", "/a", true},
      {"separated", "/a", "/a/", true},
      {"separated", "/a", "/a/b", true},
      {"separated", "/a", "/a?x=1", true},
      {"separated", "/a", "/ab", false},
      {"separated", "/a", "/", false},
      {"separated", "/a", "/A/b", false},
      {"SEPARATED", "/a", "/A/b", true},
      {"separated", "/a/b", "/a/b/c", true},
      {"separated", "/a/b", "/a/bc", false},
      {"regex", "/a+", "/aaa", true},
      {"regex", "/a+", "/aaa?q=b", true},
      {"regex", "/a+", "/aaab", false},
      {"regex", "/a+", "/b/aaa", false},
      {"regex", "/b[io]t", "/bit", true},
      {"regex", "/b[io]t", "/bat", false},
      {"regex", "/[0-9]+/x", "/123/x", true},
      {"regex", "(?i)/abc", "/ABC", true},
      {"regex", ".*", "/any/thing", true},
      {"regex", "", "/", false},
  };
  for (const PathCase& each : cases) {
    config.virtual_hosts.clear();
    api::RouteMatch match;
    std::string kind = each.kind;
    if (kind[0] < 'a') {
      match.case_sensitive = false;
      kind = base::lower(kind);
    }
    if (kind == "prefix") match.prefix = each.pattern;
    if (kind == "path") match.path = each.pattern;
    if (kind == "separated") match.path_separated_prefix = each.pattern;
    if (kind == "regex") match.safe_regex = api::RegexMatcher{each.pattern};
    addHost("r", {"*"}).routes[0].match = match;
    build();
    EXPECT_EQ(nameFor(request("a", each.path)), each.matches ? "r" : "none")
        << each.kind << " " << each.pattern << " " << each.path;
  }
}

TEST_F(RouteTableTest, TheFirstRouteThatMatchesIsTaken) {
  api::VirtualHost& host = addHost("last", {"*"});
  host.routes[0].match->prefix = "/";
  api::Route first = routeTo("first");
  first.match->prefix = "/a";
  api::Route second = routeTo("second");
  second.match->prefix = "/a/b";
  host.routes.insert(host.routes.begin(), {first, second});
  build();
  EXPECT_EQ(nameFor(request("x", "/a/b/c")), "first");
  EXPECT_EQ(nameFor(request("x", "/c")), "last");
}

struct HeaderCase {
  api::HeaderMatcher matcher;
  Fields fields;
  bool matches;
  const char* what;
};

api::HeaderMatcher stringMatch(const std::string& name, api::StringMatcher string) {
  return {.name = name, .string_match = std::move(string)};
}

TEST_F(RouteTableTest, HeadersMatch) {
  const HeaderCase cases[] = {
      {stringMatch("x", {.exact = "a"}), {{"x", "a"}}, true, "exact"},
      {stringMatch("x", {.exact = "a"}), {{"x", "A"}}, false, "exact, other case"},
      {stringMatch("x", {.exact = "a", .ignore_case = true}), {{"x", "A"}}, true, "exact, case ignored"},
      {stringMatch("X", {.exact = "a"}), {{"x", "a"}}, true, "name in upper case"},
      {stringMatch("x", {.exact = "a"}), {}, false, "exact, missing"},
      {stringMatch("x", {.prefix = "ab"}), {{"x", "abc"}}, true, "prefix"},
      {stringMatch("x", {.prefix = "ab"}), {{"x", "xab"}}, false, "not the prefix"},
      {stringMatch("x", {.suffix = "bc"}), {{"x", "abc"}}, true, "suffix"},
      {stringMatch("x", {.suffix = "bc"}), {{"x", "bcd"}}, false, "not the suffix"},
      {stringMatch("x", {.suffix = "abc"}), {{"x", "bc"}}, false, "suffix longer than the value"},
      {stringMatch("x", {.suffix = "BC", .ignore_case = true}), {{"x", "abc"}}, true, "suffix, case ignored"},
      {stringMatch("x", {.contains = "b"}), {{"x", "abc"}}, true, "contains"},
      {stringMatch("x", {.contains = "B", .ignore_case = true}), {{"x", "abc"}}, true, "contains, case ignored"},
      {stringMatch("x", {.contains = "d"}), {{"x", "abc"}}, false, "does not contain"},
      {stringMatch("x", {.safe_regex = api::RegexMatcher{"a.c"}}), {{"x", "abc"}}, true, "regex"},
      {stringMatch("x", {.safe_regex = api::RegexMatcher{"a.c"}}), {{"x", "abcd"}}, false, "regex is a full match"},
      {{.name = "x", .present_match = true}, {{"x", ""}}, true, "present though empty"},
      {{.name = "x", .present_match = true}, {}, false, "not present"},
      {{.name = "x", .present_match = false}, {}, true, "expected to be missing"},
      {{.name = "x", .present_match = false}, {{"x", "1"}}, false, "expected to be missing, but there"},
      {{.name = "x"}, {{"x", "1"}}, true, "nothing said: present"},
      {{.name = "x", .present_match = true, .invert_match = true}, {}, true, "inverted presence"},
      {{.name = "x", .range_match = api::Int64Range{1, 10}}, {{"x", "1"}}, true, "start of the range"},
      {{.name = "x", .range_match = api::Int64Range{1, 10}}, {{"x", "9"}}, true, "in the range"},
      {{.name = "x", .range_match = api::Int64Range{1, 10}}, {{"x", "10"}}, false, "end of the range"},
      {{.name = "x", .range_match = api::Int64Range{-5, 10}}, {{"x", "-3"}}, true, "negative"},
      {{.name = "x", .range_match = api::Int64Range{1, 10}}, {{"x", "one"}}, false, "not a number"},
      {{.name = "x", .range_match = api::Int64Range{1, 10}}, {{"x", "5x"}}, false, "number with a tail"},
      {{.name = "x", .string_match = api::StringMatcher{.exact = "a"}, .invert_match = true},
       {{"x", "b"}},
       true,
       "inverted"},
      {{.name = "x", .string_match = api::StringMatcher{.exact = "a"}, .invert_match = true},
       {{"x", "a"}},
       false,
       "inverted, equal"},
      {{.name = "x", .string_match = api::StringMatcher{.exact = "a"}, .invert_match = true},
       {},
       false,
       "inverted, missing"},
      {{.name = "x", .string_match = api::StringMatcher{.exact = ""}, .treat_missing_header_as_empty = true},
       {},
       true,
       "missing counts as empty"},
      {{.name = "x",
        .string_match = api::StringMatcher{.exact = "a"},
        .invert_match = true,
        .treat_missing_header_as_empty = true},
       {},
       true,
       "missing counts as empty, inverted"},
      {{.name = "x", .exact_match = "a"}, {{"x", "a"}}, true, "older exact"},
      {{.name = "x", .prefix_match = "a"}, {{"x", "ab"}}, true, "older prefix"},
      {{.name = "x", .suffix_match = "b"}, {{"x", "ab"}}, true, "older suffix"},
      {{.name = "x", .contains_match = "b"}, {{"x", "abc"}}, true, "older contains"},
      {{.name = "x", .safe_regex_match = api::RegexMatcher{"[0-9]+"}}, {{"x", "12"}}, true, "older regex"},
      {stringMatch(":method", {.exact = "GET"}), {}, true, "a pseudo-header"},
      {stringMatch(":authority", {.exact = "a"}), {}, true, "the host"},
      {stringMatch("host", {.exact = "a"}), {}, true, "the host by its other name"},
      {stringMatch(":path", {.contains = "q="}), {}, true, "the path with its query"},
  };
  for (const HeaderCase& each : cases) {
    config.virtual_hosts.clear();
    addHost("r", {"*"}).routes[0].match->headers = {each.matcher};
    build();
    EXPECT_EQ(nameFor(request("a", "/p?q=1", each.fields)), each.matches ? "r" : "none") << each.what;
  }
}

TEST_F(RouteTableTest, SeveralValuesOfAHeaderAreMatchedJoined) {
  addHost("r", {"*"}).routes[0].match->headers = {stringMatch("x", {.exact = "a, b"})};
  build();
  http::HeaderMap headers = request("a", "/");
  headers.add("x", "a");
  headers.add("x", "b");
  std::string storage;
  EXPECT_EQ(nameFor(headers), "r") << headers.getJoined("x", storage);
}

TEST_F(RouteTableTest, AllHeadersOfAMatchMustPass) {
  addHost("r", {"*"}).routes[0].match->headers = {stringMatch("x", {.exact = "1"}), stringMatch("y", {.exact = "2"})};
  build();
  EXPECT_EQ(nameFor(request("a", "/", {{"x", "1"}})), "none");
  EXPECT_EQ(nameFor(request("a", "/", {{"x", "1"}, {"y", "2"}})), "r");
}

struct QueryCase {
  api::QueryParameterMatcher matcher;
  const char* path;
  bool matches;
};

TEST_F(RouteTableTest, QueryParametersMatch) {
  const QueryCase cases[] = {
      {{.name = "a", .string_match = api::StringMatcher{.exact = "1"}}, "/?a=1", true},
      {{.name = "a", .string_match = api::StringMatcher{.exact = "1"}}, "/?b=2&a=1", true},
      {{.name = "a", .string_match = api::StringMatcher{.exact = "1"}}, "/?a=2", false},
      {{.name = "a", .string_match = api::StringMatcher{.exact = "1"}}, "/", false},
      {{.name = "a", .string_match = api::StringMatcher{.exact = "1"}}, "/?aa=1", false},
      {{.name = "a", .string_match = api::StringMatcher{.prefix = "x"}}, "/?a=xyz", true},
      {{.name = "a", .present_match = true}, "/?a", true},
      {{.name = "a", .present_match = true}, "/?a=", true},
      {{.name = "a", .present_match = true}, "/?b", false},
      {{.name = "a", .present_match = false}, "/?b", true},
      {{.name = "a"}, "/?a=1", true},
      {{.name = "a"}, "/a=1", false},
  };
  for (const QueryCase& each : cases) {
    config.virtual_hosts.clear();
    addHost("r", {"*"}).routes[0].match->query_parameters = {each.matcher};
    build();
    EXPECT_EQ(nameFor(request("a", each.path)), each.matches ? "r" : "none") << each.path;
  }
}

TEST_F(RouteTableTest, OnlyGrpcRequestsMatchAGrpcRoute) {
  addHost("r", {"*"}).routes[0].match->grpc.emplace();
  build();
  EXPECT_EQ(nameFor(request("a", "/")), "none");
  EXPECT_EQ(nameFor(request("a", "/", {{"content-type", "application/grpc"}})), "r");
  EXPECT_EQ(nameFor(request("a", "/", {{"content-type", "application/grpc+proto"}})), "r");
  EXPECT_EQ(nameFor(request("a", "/", {{"content-type", "application/grpcx"}})), "none");
  EXPECT_EQ(nameFor(request("a", "/", {{"content-type", "application/grpc-web"}})), "none");
}

TEST_F(RouteTableTest, AShareOfTheRequestsMatches) {
  auto& fraction = addHost("r", {"*"}).routes[0].match->runtime_fraction.emplace();
  fraction.default_value.emplace().numerator = 25;
  fraction.runtime_key = "share";
  build();
  int matched = 0;
  for (uint64_t random = 0; random < 1'000'000; random += 1000) matched += nameFor(request("a", "/"), random) == "r";
  EXPECT_EQ(matched, 250);
  runtime = base::Runtime({{"layer", {{"share", "0"}}}});
  EXPECT_EQ(nameFor(request("a", "/"), 0), "none");
  runtime = base::Runtime({{"layer", {{"share", "100"}}}});
  EXPECT_EQ(nameFor(request("a", "/"), 999'999), "r");
}

TEST_F(RouteTableTest, ConnectMatchesOnlyItsOwnMatcher) {
  auto& match = *addHost("connect", {"*"}).routes[0].match;
  match.prefix.reset();
  match.connect_matcher.emplace();
  config.virtual_hosts[0].routes.push_back(routeTo("rest"));
  build();
  http::HeaderMap connect;
  connect.add(":method", "CONNECT");
  connect.add(":authority", "a:443");
  EXPECT_EQ(nameFor(connect), "connect");
  EXPECT_EQ(nameFor(request("a", "/")), "rest");
}

TEST_F(RouteTableTest, TlsCanBeRequired) {
  addHost("all", {"all.test"}).require_tls = api::VirtualHost::TlsRequirement::kAll;
  addHost("external", {"ext.test"}).require_tls = api::VirtualHost::TlsRequirement::kExternalOnly;
  build();
  EXPECT_EQ(nameFor(request("all.test", "/", {{"x-forwarded-proto", "http"}})), "https");
  EXPECT_EQ(nameFor(request("all.test", "/", {{"x-forwarded-proto", "https"}})), "all");
  EXPECT_EQ(nameFor(request("ext.test", "/", {{"x-forwarded-proto", "http"}})), "https");
  internal = true;
  EXPECT_EQ(nameFor(request("ext.test", "/", {{"x-forwarded-proto", "http"}})), "external");
  EXPECT_EQ(nameFor(request("all.test", "/", {{"x-forwarded-proto", "http"}})), "https");
}

TEST_F(RouteTableTest, ClientCertificatesCanBeAskedFor) {
  addHost("r", {"*"}).routes[0].match->tls_context.emplace().presented = true;
  build();
  EXPECT_EQ(nameFor(request("a", "/")), "none");
  auto connection = std::make_shared<network::ConnectionInfo>();
  auto tls = std::make_shared<network::TlsInfo>();
  tls->peer_certificate_presented = true;
  connection->tls = tls;
  info.connection = connection;
  EXPECT_EQ(nameFor(request("a", "/")), "r");
}

// --- Clusters ---

TEST_F(RouteTableTest, WeightsShareTheRequests) {
  auto& action = *addHost("r", {"*"}).routes[0].route;
  action.cluster.reset();
  auto& weighted = action.weighted_clusters.emplace();
  weighted.clusters = {{.name = "a", .weight = 30}, {.name = "b", .weight = 0}, {.name = "c", .weight = 70}};
  build();
  const RouteEntry* entry = find(request("a", "/")).entry;
  std::map<std::string, int> chosen;
  for (uint64_t random = 0; random < 100; ++random) ++chosen[entry->pickTarget(random)->cluster];
  EXPECT_EQ(chosen["a"], 30);
  EXPECT_EQ(chosen["b"], 0);
  EXPECT_EQ(chosen["c"], 70);
}

TEST_F(RouteTableTest, WeightsThatDoNotSumUpAreRefused) {
  auto& action = *addHost("r", {"*"}).routes[0].route;
  action.cluster.reset();
  auto& weighted = action.weighted_clusters.emplace();
  weighted.clusters = {{.name = "a", .weight = 30}};
  weighted.total_weight = 100;
  EXPECT_EQ(buildError(),
            "virtual host 'r': routes[0]: weighted_clusters: total_weight is 100 but the weights sum up to 30");
  weighted.total_weight.reset();
  weighted.clusters[0].weight = 0;
  EXPECT_EQ(buildError(), "virtual host 'r': routes[0]: weighted_clusters: the sum of the weights is 0");
}

// --- Edits ---

struct RewriteCase {
  const char* match;  // "=..." an exact path, "~..." a regex, otherwise a prefix
  const char* prefix_rewrite;
  const char* path;
  const char* expected;
};

TEST_F(RouteTableTest, PrefixesAreRewritten) {
  const RewriteCase cases[] = {
      {"/a", "/b", "/a", "/b"},       {"/a", "/b", "/a/x", "/b/x"},      {"/a", "/b", "/a?q=1", "/b?q=1"},
      {"/a/", "/", "/a/x", "/x"},     {"/a", "/", "/a/x", "//x"},        {"/a", "/long/er", "/ab", "/long/erb"},
      {"=/a", "/b", "/a", "/b"},      {"=/a", "/b", "/a?q=1", "/b?q=1"}, {"~/a.*", "/b", "/abc?q", "/b?q"},
      {"/", "/new/", "/x", "/new/x"},
  };
  for (const RewriteCase& each : cases) {
    config.virtual_hosts.clear();
    auto& route = addHost("r", {"*"}).routes[0];
    api::RouteMatch match;
    if (*each.match == '=') match.path = each.match + 1;
    if (*each.match == '~') match.safe_regex = api::RegexMatcher{each.match + 1};
    if (*each.match == '/') match.prefix = each.match;
    route.match = match;
    route.route->prefix_rewrite = each.prefix_rewrite;
    build();
    http::HeaderMap headers = request("h", each.path);
    const RouteEntry* entry = find(headers).entry;
    ASSERT_NE(entry, nullptr) << each.path;
    entry->editRequest(headers, entry->pickTarget(0), {.info = info, .request_headers = &headers});
    EXPECT_EQ(headers.path(), each.expected) << each.match;
    EXPECT_EQ(headers.get("x-envoy-original-path"), each.path);
  }
}

TEST_F(RouteTableTest, PathsAreRewrittenByRegex) {
  auto& edit = addHost("r", {"*"}).routes[0].route->regex_rewrite.emplace();
  edit.pattern = api::RegexMatcher{"^/service/([^/]+)(/.*)$"};
  edit.substitution = "\\2/instance/\\1";
  build();
  http::HeaderMap headers = request("h", "/service/foo/v1/api?x=/service/");
  const RouteEntry* entry = find(headers).entry;
  entry->editRequest(headers, entry->pickTarget(0), {.info = info, .request_headers = &headers});
  EXPECT_EQ(headers.path(), "/v1/api/instance/foo?x=/service/");
}

TEST_F(RouteTableTest, EveryMatchOfARegexIsReplaced) {
  auto& edit = addHost("r", {"*"}).routes[0].route->regex_rewrite.emplace();
  edit.pattern = api::RegexMatcher{"one"};
  edit.substitution = "two";
  build();
  http::HeaderMap headers = request("h", "/xxx/one/yyy/one/zzz");
  const RouteEntry* entry = find(headers).entry;
  entry->editRequest(headers, entry->pickTarget(0), {.info = info, .request_headers = &headers});
  EXPECT_EQ(headers.path(), "/xxx/two/yyy/two/zzz");
}

TEST_F(RouteTableTest, HostsAreRewritten) {
  auto& action = *addHost("r", {"*"}).routes[0].route;
  action.append_x_forwarded_host = true;
  const auto rewritten = [&](const Fields& fields = {}) {
    build();
    http::HeaderMap headers = request("old.test", "/rewrite-host.test/x", fields);
    const RouteEntry* entry = find(headers).entry;
    entry->editRequest(headers, entry->pickTarget(0), {.info = info, .request_headers = &headers});
    EXPECT_EQ(headers.get("x-forwarded-host"), headers.authority() == "old.test" ? "" : "old.test");
    return std::string(headers.authority());
  };
  EXPECT_EQ(rewritten(), "old.test");
  action.host_rewrite_literal = "new.test";
  EXPECT_EQ(rewritten(), "new.test");
  action.host_rewrite_literal.reset();
  action.host_rewrite_header = "X-Host";
  EXPECT_EQ(rewritten({{"x-host", "from.header"}}), "from.header");
  EXPECT_EQ(rewritten(), "old.test");
  action.host_rewrite_header.reset();
  auto& edit = action.host_rewrite_path_regex.emplace();
  edit.pattern = api::RegexMatcher{"^/(.+)/.+$"};
  edit.substitution = "\\1";
  EXPECT_EQ(rewritten(), "rewrite-host.test");
}

api::HeaderValueOption addition(
    const std::string& key, const std::string& value,
    api::HeaderValueOption::AppendAction action = api::HeaderValueOption::AppendAction::kAppendIfExistsOrAdd) {
  api::HeaderValueOption option;
  option.header = api::HeaderValue{key, value};
  option.append_action = action;
  return option;
}

std::string valuesOf(const http::HeaderMap& headers, std::string_view wanted) {
  std::string values;
  headers.forEach([&](http::HeaderName, std::string_view name, std::string_view value) {
    if (name == wanted) values += (values.empty() ? "" : ",") + std::string(value);
  });
  return values;
}

TEST_F(RouteTableTest, HeadersOfAllLevelsAreAddedFromTheMostSpecificToTheMostGeneral) {
  auto& host = addHost("r", {"*"});
  auto& action = *host.routes[0].route;
  action.cluster.reset();
  auto& weighted = action.weighted_clusters.emplace();
  weighted.clusters = {{.name = "a", .weight = 1, .request_headers_to_add = {addition("x", "weight")}}};
  host.routes[0].request_headers_to_add = {addition("x", "route")};
  host.request_headers_to_add = {addition("x", "host")};
  config.request_headers_to_add = {addition("x", "table")};
  const auto values = [&] {
    build();
    http::HeaderMap headers = request("h", "/");
    const RouteEntry* entry = find(headers).entry;
    entry->editRequest(headers, entry->pickTarget(0), {.info = info, .request_headers = &headers});
    return valuesOf(headers, "x");
  };
  EXPECT_EQ(values(), "weight,route,host,table");
  config.most_specific_header_mutations_wins = true;
  EXPECT_EQ(values(), "table,host,route,weight");
}

TEST_F(RouteTableTest, TheLastToOverwriteWins) {
  using Action = api::HeaderValueOption::AppendAction;
  auto& host = addHost("r", {"*"});
  host.routes[0].response_headers_to_add = {addition("x", "route", Action::kOverwriteIfExistsOrAdd)};
  config.response_headers_to_add = {addition("x", "table", Action::kOverwriteIfExistsOrAdd)};
  const auto value = [&] {
    build();
    const http::HeaderMap headers = request("h", "/");
    http::HeaderMap response;
    response.setStatus(200);
    find(headers).entry->editResponse(response, nullptr, {.info = info, .response_headers = &response});
    return valuesOf(response, "x");
  };
  EXPECT_EQ(value(), "table");
  config.most_specific_header_mutations_wins = true;
  EXPECT_EQ(value(), "route");
}

struct MutationCase {
  const char* what;
  std::vector<api::HeaderValueOption> add;
  std::vector<std::string> remove;
  Fields before;
  const char* expected;  // of x
};

TEST(HeaderMutatorTest, AddsAndRemoves) {
  using Action = api::HeaderValueOption::AppendAction;
  api::HeaderValueOption older_append = addition("x", "2", Action::kOverwriteIfExistsOrAdd);
  older_append.append = true;
  api::HeaderValueOption older_overwrite = addition("x", "2");
  older_overwrite.append = false;
  api::HeaderValueOption empty_kept = addition("x", "%REQ(none)%");
  empty_kept.keep_empty_value = true;
  const MutationCase cases[] = {
      {"append", {addition("x", "2")}, {}, {{"x", "1"}}, "1,2"},
      {"append to nothing", {addition("x", "2")}, {}, {}, "2"},
      {"add if absent, present", {addition("x", "2", Action::kAddIfAbsent)}, {}, {{"x", "1"}}, "1"},
      {"add if absent, absent", {addition("x", "2", Action::kAddIfAbsent)}, {}, {}, "2"},
      {"overwrite or add", {addition("x", "2", Action::kOverwriteIfExistsOrAdd)}, {}, {{"x", "1"}}, "2"},
      {"overwrite or add, absent", {addition("x", "2", Action::kOverwriteIfExistsOrAdd)}, {}, {}, "2"},
      {"overwrite", {addition("x", "2", Action::kOverwriteIfExists)}, {}, {{"x", "1"}}, "2"},
      {"overwrite, absent", {addition("x", "2", Action::kOverwriteIfExists)}, {}, {}, ""},
      {"older append", {older_append}, {}, {{"x", "1"}}, "1,2"},
      {"older overwrite", {older_overwrite}, {}, {{"x", "1"}}, "2"},
      {"remove", {}, {"X"}, {{"x", "1"}}, ""},
      {"remove, then add", {addition("x", "2")}, {"x"}, {{"x", "1"}}, "2"},
      {"an operator", {addition("x", "<%REQ(y)%>")}, {}, {{"y", "v"}}, "<v>"},
      {"a percent sign", {addition("x", "100%%")}, {}, {}, "100%"},
      {"an operator without a value", {addition("x", "%REQ(none)%")}, {}, {}, ""},
      {"several", {addition("x", "1"), addition("x", "2")}, {}, {}, "1,2"},
  };
  for (const MutationCase& each : cases) {
    auto mutator = HeaderMutator::build(each.add, each.remove);
    ASSERT_TRUE(mutator.ok()) << each.what << ": " << mutator.error().message;
    http::HeaderMap headers = request("h", "/", each.before);
    const http::StreamInfo info;
    mutator->apply(headers, {.info = info, .request_headers = &headers});
    EXPECT_EQ(valuesOf(headers, "x"), each.expected) << each.what;
  }
  auto kept = HeaderMutator::build({empty_kept}, {});
  ASSERT_TRUE(kept.ok());
  http::HeaderMap headers = request("h", "/");
  const http::StreamInfo info;
  kept->apply(headers, {.info = info, .request_headers = &headers});
  EXPECT_TRUE(headers.has("x"));
}

TEST(HeaderMutatorTest, RefusesWhatCouldBreakTheMessage) {
  EXPECT_FALSE(HeaderMutator::build({}, {":path"}).ok());
  EXPECT_FALSE(HeaderMutator::build({}, {"Host"}).ok());
  EXPECT_FALSE(HeaderMutator::build({addition("bad name", "1")}, {}).ok());
  EXPECT_FALSE(HeaderMutator::build({addition("", "1")}, {}).ok());
  EXPECT_FALSE(HeaderMutator::build({addition("x", "a\r\nb")}, {}).ok());
  EXPECT_FALSE(HeaderMutator::build({addition("content-length", "1")}, {}).ok());
  EXPECT_FALSE(HeaderMutator::build({addition("transfer-encoding", "chunked")}, {}).ok());
  EXPECT_FALSE(HeaderMutator::build({addition(":status", "200")}, {}).ok());
  EXPECT_FALSE(HeaderMutator::build({addition("x", "%NOPE%")}, {}).ok());
  EXPECT_FALSE(HeaderMutator::build({api::HeaderValueOption{}}, {}).ok());
}

TEST(HeaderMutatorTest, TheHostCanBeSet) {
  auto mutator = HeaderMutator::build({addition("Host", "new.test")}, {});
  ASSERT_TRUE(mutator.ok());
  http::HeaderMap headers = request("old.test", "/");
  const http::StreamInfo info;
  mutator->apply(headers, {.info = info, .request_headers = &headers});
  EXPECT_EQ(headers.authority(), "new.test");
  EXPECT_EQ(valuesOf(headers, ":authority"), "new.test");
}

// --- Redirects ---

struct RedirectCase {
  const char* what;
  api::RedirectAction action;
  const char* host;
  const char* path;
  const char* proto;
  const char* expected;
};

TEST_F(RouteTableTest, RedirectsGoWhereTheySay) {
  api::RegexRewrite regex;
  regex.pattern = api::RegexMatcher{"/a/(.*)"};
  regex.substitution = "/b/\\1";
  const RedirectCase cases[] = {
      {"https", {.https_redirect = true}, "h", "/a?q=1", "http", "https://h/a?q=1"},
      {"https drops port 80", {.https_redirect = true}, "h:80", "/a", "http", "https://h/a"},
      {"https keeps another port", {.https_redirect = true}, "h:8080", "/a", "http", "https://h:8080/a"},
      {"scheme", {.scheme_redirect = "ftp"}, "h", "/a", "http", "ftp://h/a"},
      {"host", {.host_redirect = "new"}, "h:8080", "/a?q", "http", "http://new/a?q"},
      {"port", {.port_redirect = 8443}, "h:80", "/a", "https", "https://h:8443/a"},
      {"host and port", {.host_redirect = "n", .port_redirect = 1}, "h", "/a", "http", "http://n:1/a"},
      {"path", {.path_redirect = "/new"}, "h", "/a?q=1", "http", "http://h/new?q=1"},
      {"path with its own query", {.path_redirect = "/new?z"}, "h", "/a?q=1", "http", "http://h/new?z"},
      {"path, query stripped", {.path_redirect = "/new", .strip_query = true}, "h", "/a?q=1", "http", "http://h/new"},
      {"prefix", {.prefix_rewrite = "/p"}, "h", "/a/x?q", "http", "http://h/p/x?q"},
      {"regex", {.regex_rewrite = regex}, "h", "/a/x?q", "http", "http://h/b/x?q"},
      {"query stripped", {.host_redirect = "n", .strip_query = true}, "h", "/a?q=1", "http", "http://n/a"},
      {"IPv6", {.https_redirect = true}, "[::1]:80", "/a", "http", "https://[::1]/a"},
      {"IPv6 without a port", {.https_redirect = true}, "[::1]", "/a", "http", "https://[::1]/a"},
  };
  for (const RedirectCase& each : cases) {
    config.virtual_hosts.clear();
    auto& route = addHost("r", {"*"}).routes[0];
    route.match->prefix = "/a";
    route.route.reset();
    route.redirect = each.action;
    build();
    http::HeaderMap headers = request(each.host, each.path, {{"x-forwarded-proto", each.proto}});
    const RouteEntry* entry = find(headers).entry;
    ASSERT_NE(entry, nullptr) << each.what;
    EXPECT_EQ(entry->redirectLocation(headers), each.expected) << each.what;
  }
}

// --- What is refused ---

TEST_F(RouteTableTest, BadRoutesAreNamedInErrors) {
  const auto with = [&](const std::function<void(api::Route&)>& edit) {
    config.virtual_hosts.clear();
    edit(addHost("v", {"*"}).routes[0]);
    return buildError();
  };
  EXPECT_EQ(with([](api::Route& r) { r.route.reset(); }),
            "virtual host 'v': routes[0]: a route needs one of route, redirect and direct_response");
  EXPECT_EQ(with([](api::Route& r) { r.match.reset(); }), "virtual host 'v': routes[0]: a route has no match");
  EXPECT_EQ(with([](api::Route& r) { r.match->prefix.reset(); }),
            "virtual host 'v': routes[0]: a route's match needs one of prefix, path, path_separated_prefix, "
            "safe_regex and connect_matcher");
  EXPECT_EQ(with([](api::Route& r) { r.route->cluster.reset(); }),
            "virtual host 'v': routes[0]: a route needs one of cluster, cluster_header and weighted_clusters");
  EXPECT_NE(with([](api::Route& r) {
              r.match->prefix.reset();
              r.match->safe_regex = api::RegexMatcher{"("};
            }).find("does not compile"),
            std::string::npos);
  EXPECT_NE(with([](api::Route& r) {
              auto& edit = r.route->regex_rewrite.emplace();
              edit.pattern = api::RegexMatcher{"a"};
              edit.substitution = "\\2";
            }).find("does not fit its pattern"),
            std::string::npos);
  EXPECT_EQ(with([](api::Route& r) {
              r.route.reset();
              r.direct_response.emplace().status = 99;
            }),
            "virtual host 'v': routes[0]: direct_response: status is 99, expected 200 to 599");
}

TEST_F(RouteTableTest, ClustersOfAllRoutesAreNamed) {
  addHost("a", {"a"}).routes[0].route->request_mirror_policies = {{.cluster = "mirror"}};
  addHost("b", {"b"});
  build();
  std::string names;
  table->forEachCluster([&](const std::string& name) { names += name + " "; });
  EXPECT_EQ(names, "a mirror b ");
}

}  // namespace
}  // namespace baton::proxy
