// A connection of an HttpPool: socket, codec and the streams on it. Owned by its pool, which it tells of every change
// in what it can take. All on one loop.
#pragma once

#include <list>
#include <memory>

#include "source/http/codec.h"
#include "source/network/connection.h"
#include "source/upstream/cluster_info.h"
#include "source/upstream/host.h"
#include "source/upstream/pooled_stream.h"

namespace baton::upstream {

class HttpPool;

class PooledConnection final : private network::ConnectionHandler, private http::CodecHandler, private http::ByteSink {
 public:
  enum class State : uint8_t {
    kConnecting,
    kReady,     // takes a stream at once
    kBusy,      // open, and full
    kDraining,  // no new streams; closes with its last
    kClosed,
  };

  // Begins to connect.
  explicit PooledConnection(HttpPool& pool);
  ~PooledConnection();

  State state() const { return state_; }
  bool idle() const { return codec_ != nullptr && active_streams_ == 0; }
  size_t activeStreams() const { return active_streams_; }
  base::MonotonicTime idleSince() const { return idle_since_; }
  uint64_t streamsServed() const { return streams_served_; }
  const network::Connection& network() const { return connection_; }
  const ClusterInfo& info() const;

  // Whether a stream may be tried on it: costs a system call if it has been idle.
  bool usable() const;
  // Precondition: kReady. The stream's end is counted by the connection.
  PooledStream& openStream(http::StreamReceiver& receiver);

  // No new streams; closes now if idle.
  void drain();
  // Streams are reset.
  void closeNow();
  // Likewise, without waiting for anything; not from inside a call of the codec.
  void abort() { connection_.close(network::CloseType::kAbort); }
  // It turned out that the peer has closed it.
  void foundDead() {
    peer_ended_ = true;
    abort();
  }

 private:
  friend class HttpPool;
  friend class PooledStream;

  // Around each call into the codec. When the outermost returns, the connection looks at what has become of it.
  class CodecCall {
   public:
    explicit CodecCall(PooledConnection& connection) : connection_(connection) { ++connection_.calls_; }
    ~CodecCall() {
      if (--connection_.calls_ == 0) connection_.settle();
    }
    CodecCall(const CodecCall&) = delete;
    CodecCall& operator=(const CodecCall&) = delete;

   private:
    PooledConnection& connection_;
  };

  void onConnected() override;
  size_t onData(std::string_view bytes, bool end_of_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClosed(network::CloseReason reason) override;
  void onConnectionMustClose() override;
  void onTunnelSendingEnded() override { connection_.endWrite(); }
  void onGoAway() override {}  // settle() sees it
  void onStreamsChanged() override {
    if (calls_ == 0) const CodecCall call(*this);
  }
  void onDispatchResumed() override;
  void write(std::string_view bytes) override { connection_.write(bytes); }
  size_t unsentBytes() const override { return connection_.unsentBytes(); }

  http::Protocol chosenProtocol() const;
  void streamOver(PooledStream& stream);
  void settle();
  void setState(State next);
  bool mustDrain();
  void countBytes();

  HttpPool& pool_;
  network::Connection connection_;
  std::unique_ptr<http::ClientCodec> codec_;                      // null until connected
  std::list<std::unique_ptr<PooledConnection>>::iterator place_;  // in the pool's list for its state
  base::MonotonicTime idle_since_{};
  uint64_t streams_served_ = 0;
  uint64_t counted_received_ = 0;
  uint64_t counted_sent_ = 0;
  uint32_t active_streams_ = 0;
  uint32_t calls_ = 0;
  State state_ = State::kConnecting;
  bool must_close_ = false;
  bool draining_asked_ = false;
  bool protocol_error_ = false;
  bool reading_paused_ = false;
  bool peer_ended_ = false;
  bool closing_locally_ = false;
};

}  // namespace baton::upstream
