#include <gtest/gtest.h>

#include "test/support/h2_frames.h"
#include "test/upstream/pool_fixture.h"

namespace baton::upstream {
namespace {

using test::H2Error;
using test::H2Type;

// The server's side of one HTTP/2 connection, frame by frame.
class H2Server {
 public:
  explicit H2Server(std::unique_ptr<test::Peer> peer, const std::vector<std::pair<uint16_t, uint32_t>>& settings = {})
      : peer_(std::move(peer)) {
    peer_->send(test::h2Settings(settings));
  }

  test::Peer& peer() { return *peer_; }
  // Streams that have come so far, in order.
  const std::vector<uint32_t>& streams() {
    read();
    return streams_;
  }
  size_t goaways() {
    read();
    return goaways_;
  }
  std::vector<H2Error> resets() {
    read();
    return resets_;
  }
  void answer(uint32_t stream, std::string_view body = "ok") {
    peer_->send(test::h2Headers(stream, {{":status", "200"}}, false) + test::h2Data(stream, body, true));
  }

 private:
  void read() {
    std::string fresh = peer_->received();
    peer_->forget();
    if (!preface_seen_) {
      pending_ += fresh;
      if (pending_.size() < test::kH2Preface.size()) return;
      fresh = pending_.substr(test::kH2Preface.size());
      preface_seen_ = true;
    }
    for (const test::H2ReadFrame& frame : reader_.read(fresh)) {
      if (frame.type == H2Type::kSettings && (frame.flags & test::kAck) == 0) peer_->send(test::h2SettingsAck());
      if (frame.type == H2Type::kHeaders) streams_.push_back(frame.stream);
      if (frame.type == H2Type::kGoaway) ++goaways_;
      if (frame.type == H2Type::kRstStream) resets_.push_back(frame.error());
    }
  }

  std::unique_ptr<test::Peer> peer_;
  test::H2Reader reader_;
  std::string pending_;
  bool preface_seen_ = false;
  std::vector<uint32_t> streams_;
  std::vector<H2Error> resets_;
  size_t goaways_ = 0;
};

constexpr uint16_t kMaxConcurrentStreams = 3;

class Http2Pool : public PoolFixture {
 protected:
  Http2Pool() {
    info->protocol = UpstreamProtocol::kHttp2;
    info->http2.keepalive_interval = std::chrono::milliseconds(0);
  }

