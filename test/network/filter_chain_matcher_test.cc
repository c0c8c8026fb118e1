#include "source/network/filter_chain_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::network {
namespace {

using testing::HasSubstr;
using Match = api::FilterChainMatch;
using SourceType = api::FilterChainMatch::ConnectionSourceType;

struct Peer {
  const char* local = "10.0.0.1:443";
  const char* remote = "192.0.2.7:5000";
  const char* direct_remote = nullptr;
  const char* server_name = "";
  const char* transport = "";
  std::vector<std::string> protocols;
};

ConnectionInfo connectionOf(const Peer& peer) {
  ConnectionInfo info;
  info.local_address = *Address::parse(peer.local);
  info.remote_address = *Address::parse(peer.remote);
  info.direct_remote_address = *Address::parse(peer.direct_remote != nullptr ? peer.direct_remote : peer.remote);
  info.requested_server_name = peer.server_name;
  info.detected_transport_protocol = peer.transport;
  info.requested_application_protocols = peer.protocols;
  return info;
}

api::FilterChain chain(std::string name, Match match) {
  api::FilterChain chain;
  chain.name = std::move(name);
  chain.filter_chain_match = std::move(match);
  return chain;
}

struct Case {
  const char* what;
  std::vector<api::FilterChain> chains;
  Peer peer;
  const char* expected;  // name, or "" for none
};

class FilterChainMatcherTest : public testing::TestWithParam<Case> {};

TEST_P(FilterChainMatcherTest, ChoosesByPrecedence) {
  const Case& given = GetParam();
  auto matcher = FilterChainMatcher::build(given.chains);
  ASSERT_TRUE(matcher) << matcher.error().message;
  const auto found = matcher->find(connectionOf(given.peer));
  EXPECT_EQ(found ? given.chains[*found].name : "", given.expected) << given.what;
}

const Match kAny{};
const Match kPort443{.destination_port = 443};
const Match kNet10{.prefix_ranges = {{"10.0.0.0", 8}}};
const Match kHost10{.prefix_ranges = {{"10.0.0.1", 32}}};
const Match kExactName{.server_names = {"a.example.com"}};
const Match kWildcard{.server_names = {"*.example.com"}};
const Match kWiderWildcard{.server_names = {"*.com"}};
const Match kTls{.transport_protocol = "tls"};
const Match kRaw{.transport_protocol = "raw_buffer"};
const Match kH2{.application_protocols = {"h2"}};
const Match kH1{.application_protocols = {"http/1.1"}};

INSTANTIATE_TEST_SUITE_P(
    Table, FilterChainMatcherTest,
    testing::Values(
        Case{"nothing configured", {}, {}, ""}, Case{"one chain for all", {chain("all", kAny)}, {}, "all"},
        Case{"port matches", {chain("port", kPort443), chain("all", kAny)}, {}, "port"},
        Case{"port does not match", {chain("port", kPort443)}, {.local = "10.0.0.1:80"}, ""},
        Case{"other port falls to any", {chain("port", kPort443), chain("all", kAny)}, {.local = "10.0.0.1:80"}, "all"},
        Case{"port goes before address", {chain("host", kHost10), chain("port", kPort443)}, {}, "port"},
        Case{"the longest prefix wins", {chain("net", kNet10), chain("host", kHost10)}, {}, "host"},
        Case{"the order of chains does not count", {chain("host", kHost10), chain("net", kNet10)}, {}, "host"},
        Case{"the wider prefix takes the rest",
             {chain("net", kNet10), chain("host", kHost10)},
             {.local = "10.9.9.9:443"},
             "net"},
        Case{"address before name",
             {chain("name", kExactName), chain("net", kNet10)},
             {.server_name = "a.example.com"},
             "net"},
        Case{"exact name",
             {chain("wild", kWildcard), chain("exact", kExactName)},
             {.server_name = "a.example.com"},
             "exact"},
        Case{"wildcard",
             {chain("wild", kWildcard), chain("exact", kExactName)},
             {.server_name = "b.example.com"},
             "wild"},
        Case{"wildcard over several labels", {chain("wild", kWildcard)}, {.server_name = "x.y.example.com"}, "wild"},
        Case{"the longest wildcard",
             {chain("wide", kWiderWildcard), chain("wild", kWildcard)},
             {.server_name = "b.example.com"},
             "wild"},
        Case{"a wildcard is not the name itself", {chain("wild", kWildcard)}, {.server_name = "example.com"}, ""},
        Case{"a wildcard needs a dot", {chain("wild", kWildcard)}, {.server_name = "badexample.com"}, ""},
        Case{"names are compared without case",
             {chain("exact", Match{.server_names = {"A.Example.com"}})},
             {.server_name = "a.EXAMPLE.com"},
             "exact"},
        Case{"no name asked for", {chain("exact", kExactName), chain("all", kAny)}, {}, "all"},
        Case{"an empty name matches no wildcard", {chain("wild", kWildcard)}, {}, ""},
        Case{"name before transport protocol",
             {chain("tls", kTls), chain("wild", kWildcard)},
             {.server_name = "b.example.com", .transport = "tls"},
             "wild"},
        Case{"transport protocol", {chain("tls", kTls), chain("raw", kRaw)}, {.transport = "tls"}, "tls"},
        Case{"plain text is raw_buffer", {chain("tls", kTls), chain("raw", kRaw)}, {}, "raw"},
        Case{"transport before application protocol",
             {chain("h2", kH2), chain("tls", kTls)},
             {.transport = "tls", .protocols = {"h2"}},
             "tls"},
        Case{"application protocol", {chain("h2", kH2), chain("h1", kH1)}, {.protocols = {"h2"}}, "h2"},
        Case{"the client's order decides",
             {chain("h2", kH2), chain("h1", kH1)},
             {.protocols = {"http/1.1", "h2"}},
             "h1"},
        Case{"unknown protocols are skipped",
             {chain("h2", kH2), chain("all", kAny)},
             {.protocols = {"spdy", "h2"}},
             "h2"},
        Case{"no protocol offered", {chain("h2", kH2), chain("all", kAny)}, {}, "all"},
        Case{"direct source address",
             {chain("lb", Match{.direct_source_prefix_ranges = {{"172.16.0.0", 12}}}), chain("all", kAny)},
             {.direct_remote = "172.16.1.1:9"},
             "lb"},
        Case{"direct source goes before source",
             {chain("lb", Match{.direct_source_prefix_ranges = {{"172.16.0.0", 12}}}),
              chain("client", Match{.source_prefix_ranges = {{"192.0.2.0", 24}}})},
             {.direct_remote = "172.16.1.1:9"},
             "lb"},
        Case{"loopback is local",
             {chain("local", Match{.source_type = SourceType::kSameIpOrLoopback}),
              chain("external", Match{.source_type = SourceType::kExternal})},
             {.remote = "127.0.0.1:9"},
             "local"},
        Case{"the same address is local",
             {chain("local", Match{.source_type = SourceType::kSameIpOrLoopback}),
              chain("external", Match{.source_type = SourceType::kExternal})},
             {.remote = "10.0.0.1:9"},
             "local"},
        Case{"others are external",
             {chain("local", Match{.source_type = SourceType::kSameIpOrLoopback}),
              chain("external", Match{.source_type = SourceType::kExternal})},
             {},
             "external"},
        Case{"any source type takes the rest",
             {chain("local", Match{.source_type = SourceType::kSameIpOrLoopback}), chain("all", kAny)},
             {},
             "all"},
        Case{"source address",
             {chain("office", Match{.source_prefix_ranges = {{"192.0.2.0", 24}}}), chain("all", kAny)},
             {},
             "office"},
        Case{"another source address",
             {chain("office", Match{.source_prefix_ranges = {{"198.51.100.0", 24}}}), chain("all", kAny)},
             {},
             "all"},
        Case{"source address before source port",
             {chain("office", Match{.source_prefix_ranges = {{"192.0.2.0", 24}}}),
              chain("port", Match{.source_ports = {5000}})},
             {},
             "office"},
        Case{"source port", {chain("port", Match{.source_ports = {4999, 5000}}), chain("all", kAny)}, {}, "port"},
        Case{
            "no going back: the port was taken, its chain wants another name",
            {chain("port+name", Match{.destination_port = 443, .server_names = {"a.example.com"}}), chain("all", kAny)},
            {.server_name = "other.example.com"},
            ""},
        Case{"no going back from an exact name",
             {chain("exact+tls", Match{.server_names = {"a.example.com"}, .transport_protocol = "tls"}),
              chain("wild", kWildcard)},
             {.server_name = "a.example.com"},
             ""},
        Case{"all conditions together",
             {chain("full", Match{.destination_port = 443,
                                  .prefix_ranges = {{"10.0.0.0", 8}},
                                  .source_prefix_ranges = {{"192.0.2.0", 24}},
                                  .server_names = {"a.example.com"},
                                  .transport_protocol = "tls",
                                  .application_protocols = {"h2"}}),
              chain("all", kAny)},
             {.server_name = "a.example.com", .transport = "tls", .protocols = {"h2"}},
             "full"},
        Case{"a Unix socket matches only what asks for no address",
             {chain("port", kPort443), chain("all", kAny)},
             {.local = "/run/x", .remote = "@peer"},
             "all"},
        Case{"several values of one chain",
             {chain("multi", Match{.server_names = {"x.test", "y.test"}})},
             {.server_name = "y.test"},
             "multi"},
        Case{"IPv6",
             {chain("six", Match{.prefix_ranges = {{"2001:db8::", 32}}}), chain("all", kAny)},
             {.local = "[2001:db8::1]:1"},
             "six"}));

TEST(FilterChainMatcherBuildTest, IdenticalMatchesAreRefused) {
  const auto refused = [](Match a, Match b) {
    const auto built = FilterChainMatcher::build({chain("first", std::move(a)), chain("second", std::move(b))});
    return built.ok() ? "" : built.error().message;
  };
  constexpr auto kMessage = "filter chain 'second' has the same matching rules as filter chain 'first'";
  EXPECT_EQ(refused(kAny, kAny), kMessage);
  EXPECT_EQ(refused(kExactName, kExactName), kMessage);
  EXPECT_EQ(refused(Match{.prefix_ranges = {{"10.1.1.1", 8}}}, Match{.prefix_ranges = {{"10.0.0.0", 8}}}), kMessage);
  EXPECT_EQ(refused(Match{.server_names = {"a.test", "b.test"}}, Match{.server_names = {"c.test", "B.test"}}), kMessage)
      << "they overlap in one name";
  EXPECT_EQ(refused(kExactName, kWildcard), "");
  EXPECT_EQ(refused(kNet10, kHost10), "");
  const auto unnamed = FilterChainMatcher::build({chain("", kAny), chain("", kAny)});
  EXPECT_EQ(unnamed.error().message,
            "filter chain filter_chains[1] has the same matching rules as filter chain filter_chains[0]");
}

TEST(FilterChainMatcherBuildTest, TheSameNameTwiceInOneChainIsFine) {
  EXPECT_TRUE(FilterChainMatcher::build({chain("a", Match{.server_names = {"x.test", "X.test"}})}));
}

TEST(FilterChainMatcherBuildTest, WildcardsInsideANameAreRefused) {
  for (const char* name : {"a.*.com", "*a.com", "www.*", "*.*.com", "*"}) {
    const auto built = FilterChainMatcher::build({chain("x", Match{.server_names = {name}})});
    ASSERT_FALSE(built) << name;
    EXPECT_THAT(built.error().message, HasSubstr("partial wildcards are not supported in server_names"));
  }
}

TEST(FilterChainMatcherBuildTest, BadRangesAreRefused) {
  const auto built = FilterChainMatcher::build({chain("x", Match{.prefix_ranges = {{"10.0.0.0", 40}}})});
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().message, HasSubstr("filter chain 'x': prefix length 40"));
}

}  // namespace
}  // namespace baton::network
