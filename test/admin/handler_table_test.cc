#include "source/admin/handler_table.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "source/admin/builtins.h"
#include "source/admin/status_pages.h"

namespace baton::admin {
namespace {

TEST(Request, QueryIsTakenApartAndDecoded) {
  const Request request = Request::parse(Method::kGet, "/stats?usedonly&filter=%5Ea.%2Bb+c&x=&bad=%zz&&x=2");
  EXPECT_EQ(request.path, "/stats");
  EXPECT_TRUE(request.has("usedonly"));
  EXPECT_EQ(request.parameter("usedonly"), "");
  EXPECT_EQ(request.parameter("filter"), "^a.+b+c");
  EXPECT_EQ(request.parameter("x"), "");
  EXPECT_EQ(request.parameter("bad"), "%zz");
  EXPECT_FALSE(request.has("none"));
}

class HandlerTableTest : public testing::Test {
 protected:
  HandlerTableTest() {
    table_.add("/see", HandlerTable::Effect::kReads, "shows <it>",
               [](const Request&) { return Response::text("seen"); });
    table_.add("/do", HandlerTable::Effect::kChanges, "does it",
               [this](const Request&) {
                 ++done_;
                 return Response::ok();
               },
               {"how=WELL"});
  }
  Response ask(Method method, std::string_view target) { return table_.dispatch(Request::parse(method, target)); }

  HandlerTable table_;
  int done_ = 0;
};

TEST_F(HandlerTableTest, ReadingWorksByGetHeadAndPost) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost}) EXPECT_EQ(ask(method, "/see").body, "seen");
}

TEST_F(HandlerTableTest, ChangingNeedsPost) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kOther}) {
    const Response response = ask(method, "/do");
    EXPECT_EQ(response.status, 405);
    ASSERT_EQ(response.headers.size(), 1u);
    EXPECT_EQ(response.headers[0], (std::pair<std::string, std::string>("Allow", "POST")));
  }
  EXPECT_EQ(done_, 0);
  EXPECT_EQ(ask(Method::kPost, "/do?how=WELL").body, "OK\n");
  EXPECT_EQ(done_, 1);
}

TEST_F(HandlerTableTest, AnUnknownPathListsTheCommands) {
  const Response response = ask(Method::kGet, "/nothing");
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(response.body.find("/do (POST): does it"), std::string::npos);
}

TEST_F(HandlerTableTest, ThePageAndHelpListEverything) {
  const Response page = ask(Method::kGet, "/");
  EXPECT_EQ(page.content_type, "text/html; charset=UTF-8");
  EXPECT_NE(page.body.find("<a href=\"see\">/see</a>"), std::string::npos);
  EXPECT_NE(page.body.find("shows &lt;it&gt;"), std::string::npos);
  EXPECT_NE(page.body.find("<form method=\"post\" action=\"do\">"), std::string::npos);
  EXPECT_NE(ask(Method::kGet, "/help").body.find("parameters: how=WELL"), std::string::npos);
}

class Builtins : public testing::Test {
 protected:
  Builtins() {
    store_->counter("cluster.web.upstream_rq_200").add(2);
    store_->counter("cluster.web.unused");
    store_->gauge("server.live").set(1);
    addBuiltIns(table_,
                {.store = store_.get(),
                 .tags = &tags_,
                 .before_stats = [this] { store_->gauge("server.uptime").set(12); },
                 .clusters = [this] { return clusters_; },
                 .listeners =
                     [] {
                       return std::vector<ListenerStatus>{{.name = "main", .addresses = {"0.0.0.0:80", "[::1]:81"}},
                                                          {.name = "pipe", .addresses = {"/run/x.sock"}}};
                     },
                 .config_dump = [] { return std::string("{\"configs\":[]}"); },
                 .certs = [] { return std::string("{\"certificates\":[]}"); },
                 .server_info = [this] { return ServerInfo{.version = "v1", .state = state_}; },
                 .state = [this] { return state_; },
                 .runtime =
                     [] {
                       return std::make_shared<const base::Runtime>(
                           std::vector<base::Runtime::Layer>{{.name = "static", .values = {{"key", "7"}}}});
                     },
                 .modify_runtime = [this](const std::map<std::string, std::string>& changes) -> base::Result<void> {
                   changes_ = changes;
                   if (changes.count("refused") != 0) {
                     return base::Error{base::ErrorCode::kInvalidArgument, "no admin layer"};
                   }
                   return {};
                 },
                 .reopen_logs = [this] { ++reopened_; }});
    clusters_.push_back({.name = "web",
                         .settings = {{"default_priority::max_connections", "1024"}},
                         .hosts = {{.address = "127.0.0.1:80",
                                    .hostname = "a.example",
                                    .counts = {{"cx_active", 1}, {"rq_total", 5}},
                                    .health_flags = "/failed_active_hc"}}});
  }
  Response get(std::string_view target) { return table_.dispatch(Request::parse(Method::kGet, target)); }
  Response post(std::string_view target, std::string body = "") {
    Request request = Request::parse(Method::kPost, target);
    request.body = std::move(body);
    return table_.dispatch(request);
  }

  std::unique_ptr<stats::Store> store_ = stats::Store::inMemory();
  stats::TagExtractor tags_;
  HandlerTable table_;
  std::vector<ClusterStatus> clusters_;
  ServerState state_ = ServerState::kLive;
  std::map<std::string, std::string> changes_;
  int reopened_ = 0;
};

