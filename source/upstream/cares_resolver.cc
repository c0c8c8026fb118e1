#include "source/upstream/cares_resolver.h"

#include <algorithm>
#include <arpa/nameser.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <utility>

#include "source/base/strings.h"
#include "source/network/socket.h"

namespace baton::upstream {

namespace {

bool absent(int status) {
  return status == ARES_ENOTFOUND || status == ARES_ENODATA;
}

base::Error dnsError(const std::string& name, int status) {
  return {absent(status) ? base::ErrorCode::kNotFound : base::ErrorCode::kUnavailable,
          "DNS: " + name + ": " + ares_strerror(status)};
}

// Whether an address of this family could be reached at all from here.
bool hostHas(int family) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  bool found = false;
  for (const ifaddrs* at = list; at != nullptr && !found; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != family) continue;
    if (family == AF_INET) {
      const auto& address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr;
      found = ntohl(address.s_addr) >> 24 != IN_LOOPBACKNET;
    } else {
      const auto& address = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr;
      found = !IN6_IS_ADDR_LOOPBACK(&address) && !IN6_IS_ADDR_LINKLOCAL(&address);
    }
  }
  freeifaddrs(list);
  return found;
}

// c-ares falls back to a server on the loopback interface where resolv.conf names none.
bool systemHasServers(ares_channel channel) {
  ares_addr_port_node* list = nullptr;
  if (ares_get_servers_ports(channel, &list) != ARES_SUCCESS || list == nullptr) return false;
  const bool is_default =
      list->next == nullptr && list->family == AF_INET && list->addr.addr4.s_addr == htonl(INADDR_LOOPBACK);
  ares_free_data(list);
  return !is_default;
}

// RFC 6761 6.3: these names mean this machine, also where no hosts file has them.
bool isLocalhost(std::string_view name) {
  constexpr std::string_view kDomain = ".localhost";
  if (name.ends_with('.')) name.remove_suffix(1);
  if (base::equalsIgnoreCase(name, kDomain.substr(1))) return true;
  return name.size() > kDomain.size() && base::equalsIgnoreCase(name.substr(name.size() - kDomain.size()), kDomain);
}

network::Address loopback(int family) {
  return *network::Address::parseIp(family == AF_INET6 ? "::1" : "127.0.0.1", 0);
}

// Address families to ask for, one after the other: until one has addresses, or, with kAll, all of them.
std::vector<int> familiesFor(const std::string& name, DnsFamily family) {
  switch (family) {
    case DnsFamily::kV4Only:
      return {AF_INET};
    case DnsFamily::kV6Only:
      return {AF_INET6};
    case DnsFamily::kV4Preferred:
      return {AF_INET, AF_INET6};
    case DnsFamily::kAll:
      break;
    case DnsFamily::kAuto:
      break;
  }
  // Every machine has ::1 as a localhost, and most services there listen on 127.0.0.1 only.
  if (isLocalhost(name) || !hostHas(AF_INET6)) return {AF_INET, AF_INET6};
  return {AF_INET6, AF_INET};
}

}  // namespace

class CaresResolver::Socket final : private event::Watch::Handler {
 public:
  Socket(CaresResolver& resolver, ares_socket_t fd) : resolver_(resolver), fd_(fd), watch_(resolver.loop_, *this) {}

  void want(uint32_t events) {
    if (watch_.active()) {
      watch_.setEvents(events);
    } else if (!watch_.start(fd_, events)) {
      ares_cancel(resolver_.channel_);
    }
  }
  void stop() { watch_.stop(); }

