// Asks every host of a cluster how it is, at the intervals that its health check configures. Owned by the cluster, one
// per configured check; main thread. A host that is not known yet counts as failed until its first check.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "source/base/random.h"
#include "source/event/loop.h"
#include "source/upstream/health_probe.h"
#include "source/upstream/health_state.h"

namespace baton::upstream {

class HealthChecker {
 public:
  class Listener {
   public:
    // The verdict on a host changed: the listener sets failed_active_check, for it knows all checkers of the host.
    virtual void onHealthChanged(const HostPtr& host) = 0;
    // A host was checked for the first time, whatever came out.
    virtual void onFirstCheck(const HostPtr& host) = 0;
    // A check succeeded (outlier detection ends an ejection then).
    virtual void onCheckSucceeded(const HostPtr& host) = 0;

   protected:
    ~Listener() = default;
  };

  static base::Result<std::unique_ptr<HealthChecker>> make(const api::HealthCheck& config, PoolContext& context,
                                                           std::shared_ptr<const ClusterInfo> info, Listener& listener);
  ~HealthChecker();

  // `known`: the host's failed_active_check is what somebody found out; otherwise it is unhealthy until it is checked.
  void add(const HostPtr& host, bool known);
  void remove(const HostPtr& host);
  // The host itself said, in an answer to somebody else, that it should fail.
  void failAtOnce(const HostPtr& host);
  bool healthy(const Host& host) const;
  size_t healthyCount() const;

 private:
  class Session;

  HealthChecker(const HealthCheckTimes& times, std::unique_ptr<ProbeFactory> probes, PoolContext& context,
                std::shared_ptr<const ClusterInfo> info, Listener& listener);

  const HealthCheckTimes times_;
  const std::unique_ptr<ProbeFactory> probes_;
  PoolContext& context_;
  const std::shared_ptr<const ClusterInfo> info_;
  Listener& listener_;
  std::unordered_map<const Host*, std::unique_ptr<Session>> sessions_;
};

}  // namespace baton::upstream
