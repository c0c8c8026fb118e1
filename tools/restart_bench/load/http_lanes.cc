// Lanes A and F (a new connection for each GET), B (kept connections with idle gaps) and E (slow uploads and
// downloads).
#include <cstdlib>
#include <list>
#include <openssl/err.h>
#include <optional>
#include <vector>

#include "tools/restart_bench/load/channel.h"
#include "tools/restart_bench/load/lane.h"
#include "tools/restart_bench/load/response.h"

namespace baton::restart_bench {
namespace {

using base::MonotonicTime;
using std::chrono::seconds;

Outcome outcomeOf(ChannelEnd end, bool response_begun) {
  switch (end) {
    case ChannelEnd::kRefused:
      return Outcome::kRefused;
    case ChannelEnd::kReset:
      return response_begun ? Outcome::kResetAfter : Outcome::kResetBefore;
    case ChannelEnd::kEof:
      return response_begun ? Outcome::kEofAfter : Outcome::kEofBefore;
    case ChannelEnd::kTls:
      break;
  }
  return Outcome::kTls;
}

Outcome outcomeOf(const Response& response) {
  if (response.status() >= 500) return Outcome::kStatus5xx;
  if (response.status() != 200) return Outcome::kStatusOther;
  return response.bodyMatches() ? Outcome::kOk : Outcome::kWrongBody;
}

// Lets a TLS client resume the session of an earlier connection.
class Sessions {
 public:
  Sessions() : ctx_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_session_cache_mode(ctx_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(ctx_, this);
    SSL_CTX_sess_set_new_cb(ctx_, [](SSL* ssl, SSL_SESSION* session) {
      auto* self = static_cast<Sessions*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      self->kept_.push_back(session);
      if (self->kept_.size() > kKept) {
        SSL_SESSION_free(self->kept_.front());
        self->kept_.erase(self->kept_.begin());
      }
      return 1;
    });
  }
  ~Sessions() {
    for (SSL_SESSION* session : kept_) SSL_SESSION_free(session);
    SSL_CTX_free(ctx_);
  }

  // Half of the connections come from clients that have been here before.
  SslPtr next() {
    SslPtr ssl(SSL_new(ctx_));
    SSL_set_tlsext_host_name(ssl.get(), "bench.test");
    if (!kept_.empty() && base::threadRandom().below(2) == 0) {
      SSL_set_session(ssl.get(), kept_.back());
      SSL_SESSION_free(kept_.back());
      kept_.pop_back();
    }
    return ssl;
  }

 private:
  static constexpr size_t kKept = 64;

  SSL_CTX* ctx_;
  std::vector<SSL_SESSION*> kept_;
};

struct RequestText {
  std::string head;
  std::optional<std::string> expected_body;
  uint64_t pattern_bytes = 0;
  uint64_t upload_bytes = 0;
  std::chrono::milliseconds upload_time{0};
};

// One request on a channel of its own.
class Exchange final : private Channel::User {
 public:
  using Done = std::function<void(Exchange&, Outcome, std::string_view detail)>;

  Exchange(event::Loop& loop, RequestText request, seconds timeout, Done done)
      : channel_(loop, *this),
        request_(std::move(request)),
        response_(request_.expected_body, request_.pattern_bytes),
        done_(std::move(done)),
        deadline_(loop, [this] { finish(Outcome::kTimeout, response_.begun() ? "in the response" : "no response"); }),
        pace_(
            loop, [this] { uploadMore(); }, event::Precision::kFine) {
    deadline_.arm(timeout);
  }

  void connect(const sockaddr_in& to, SslPtr ssl) { channel_.connect(to, std::move(ssl)); }

 private:
  static constexpr std::chrono::milliseconds kPace{50};

  void onOpen() override {
    if (channel_.ssl() != nullptr) resumed_ = SSL_session_reused(channel_.ssl()) == 1;
    channel_.send(request_.head);
    if (request_.upload_bytes > 0) uploadMore();
  }

  void uploadMore() {
    if (!channel_.open()) return;
    const uint64_t steps = std::max<int64_t>(1, request_.upload_time / kPace);
    const uint64_t count = std::min(request_.upload_bytes - uploaded_, request_.upload_bytes / steps + 1);
    std::string chunk(count, '\0');
    for (char& c : chunk) c = patternAt(uploaded_++);
    channel_.send(chunk);
    if (uploaded_ < request_.upload_bytes) pace_.arm(kPace);
  }

