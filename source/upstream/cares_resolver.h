// DnsResolver over c-ares: /etc/hosts, then the configured name servers or those of /etc/resolv.conf. Its sockets and
// time-outs are driven by the loop of the main thread.
#pragma once

#include <ares.h>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "api/dns.h"

#include "source/event/loop.h"
#include "source/upstream/dns_resolver.h"

namespace baton::upstream {

class CaresResolver final : public DnsResolver {
 public:
  struct Settings {
    std::string servers;               // "1.2.3.4:53,[::1]:5353"; empty: as the system is configured
    bool servers_as_fallback = false;  // use them only where the system has none
    bool filter_unroutable = false;    // leave out addresses of a family that this machine has none of
    bool tcp = false;
    bool search_domains = true;
    bool rotate = false;
    std::chrono::milliseconds timeout{5000};
    int tries = 2;
    std::optional<uint32_t> udp_answer_bytes;

    static base::Result<Settings> of(const api::CaresDnsResolverConfig& config);
    bool operator==(const Settings&) const = default;
  };

  static base::Result<std::unique_ptr<CaresResolver>> make(event::Loop& loop, const Settings& settings);
  ~CaresResolver() override;

  std::unique_ptr<DnsQuery> resolve(const std::string& name, DnsFamily family, Done done) override;

 private:
  class Query;
  class Socket;
  struct Lookup;

  CaresResolver(event::Loop& loop, const Settings& settings);
  // A new channel, which reads the system's configuration.
  base::Result<void> open();
  void lookUp(std::shared_ptr<Lookup> lookup);
  void onAnswer(const std::shared_ptr<Lookup>& lookup, int status, const ares_addrinfo* found);
  void onSocketState(ares_socket_t fd, bool readable, bool writable);
  void armTimer();

  event::Loop& loop_;
  const Settings settings_;
  ares_channel channel_ = nullptr;
  size_t under_way_ = 0;
  // No server answered: the system's configuration may have changed since the channel was made.
  bool stale_ = false;
  std::unordered_map<ares_socket_t, std::unique_ptr<Socket>> sockets_;
  event::Timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for work that is posted
};

}  // namespace baton::upstream
