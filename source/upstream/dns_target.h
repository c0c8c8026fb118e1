// One name that is looked up again and again: after each refresh interval, or the answer's TTL, or with back-off while
// it can't be resolved. Owned by its cluster; main thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "source/base/random.h"
#include "source/event/loop.h"
#include "source/upstream/dns_resolver.h"

namespace baton::upstream {

struct DnsSettings {
  DnsFamily family = DnsFamily::kAuto;
  std::chrono::milliseconds refresh_rate{5000};
  bool respect_ttl = false;
  std::chrono::milliseconds jitter{0};  // up to this much more, after an answer
  // After n failures in a row: base * 2^(n-1), at most max, less a random half. Base 0: as refresh_rate.
  std::chrono::milliseconds failure_base{0};
  std::chrono::milliseconds failure_max{0};
};

class DnsTarget {
 public:
  using Resolved = std::function<void(const base::Result<DnsAnswer>& answer)>;

  DnsTarget(event::Loop& loop, base::Random& random, DnsResolver& resolver, const DnsSettings& settings,
            std::string name, Resolved resolved);

  // The first look-up. `resolved` is called for each answer or failure from then on.
  void start();
  const std::string& name() const { return name_; }

 private:
  void ask();
  std::chrono::milliseconds untilNext(const base::Result<DnsAnswer>& answer);

  base::Random& random_;
  DnsResolver& resolver_;
  const DnsSettings settings_;
  const std::string name_;
  const Resolved resolved_;
  event::Timer timer_;
  std::unique_ptr<DnsQuery> query_;
  unsigned failures_ = 0;
};

}  // namespace baton::upstream
