#include "source/stats/render.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <re2/re2.h>

#include "source/stats/store.h"
#include "source/stats/tags.h"

namespace baton::stats {
namespace {

TEST(Buckets, CoverAllValuesInOrderAndWithinThreePercent) {
  uint64_t expected = 0;
  for (size_t i = 0; i + 1 < buckets::kCount; ++i) {
    ASSERT_EQ(buckets::lowerBound(i), expected) << i;
    ASSERT_EQ(buckets::indexOf(expected), i);
    ASSERT_EQ(buckets::indexOf(expected + buckets::width(i) - 1), i);
    ASSERT_TRUE(buckets::width(i) == 1 || buckets::width(i) * 32 <= expected);
    expected += buckets::width(i);
  }
  EXPECT_EQ(buckets::indexOf(UINT64_MAX), buckets::kCount - 1);
}

TEST(Histograms, QuantilesAreNearTheTruth) {
  const auto store = Store::inMemory();
  Histogram histogram = store->histogram("h");
  for (uint64_t i = 1; i <= 10000; ++i) histogram.record(i);
  const HistogramValues values = store->snapshot().histograms[0].cumulative;
  EXPECT_EQ(values.count, 10000u);
  EXPECT_EQ(values.sum, 50005000u);
  for (const double fraction : {0.25, 0.5, 0.9, 0.99, 0.999}) {
    EXPECT_NEAR(values.quantile(fraction), fraction * 10000, fraction * 10000 * 0.03);
  }
  EXPECT_EQ(values.quantile(0), 1);
}

TEST(Histograms, AnIntervalHoldsWhatCameSinceTheLastMerge) {
  const auto store = Store::inMemory();
  Histogram histogram = store->histogram("h");
  histogram.record(1);
  EXPECT_EQ(store->snapshot().histograms[0].interval.count, 0u);
  store->mergeHistograms();
  histogram.record(9);
  histogram.record(9);
  EXPECT_EQ(store->snapshot().histograms[0].interval.count, 1u);
  store->mergeHistograms();
  const HistogramSample sample = store->snapshot().histograms[0];
  EXPECT_EQ(sample.interval.count, 2u);
  EXPECT_EQ(sample.interval.quantile(0), 9);
  EXPECT_EQ(sample.cumulative.count, 3u);
  EXPECT_EQ(sample.cumulative.sum, 19u);
}

class Render : public testing::Test {
 protected:
  Render() {
    store_->setFilter([](std::string_view name) { return name != "stats.overflow"; });
    store_->counter("cluster.web.upstream_rq_200").add(3);
    store_->counter("cluster.web.upstream_rq_503");
    store_->counter("http.in.downstream_rq_2xx").add(3);
    store_->gauge("server.live").set(1);
    Histogram histogram = store_->histogram("cluster.web.upstream_rq_time");
    histogram.record(4);
    histogram.record(20);
  }