TEST_F(Builtins, StatsComeAsTextJsonAndPrometheus) {
  EXPECT_NE(get("/stats").body.find("server.uptime: 12\n"), std::string::npos);
  EXPECT_EQ(get("/stats?filter=server.live").body, "server.live: 1\n");
  EXPECT_EQ(get("/stats?usedonly&filter=cluster").body, "cluster.web.upstream_rq_200: 2\n");
  EXPECT_EQ(get("/stats?type=Gauges&filter=cluster").body, "");
  EXPECT_EQ(boost::json::parse(get("/stats?format=json&filter=live").body).at("stats").as_array().size(), 1u);
  const std::string metric = "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"web\"} 2\n";
  EXPECT_NE(get("/stats?format=prometheus").body.find(metric), std::string::npos);
  EXPECT_NE(get("/stats/prometheus").body.find(metric), std::string::npos);
}

TEST_F(Builtins, BadStatsQueriesAreRefused) {
  EXPECT_EQ(get("/stats?filter=%28").status, 400);
  EXPECT_EQ(get("/stats?filter=" + std::string(5000, 'a')).status, 400);
  EXPECT_EQ(get("/stats?format=html").status, 400);
  EXPECT_EQ(get("/stats?type=Some").status, 400);
  EXPECT_EQ(get("/clusters?format=prometheus").status, 400);
}

TEST_F(Builtins, CountersAreResetByPostOnly) {
  EXPECT_EQ(get("/reset_counters").status, 405);
  EXPECT_EQ(store_->findCounter("cluster.web.upstream_rq_200"), 2u);
  EXPECT_EQ(post("/reset_counters").status, 200);
  EXPECT_EQ(store_->findCounter("cluster.web.upstream_rq_200"), 0u);
}

TEST_F(Builtins, ClustersPrintTheirEndpoints) {
  const std::string text = get("/clusters").body;
  for (const char* line : {"web::default_priority::max_connections::1024\n", "web::added_via_api::false\n",
                           "web::127.0.0.1:80::cx_active::1\n", "web::127.0.0.1:80::health_flags::/failed_active_hc\n",
                           "web::127.0.0.1:80::hostname::a.example\n", "web::127.0.0.1:80::success_rate::-1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
  const auto root = boost::json::parse(get("/clusters?format=json").body);
  const auto& host = root.at("cluster_statuses").as_array()[0].at("host_statuses").as_array()[0];
  EXPECT_EQ(host.at("address").at("socket_address").at("port_value").to_number<int>(), 80);
  EXPECT_TRUE(host.at("health_status").at("failed_active_health_check").as_bool());
}

TEST_F(Builtins, ListenersPrintTheirAddresses) {
  EXPECT_EQ(get("/listeners").body, "main::0.0.0.0:80\nmain::[::1]:81\npipe::/run/x.sock\n");
  const auto root = boost::json::parse(get("/listeners?format=json").body);
  const auto& statuses = root.at("listener_statuses").as_array();
  EXPECT_EQ(statuses[0].at("local_address").at("socket_address").at("address").as_string(), "0.0.0.0");
  EXPECT_EQ(statuses[1].at("local_address").at("pipe").at("path").as_string(), "/run/x.sock");
}

TEST_F(Builtins, ReadySaysWhatStateTheServerIsIn) {
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(get("/ready").body, "LIVE\n");
  state_ = ServerState::kDraining;
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_EQ(get("/ready").body, "DRAINING\n");
  EXPECT_EQ(boost::json::parse(get("/server_info").body).at("state").as_string(), "DRAINING");
}

TEST_F(Builtins, RuntimeIsShownAndModified) {
  const auto root = boost::json::parse(get("/runtime").body);
  EXPECT_EQ(root.at("entries").at("key").at("final_value").as_string(), "7");
  EXPECT_EQ(get("/runtime_modify?a=1").status, 405);
  EXPECT_EQ(post("/runtime_modify?a=1&b=", "c=3").status, 200);
  EXPECT_EQ(changes_, (std::map<std::string, std::string>{{"a", "1"}, {"b", ""}, {"c", "3"}}));
  EXPECT_EQ(post("/runtime_modify").status, 400);
  EXPECT_EQ(post("/runtime_modify?refused=1").status, 503);
}

TEST_F(Builtins, LogLevelsChangeByPost) {
  EXPECT_EQ(get("/logging").status, 405);
  EXPECT_NE(post("/logging?upstream=error").body.find("upstream: error"), std::string::npos);
  EXPECT_NE(post("/logging?paths=upstream:info,tls:info").body.find("upstream: info"), std::string::npos);
  EXPECT_EQ(post("/logging?upstream=loud").status, 400);
  EXPECT_EQ(post("/logging?nothing=info").status, 400);
  EXPECT_EQ(post("/logging?paths=x").status, 400);
}

TEST_F(Builtins, TheRestIsThere) {
  EXPECT_EQ(get("/config_dump").content_type, "application/json");
  EXPECT_EQ(get("/certs").status, 200);
  EXPECT_NE(boost::json::parse(get("/memory").body).at("total_physical_bytes").as_string(), "0");
  EXPECT_EQ(get("/reopen_logs").status, 405);
  post("/reopen_logs");
  EXPECT_EQ(reopened_, 1);
}

}  // namespace
}  // namespace baton::admin
