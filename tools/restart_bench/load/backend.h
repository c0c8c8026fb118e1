// The service behind the proxy: answers that the lanes can check, at a pace that they ask for. One loop.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "source/event/loop.h"

namespace baton::restart_bench {

// Listens on a loopback port (0: any) until it is destroyed.
class Backend final : private event::Watch::Handler {
 public:
  enum class Kind {
    kHttp,  // GET /hello..., GET /download/BYTES/MILLISECONDS, POST /upload, GET /websocket
    kEcho,  // gives back what comes
  };

  Backend(event::Loop& loop, Kind kind, uint16_t port);
  ~Backend();

  uint16_t port() const { return port_; }
  uint64_t requests() const { return requests_; }
  uint64_t connections() const { return connections_; }

 private:
  class Peer;

  void onReady(uint32_t events) override;

  event::Loop& loop_;
  Kind kind_;
  event::Watch watch_;
  int fd_ = -1;
  uint16_t port_ = 0;
  uint64_t requests_ = 0;
  uint64_t connections_ = 0;
  std::list<std::unique_ptr<Peer>> peers_;
};

}  // namespace baton::restart_bench
