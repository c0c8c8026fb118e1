// What the connections of one listener are told: the sum of the drains that concern it. The process's own drain (hot
// restart, SIGTERM) concerns every listener, a failed health check those of drain_type DEFAULT, POST /drain_listeners
// those that it names. Owned by the server and outlives the workers; started on the main thread, asked by every worker.
#pragma once

#include "source/server/drain_manager.h"

namespace baton::server {

class ListenerDrain final : public network::DrainDecision {
 public:
  // `health_check`: null where a failed health check does not concern the listener (drain_type MODIFY_ONLY).
  ListenerDrain(const base::Clock& clock, const DrainManager& process, const DrainManager* health_check)
      : own_(clock), process_(process), health_check_(health_check) {}

  DrainManager& own() { return own_; }

  bool draining() const override { return own_.draining() || process_.draining() || closeAfterEveryResponse(); }
  bool drainClose(base::Random& random) const override {
    return own_.drainClose(random) || process_.drainClose(random) ||
           (health_check_ != nullptr && health_check_->drainClose(random));
  }
  bool closeIdle() const override {
    return own_.closeIdle() || process_.closeIdle() || (health_check_ != nullptr && health_check_->closeIdle());
  }
  // A load balancer has been told not to come back: nobody is kept for the ramp who is speaking anyway.
  bool closeAfterEveryResponse() const override { return health_check_ != nullptr && health_check_->draining(); }

 private:
  DrainManager own_;
  const DrainManager& process_;
  const DrainManager* health_check_;
};

}  // namespace baton::server
