// A byte stream to one peer, over a plain or TLS Transport, downstream or upstream. Owned by whoever made it (a
// listener's connection list, a pool); every method and callback runs on its loop. It reads into the loop's scratch
// buffer and keeps only what its handler did not consume; it writes at once what the socket takes, gathered at the end
// of the turn, and keeps the rest up to the watermarks, which tell the handler to stop and to go on.
//
// A callback may call any method, close() included. A handler that wants to destroy the connection inside a callback
// gives it to Loop::deleteLater().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "source/base/buffer.h"
#include "source/event/loop.h"
#include "source/network/connection_info.h"
#include "source/network/transport.h"
#include "source/stats/handles.h"

namespace baton::network {

enum class CloseReason {
  kLocal,           // close() was called
  kRemote,          // the peer ended both directions, or ours was ended before
  kRemoteReset,     // RST or a write failed
  kConnectFailed,   // upstream: connect(2) failed
  kConnectTimeout,  // upstream or TLS handshake: the deadline passed
  kTransportFailed  // TLS failure; see info().transport_failure_reason
};

enum class CloseType {
  kAbort,           // at once; unsent bytes are dropped
  kFlush,           // when all is written
  kFlushAndLinger,  // when all is written, end the sending side, then read and drop until the peer closes or the
                    // delayed close timeout passes: a peer that is still sending gets our answer rather than an RST
  kReset,           // at once with RST (SO_LINGER 0)
};

class ConnectionHandler {
 public:
  // Upstream: connected, transport included. Downstream: the TLS handshake is done; plain connections call it never.
  virtual void onConnected() {}
  // Bytes came. Returns how many were consumed from the front; the rest is kept and offered again, with what follows,
  // when more arrives or when reading is resumed. With `end_of_stream` the peer will send no more (half-close): said
  // once, possibly with empty `bytes`.
  virtual size_t onData(std::string_view bytes, bool end_of_stream) = 0;
  // The unsent bytes rose above the high, or fell to the low watermark.
  virtual void onAboveHighWatermark() {}
  virtual void onBelowLowWatermark() {}
  // All unsent bytes have reached the kernel. Said only when asked for by notifyWhenFlushed().
  virtual void onFlushed() {}
  // The connection is over; no callback follows. Also said after close(): from inside it when there is nothing to wait
  // for (kAbort, kReset, nothing unsent), later otherwise.
  virtual void onClosed(CloseReason reason) = 0;

 protected:
  ~ConnectionHandler() = default;
};

// Who has to know that a connection is over, apart from its handler.
class ConnectionOwner {
 public:
  // After the handler's onClosed().
  virtual void connectionEnded(CloseReason reason) = 0;

 protected:
  ~ConnectionOwner() = default;
};

struct ConnectionSettings {
  size_t buffer_limit_bytes = 32 * 1024;  // high watermark of unsent bytes; the low one is half. 0: none
  std::chrono::milliseconds delayed_close_timeout{1000};
};

// Where bytes are counted that a connection keeps: read and not consumed, written and not taken by the socket.
struct BufferedGauges {
  stats::Gauge received;
  stats::Gauge unsent;
};

class Connection final : private event::Watch::Handler, private event::EndOfTurnTask {
 public:
  // An accepted socket; ownership of `fd` moves here. Reading starts with start().
  Connection(event::Loop& loop, int fd, std::unique_ptr<Transport> transport, ConnectionInfo info,
             const ConnectionSettings& settings);
  // An upstream connection; connect() follows.
  Connection(event::Loop& loop, std::unique_ptr<Transport> transport, const ConnectionSettings& settings);
  ~Connection();

  // The handler may be replaced at any time (an upgrade to a tunnel does); the new one is offered what is unconsumed.
  void setHandler(ConnectionHandler& handler);

  void setOwner(ConnectionOwner& owner) { owner_ = &owner; }

  // Before start() or with nothing kept.
  void countBuffered(const BufferedGauges& gauges) { gauges_ = gauges; }
  void setDelayedCloseTimeout(std::chrono::milliseconds timeout) { settings_.delayed_close_timeout = timeout; }

  // Downstream: begins the handshake, if any, and reading. `already_read`: bytes that a listener filter took from the
  // socket and that belong to the stream.
  void start(std::string_view already_read = {});
  // Upstream: `prepare`, if set, is called with the new socket before connect(2) (source address, options); a failure
  // there is a failed connect. The outcome comes as onConnected() or onClosed(), never from inside this call.
  void connect(const Address& to, std::chrono::milliseconds timeout,
               const std::function<base::Result<void>(int fd)>& prepare = {});
  // Ends the connection with kConnectTimeout if the transport's handshake is not done by then. 0: no limit.
  void limitHandshake(std::chrono::milliseconds timeout);