 private:
  void onReady(uint32_t events) override {
    const bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    const bool writable = (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
    CaresResolver& resolver = resolver_;
    ares_process_fd(resolver.channel_, readable ? fd_ : ARES_SOCKET_BAD, writable ? fd_ : ARES_SOCKET_BAD);
    resolver.armTimer();
  }

  CaresResolver& resolver_;
  const ares_socket_t fd_;
  event::Watch watch_;
};

// c-ares calls back exactly once for each lookup, possibly long after the query was given up, so what it calls back
// into is not the query.
struct CaresResolver::Lookup {
  CaresResolver& resolver;
  Query* query;  // null: given up
  std::string name;
  std::vector<int> families;
  bool all_families;
  Done done;
  size_t next_family = 0;
  DnsAnswer answer{.ttl = std::chrono::seconds::max()};
  // Of the last family that failed but for having no addresses: then nobody knows that there are none.
  std::optional<int> failure;
};

class CaresResolver::Query final : public DnsQuery {
 public:
  ~Query() override {
    if (lookup != nullptr) lookup->query = nullptr;
  }
  Lookup* lookup = nullptr;
};

base::Result<CaresResolver::Settings> CaresResolver::Settings::of(const api::CaresDnsResolverConfig& config) {
  Settings settings{.servers_as_fallback = config.use_resolvers_as_fallback,
                    .filter_unroutable = config.filter_unroutable_families,
                    .tcp = config.dns_resolver_options.use_tcp_for_dns_lookups,
                    .search_domains = !config.dns_resolver_options.no_default_search_domain,
                    .rotate = config.rotate_nameservers,
                    .udp_answer_bytes = config.edns0_max_payload_size};
  if (config.query_timeout_seconds) settings.timeout = std::chrono::seconds(*config.query_timeout_seconds);
  if (config.query_tries) settings.tries = static_cast<int>(*config.query_tries);
  for (const api::Address& resolver : config.resolvers) {
    auto address = network::addressOf(resolver);
    if (!address) return address.error();
    if (!address->isIp()) return base::Error{base::ErrorCode::kInvalidArgument, "a name server has an IP address"};
    if (address->port() == 0) address->setPort(NAMESERVER_PORT);
    settings.servers += (settings.servers.empty() ? "" : ",") + address->text();
  }
  return settings;
}

CaresResolver::CaresResolver(event::Loop& loop, const Settings& settings)
    : loop_(loop),
      settings_(settings),
      timer_(
          loop,
          [this] {
            ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
            armTimer();
          },
          event::Precision::kCoarse) {}

base::Result<std::unique_ptr<CaresResolver>> CaresResolver::make(event::Loop& loop, const Settings& settings) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  if (library != ARES_SUCCESS) return base::Error{base::ErrorCode::kSystem, "c-ares does not start"};
  std::unique_ptr<CaresResolver> resolver(new CaresResolver(loop, settings));
  if (auto done = resolver->open(); !done) return done.error();
  return resolver;
}

base::Result<void> CaresResolver::open() {
  if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
  ares_options options{};
  int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  options.timeout = static_cast<int>(settings_.timeout.count());
  options.tries = settings_.tries;
  options.flags = (settings_.tcp ? ARES_FLAG_USEVC : 0) | (settings_.search_domains ? 0 : ARES_FLAG_NOSEARCH);
  if (settings_.udp_answer_bytes) {
    options.flags |= ARES_FLAG_EDNS;
    options.ednspsz = static_cast<int>(*settings_.udp_answer_bytes);
    given |= ARES_OPT_EDNSPSZ;
  }
  if (settings_.rotate) given |= ARES_OPT_ROTATE;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<CaresResolver*>(self)->onSocketState(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  if (const int status = ares_init_options(&channel_, &options, given); status != ARES_SUCCESS) {
    channel_ = nullptr;
    return dnsError("resolver", status);
  }
  if (settings_.servers.empty() || (settings_.servers_as_fallback && systemHasServers(channel_))) return {};
  const int status = ares_set_servers_ports_csv(channel_, settings_.servers.c_str());
  if (status != ARES_SUCCESS) return dnsError(settings_.servers, status);
  return {};
}

CaresResolver::~CaresResolver() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void CaresResolver::onSocketState(ares_socket_t fd, bool readable, bool writable) {
  const auto at = sockets_.find(fd);
  if (!readable && !writable) {
    if (at == sockets_.end()) return;
    at->second->stop();
    loop_.deleteLater(std::move(at->second));  // it may be on the stack
    sockets_.erase(at);
    return;
  }
  auto& socket = at != sockets_.end() ? at->second : sockets_[fd];
  if (socket == nullptr) socket = std::make_unique<Socket>(*this, fd);
  socket->want((readable ? uint32_t{EPOLLIN} : 0u) | (writable ? uint32_t{EPOLLOUT} : 0u));
}

void CaresResolver::armTimer() {
  timeval storage;
  const timeval* next = ares_timeout(channel_, nullptr, &storage);
  if (next == nullptr) return timer_.cancel();
  timer_.arm(std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec));
}

