// Lane D: long-lived TCP and WebSocket streams that echo numbered messages; each byte that comes back is compared.
#include <optional>
#include <vector>

#include "tools/restart_bench/load/channel.h"
#include "tools/restart_bench/load/lane.h"
#include "tools/restart_bench/load/response.h"

namespace baton::restart_bench {
namespace {

using base::MonotonicTime;
using std::chrono::seconds;

class Streams final : public Lane {
 public:
  Streams(event::Loop& loop, const LaneOptions& options)
      : Lane(loop, options.kind),
        target_(options.address("target")),
        web_socket_(options.text("protocol", "tcp") == "websocket"),
        count_(static_cast<size_t>(options.number("connections", 16))),
        mean_gap_(options.number("gap", 0.2)),
        mean_life_(options.number("life", 20)) {}

  void start() override {
    for (size_t i = 0; i < count_; ++i) streams_.push_back(std::make_unique<Stream>(*this));
  }
  void stop() override { stopped_ = true; }

 private:
  // One stream after the other. A message is a request that is done when all of its echo is here.
  class Stream final : private Channel::User {
   public:
    explicit Stream(Streams& lane)
        : lane_(lane),
          channel_(lane.loop_, *this),
          timer_(
              lane.loop_, [this] { say(); }, event::Precision::kFine),
          deadline_(lane.loop_, [this] { fail(Outcome::kTimeout, "echo missing"); }) {
      open();
    }

   private:
    void open() {
      ++lane_.report_.fact("streams");
      upgrade_.reset();
      expected_.clear();
      waiting_ = false;
      ends_ = std::chrono::steady_clock::now() + randomGap(lane_.mean_life_);
      deadline_.arm(seconds(10));
      channel_.connect(lane_.target_);
    }

    void onOpen() override {
      if (!lane_.web_socket_) return ready();
      upgrade_.emplace(std::string());
      channel_.send(
          "GET /websocket HTTP/1.1\r\nHost: bench.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    }

    void ready() {
      deadline_.cancel();
      next_ = std::chrono::steady_clock::now() + randomGap(lane_.mean_gap_);
      timer_.arm(next_ - lane_.loop_.now());
    }

    void say() {
      if (lane_.stopped_) return channel_.close();
      if (std::chrono::steady_clock::now() > ends_) {
        channel_.close();
        return open();
      }
      std::string payload = std::to_string(++number_) + " ";
      while (payload.size() < 100) payload += patternAt(payload.size() + number_);
      payload += std::to_string(checksum(payload) % 100'000);
      lane_.report_.began();
      waiting_ = true;
      deadline_.arm(seconds(10));
      if (!lane_.web_socket_) {
        expected_ = payload;
        channel_.send(payload);
        return;
      }
      // RFC 6455 5.2: a binary frame, masked by the client (here with zeros), not by the server.
      const char size = static_cast<char>(payload.size());
      expected_ = std::string{'\x82', size} + payload;
      channel_.send(std::string{'\x82', static_cast<char>(size | '\x80'), 0, 0, 0, 0} + payload);
    }

    void onBytes(std::string_view bytes) override {
      if (upgrade_ && !upgrade_->complete()) {
        if (!upgrade_->feed(bytes) || (upgrade_->complete() && upgrade_->status() != 101)) {
          return fail(Outcome::kStatusOther, upgrade_->head());
        }
        if (upgrade_->complete()) ready();
        return;
      }
      if (!std::string_view(expected_).starts_with(bytes)) return fail(Outcome::kWrongBody, "echo differs");
      expected_.erase(0, bytes.size());
      if (!expected_.empty() || !waiting_) return;
      waiting_ = false;
      lane_.report_.finished(Outcome::kOk, next_, std::chrono::steady_clock::now());
      ready();
    }

    void onEnd(ChannelEnd end) override {
      if (end == ChannelEnd::kRefused) return fail(Outcome::kRefused, "");
      if (end == ChannelEnd::kReset) return fail(waiting_ ? Outcome::kResetBefore : Outcome::kIdleEof, "reset");
      fail(waiting_ ? Outcome::kEofBefore : Outcome::kIdleEof, "closed");
    }

    void fail(Outcome outcome, std::string_view detail) {
      channel_.close();
      timer_.cancel();
      deadline_.cancel();
      const auto now = std::chrono::steady_clock::now();
      if (!waiting_) lane_.report_.began();
      lane_.report_.finished(outcome, waiting_ ? next_ : now, now, detail);
      waiting_ = false;
      if (!lane_.stopped_) timer_.arm(std::chrono::milliseconds(100));
      ends_ = {};
    }

    Streams& lane_;
    Channel channel_;
    std::optional<Response> upgrade_;
    std::string expected_;
    uint64_t number_ = 0;
    bool waiting_ = false;
    MonotonicTime next_{};
    MonotonicTime ends_{};
    event::Timer timer_;
    event::Timer deadline_;
  };

  sockaddr_in target_;
  bool web_socket_;
  size_t count_;
  double mean_gap_;
  double mean_life_;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace

std::unique_ptr<Lane> makeStreams(event::Loop& loop, const LaneOptions& options) {
  return std::make_unique<Streams>(loop, options);
}

}  // namespace baton::restart_bench
