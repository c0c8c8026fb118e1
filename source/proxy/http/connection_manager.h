// HTTP on one downstream connection: chooses the codec, owns it and its streams, and decides when the connection ends:
// idle too long, old, drained, out of requests, or broken. Owned by the listener's connection, on its worker.
//
// An idle connection costs this object and its codec; streams are made when a request begins.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/event/loop.h"
#include "source/http/codec.h"
#include "source/http/connection_sink.h"
#include "source/network/network_filter.h"
#include "source/proxy/http/active_stream.h"
#include "source/proxy/http/http_config.h"
#include "source/proxy/worker_context.h"

namespace baton::proxy {

class ConnectionManager final : public network::Session,
                                public http::ServerCodecHandler,
                                public StreamOwner,
                                private event::EndOfTurnTask {
 public:
  ConnectionManager(const network::SessionContext& context, std::shared_ptr<const HttpConfig> config);
  ~ConnectionManager() override;

  // network::Session.
  size_t onData(std::string_view bytes, bool end_of_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClosed(network::CloseReason reason) override;
  void onDrain(const network::DrainDecision& decision) override;
  void terminate() override;
  const char* kind() const override;

  // HTTP/1.1 between two requests, with nothing read ahead: the connection means the same to another process.
  bool quiet() const;

 private:
  // How far the end of the connection has come.
  enum class Drain : uint8_t {
    kNone,
    kNoticed,  // HTTP/2: the first GOAWAY is out, streams are still taken
    kFinal,    // no further streams; the connection closes when those that are open have ended
  };

  // ServerCodecHandler.
  void onConnectionMustClose() override;
  void onTunnelSendingEnded() override;
  void onDispatchResumed() override;
  http::StreamReceiver& onNewStream(http::StreamSender& sender) override;
  void onRequestError(http::StreamSender& sender, const http::RequestError& error) override;

  // StreamOwner.
  WorkerContext& worker() override { return worker_; }
  const HttpConfig& config() const override { return *config_; }
  const network::ConnectionInfo& connectionInfo() const override { return connection_.info(); }
  bool closedByUs() const override { return closed_by_us_; }
  void onResponseBegins() override;
  void tunnelOpened() override { tunnel_ = true; }
  std::shared_ptr<void>& connectionState(const void* key) override;
  void streamEnded(ActiveStream& stream) override;

  void atEndOfTurn() override;

  // False while more bytes are needed to tell.
  bool chooseCodec(std::string_view bytes);
  void makeCodec(http::Protocol protocol);
  bool isHttp2() const { return codec_ != nullptr && codec_->protocol() == http::Protocol::kHttp2; }
  void startDrain();
  void finishDrain();
  void expectGoneClient();
  void lookForGoneClient();
  void closeSoon();
  void becameIdle();
  void failStreams(std::string_view details);
  void chargeBytes();

  std::chrono::milliseconds idleTimeout() const;
  void armTimer();
  void onTimer();

  network::Connection& connection_;
  WorkerContext& worker_;
  const network::DrainDecision& drain_decision_;
  std::shared_ptr<const HttpConfig> config_;
  http::ConnectionSink sink_;
  std::unique_ptr<http::Codec> codec_;
  base::IntrusiveList<ActiveStream> streams_;
  event::Timer timer_;
  base::MonotonicTime timer_at_ = base::MonotonicTime::max();
  base::MonotonicTime started_;
  base::MonotonicTime idle_since_;
  base::MonotonicTime drain_at_ = base::MonotonicTime::max();  // of the final GOAWAY
  base::MonotonicTime gone_at_ = base::MonotonicTime::max();   // the client has ended its direction
  uint64_t sent_when_looked_ = 0;                              // bytes, when gone_at_ was set
  std::vector<std::pair<const void*, std::shared_ptr<void>>> filter_state_;
  uint64_t charged_received_ = 0;
  uint64_t charged_sent_ = 0;
  uint64_t yielded_at_turn_ = UINT64_MAX;  // of the loop: the codec has taken enough in it
  uint32_t requests_ = 0;
  Drain drain_ = Drain::kNone;
  bool reading_paused_ = false;  // because the codec said so
  bool close_soon_ = false;      // at the end of the turn
  bool closing_ = false;         // close() was called
  bool closed_ = false;
  bool closed_by_us_ = false;
  bool client_gone_ = false;  // as if it had closed the connection
  bool protocol_error_ = false;
  bool tunnel_ = false;
  bool tls_counted_ = false;
};

}  // namespace baton::proxy