std::unique_ptr<DnsQuery> CaresResolver::resolve(const std::string& name, DnsFamily family, Done done) {
  auto query = std::make_unique<Query>();
  auto lookup = std::make_shared<Lookup>(
      Lookup{*this, query.get(), name, familiesFor(name, family), family == DnsFamily::kAll, std::move(done)});
  query->lookup = lookup.get();
  // c-ares answers from /etc/hosts inside its call; we answer from the loop.
  loop_.post([this, lookup, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired() || lookup->query == nullptr) return;
    if (stale_ && under_way_ == 0) stale_ = !open().ok();
    lookUp(lookup);
    armTimer();
  });
  return query;
}

void CaresResolver::lookUp(std::shared_ptr<Lookup> lookup) {
  const int family = lookup->families[lookup->next_family++];
  // Without a channel this fails like a name server that is not there; the next look-up tries to make one.
  if (channel_ == nullptr) return onAnswer(lookup, ARES_ECONNREFUSED, nullptr);
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;
  ++under_way_;
  ares_getaddrinfo(
      channel_, lookup->name.c_str(), nullptr, &hints,
      [](void* argument, int status, int, ares_addrinfo* found) {
        const std::unique_ptr<std::shared_ptr<Lookup>> of(static_cast<std::shared_ptr<Lookup>*>(argument));
        --(*of)->resolver.under_way_;
        (*of)->resolver.onAnswer(*of, status, found);
        if (found != nullptr) ares_freeaddrinfo(found);
      },
      new std::shared_ptr<Lookup>(lookup));
}

void CaresResolver::onAnswer(const std::shared_ptr<Lookup>& lookup, int status, const ares_addrinfo* found) {
  if (status == ARES_ECONNREFUSED || status == ARES_ETIMEOUT) stale_ = true;
  if (lookup->query == nullptr) return;
  DnsAnswer& answer = lookup->answer;
  for (const ares_addrinfo_node* at = found == nullptr ? nullptr : found->nodes; at != nullptr; at = at->ai_next) {
    auto address = network::Address::fromSockaddr(at->ai_addr, at->ai_addrlen);
    if (!address || (settings_.filter_unroutable && !hostHas(at->ai_family))) continue;
    address->setPort(0);
    answer.addresses.push_back(std::move(address).value());
    answer.ttl = std::min(answer.ttl, std::chrono::seconds(at->ai_ttl));
  }
  if (status != ARES_SUCCESS && !absent(status)) lookup->failure = status;
  // A server that does not answer is not waited for twice.
  const bool over = status == ARES_ECANCELLED || status == ARES_EDESTRUCTION || status == ARES_ETIMEOUT;
  const bool enough = !answer.addresses.empty() && !lookup->all_families;
  if (!over && !enough && lookup->next_family < lookup->families.size()) {
    return lookUp(lookup);
  }
  if (answer.addresses.empty() && isLocalhost(lookup->name) && status != ARES_ECANCELLED &&
      status != ARES_EDESTRUCTION) {
    answer.ttl = std::chrono::seconds(0);
    answer.addresses.push_back(loopback(lookup->families.front()));
    if (lookup->all_families) answer.addresses.push_back(loopback(lookup->families.back()));
  }
  lookup->query->lookup = nullptr;
  if (answer.addresses.empty()) {
    lookup->done(dnsError(lookup->name, lookup->failure.value_or(status == ARES_SUCCESS ? ARES_ENODATA : status)));
  } else {
    lookup->done(std::move(answer));
  }
}

}  // namespace baton::upstream
