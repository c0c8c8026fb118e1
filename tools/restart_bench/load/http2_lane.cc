// Lane C: streams over HTTP/2 (prior knowledge) by a client that honours GOAWAY: it opens no more streams on such a
// connection, and repeats elsewhere those that the server says it has not touched (RFC 9113 6.8, 8.7).
#include <map>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "tools/restart_bench/load/channel.h"
#include "tools/restart_bench/load/lane.h"

namespace baton::restart_bench {
namespace {

using base::MonotonicTime;
using std::chrono::seconds;

class Http2 final : public Lane {
 public:
  Http2(event::Loop& loop, const LaneOptions& options)
      : Lane(loop, options.kind),
        target_(options.address("target")),
        connections_(static_cast<size_t>(options.number("connections", 8))),
        arrivals_(loop, options.number("rate", 100), [this](MonotonicTime intended) { begin(intended); }),
        sweep_(loop, [this] { sweep(); }) {}

  void start() override {
    current_.resize(connections_);
    arrivals_.start();
    sweep_.arm(seconds(1));
  }
  void stop() override { arrivals_.stop(); }

 private:
  struct Request {
    MonotonicTime intended;
    uint64_t number = 0;
    int tries = 0;
    int status = 0;
    std::string body;

    std::string target() const { return "/hello/c/" + std::to_string(number); }
  };

  class Connection final : private Channel::User {
   public:
    explicit Connection(Http2& lane) : lane_(lane), channel_(lane.loop_, *this) {
      nghttp2_session_callbacks* callbacks = nullptr;
      nghttp2_session_callbacks_new(&callbacks);
      nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData);
      nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame);
      nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onStreamClose);
      nghttp2_session_client_new(&session_, callbacks, this);
      nghttp2_session_callbacks_del(callbacks);
      nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
      channel_.connect(lane.target_);
      ++lane.report_.fact("connections");
    }
    ~Connection() { nghttp2_session_del(session_); }

    bool usable() const { return !going_away_ && !ended_; }
    bool idle() const { return streams_.empty(); }
    bool ended() const { return ended_; }

    void submit(Request request) {
      const std::string target = request.target();
      const auto pair = [](std::string_view name, std::string_view value) {
        return nghttp2_nv{reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                          NGHTTP2_NV_FLAG_NONE};
      };
      const nghttp2_nv head[] = {pair(":method", "GET"), pair(":scheme", "http"), pair(":authority", "bench.test"),
                                 pair(":path", target)};
      ++request.tries;
      const int32_t id = nghttp2_submit_request(session_, nullptr, head, std::size(head), nullptr, nullptr);
      if (id < 0) return lane_.again(std::move(request));
      streams_.emplace(id, std::move(request));
      pump();
    }

    void close() {
      channel_.close();
      ended_ = true;
    }

    void failOverdue(MonotonicTime now) {
      for (auto entry = streams_.begin(); entry != streams_.end();) {
        if (now - entry->second.intended < seconds(10)) {
          ++entry;
          continue;
        }
        lane_.report_.finished(Outcome::kTimeout, entry->second.intended, now);
        entry = streams_.erase(entry);
      }
    }

   private:
    void onOpen() override { pump(); }

    void onBytes(std::string_view bytes) override {
      const auto taken =
          nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      if (taken < 0) return onEnd(ChannelEnd::kTls);
      pump();
    }

    void onEnd(ChannelEnd end) override {
      close();
      const auto now = std::chrono::steady_clock::now();
      auto lost = std::move(streams_);
      for (auto& [id, request] : lost) {
        const bool begun = request.status != 0;
        Outcome outcome = begun ? Outcome::kEofAfter : Outcome::kEofBefore;
        if (end == ChannelEnd::kReset) outcome = begun ? Outcome::kResetAfter : Outcome::kResetBefore;
        if (end == ChannelEnd::kRefused) outcome = Outcome::kRefused;
        if (end == ChannelEnd::kTls) outcome = Outcome::kWrongBody;
        lane_.report_.finished(outcome, request.intended, now, going_away_ ? "after GOAWAY" : "without GOAWAY");
      }
      if (lost.empty() && !going_away_) {
        lane_.report_.began();
        lane_.report_.finished(Outcome::kIdleEof, now, now, "connection closed without GOAWAY");
      }
    }

