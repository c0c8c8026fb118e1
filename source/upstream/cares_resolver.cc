#include "source/upstream/cares_resolver.h"

#include <algorithm>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/epoll.h>

#include "source/base/strings.h"

namespace baton::upstream {

namespace {

base::Error dnsError(const std::string& name, int status) {
  const bool absent = status == ARES_ENOTFOUND || status == ARES_ENODATA;
  return {absent ? base::ErrorCode::kNotFound : base::ErrorCode::kUnavailable,
          "DNS: " + name + ": " + ares_strerror(status)};
}

// Whether an IPv6 address could be reached at all from here.
bool hostHasIpv6() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  bool found = false;
  for (const ifaddrs* at = list; at != nullptr && !found; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET6) continue;
    const auto& address = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr;
    found = !IN6_IS_ADDR_LOOPBACK(&address) && !IN6_IS_ADDR_LINKLOCAL(&address);
  }
  freeifaddrs(list);
  return found;
}

// Address families to ask for, one after the other until one has addresses.
std::vector<int> familiesFor(const std::string& name, DnsFamily family) {
  switch (family) {
    case DnsFamily::kV4Only:
      return {AF_INET};
    case DnsFamily::kV6Only:
      return {AF_INET6};
    case DnsFamily::kV4Preferred:
      return {AF_INET, AF_INET6};
    case DnsFamily::kAll:
      return {AF_UNSPEC};
    case DnsFamily::kAuto:
      break;
  }
  // Every machine has ::1 as a localhost, and most services there listen on 127.0.0.1 only.
  if (base::equalsIgnoreCase(name, "localhost") || !hostHasIpv6()) return {AF_INET, AF_INET6};
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
  size_t next_family = 0;
  Done done;
};

class CaresResolver::Query final : public DnsQuery {
 public:
  ~Query() override {
    if (lookup != nullptr) lookup->query = nullptr;
  }
  Lookup* lookup = nullptr;
};

CaresResolver::CaresResolver(event::Loop& loop)
    : loop_(loop),
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
  std::unique_ptr<CaresResolver> resolver(new CaresResolver(loop));
  ares_options options{};
  options.timeout = static_cast<int>(settings.timeout.count());
  options.tries = settings.tries;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<CaresResolver*>(self)->onSocketState(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = resolver.get();
  const int status =
      ares_init_options(&resolver->channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) return dnsError("resolver", status);
  if (!settings.servers.empty()) {
    const int set = ares_set_servers_ports_csv(resolver->channel_, settings.servers.c_str());
    if (set != ARES_SUCCESS) return dnsError(settings.servers, set);
  }
  return resolver;
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
  auto lookup =
      std::make_shared<Lookup>(Lookup{*this, query.get(), name, familiesFor(name, family), 0, std::move(done)});
  query->lookup = lookup.get();
  // c-ares answers from /etc/hosts inside its call; we answer from the loop.
  loop_.post([this, lookup, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired() || lookup->query == nullptr) return;
    lookUp(lookup);
    armTimer();
  });
  return query;
}

void CaresResolver::lookUp(std::shared_ptr<Lookup> lookup) {
  ares_addrinfo_hints hints{};
  hints.ai_family = lookup->families[lookup->next_family++];
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(
      channel_, lookup->name.c_str(), nullptr, &hints,
      [](void* argument, int status, int, ares_addrinfo* found) {
        std::shared_ptr<Lookup> of = std::move(*static_cast<std::shared_ptr<Lookup>*>(argument));
        delete static_cast<std::shared_ptr<Lookup>*>(argument);
        DnsAnswer answer;
        std::chrono::seconds ttl = std::chrono::seconds::max();
        for (const ares_addrinfo_node* at = found == nullptr ? nullptr : found->nodes; at != nullptr;
             at = at->ai_next) {
          auto address = network::Address::fromSockaddr(at->ai_addr, at->ai_addrlen);
          if (!address) continue;
          address->setPort(0);
          answer.addresses.push_back(std::move(address).value());
          ttl = std::min(ttl, std::chrono::seconds(at->ai_ttl));
        }
        if (found != nullptr) ares_freeaddrinfo(found);
        if (of->query == nullptr) return;
        const bool over = status == ARES_ECANCELLED || status == ARES_EDESTRUCTION;
        if (answer.addresses.empty() && !over && of->next_family < of->families.size()) {
          of->resolver.lookUp(of);
          return;
        }
        of->query->lookup = nullptr;
        if (answer.addresses.empty()) {
          of->done(dnsError(of->name, status == ARES_SUCCESS ? ARES_ENODATA : status));
        } else {
          answer.ttl = ttl;
          of->done(std::move(answer));
        }
      },
      new std::shared_ptr<Lookup>(lookup));
}

}  // namespace baton::upstream
