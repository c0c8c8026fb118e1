// Connection limit: ends connections of its filter chain beyond a number of open ones, which all workers count
// together.
#include <atomic>

#include "api/network_filters.h"

#include "source/proxy/network/held_session.h"
#include "source/proxy/network/registry.h"
#include "source/proxy/network/runtime_switch.h"
#include "source/proxy/worker_context.h"

namespace baton::proxy {
namespace {

struct Shared {
  std::atomic<uint64_t> open{0};
  stats::Counter limited;
  stats::Gauge active;
};

// Counts one connection for as long as it is there.
class Place {
 public:
  Place(std::shared_ptr<Shared> shared, uint64_t limit) : shared_(std::move(shared)) {
    shared_->active.add();
    fits_ = shared_->open.fetch_add(1, std::memory_order_relaxed) < limit;
    // Who is refused is open, but takes nobody's place.
    if (!fits_) shared_->open.fetch_sub(1, std::memory_order_relaxed);
  }
  ~Place() {
    shared_->active.sub();
    if (fits_) shared_->open.fetch_sub(1, std::memory_order_relaxed);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  bool fits() const { return fits_; }

 private:
  const std::shared_ptr<Shared> shared_;
  bool fits_ = false;
};

class ConnectionLimit final : public network::NetworkFilterFactory {
 public:
  ConnectionLimit(const api::ConnectionLimit& settings, const stats::Scope& scope,
                  network::NetworkFilterFactoryPtr next)
      : limit_(settings.max_connections),
        delay_(settings.delay),
        enabled_(settings.runtime_enabled),
        next_(std::move(next)) {
    shared_->limited = scope.counter("limited_connections");
    shared_->active = scope.gauge("active_connections");
  }

  std::unique_ptr<network::Session> createSession(const network::SessionContext& context) const override {
    if (!enabled_.isOn(*context.worker->runtime)) return next_->createSession(context);
    auto place = std::make_shared<Place>(shared_, limit_);
    const bool fits = place->fits();
    context.owner.keep(std::move(place));
    if (fits) return next_->createSession(context);
    shared_->limited.add();
    context.connection.info().termination_details = "connection_limit";
    return HeldSession::make(context, delay_);
  }

 private:
  const uint64_t limit_;
  const std::optional<api::Milliseconds> delay_;
  const RuntimeSwitch enabled_;
  const network::NetworkFilterFactoryPtr next_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace

void registerConnectionLimit(network::NetworkFilterRegistry& registry) {
  registry.addPassing<api::ConnectionLimit>(
      [](const auto& settings, const auto& place, auto next) -> network::NetworkFilterRegistry::Built {
        return network::NetworkFilterFactoryPtr(std::make_shared<ConnectionLimit>(
            settings, place.root.scope("connection_limit." + settings.stat_prefix + "."), std::move(next)));
      });
}

}  // namespace baton::proxy
