#include "source/upstream/tcp_probe.h"

#include "source/network/connection.h"

namespace baton::upstream {

namespace {

// A host that talks on and on without the expected bytes fails.
constexpr size_t kMostReceivedBytes = 64 * 1024;

class TcpProbe final : public Probe, private network::ConnectionHandler {
 public:
  TcpProbe(PoolContext& context, std::shared_ptr<const ClusterInfo> info, HostPtr host,
           const TcpProbeSettings& settings)
      : context_(context), info_(std::move(info)), host_(std::move(host)), settings_(settings) {}
  ~TcpProbe() override { giveUp(); }

  void ask(Done done) override {
    received_.clear();
    // Without bytes to exchange a connection that is still there would prove nothing.
    const bool keep = settings_.reuse_connection && !settings_.receive.empty();
    if (keep && connection_ != nullptr && connection_->isOpen() && connection_->looksAlive()) {
      done_ = std::move(done);
      connection_->write(settings_.send);
      return;
    }
    giveUp();
    done_ = std::move(done);
    network::TransportFactory::CreateOptions options;
    options.host_name = host_->hostname;
    connection_ = std::make_unique<network::Connection>(
        context_.loop, info_->transport ? info_->transport->create(options) : network::makePlainTransport(),
        network::ConnectionSettings{});
    connection_->setHandler(*this);
    connection_->connect(host_->health_check_address, {}, info_->socketPreparation());
  }

  void giveUp() override {
    done_ = nullptr;
    if (connection_ != nullptr) connection_->close(network::CloseType::kAbort);
  }

 private:
  void onConnected() override {
    if (!settings_.send.empty()) connection_->write(settings_.send);
    if (settings_.receive.empty()) succeed(network::CloseType::kFlush);
  }

  size_t onData(std::string_view bytes, bool end_of_stream) override {
    received_ += bytes;
    if (done_ && containsInOrder(received_, settings_.receive)) {
      if (!settings_.reuse_connection || end_of_stream) {
        succeed(network::CloseType::kAbort);
      } else {
        finish(ProbeResult::kHealthy);
      }
    } else if (end_of_stream || received_.size() > kMostReceivedBytes) {
      connection_->close(network::CloseType::kAbort);
    }
    return bytes.size();
  }

  void onClosed(network::CloseReason) override {
    context_.loop.deleteLater(std::move(connection_));
    finish(ProbeResult::kNetworkFailure);
  }

  void succeed(network::CloseType close) {
    finish(ProbeResult::kHealthy);
    if (connection_ != nullptr) connection_->close(close);
  }

  void finish(ProbeResult result) {
    if (!done_) return;
    const Done done = std::move(done_);
    done_ = nullptr;
    done(result);
  }

  PoolContext& context_;
  const std::shared_ptr<const ClusterInfo> info_;
  const HostPtr host_;
  const TcpProbeSettings& settings_;
  std::unique_ptr<network::Connection> connection_;
  Done done_;  // set while a question is under way
  std::string received_;
};

}  // namespace

std::unique_ptr<Probe> makeTcpProbe(PoolContext& context, std::shared_ptr<const ClusterInfo> info, HostPtr host,
                                    const TcpProbeSettings& settings) {
  return std::make_unique<TcpProbe>(context, std::move(info), std::move(host), settings);
}

bool containsInOrder(std::string_view received, const std::vector<std::string>& wanted) {
  for (const std::string& part : wanted) {
    const size_t at = received.find(part);
    if (at == std::string_view::npos) return false;
    received.remove_prefix(at + part.size());
  }
  return true;
}

}  // namespace baton::upstream
