// One downstream connection with its connection manager, between a client that a test plays by hand and clusters that
// are fakes. Time is simulated; nothing waits.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "source/proxy/http/connection_manager.h"
#include "source/proxy/http/http_config.h"
#include "test/support/fake_upstream.h"
#include "test/support/h2_frames.h"
#include "test/support/sockets.h"

namespace baton::test {

class FakeDrain final : public network::DrainDecision {
 public:
  bool draining() const override { return probability > 0 || idle; }
  bool drainClose(base::Random& random) const override { return random.fraction() < probability; }
  bool closeIdle() const override { return idle; }

  double probability = 0;
  bool idle = false;
};

class HttpRig : public testing::Test, private network::SessionOwner {
 protected:
  HttpRig();
  ~HttpRig() override;

  // Change `config` before; routes go to cluster "web" unless they are set.
  void start();
  // A request to be sent as HTTP/1.1, with a host.
  void get(std::string_view path, std::string_view more_fields = {});
  void send(std::string_view bytes);
  // Runs the loop until nothing happens any more.
  void settle();
  void advance(std::chrono::milliseconds by);
  // Everything that the client received.
  std::string received();
  void forget();
  // The status of the first response of what was received, and all bytes after the head.
  int status();
  std::string body();
  // The value of a field in the last response head received; empty when there is none.
  std::string field(std::string_view name);
  bool closed();

  // HTTP/2.
  void startHttp2();
  void sendHttp2(const std::string& frames) { send(frames); }
  std::vector<H2ReadFrame> frames();
  const H2ReadFrame* firstFrame(H2Type type, uint32_t stream);

  api::Route& addRoute(const std::string& prefix, const std::string& cluster);
  api::VirtualHost& host() { return config.route_config->virtual_hosts.front(); }
  uint64_t counter(std::string_view name) { return store->findCounter(name).value_or(0); }
  int64_t gauge(std::string_view name) { return store->findGauge(name).value_or(0); }
  FakeCluster& web() { return clusters["web"]; }
  const std::string& flags() { return log.back().flags; }

  struct LogLine {
    int status = 0;
    std::string flags;
    std::string details;
    std::string route;
    std::string cluster;
    uint64_t received = 0;
    uint64_t sent = 0;
    uint32_t attempts = 0;
  };

  base::SimulatedClock clock;
  event::Loop loop{clock};
  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  FakeClusters clusters{loop, *store};
  base::FastRandom random{7};
  proxy::ServerState server;
  proxy::WorkerContext worker{loop, clusters, std::make_shared<base::Runtime>(), random, server};
  FakeDrain drain;
  api::HttpConnectionManager config;
  std::vector<LogLine> log;
  std::shared_ptr<const proxy::HttpConfig> built;
  network::ConnectionInfo info;
  std::unique_ptr<network::Connection> connection;
  std::unique_ptr<proxy::ConnectionManager> manager;
  std::unique_ptr<Peer> client;

 private:
  class Log;
  void sessionEnded() override {}
  void replaceSession(std::unique_ptr<network::Session>) override {}
  void keep(std::shared_ptr<void>) override {}

  H2Reader h2_reader_;
  std::vector<H2ReadFrame> h2_frames_;
  size_t h2_read_ = 0;
};

}  // namespace baton::test
