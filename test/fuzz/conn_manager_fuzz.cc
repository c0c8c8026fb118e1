// A connection manager between a client, of HTTP/1.1 or HTTP/2, and an upstream that do one thing after another as the
// input says, on a simulated clock: bytes in pieces, answers, resets, watermarks, time, the end of the connection.
// Whatever they do, requests and answers are paired, each answer is one message, and nothing is left at the end.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "source/base/strings.h"
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

// Reads answers of HTTP/1.1 one after another, as a client would that does not know what it asked: an answer that lacks
// some of its body must be the last.
class Http1Answers {
 public:
  explicit Http1Answers(std::string_view bytes) : left_(bytes) {
    while (!left_.empty() && readOne()) {
    }
  }
  size_t finals() const { return finals_; }

 private:
  // False at the end of what was received.
  bool readOne() {
    const size_t end = left_.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view head = left_.substr(0, end + 2);
    left_.remove_prefix(end + 4);
    fuzzCheck(head.starts_with("HTTP/1.1 "), "an answer that is none, or more than one");
    const int status = base::parseNumber<int>(head.substr(9, 3)).value_or(0);
    fuzzCheck(status >= 100 && status < 600, "no status");
    if (status < 200 && status != 101) return true;
    ++finals_;
    if (status == 101) return false;  // the rest is the tunnel's
    if (status == 204 || status == 304) return true;
    if (head.find("\r\ntransfer-encoding: chunked\r\n") != std::string_view::npos) return readChunks();
    const size_t length = head.find("\r\ncontent-length: ");
    if (length == std::string_view::npos) return false;  // until the end
    const std::string_view number = head.substr(length + 18, head.find('\r', length + 18) - length - 18);
    return skip(base::parseNumber<size_t>(number).value_or(0));
  }

  bool readChunks() {
    while (true) {
      const size_t end = left_.find("\r\n");
      if (end == std::string_view::npos) return false;
      const std::string size(left_.substr(0, end));
      fuzzCheck(!size.empty() && size.size() < 8 && size.find_first_not_of("0123456789abcdef") == std::string::npos,
                "a chunk without its size");
      left_.remove_prefix(end + 2);
      const size_t bytes = std::stoul(size, nullptr, 16);
      if (bytes == 0) break;
      if (!skip(bytes + 2)) return false;
    }
    while (true) {
      const size_t end = left_.find("\r\n");
      if (end == std::string_view::npos) return false;
      left_.remove_prefix(end + 2);
      if (end == 0) return true;
    }
  }

  bool skip(size_t bytes) {
    if (bytes > left_.size()) return false;
    left_.remove_prefix(bytes);
    return true;
  }

  std::string_view left_;
  size_t finals_ = 0;
};

