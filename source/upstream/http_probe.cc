#include "source/upstream/http_probe.h"

#include <algorithm>

#include "source/network/connection.h"

namespace baton::upstream {

namespace {

using http::HeaderName;

// More of an answer's body than a HealthCheckResponse ever has is not kept.
constexpr size_t kMostBodyBytes = 1024;
constexpr int kServing = 1;

class HttpProbe final : public Probe,
                        private network::ConnectionHandler,
                        private http::CodecHandler,
                        private http::ByteSink {
 public:
  HttpProbe(PoolContext& context, std::shared_ptr<const ClusterInfo> info, HostPtr host,
            const HttpProbeSettings& settings)
      : context_(context), info_(std::move(info)), host_(std::move(host)), settings_(settings), answer_(*this) {}
  ~HttpProbe() override { dropConnection(); }

  void ask(Done done) override {
    answer_.clear();
    if (codec_ != nullptr && connection_->isOpen() && codec_->canOpenStream() && connection_->looksAlive()) {
      done_ = std::move(done);
      return sendRequest();
    }
    dropConnection();
    done_ = std::move(done);
    network::TransportFactory::CreateOptions options;
    options.host_name = host_->hostname;
    if (!info_->transport_has_alpn && settings_.protocol == http::Protocol::kHttp2) {
      options.application_protocols = {"h2"};
    }
    connection_ = std::make_unique<network::Connection>(
        context_.loop, info_->transport ? info_->transport->create(options) : network::makePlainTransport(),
        network::ConnectionSettings{});
    connection_->setHandler(*this);
    connection_->connect(host_->health_check_address, {}, info_->socketPreparation());
  }

  void giveUp() override {
    done_ = nullptr;
    dropConnection();
  }

 private:
  // The answer to one question.
  class Answer final : public http::StreamReceiver {
   public:
    explicit Answer(HttpProbe& probe) : probe_(probe) {}

    void clear() {
      status = 0;
      degraded = fail_at_once = false;
      grpc_status.clear();
      body.clear();
    }
    void onHeaders(http::HeaderMap&& headers, bool end_of_stream) override {
      status = headers.status();
      degraded = headers.has("x-envoy-degraded");
      fail_at_once = headers.has("x-envoy-immediate-health-check-fail");
      grpc_status = headers.get("grpc-status");
      if (end_of_stream) probe_.answered();
    }
    void onData(std::string_view bytes, bool end_of_stream) override {
      body.append(bytes.substr(0, kMostBodyBytes - std::min(kMostBodyBytes, body.size())));
      if (end_of_stream) probe_.answered();
    }
    void onTrailers(http::HeaderMap&& trailers) override {
      grpc_status = trailers.get("grpc-status");
      probe_.answered();
    }
    void onReset(http::StreamReset, std::string_view) override { probe_.finish(ProbeResult::kNetworkFailure); }

    int status = 0;
    bool degraded = false;
    bool fail_at_once = false;
    std::string grpc_status;
    std::string body;

   private:
    HttpProbe& probe_;
  };

  void onConnected() override {
    codec_ = context_.codecs.make(settings_.protocol, *info_, context_.loop, *this, *this);
    sendRequest();
  }

  size_t onData(std::string_view bytes, bool end_of_stream) override {
    if (codec_ == nullptr) return bytes.size();
    size_t consumed = bytes.size();
    if (!bytes.empty()) {
      const http::DispatchResult result = codec_->dispatch(bytes);
      consumed = result.consumed;
      if (result.status == http::DispatchStatus::kProtocolError) {
        finish(ProbeResult::kNetworkFailure);
        if (connection_ != nullptr) connection_->close(network::CloseType::kAbort);
        return bytes.size();
      }
    }
    // Whoever heard the answer may have given up.
    if (connection_ == nullptr) return bytes.size();
    if (end_of_stream) {
      codec_->onEndOfInput();
      if (connection_ != nullptr) connection_->close(network::CloseType::kAbort);
    } else if (!done_ && (must_close_ || !settings_.reuse_connection || codec_->exhausted())) {
      connection_->close(network::CloseType::kAbort);
    }
    return consumed;
  }

  void onClosed(network::CloseReason) override {
    if (codec_ != nullptr) codec_->onConnectionClosed("connection_closed");
    // Not destroyed yet: the codec may be on the stack.
    context_.loop.deleteLater(std::move(codec_));
    context_.loop.deleteLater(std::move(connection_));
    finish(ProbeResult::kNetworkFailure);
  }

  void onConnectionMustClose() override { must_close_ = true; }
  void onDispatchResumed() override {}
  void write(std::string_view bytes) override {
    if (connection_ != nullptr) connection_->write(bytes);
  }
  size_t unsentBytes() const override { return connection_ == nullptr ? 0 : connection_->unsentBytes(); }

  void sendRequest() {
    must_close_ = false;
    http::HeaderMap headers;
    headers.add(HeaderName::kMethod, settings_.method);
    headers.add(HeaderName::kScheme, info_->transport && !info_->transport->isPlain() ? "https" : "http");
    headers.add(HeaderName::kAuthority,
                host_->health_check_hostname.empty() ? settings_.host : host_->health_check_hostname);
    headers.add(HeaderName::kPath, settings_.path);
    headers.add("user-agent", "Baton/HC");
    if (settings_.grpc) {
      headers.add("content-type", "application/grpc");
      headers.add("te", "trailers");
    }
    for (const auto& [name, value] : settings_.headers_to_set) headers.set(name, value);
    for (const auto& [name, value] : settings_.headers_to_add) headers.add(name, value);
    for (const std::string& name : settings_.headers_to_remove) headers.remove(name);
    http::StreamSender& sender = codec_->newStream(answer_);
    sender.sendHeaders(headers, settings_.body.empty());
    if (!settings_.body.empty() && done_) sender.sendData(settings_.body, true);
  }

  void answered() { finish(verdict()); }

  ProbeResult verdict() const {
    if (settings_.grpc) {
      const bool well = answer_.status == 200 && (answer_.grpc_status.empty() || answer_.grpc_status == "0") &&
                        grpcHealthStatus(answer_.body) == kServing;
      return well ? ProbeResult::kHealthy : ProbeResult::kFailedAtOnce;
    }
    const auto in = [this](const std::vector<std::pair<int64_t, int64_t>>& ranges) {
      return std::any_of(ranges.begin(), ranges.end(), [this](const auto& range) {
        return answer_.status >= range.first && answer_.status < range.second;
      });
    };
    if (answer_.fail_at_once) return ProbeResult::kFailedAtOnce;
    if (in(settings_.expected)) return answer_.degraded ? ProbeResult::kDegraded : ProbeResult::kHealthy;
    return in(settings_.retriable) ? ProbeResult::kFailed : ProbeResult::kFailedAtOnce;
  }

  void finish(ProbeResult result) {
    if (!done_) return;
    const Done done = std::move(done_);
    done_ = nullptr;
    done(result);
  }

  void dropConnection() {
    if (connection_ == nullptr) return;
    done_ = nullptr;
    connection_->close(network::CloseType::kAbort);
  }

  PoolContext& context_;
  const std::shared_ptr<const ClusterInfo> info_;
  const HostPtr host_;
  const HttpProbeSettings& settings_;
  Answer answer_;
  std::unique_ptr<network::Connection> connection_;
  std::unique_ptr<http::ClientCodec> codec_;
  Done done_;  // set while a question is under way
  bool must_close_ = false;
};

}  // namespace

std::unique_ptr<Probe> makeHttpProbe(PoolContext& context, std::shared_ptr<const ClusterInfo> info, HostPtr host,
                                     const HttpProbeSettings& settings) {
  return std::make_unique<HttpProbe>(context, std::move(info), std::move(host), settings);
}

std::string grpcHealthRequest(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';  // field 1, length-delimited
    size_t length = service.size();
    for (; length >= 0x80; length >>= 7) message += static_cast<char>(0x80 | (length & 0x7f));
    message += static_cast<char>(length);
    message += service;
  }
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(message.size() >> shift);
  return framed + message;
}

int grpcHealthStatus(std::string_view framed) {
  constexpr size_t kFrameBytes = 5;
  if (framed.size() < kFrameBytes || framed[0] != 0) return -1;
  const std::string_view message = framed.substr(kFrameBytes);
  if (message.empty()) return 0;
  // Field 1, varint; the values of the enum fit in one byte.
  if (message.size() < 2 || message[0] != 0x08 || (message[1] & 0x80) != 0) return -1;
  return message[1];
}

}  // namespace baton::upstream
