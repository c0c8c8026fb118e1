// One way of asking one host how it is: by HTTP, gRPC or TCP. Owned by the health checker's session of that host; main
// thread. It asks as often as it is told to, and keeps its connection between questions if it may.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/health_check.h"

#include "source/base/result.h"
#include "source/upstream/cluster_info.h"
#include "source/upstream/host.h"
#include "source/upstream/pool_context.h"

namespace baton::upstream {

enum class ProbeResult {
  kHealthy,
  kDegraded,        // healthy, but to be used only when others are not there (x-envoy-degraded)
  kFailed,          // an answer that counts towards the threshold
  kFailedAtOnce,    // an answer that needs no threshold
  kNetworkFailure,  // no answer: refused, reset, protocol error
};

class Probe {
 public:
  using Done = std::function<void(ProbeResult result)>;

  virtual ~Probe() = default;
  // Asks once. `done` is called once, from the loop, unless give_up comes before.
  virtual void ask(Done done) = 0;
  // The answer does not matter any more; the connection is closed.
  virtual void giveUp() = 0;
};

// What a health check asks, compiled. Immutable; shared by the sessions of a checker.
class ProbeFactory {
 public:
  static base::Result<std::unique_ptr<ProbeFactory>> make(const api::HealthCheck& config, const std::string& cluster);
  virtual ~ProbeFactory() = default;
  virtual std::unique_ptr<Probe> create(PoolContext& context, std::shared_ptr<const ClusterInfo> info,
                                        HostPtr host) const = 0;
};

}  // namespace baton::upstream