    void pump() {
      if (!channel_.open()) return;
      const uint8_t* bytes = nullptr;
      for (;;) {
        const auto size = nghttp2_session_mem_send(session_, &bytes);
        if (size <= 0) break;
        channel_.send({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)});
      }
    }

    void finishStream(int32_t id, uint32_t error) {
      const auto found = streams_.find(id);
      if (found == streams_.end()) return;
      Request request = std::move(found->second);
      streams_.erase(found);
      if (error == NGHTTP2_REFUSED_STREAM) return lane_.again(std::move(request));
      Outcome outcome = Outcome::kOk;
      if (error != NGHTTP2_NO_ERROR) {
        outcome = request.status != 0 ? Outcome::kResetAfter : Outcome::kResetBefore;
      } else if (request.status >= 500) {
        outcome = Outcome::kStatus5xx;
      } else if (request.status != 200) {
        outcome = Outcome::kStatusOther;
      } else if (request.body != "hello " + request.target() + "\n") {
        outcome = Outcome::kWrongBody;
      }
      lane_.report_.finished(outcome, request.intended, std::chrono::steady_clock::now(),
                             "status " + std::to_string(request.status) + " error " + std::to_string(error));
    }

    static int onHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                        const uint8_t* value, size_t value_size, uint8_t, void* self) {
      auto& streams = static_cast<Connection*>(self)->streams_;
      const auto found = streams.find(frame->hd.stream_id);
      if (found == streams.end()) return 0;
      if (std::string_view(reinterpret_cast<const char*>(name), name_size) != ":status") return 0;
      found->second.status = std::atoi(std::string(reinterpret_cast<const char*>(value), value_size).c_str());
      return 0;
    }
    static int onData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size, void* self) {
      auto& streams = static_cast<Connection*>(self)->streams_;
      const auto found = streams.find(id);
      if (found != streams.end()) found->second.body.append(reinterpret_cast<const char*>(bytes), size);
      return 0;
    }
    static int onFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
      auto* connection = static_cast<Connection*>(self);
      if (frame->hd.type != NGHTTP2_GOAWAY || connection->going_away_) return 0;
      connection->going_away_ = true;
      ++connection->lane_.report_.fact("goaways");
      return 0;
    }
    static int onStreamClose(nghttp2_session*, int32_t id, uint32_t error, void* self) {
      static_cast<Connection*>(self)->finishStream(id, error);
      return 0;
    }

    Http2& lane_;
    Channel channel_;
    nghttp2_session* session_ = nullptr;
    std::map<int32_t, Request> streams_;
    bool going_away_ = false;
    bool ended_ = false;
  };

  void begin(MonotonicTime intended) {
    report_.began();
    submit({intended, ++number_});
  }

  void submit(Request request) {
    auto& connection = current_[next_++ % current_.size()];
    if (!connection || !connection->usable()) {
      if (connection) leaving_.push_back(std::move(connection));
      connection = std::make_unique<Connection>(*this);
    }
    connection->submit(std::move(request));
  }

  // The server did not process it: safe to repeat, and no failure unless it goes on like that.
  void again(Request request) {
    ++report_.fact("repeated_streams");
    if (request.tries >= 5) {
      return report_.finished(Outcome::kResetBefore, request.intended, std::chrono::steady_clock::now(),
                              "refused five times");
    }
    loop_.post([this, request = std::move(request)]() mutable { submit(std::move(request)); });
  }

  void sweep() {
    const auto now = std::chrono::steady_clock::now();
    for (auto& connection : current_) {
      if (connection) connection->failOverdue(now);
    }
    for (auto& connection : leaving_) {
      connection->failOverdue(now);
      if (connection->idle()) connection->close();
    }
    std::erase_if(leaving_, [](const auto& connection) { return connection->ended() && connection->idle(); });
    sweep_.arm(seconds(1));
  }

  sockaddr_in target_;
  size_t connections_;
  uint64_t number_ = 0;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Connection>> current_;
  std::vector<std::unique_ptr<Connection>> leaving_;
  Arrivals arrivals_;
  event::Timer sweep_;
};

}  // namespace

std::unique_ptr<Lane> makeHttp2(event::Loop& loop, const LaneOptions& options) {
  return std::make_unique<Http2>(loop, options);
}

}  // namespace baton::restart_bench