  std::unique_ptr<H2Server> accept(const std::vector<std::pair<uint16_t, uint32_t>>& settings = {}) {
    auto peer = server.accept(loop);
    return peer == nullptr ? nullptr : std::make_unique<H2Server>(std::move(peer), settings);
  }
  bool streamsCame(H2Server& on, size_t count) {
    return until([&] { return on.streams().size() >= count; });
  }
};

TEST_F(Http2Pool, ManyRequestsShareOneConnection) {
  build();
  std::vector<std::unique_ptr<TestRequest>> requests;
  for (int i = 0; i < 10; ++i) requests.push_back(request());
  auto h2 = accept();
  ASSERT_NE(h2, nullptr);
  ASSERT_TRUE(streamsCame(*h2, 10));
  for (uint32_t stream : h2->streams()) h2->answer(stream);
  for (auto& r : requests) {
    ASSERT_TRUE(until([&] { return r->answered(); }));
    EXPECT_EQ(r->response.data, "ok");
    EXPECT_EQ(r->connection_id, requests[0]->connection_id);
  }
  EXPECT_EQ(counter("upstream_cx_total"), 1u);
  EXPECT_EQ(counter("upstream_cx_http2_total"), 1u);
  EXPECT_EQ(counter("upstream_rq_total"), 10u);
  expectNothingLeft();
}

TEST_F(Http2Pool, ALaterRequestJoinsAtOnce) {
  build();
  auto one = request();
  auto h2 = accept();
  ASSERT_TRUE(streamsCame(*h2, 1));
  auto two = request();
  EXPECT_EQ(two->pending, nullptr);
  EXPECT_TRUE(two->reused);
  ASSERT_TRUE(streamsCame(*h2, 2));
  EXPECT_EQ(h2->streams(), (std::vector<uint32_t>{1, 3}));
}

TEST_F(Http2Pool, TheServersLimitOpensFurtherConnections) {
  build();
  auto one = request();
  auto first = accept({{kMaxConcurrentStreams, 1}});
  ASSERT_TRUE(streamsCame(*first, 1));
  settle();
  auto two = request();
  EXPECT_NE(two->pending, nullptr);
  auto second = accept({{kMaxConcurrentStreams, 1}});
  ASSERT_NE(second, nullptr);
  ASSERT_TRUE(streamsCame(*second, 1));
  first->answer(1);
  second->answer(1);
  ASSERT_TRUE(until([&] { return one->answered() && two->answered(); }));
  EXPECT_EQ(counter("upstream_cx_total"), 2u);
  expectNothingLeft();
}

TEST_F(Http2Pool, OurLimitOpensFurtherConnections) {
  info->http2.max_concurrent_streams = 2;
  build();
  std::vector<std::unique_ptr<TestRequest>> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(request());
  auto first = accept();
  ASSERT_TRUE(streamsCame(*first, 2));
  auto second = accept();
  ASSERT_NE(second, nullptr);
  ASSERT_TRUE(streamsCame(*second, 1));
  EXPECT_EQ(first->streams().size(), 2u);
}

TEST_F(Http2Pool, GoawayDrainsAndTheNextRequestGetsAFreshConnection) {
  build();
  auto one = request();
  auto first = accept();
  ASSERT_TRUE(streamsCame(*first, 1));
  first->peer().send(test::h2Goaway(1, H2Error::kNoError));
  settle();
  auto two = request();
  auto second = accept();
  ASSERT_NE(second, nullptr);
  ASSERT_TRUE(streamsCame(*second, 1));
  // The old stream ends in peace, and then its connection.
  first->answer(1);
  ASSERT_TRUE(until([&] { return one->answered(); }));
  EXPECT_TRUE(first->peer().endedWithin(loop));
  second->answer(1);
  ASSERT_TRUE(until([&] { return two->answered(); }));
  expectNothingLeft();
}

TEST_F(Http2Pool, StreamsAboveTheGoawayAreRefusedAndMayBeSentAgain) {
  build();
  auto one = request(), two = request();
  auto h2 = accept();
  ASSERT_TRUE(streamsCame(*h2, 2));
  h2->peer().send(test::h2Goaway(1, H2Error::kNoError));
  ASSERT_TRUE(until([&] { return !two->response.reset.empty(); }));
  EXPECT_NE(two->response.transcript().find("refused"), std::string::npos) << two->response.transcript();
  h2->answer(1);
  ASSERT_TRUE(until([&] { return one->answered(); }));
  expectNothingLeft();
}

TEST_F(Http2Pool, ARefusedStreamDoesNotHarmTheConnection) {
  build();
  auto one = request();
  auto h2 = accept();
  ASSERT_TRUE(streamsCame(*h2, 1));
  h2->peer().send(test::h2RstStream(1, H2Error::kRefusedStream));
  ASSERT_TRUE(until([&] { return !one->response.reset.empty(); }));
  EXPECT_EQ(counter("upstream_rq_rx_reset"), 1u);
  auto two = request();
  EXPECT_EQ(two->pending, nullptr);
  ASSERT_TRUE(streamsCame(*h2, 2));
  h2->answer(3);
  ASSERT_TRUE(until([&] { return two->answered(); }));
  EXPECT_EQ(counter("upstream_cx_total"), 1u);
  expectNothingLeft();
}

TEST_F(Http2Pool, AResetOfOneStreamLeavesTheOthers) {
  build();
  auto one = request(), two = request();
  auto h2 = accept();
  ASSERT_TRUE(streamsCame(*h2, 2));
  one->reset();
  ASSERT_TRUE(until([&] { return h2->resets().size() == 1; }));
  EXPECT_EQ(counter("upstream_rq_tx_reset"), 1u);
  h2->answer(3);
  ASSERT_TRUE(until([&] { return two->answered(); }));
  EXPECT_EQ(gauge("upstream_cx_active"), 1);
  expectNothingLeft();
}

TEST_F(Http2Pool, ALostConnectionResetsAllItsStreams) {
  build();
  auto one = request(), two = request();
  auto h2 = accept();
  ASSERT_TRUE(streamsCame(*h2, 2));
  h2->peer().reset();
  ASSERT_TRUE(until([&] { return !one->response.reset.empty() && !two->response.reset.empty(); }));
  settle();
  EXPECT_EQ(counter("upstream_cx_destroy_remote_with_active_rq"), 1u);
  EXPECT_EQ(gauge("upstream_cx_active"), 0);
  expectNothingLeft();
}

TEST_F(Http2Pool, MaxRequestsPerConnectionMovesOn) {
  info->max_requests_per_connection = 2;
  build();
  auto one = request();
  auto first = accept();
  ASSERT_TRUE(streamsCame(*first, 1));
  auto two = request();
  ASSERT_TRUE(streamsCame(*first, 2));
  auto three = request();
  auto second = accept();
  ASSERT_NE(second, nullptr);
  ASSERT_TRUE(streamsCame(*second, 1));
  first->answer(1);
  first->answer(3);
  ASSERT_TRUE(until([&] { return one->answered() && two->answered(); }));
  EXPECT_TRUE(first->peer().endedWithin(loop));
  EXPECT_EQ(counter("upstream_cx_max_requests"), 1u);
}

TEST_F(Http2Pool, IdleConnectionsSayGoodbye) {
  info->idle_timeout = std::chrono::seconds(10);
  build();
  auto one = request();
  auto h2 = accept();
  ASSERT_TRUE(streamsCame(*h2, 1));
  h2->answer(1);
  ASSERT_TRUE(until([&] { return one->answered(); }));
  pass(std::chrono::seconds(11));
  ASSERT_TRUE(until([&] { return h2->goaways() == 1; }));
  EXPECT_TRUE(h2->peer().endedWithin(loop));
  EXPECT_EQ(counter("upstream_cx_idle_timeout"), 1u);
}

TEST_F(Http2Pool, DownstreamProtocolDecidesWhenConfigured) {
  info->protocol = UpstreamProtocol::kUseDownstream;
  build();
  auto one = request();
  auto plain = server.accept(loop);
  ASSERT_NE(plain, nullptr);
  EXPECT_TRUE(gets(*plain, "GET / HTTP/1.1\r\n"));
  downstream = http::Protocol::kHttp2;
  auto two = request();
  auto h2 = accept();
  ASSERT_NE(h2, nullptr);
  EXPECT_TRUE(streamsCame(*h2, 1));
}

TEST_F(Http2Pool, WithoutAlpnAutoMeansHttp1) {
  info->protocol = UpstreamProtocol::kAuto;
  build();
  auto one = request();
  auto plain = server.accept(loop);
  ASSERT_NE(plain, nullptr);
  EXPECT_TRUE(gets(*plain, "GET / HTTP/1.1\r\n"));
}

TEST_F(Http2Pool, AThousandWaitersAreServedInOrder) {
  limits[0].max_requests = 2000;
  limits[0].max_pending_requests = 2000;
  info->http2.max_concurrent_streams = 100;
  build();
  std::vector<std::unique_ptr<TestRequest>> requests;
  std::vector<size_t> order;
  for (size_t i = 0; i < 1000; ++i) {
    auto r = std::make_unique<TestRequest>();
    r->on_ready = [&order, i] { order.push_back(i); };
    begin(*r);
    requests.push_back(std::move(r));
  }
  ASSERT_TRUE(until([&] { return order.size() == 1000; }));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(counter("upstream_cx_total"), 10u);
}

}  // namespace
}  // namespace baton::upstream