  std::unique_ptr<Store> store_ = Store::inMemory();
};

TEST_F(Render, TextHasALineForEachStat) {
  store_->histogram("empty");
  EXPECT_EQ(renderText(store_->snapshot(), {}),
            "cluster.web.upstream_rq_200: 3\n"
            "cluster.web.upstream_rq_503: 0\n"
            "http.in.downstream_rq_2xx: 3\n"
            "server.live: 1\n"
            "stats.overflow: 0\n"
            "cluster.web.upstream_rq_time: P0(nan,4) P25(nan,4) P50(nan,4) P75(nan,20) P90(nan,20) P95(nan,20) "
            "P99(nan,20) P99.5(nan,20) P99.9(nan,20) P100(nan,20)\n"
            "empty: No recorded values\n");
}

TEST_F(Render, UsedOnlyAndFilterChooseLines) {
  EXPECT_EQ(renderText(store_->snapshot(), {.used_only = true, .filter = nullptr}).find("upstream_rq_503"),
            std::string::npos);
  const re2::RE2 filter("^server\\.");
  EXPECT_EQ(renderText(store_->snapshot(), {.used_only = false, .filter = &filter}), "server.live: 1\n");
}

TEST_F(Render, JsonHasValuesAndQuantiles) {
  const auto root = boost::json::parse(renderJson(store_->snapshot(), {.used_only = true, .filter = nullptr}));
  const auto& stats = root.at("stats").as_array();
  ASSERT_EQ(stats.size(), 4u);
  EXPECT_EQ(stats[0].at("name").as_string(), "cluster.web.upstream_rq_200");
  EXPECT_EQ(stats[0].at("value").to_number<int>(), 3);
  const auto& computed = stats[3].at("histograms").at("computed_quantiles").as_array();
  EXPECT_EQ(computed[0].at("name").as_string(), "cluster.web.upstream_rq_time");
  EXPECT_TRUE(computed[0].at("values").as_array()[0].at("interval").is_null());
  EXPECT_EQ(computed[0].at("values").as_array()[9].at("cumulative").to_number<double>(), 20);
}

TEST_F(Render, PrometheusGroupsMetricsAndCutsTagsOut) {
  const TagExtractor tags;
  const std::vector<double> bounds{1, 10, 100};
  const std::string text = renderPrometheus(
      store_->snapshot(), {},
      {.tags = &tags, .bounds = [&](std::string_view) -> const std::vector<double>& { return bounds; }});
  EXPECT_EQ(text,
            "# TYPE envoy_cluster_upstream_rq counter\n"
            "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"web\"} 3\n"
            "envoy_cluster_upstream_rq{envoy_response_code=\"503\",envoy_cluster_name=\"web\"} 0\n"
            "# TYPE envoy_http_downstream_rq_xx counter\n"
            "envoy_http_downstream_rq_xx{envoy_response_code_class=\"2\",envoy_http_conn_manager_prefix=\"in\"} 3\n"
            "# TYPE envoy_stats_overflow counter\n"
            "envoy_stats_overflow 0\n"
            "# TYPE envoy_server_live gauge\n"
            "envoy_server_live 1\n"
            "# TYPE envoy_cluster_upstream_rq_time histogram\n"
            "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"web\",le=\"1\"} 0\n"
            "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"web\",le=\"10\"} 1\n"
            "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"web\",le=\"100\"} 2\n"
            "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"web\",le=\"+Inf\"} 2\n"
            "envoy_cluster_upstream_rq_time_sum{envoy_cluster_name=\"web\"} 24\n"
            "envoy_cluster_upstream_rq_time_count{envoy_cluster_name=\"web\"} 2\n");
}

TEST(Tags, EnvoysDefaultTagsAreCutOut) {
  struct Case {
    std::string_view name;
    std::string_view metric;
    std::string_view tags;
  };
  const Case cases[] = {
      {"server.uptime", "server.uptime", ""},
      {"listener.0.0.0.0_10000.downstream_cx_total", "listener.downstream_cx_total",
       "envoy_listener_address=0.0.0.0_10000"},
      {"listener.[__1]_80.downstream_cx_total", "listener.downstream_cx_total", "envoy_listener_address=[__1]_80"},
      {"listener.edge.downstream_cx_total", "listener.edge.downstream_cx_total", ""},
      {"listener.127.0.0.1_80.http.in.downstream_rq_2xx", "listener.http.downstream_rq_xx",
       "envoy_response_code_class=2 envoy_listener_address=127.0.0.1_80 envoy_http_conn_manager_prefix=in"},
      {"listener.127.0.0.1_80.worker_3.downstream_cx_total", "listener.worker_downstream_cx_total",
       "envoy_listener_address=127.0.0.1_80 envoy_worker_id=3"},
      {"listener.127.0.0.1_443.ssl.ciphers.TLS_AES_128_GCM_SHA256", "listener.ssl.ciphers",
       "envoy_listener_address=127.0.0.1_443 envoy_ssl_cipher=TLS_AES_128_GCM_SHA256"},
      {"cluster.a.ssl.versions.TLSv1.3", "cluster.ssl.versions", "envoy_ssl_version=TLSv1.3 envoy_cluster_name=a"},
      {"cluster.a.retry.upstream_rq_5xx", "cluster.retry.upstream_rq_xx",
       "envoy_response_code_class=5 envoy_cluster_name=a"},
      {"cluster.a.upstream_rq_total", "cluster.upstream_rq_total", "envoy_cluster_name=a"},
      {"tcp.t.idle_timeout", "tcp.idle_timeout", "envoy_tcp_prefix=t"},
      {"vhost.v.vcluster.c.upstream_rq_404", "vhost.vcluster.upstream_rq",
       "envoy_response_code=404 envoy_virtual_host=v envoy_virtual_cluster=c"},
      {"rl.http_local_rate_limit.ok", "http_local_rate_limit.ok", "envoy_local_http_ratelimit_prefix=rl"},
  };
  const TagExtractor extractor;
  for (const Case& each : cases) {
    const TaggedName tagged = extractor.extract(each.name);
    std::string tags;
    for (const auto& [label, value] : tagged.tags) tags += (tags.empty() ? "" : " ") + label + "=" + value;
    EXPECT_EQ(tagged.name, each.metric) << each.name;
    EXPECT_EQ(tags, each.tags) << each.name;
  }
}

TEST(Tags, CustomTagsByRegexAndFixedValue) {
  const auto extractor =
      TagExtractor::create({{.name = "my.tag", .regex = "^cluster\\.((\\w+?)_v\\d)", .fixed_value = ""},
                            {.name = "dc", .regex = "", .fixed_value = "north"}},
                           false);
  ASSERT_TRUE(extractor.ok());
  const TaggedName tagged = (*extractor)->extract("cluster.web_v2.cx");
  ASSERT_EQ(tagged.tags.size(), 2u);
  EXPECT_EQ(tagged.tags[0], (std::pair<std::string, std::string>("my_tag", "web")));
  EXPECT_EQ(tagged.tags[1], (std::pair<std::string, std::string>("dc", "north")));
  EXPECT_FALSE(TagExtractor::create({{.name = "x", .regex = "(", .fixed_value = ""}}, true).ok());
  EXPECT_FALSE(TagExtractor::create({{.name = "x", .regex = "no group", .fixed_value = ""}}, true).ok());
}

}  // namespace
}  // namespace baton::stats
