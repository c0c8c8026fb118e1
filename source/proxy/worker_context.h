// What a worker offers to the sessions that run on it. One per worker, owned by the server, used on the worker's thread
// only; the server replaces the runtime snapshot by a post.
#pragma once

#include <atomic>
#include <memory>

#include "source/base/random.h"
#include "source/base/runtime.h"
#include "source/event/loop.h"
#include "source/http/date.h"
#include "source/upstream/worker_clusters.h"

namespace baton::proxy {

// What the whole process says to all workers. Written by the main thread.
struct ServerState {
  std::atomic<bool> health_check_failed{false};      // POST /healthcheck/fail
  std::atomic<bool> disable_keepalive{false};        // overload: connections close after their response
  std::atomic<bool> stop_accepting_requests{false};  // overload: 503 for new requests
};

class ShadowSet;
class UpstreamFlushes;

struct WorkerContext {
  event::Loop& loop;
  upstream::WorkerClusters& clusters;
  std::shared_ptr<const base::Runtime> runtime;  // never null
  base::Random& random;
  const ServerState& server;
  http::DateCache dates{loop.clock()};
  // Made when first needed.
  std::shared_ptr<ShadowSet> shadows;                 // copies of requests that are under way
  std::shared_ptr<UpstreamFlushes> upstream_flushes;  // upstream connections whose sessions are over
};

}  // namespace baton::proxy
