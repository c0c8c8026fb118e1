// A connection manager between a client and an upstream that do one thing after another as the input says, on a
// simulated clock: bytes in pieces, answers, resets, watermarks, time, the end of the connection. Whatever they do,
// requests and answers are paired, and nothing is left at the end.
#include <string>
#include <string_view>

#include "test/fuzz/fuzz_target.h"
#include "test/support/http_rig.h"

namespace baton::test {
namespace {

constexpr std::string_view kRequests[] = {
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n",
    "hello",
    "POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "HEAD /h HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "GET /old HTTP/1.0\r\n\r\n",
    "GET /u HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "POST /e HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n",
    "abc",
    "\r\n",
};

class Rig final : public HttpRig {
 public:
  void TestBody() override {}

  void play(std::string_view script) {
    FuzzInput from(script);
    const uint8_t bits = from.byte();
    config.http_protocol_options.accept_http_10 = (bits & 1) != 0;
    if ((bits & 2) != 0) config.stream_idle_timeout = api::Milliseconds(50);
    if ((bits & 4) != 0) config.request_timeout = api::Milliseconds(80);
    if ((bits & 8) != 0) config.common_http_protocol_options.max_requests_per_connection = 2;
    if ((bits & 16) != 0) config.upgrade_configs.emplace_back().upgrade_type = "websocket";
    api::Route& route = addRoute("/", "web");
    if ((bits & 32) != 0) route.route->timeout = api::Milliseconds(100);
    if ((bits & 64) != 0) {
      route.route->retry_policy.emplace();
      route.route->retry_policy->retry_on = "5xx,reset,connect-failure";
      route.route->retry_policy->num_retries = 2;
    }
    start();
    for (int steps = 0; !from.empty() && steps < 200; ++steps) step(from);
    finish();
  }

 private:
  // Of the upstream's streams the newest is played; one that has said all, or is over, does nothing any more.
  FakeStream* stream() {
    if (web().requests() == 0 || web().last().over() || &web().last() == silent_) return nullptr;
    return &web().last();
  }
  // The same when its response has begun.
  FakeStream* headed() { return stream() == headed_ ? headed_ : nullptr; }

  void step(FuzzInput& from) {
    const uint8_t what = from.byte();
    const uint8_t how = what >> 4;
    switch (what & 15) {
      case 0:
      case 1:
        write(kRequests[how % std::size(kRequests)]);
        break;
      case 2:
        write(from.text(how));
        break;
      case 3:
        answerHead(how);
        break;
      case 4:
        answerData(how);
        break;
      case 5:
        answerTrailers();
        break;
      case 6:
        if (stream() != nullptr) stream()->fail(static_cast<http::StreamReset>(2 + how % 6), "why");
        break;
      case 7:
        advance(std::chrono::milliseconds(how * 10));
        break;
      case 8:
        if (stream() != nullptr) stream()->full();
        if (stream() != nullptr) stream()->drained();
        break;
      case 9:
        web().next.push_back(
            {static_cast<FakeCluster::Outcome::Kind>(how % 4), static_cast<upstream::PoolFailure>(how % 5), "reason"});
        break;
      case 10:
        if (web().waiting()) web().ready((how & 1) != 0);
        break;
      case 11:
        if (web().waiting()) web().failWaiting(static_cast<upstream::PoolFailure>(how % 5));
        break;
      case 12:
        drain.probability = how & 1;
        break;
      case 13:
        if (stream() != nullptr && headed() == nullptr) stream()->respondInformational((how & 1) != 0 ? 100 : 103);
        break;
      case 14:
        client->endWrite();
        break;
      default:
        received();
        break;
    }
    settle();
  }

  void write(std::string_view bytes) {
    // The other side may have closed, and a full socket takes less.
    client->send(bytes);
  }

  void answerHead(uint8_t how) {
    if (stream() == nullptr || headed() != nullptr) return;
    static constexpr int kStatuses[] = {200, 204, 304, 404, 500, 503, 101, 200};
    const int status = kStatuses[how & 7];
    // The codec lets nobody switch who was not asked to.
    if (status == 101 && stream()->header("upgrade").empty()) return;
    headed_ = stream();
    const bool end = status != 101 && (how & 8) != 0;
    if (end) silent_ = headed_;
    headed_->respondHeaders(status, end);
  }

  void answerData(uint8_t how) {
    FakeStream* answering = headed();
    if (answering == nullptr) return;
    const bool end = (how & 1) != 0;
    if (end) silent_ = answering;
    answering->respondData(std::string(how * 100u, 'x'), end);
  }

  void answerTrailers() {
    FakeStream* answering = headed();
    if (answering == nullptr) return;
    silent_ = answering;
    answering->respondTrailers({{"x-t", "1"}});
  }

  void finish() {
    client->close();
    settle();
    advance(std::chrono::minutes(30));
    settle();
    fuzzCheck(gauge("http.test.downstream_rq_active") == 0, "a request is left");
    fuzzCheck(web().retries_active == 0, "a retry is left");
    fuzzCheck(!web().waiting(), "a wait for a stream is left");
    for (const auto& one : web().streams) {
      fuzzCheck(one->over() || one->was_reset, "an upstream's stream is left");
    }
    fuzzCheck(counter("http.test.downstream_rq_total") == log.size(), "a request without a line in the log");
  }

  FakeStream* headed_ = nullptr;  // whose response has begun
  FakeStream* silent_ = nullptr;  // whose response was complete
};

}  // namespace

BATON_FUZZ_TARGET(conn_manager, input) {
  Rig rig;
  rig.play(input);
}

}  // namespace baton::test