  // Appends to what is sent. Large pieces are written at once without a copy, small ones at the end of the turn.
  void write(std::string_view bytes);
  // Sends what is buffered now rather than at the end of the turn.
  void flush();
  // No more writes; the peer sees the end after all that is buffered.
  void endWrite();
  // Asks for one onFlushed(), said from the loop.
  void notifyWhenFlushed();

  // Reading is paused as long as there are more pauses than resumes. Bytes that were kept are offered again from the
  // loop, not from inside resumeReading(). A paused connection still notices a reset.
  void pauseReading();
  void resumeReading();
  bool readingPaused() const { return read_pauses_ > 0; }

  // Offers what onData() leaves of its bytes again in the next turn, though nothing more may come.
  void offerNextTurn();

  void close(CloseType type);

  enum class State { kIdle, kConnecting, kHandshaking, kOpen, kClosing, kClosed };
  State state() const { return state_; }
  bool isOpen() const { return state_ == State::kOpen || state_ == State::kHandshaking; }
  size_t unsentBytes() const { return output_.size(); }
  size_t unconsumedBytes() const { return input_.size(); }
  bool aboveHighWatermark() const { return above_high_; }
  bool remoteEnded() const { return remote_ended_; }
  bool writeEnded() const { return write_ended_; }
  // close() waited for the peer until the delayed close timeout.
  bool closeTimedOut() const { return close_timed_out_; }
  uint64_t bytesReceived() const { return bytes_received_; }
  uint64_t bytesSent() const { return bytes_sent_; }
  base::MonotonicTime lastActivity() const { return last_activity_; }

  ConnectionInfo& info() { return info_; }
  const ConnectionInfo& info() const { return info_; }
  Transport& transport() { return *transport_; }
  event::Loop& loop() { return loop_; }
  int fd() const { return fd_; }

  // True when an idle upstream connection has nothing to read, so that the peer has not closed it: asked before reuse.
  bool looksAlive() const;

  // Takes the socket away: stops watching, forgets it, and leaves the connection kClosed without a callback. Bytes that
  // were not consumed or not sent come along. For splicing relays and for handing over to another process. Not from
  // inside onData(), whose bytes would be neither here nor there.
  struct Released {
    int fd = -1;
    std::string unconsumed;
    std::string unsent;
  };
  Released release();

 private:
  void onReady(uint32_t events) override;
  void atEndOfTurn() override;

  void setState(State next);
  void beginWatching();
  void onConnectResult();
  void driveHandshake();
  void opened();
  void onTimer();
  void armTimer(std::chrono::nanoseconds after);

  // Reads until the socket is empty, the turn's share is used up, or the handler pauses or closes. `end_is_near`: the
  // kernel says that an end or an error follows what is to be read.
  void readSome(bool end_is_near);
  // Offers `fresh`, or what is kept plus `fresh`. False when reading must stop.
  bool offer(std::string_view fresh, bool end_of_stream);
  void peerEnded();
  void readFailed();
  void dropInput();
  bool mayRead() const;
  void offerAgain();

  // Writes what is kept followed by `more`; keeps what the socket did not take.
  void writeOut(std::string_view more);
  bool mayWriteNow() const;
  void afterWrite();
  void checkHighWatermark();
  void shutDownWrite();
  void writeBroke();
  void finishIfBothEnded();
  void finish(CloseReason reason);
  void updateInterest();
  void reportBuffered();

  event::Loop& loop_;
  event::Watch watch_;
  ConnectionHandler* handler_ = nullptr;
  ConnectionOwner* owner_ = nullptr;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<event::Timer> timer_;  // connecting, handshake, delayed close: at most one at a time
  base::Buffer input_;                   // read, and not consumed by the handler
  base::Buffer output_;                  // written, and not taken by the socket
  ConnectionSettings settings_;
  uint64_t bytes_received_ = 0;
  uint64_t bytes_sent_ = 0;
  base::MonotonicTime last_activity_{};
  uint64_t offer_at_turn_ = 0;  // of the loop, when kept bytes are offered again; 0: not asked for
  int fd_ = -1;
  int connect_error_ = 0;  // errno of a connect that failed at once, told at the end of the turn
  int read_pauses_ = 0;
  State state_ = State::kIdle;
  CloseType close_type_ = CloseType::kAbort;
  bool upstream_ = false;
  bool above_high_ = false;
  bool notify_flushed_ = false;
  bool quiet_ = false;            // paused, and bytes came: the loop need not tell us again
  bool resumed_ = false;          // since onData() was last called
  bool socket_full_ = false;      // the last write was not taken as a whole
  bool write_failed_ = false;     // told at the end of the turn, after what can still be read
  bool write_ended_ = false;      // endWrite() was called
  bool write_shut_down_ = false;  // and the peer was told
  bool remote_ended_ = false;
  bool end_offered_ = false;  // the handler knows that the peer ended
  bool close_timed_out_ = false;
  BufferedGauges gauges_;
  size_t reported_input_ = 0;  // what the gauges have of us
  size_t reported_output_ = 0;
  ConnectionInfo info_;
};

}  // namespace baton::network