  void onBytes(std::string_view bytes) override {
    if (!response_.feed(bytes)) return finish(Outcome::kWrongBody, "not a response or too long");
    if (response_.complete()) finish(outcomeOf(response_), response_.head().substr(0, 200));
  }

  void onEnd(ChannelEnd end) override {
    if (end == ChannelEnd::kEof) response_.finish();
    if (response_.complete()) return finish(outcomeOf(response_), response_.head().substr(0, 200));
    finish(outcomeOf(end, response_.begun()), uploaded_ > 0 ? "while uploading" : "");
  }

  void finish(Outcome outcome, std::string_view detail) {
    deadline_.cancel();
    pace_.cancel();
    channel_.close();
    done_(*this, outcome, detail);
  }

 public:
  bool resumed_ = false;

 private:
  Channel channel_;
  RequestText request_;
  Response response_;
  Done done_;
  event::Timer deadline_;
  event::Timer pace_;
  uint64_t uploaded_ = 0;
};

// A lane of exchanges that each have a connection of their own.
class OneShotLane : public Lane {
 public:
  OneShotLane(event::Loop& loop, const LaneOptions& options, std::string name, bool tls, seconds timeout)
      : Lane(loop, std::move(name)),
        target_(options.address("target")),
        timeout_(timeout),
        arrivals_(loop, options.number("rate", 50), [this](MonotonicTime intended) { begin(intended); }) {
    if (tls) sessions_.emplace();
  }

  void start() override { arrivals_.start(); }
  void stop() override { arrivals_.stop(); }

 protected:
  virtual RequestText nextRequest(uint64_t number) = 0;

 private:
  void begin(MonotonicTime intended) {
    report_.began();
    auto done = [this, intended](Exchange& exchange, Outcome outcome, std::string_view detail) {
      report_.finished(outcome, intended, std::chrono::steady_clock::now(), detail);
      if (sessions_ && outcome == Outcome::kOk) ++report_.fact(exchange.resumed_ ? "resumed" : "full_handshakes");
      for (auto entry = under_way_.begin(); entry != under_way_.end(); ++entry) {
        if (entry->get() != &exchange) continue;
        loop_.deleteLater(std::move(*entry));
        under_way_.erase(entry);
        break;
      }
    };
    under_way_.push_back(std::make_unique<Exchange>(loop_, nextRequest(++number_), timeout_, std::move(done)));
    under_way_.back()->connect(target_, sessions_ ? sessions_->next() : nullptr);
  }

  sockaddr_in target_;
  seconds timeout_;
  std::optional<Sessions> sessions_;
  std::list<std::unique_ptr<Exchange>> under_way_;
  uint64_t number_ = 0;
  Arrivals arrivals_;
};

RequestText hello(uint64_t number, const std::string& lane, bool close) {
  RequestText request;
  const std::string target = "/hello/" + lane + "/" + std::to_string(number);
  request.head = "GET " + target + " HTTP/1.1\r\nHost: bench.test\r\n" + (close ? "Connection: close\r\n\r\n" : "\r\n");
  request.expected_body = "hello " + target + "\n";
  return request;
}

class NewConnections final : public OneShotLane {
 public:
  NewConnections(event::Loop& loop, const LaneOptions& options, bool tls)
      : OneShotLane(loop, options, options.kind, tls, seconds(10)) {}