// RFC 9113 8.1: what comes on a stream is one answer, and nothing after its end but a reset.
void checkHttp2Answers(const std::vector<H2ReadFrame>& frames) {
  struct Answer {
    bool final = false;
    bool ended = false;
    bool reset = false;
    bool tunnel = false;
    std::optional<size_t> length;
    size_t body = 0;
  };
  std::map<uint32_t, Answer> answers;
  for (const H2ReadFrame& frame : frames) {
    if (frame.stream == 0 || frame.type == H2Type::kWindowUpdate) continue;
    Answer& answer = answers[frame.stream];
    fuzzCheck(!answer.reset, "a frame after the reset of its stream");
    if (frame.type == H2Type::kRstStream) {
      answer.reset = true;
      continue;
    }
    fuzzCheck(!answer.ended, "a frame after the end of its stream");
    answer.ended = frame.endStream();
    if (frame.type == H2Type::kHeaders) {
      const std::string status = frame.field(":status");
      fuzzCheck(status.empty() == answer.final, "two heads, or trailers before one");
      if (status.starts_with('1')) {
        fuzzCheck(!answer.ended, "an interim answer that ends the stream");
      } else if (!status.empty()) {
        answer.final = true;
        if (const std::string length = frame.field("content-length"); !length.empty() && !answer.ended) {
          answer.length = base::parseNumber<size_t>(length);
        }
      } else {
        fuzzCheck(answer.ended, "trailers that do not end the stream");
      }
    } else {
      fuzzCheck(frame.type == H2Type::kData && answer.final, "data before the head");
      answer.body += frame.payload.size();
    }
    if (answer.ended && answer.length) fuzzCheck(*answer.length == answer.body, "another length than it says");
  }
}

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
    if ((bits & 16) != 0) {
      config.upgrade_configs.emplace_back().upgrade_type = "websocket";
      config.http2_protocol_options.allow_connect = true;
    }
    api::Route& route = addRoute("/", "web");
    if ((bits & 32) != 0) route.route->timeout = api::Milliseconds(100);
    if ((bits & 64) != 0) {
      route.route->retry_policy.emplace();
      route.route->retry_policy->retry_on = "5xx,reset,connect-failure";
      route.route->retry_policy->num_retries = 2;
    }
    http2_ = (bits & 128) != 0;
    if (http2_) {
      startHttp2();
      write(h2SettingsAck());
    } else {
      start();
    }
    for (int steps = 0; !from.empty() && steps < 200; ++steps) step(from);
    finish();
  }

 private:
  // What was played on a stream of the upstream's.
  struct Played {
    bool headed = false;  // its response has begun
    bool silent = false;  // and is complete
  };

  // The stream that is played, one of the newest; one that has said all, or is over, does nothing any more.
  FakeStream* stream() {
    if (back_ >= web().requests()) return nullptr;
    FakeStream& chosen = *web().streams[web().requests() - 1 - back_];
    return chosen.over() || played_[&chosen].silent ? nullptr : &chosen;
  }
  // The same when its response has begun.
  FakeStream* headed() {
    FakeStream* const chosen = stream();
    return chosen != nullptr && played_[chosen].headed ? chosen : nullptr;
  }

  void step(FuzzInput& from) {
    const uint8_t what = from.byte();
    const uint8_t how = what >> 4;
    switch (what & 15) {
      case 0:
      case 1:
        if (http2_) {
          writeFrame(how);
        } else {
          write(kRequests[how % std::size(kRequests)]);
        }
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
        meetNext(
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
        back_ = how % 4;
        break;
    }
    settle();
  }

  void meetNext(const FakeCluster::Outcome& outcome) {
    const auto waits = [](const FakeCluster::Outcome& one) { return one.kind == FakeCluster::Outcome::Kind::kWait; };
    // The fake has room for one that waits.
    const bool full = web().waiting() || std::ranges::any_of(web().next, waits);
    if (!waits(outcome) || !full) web().next.push_back(outcome);
  }

  void write(std::string_view bytes) {
    // The other side may have closed, and a full socket takes less.
    client->send(bytes);
  }

  void writeFrame(uint8_t how) {
    const auto begin = [this](const H2Fields& fields, bool end) {
      stream_id_ = next_id_;
      next_id_ += 2;
      write(h2Headers(stream_id_, fields, end));
    };
    switch (how) {
      case 0:
        return begin(h2Get(), true);
      case 1:
        return begin(h2Post(), false);
      case 2:
        return begin(h2Post("/s/m", {{"content-type", "application/grpc"}, {"te", "trailers"}}), false);
      case 3:
        return write(h2Data(stream_id_, "hello", false));
      case 4:
        return write(h2Data(stream_id_, "hello", true));
      case 5:
        return write(h2Headers(stream_id_, {{"x-t", "1"}}, true));
      case 6:
        return write(h2RstStream(stream_id_, H2Error::kCancel));
      case 7:
        return write(h2WindowUpdate(stream_id_, 100'000) + h2WindowUpdate(0, 100'000));
      case 8:
        return write(h2Settings({{4, 0}}));
      case 9:
        return write(h2Settings({{4, 65'535}}));
      case 10:
        return write(h2Ping("12345678"));
      case 11:
        return write(h2Data(stream_id_, "", false));
      case 12:
        return begin(h2Get("/", {{"connection", "close"}}), true);
      case 13:
        return begin({{":method", "CONNECT"},
                      {":protocol", "websocket"},
                      {":scheme", "http"},
                      {":path", "/u"},
                      {":authority", "a"}},
                     false);
      case 14:
        return write(h2Goaway(0, H2Error::kNoError));
      default:
        if (stream_id_ > 2) stream_id_ -= 2;
        break;
    }
  }

  void answerHead(uint8_t how) {
    if (stream() == nullptr || headed() != nullptr) return;
    static constexpr int kStatuses[] = {200, 204, 304, 404, 500, 503, 101, 200};
    const int status = kStatuses[how & 7];
    // The codec lets nobody switch who was not asked to.
    if (status == 101 && stream()->header("upgrade").empty()) return;
    FakeStream& answering = *stream();
    const bool end = status != 101 && (how & 8) != 0;
    played_[&answering] = {.headed = true, .silent = end};
    answering.respondHeaders(status, end);
  }

  void answerData(uint8_t how) {
    FakeStream* answering = headed();
    if (answering == nullptr) return;
    const bool end = (how & 1) != 0;
    played_[answering].silent = end;
    answering->respondData(std::string(how * 100u, 'x'), end);
  }

  void answerTrailers() {
    FakeStream* answering = headed();
    if (answering == nullptr) return;
    played_[answering].silent = true;
    answering->respondTrailers({{"x-t", "1"}});
  }

  void finish() {
    if (http2_) {
      checkHttp2Answers(frames());
    } else {
      fuzzCheck(Http1Answers(received()).finals() <= counter("http.test.downstream_rq_total"),
                "more answers than requests");
    }
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

  bool http2_ = false;
  uint32_t next_id_ = 1;
  uint32_t stream_id_ = 1;  // of the client's, the one that its frames are for
  size_t back_ = 0;         // of the upstream's, the one that is played; 0: the newest
  std::map<FakeStream*, Played> played_;
};

}  // namespace

BATON_FUZZ_TARGET(conn_manager, input) {
  Rig rig;
  rig.play(input);
}

}  // namespace baton::test
