#include "source/upstream/dns_target.h"

#include <algorithm>

namespace baton::upstream {

DnsTarget::DnsTarget(event::Loop& loop, base::Random& random, DnsResolver& resolver, const DnsSettings& settings,
                     std::string name, Resolved resolved)
    : random_(random),
      resolver_(resolver),
      settings_(settings),
      name_(std::move(name)),
      resolved_(std::move(resolved)),
      timer_(loop, [this] { ask(); }) {}

void DnsTarget::start() {
  ask();
}

void DnsTarget::ask() {
  query_ = resolver_.resolve(name_, settings_.family, [this](base::Result<DnsAnswer> answer) {
    query_.reset();
    timer_.arm(untilNext(answer));
    resolved_(answer);
  });
}

std::chrono::milliseconds DnsTarget::untilNext(const base::Result<DnsAnswer>& answer) {
  using std::chrono::milliseconds;
  // That there are no addresses is an answer too.
  if (answer.ok() || answer.error().code == base::ErrorCode::kNotFound) {
    failures_ = 0;
    milliseconds wait = settings_.refresh_rate;
    if (settings_.respect_ttl && answer.ok() && answer->ttl.count() > 0) wait = answer->ttl;
    return wait + milliseconds(random_.below(static_cast<uint64_t>(settings_.jitter.count()) + 1));
  }
  if (settings_.failure_base.count() == 0) return settings_.refresh_rate;
  const milliseconds longest = std::max(settings_.failure_max, settings_.failure_base);
  const unsigned doublings = std::min(failures_++, 20u);
  const milliseconds step = std::min(longest, settings_.failure_base * (int64_t{1} << doublings));
  // Jitter: many proxies that lost their name server must not come back to it together.
  const auto half = static_cast<uint64_t>(step.count()) / 2;
  return std::max(milliseconds(1), step - milliseconds(random_.below(half + 1)));
}

}  // namespace baton::upstream