 private:
  RequestText nextRequest(uint64_t number) override { return hello(number, report_.lane(), true); }
};

class Transfers final : public OneShotLane {
 public:
  Transfers(event::Loop& loop, const LaneOptions& options)
      : OneShotLane(loop, options, options.kind, false, seconds(60)),
        bytes_(static_cast<uint64_t>(options.number("bytes", 300'000))),
        takes_(static_cast<int64_t>(options.number("seconds", 3) * 1000)) {}

 private:
  RequestText nextRequest(uint64_t number) override {
    RequestText request;
    const std::string size = std::to_string(bytes_);
    if (number % 2 == 0) {
      request.head = "GET /download/" + size + "/" + std::to_string(takes_.count()) +
                     " HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n";
      request.pattern_bytes = bytes_;
      return request;
    }
    request.head =
        "POST /upload HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\nContent-Length: " + size + "\r\n\r\n";
    request.upload_bytes = bytes_;
    request.upload_time = takes_;
    uint64_t sum = kChecksumStart;
    for (uint64_t i = 0; i < bytes_; ++i) {
      const char c = patternAt(i);
      sum = checksum({&c, 1}, sum);
    }
    request.expected_body = "upload " + size + " " + std::to_string(sum) + "\n";
    return request;
  }

  uint64_t bytes_;
  std::chrono::milliseconds takes_;
};

// Connections that stay, each with its own schedule of requests and idle gaps between them.
class KeepAlive final : public Lane {
 public:
  KeepAlive(event::Loop& loop, const LaneOptions& options)
      : Lane(loop, options.kind),
        target_(options.address("target")),
        count_(static_cast<size_t>(options.number("connections", 48))),
        mean_gap_(options.number("gap", 1.0)) {}

  void start() override {
    for (size_t i = 0; i < count_; ++i) clients_.push_back(std::make_unique<Client>(*this));
  }
  void stop() override { stopped_ = true; }

 private:
  class Client final : private Channel::User {
   public:
    explicit Client(KeepAlive& lane)
        : lane_(lane),
          channel_(lane.loop_, *this),
          next_(std::chrono::steady_clock::now()),
          timer_(
              lane.loop_, [this] { begin(); }, event::Precision::kFine),
          deadline_(lane.loop_, [this] { finish(Outcome::kTimeout, ""); }) {
      schedule();
    }

   private:
    // The next moment follows from the last one and not from the answer.
    void schedule() {
      next_ += randomGap(lane_.mean_gap_);
      timer_.arm(std::max<std::chrono::nanoseconds>(next_ - lane_.loop_.now(), std::chrono::nanoseconds(0)));
    }

    void begin() {
      if (lane_.stopped_) return;
      lane_.report_.began();
      request_ = hello(++lane_.number_, lane_.report_.lane(), false);
      response_.emplace(request_.expected_body);
      deadline_.arm(seconds(10));
      if (channel_.open()) {
        ++lane_.report_.fact("reused");
        channel_.send(request_.head);
        return;
      }
      ++lane_.report_.fact("connections");
      channel_.connect(lane_.target_);
    }

    void onOpen() override { channel_.send(request_.head); }

    void onBytes(std::string_view bytes) override {
      if (!response_) return unexpected("bytes between requests");
      if (!response_->feed(bytes)) return finish(Outcome::kWrongBody, "not a response or too long");
      if (!response_->complete()) return;
      if (response_->closes()) {
        ++lane_.report_.fact("announced_closes");
        channel_.close();
      }
      finish(outcomeOf(*response_), response_->head().substr(0, 200));
    }

    void onEnd(ChannelEnd end) override {
      if (!response_) return unexpected("closed while idle");
      const bool begun = response_->begun();
      finish(outcomeOf(end, begun), "");
    }

    // A close between requests that no response announced: a request may have been on its way.
    void unexpected(std::string_view what) {
      channel_.close();
      lane_.report_.began();
      const auto now = std::chrono::steady_clock::now();
      lane_.report_.finished(Outcome::kIdleEof, now, now, what);
    }

    void finish(Outcome outcome, std::string_view detail) {
      deadline_.cancel();
      response_.reset();
      if (outcome != Outcome::kOk) channel_.close();
      lane_.report_.finished(outcome, next_, std::chrono::steady_clock::now(), detail);
      schedule();
    }

    KeepAlive& lane_;
    Channel channel_;
    RequestText request_;
    std::optional<Response> response_;
    MonotonicTime next_;
    event::Timer timer_;
    event::Timer deadline_;
  };

  sockaddr_in target_;
  size_t count_;
  double mean_gap_;
  uint64_t number_ = 0;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace

std::unique_ptr<Lane> makeNewConnections(event::Loop& loop, const LaneOptions& options, bool tls) {
  return std::make_unique<NewConnections>(loop, options, tls);
}

std::unique_ptr<Lane> makeKeepAlive(event::Loop& loop, const LaneOptions& options) {
  return std::make_unique<KeepAlive>(loop, options);
}

std::unique_ptr<Lane> makeTransfers(event::Loop& loop, const LaneOptions& options) {
  return std::make_unique<Transfers>(loop, options);
}

}  // namespace baton::restart_bench
