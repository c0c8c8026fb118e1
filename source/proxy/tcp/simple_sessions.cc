#include "source/proxy/tcp/simple_sessions.h"

#include "source/config/data_source.h"

namespace baton::proxy {
namespace {

using network::CloseReason;
using network::CloseType;
using network::Connection;

class EchoSession final : public network::Session {
 public:
  explicit EchoSession(Connection& connection) : connection_(connection) {}

  size_t onData(std::string_view bytes, bool end_of_stream) override {
    connection_.write(bytes);
    if (end_of_stream) connection_.endWrite();
    return bytes.size();
  }
  void onAboveHighWatermark() override { connection_.pauseReading(); }
  void onBelowLowWatermark() override { connection_.resumeReading(); }
  void onClosed(CloseReason) override {}
  void terminate() override { connection_.close(CloseType::kAbort); }
  const char* kind() const override { return "echo"; }

 private:
  Connection& connection_;
};

class DirectResponseSession final : public network::Session {
 public:
  DirectResponseSession(Connection& connection, const std::string& response) : connection_(connection) {
    connection_.write(response);
    connection_.notifyWhenFlushed();
  }

  size_t onData(std::string_view bytes, bool) override { return bytes.size(); }
  void onFlushed() override { connection_.close(CloseType::kFlushAndLinger); }
  void onClosed(CloseReason) override {}
  void terminate() override { connection_.close(CloseType::kAbort); }
  const char* kind() const override { return "direct_response"; }

 private:
  Connection& connection_;
};

}  // namespace

std::unique_ptr<network::Session> EchoFactory::createSession(const network::SessionContext& context) const {
  return std::make_unique<EchoSession>(context.connection);
}

base::Result<std::shared_ptr<const DirectResponseFactory>> DirectResponseFactory::build(
    const api::NetworkDirectResponse& settings) {
  std::string response;
  if (settings.response) {
    auto read = config::readDataSource(*settings.response);
    if (!read) return base::Error{read.error().code, "direct_response: " + read.error().message};
    response = std::move(*read);
  }
  return std::shared_ptr<const DirectResponseFactory>(new DirectResponseFactory(std::move(response)));
}

std::unique_ptr<network::Session> DirectResponseFactory::createSession(const network::SessionContext& context) const {
  return std::make_unique<DirectResponseSession>(context.connection, response_);
}

}  // namespace baton::proxy
