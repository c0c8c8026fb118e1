// Clusters without sockets: a test sees what the proxy sends upstream and says what comes back.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/event/loop.h"
#include "source/network/connection.h"
#include "source/upstream/cluster_info.h"
#include "source/upstream/worker_clusters.h"

namespace baton::test {

// A request as an upstream got it, and the means to answer it.
class FakeStream final : public http::StreamSender {
 public:
  explicit FakeStream(http::StreamReceiver& receiver) : receiver_(receiver) {}

  // The upstream's side.
  void respond(int status, std::string_view body = {},
               const std::vector<std::pair<std::string, std::string>>& fields = {});
  void respondHeaders(int status, bool end_of_stream = false,
                      const std::vector<std::pair<std::string, std::string>>& fields = {});
  void respondData(std::string_view bytes, bool end_of_stream = false);
  void respondTrailers(const std::vector<std::pair<std::string, std::string>>& fields);
  void respondInformational(int status);
  void fail(http::StreamReset reason, std::string_view details = {});
  void full() { receiver_.onAboveHighWatermark(); }
  void drained() { receiver_.onBelowLowWatermark(); }

  std::string header(std::string_view name) const { return std::string(headers.get(name)); }
  bool over() const { return over_; }

  http::HeaderMap headers;
  std::string body;
  std::optional<http::HeaderMap> trailers;
  bool ended = false;
  bool was_reset = false;
  int pauses = 0;
  http::Protocol spoken = http::Protocol::kHttp11;

  void sendInformational(const http::HeaderMap&) override {}
  void sendHeaders(const http::HeaderMap& sent, bool end_of_stream) override;
  void sendData(std::string_view bytes, bool end_of_stream) override;
  void sendTrailers(const http::HeaderMap& sent) override;
  void reset(http::StreamReset) override;
  void pauseReading() override { ++pauses; }
  void resumeReading() override { --pauses; }
  size_t unsentBytes() const override { return 0; }
  uint64_t id() const override { return 1; }
  http::Protocol protocol() const override { return spoken; }
  WireBytes wireBytes() const override { return {}; }

 private:
  void responseEnded();

  http::StreamReceiver& receiver_;
  bool response_ended_ = false;
  bool over_ = false;
};

class FakeCluster final : public upstream::WorkerCluster {
 public:
  FakeCluster(event::Loop& loop, std::string name, stats::Store& store);
  ~FakeCluster() override;

  // What the next requests for a stream meet; a stream at once on a fresh connection when nothing is said.
  struct Outcome {
    enum class Kind { kReady, kReused, kWait, kFail } kind = Kind::kReady;
    upstream::PoolFailure failure = upstream::PoolFailure::kConnectFailed;
    std::string reason = {};
  };
  std::deque<Outcome> next;

  // For streams that wait.
  bool waiting() const { return waiting_ != nullptr; }
  void ready(bool reused = false);
  void failWaiting(upstream::PoolFailure failure);

  FakeStream& last() { return *streams.back(); }
  size_t requests() const { return streams.size(); }

  std::shared_ptr<upstream::ClusterInfo> cluster_info;
  std::vector<std::unique_ptr<FakeStream>> streams;
  std::vector<upstream::StreamOptions> options;
  std::vector<std::optional<uint64_t>> hashes;
  std::vector<std::string> server_names;
  std::vector<std::pair<upstream::HostOutcome, int>> outcomes;
  upstream::HostPtr host;
  upstream::HostCounts counts{1, 1, 0};
  // For newConnection(): the other end of the connection that it hands out.
  std::unique_ptr<network::Connection> connection_for_tunnel;
  bool refused_host = false;  // the last request did not want the host
  uint32_t selection_attempts = 0;
  int retries_allowed = 1000;
  int retries_active = 0;
  int cancelled = 0;
  int connections_ended = 0;
  http::Protocol protocol = http::Protocol::kHttp11;

  const upstream::ClusterInfo& info() const override { return *cluster_info; }
  upstream::HostPtr chooseHost(const upstream::LoadBalancerContext&) override { return host; }
  upstream::HostCounts hostCounts() const override { return counts; }
  upstream::PendingStream* newStream(const upstream::StreamOptions& wanted,
                                     const upstream::LoadBalancerContext& context, http::StreamReceiver& receiver,
                                     upstream::StreamWaiter& waiter) override;
  upstream::PendingConnection* newConnection(upstream::Priority priority, const upstream::LoadBalancerContext& context,
                                             upstream::ConnectionWaiter& waiter) override;
  void connectionEnded(const upstream::Host&) override { ++connections_ended; }
  void report(upstream::Host&, upstream::HostOutcome outcome, int status) override {
    outcomes.emplace_back(outcome, status);
  }
  bool tryStartRetry(upstream::Priority) override;
  void retryEnded(upstream::Priority) override { --retries_active; }

 private:
  class Pending;
  void give(http::StreamReceiver& receiver, upstream::StreamWaiter& waiter, bool reused);

  network::Connection connection_;
  std::unique_ptr<Pending> waiting_;
};

class FakeClusters final : public upstream::WorkerClusters {
 public:
  FakeClusters(event::Loop& loop, stats::Store& store) : loop_(loop), store_(store) {}

  FakeCluster& add(const std::string& name);
  FakeCluster& operator[](const std::string& name) { return *clusters_.at(name); }
  void remove(const std::string& name) { clusters_.erase(name); }

  upstream::WorkerCluster* find(std::string_view name) override;
  void forEach(const std::function<void(upstream::WorkerCluster&)>& visit) override;
  void drainConnections() override {}
  size_t openConnections() const override { return 0; }

 private:
  event::Loop& loop_;
  stats::Store& store_;
  std::map<std::string, std::unique_ptr<FakeCluster>, std::less<>> clusters_;
};

}  // namespace baton::test
