// DnsResolver over c-ares: /etc/hosts, then the name servers of /etc/resolv.conf. Its sockets and time-outs are driven
// by the loop of the main thread.
#pragma once

#include <ares.h>
#include <memory>
#include <string>
#include <unordered_map>

#include "source/event/loop.h"
#include "source/upstream/dns_resolver.h"

namespace baton::upstream {

class CaresResolver final : public DnsResolver {
 public:
  struct Settings {
    std::string servers;  // "1.2.3.4:53,..."; empty: as the system is configured
    std::chrono::milliseconds timeout{5000};
    int tries = 2;
  };

  static base::Result<std::unique_ptr<CaresResolver>> make(event::Loop& loop, const Settings& settings);
  ~CaresResolver() override;

  std::unique_ptr<DnsQuery> resolve(const std::string& name, DnsFamily family, Done done) override;

 private:
  class Query;
  class Socket;
  struct Lookup;

  explicit CaresResolver(event::Loop& loop);
  void lookUp(std::shared_ptr<Lookup> lookup);
  void onSocketState(ares_socket_t fd, bool readable, bool writable);
  void armTimer();

  event::Loop& loop_;
  ares_channel channel_ = nullptr;
  std::unordered_map<ares_socket_t, std::unique_ptr<Socket>> sockets_;
  event::Timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for work that is posted
};

}  // namespace baton::upstream
