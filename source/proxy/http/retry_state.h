// Whether and when one request is sent again. One per request that may be; on its worker.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "source/base/clock.h"
#include "source/base/random.h"
#include "source/base/runtime.h"
#include "source/http/codec.h"
#include "source/http/header_map.h"
#include "source/proxy/http/route/retry_policy.h"
#include "source/upstream/worker_clusters.h"

namespace baton::proxy {

class RetryState {
 public:
  // Takes the headers that ask for retries out of the request. `policy` may be null and must outlive the state.
  RetryState(const RetryPolicy* policy, http::HeaderMap& headers);

  // Anything at all may lead to a retry.
  bool enabled() const { return on_ != 0 && retries_left_ > 0; }

  enum class Verdict {
    kNo,          // this outcome is none to retry
    kRetry,       // retryStarted() has been counted with the cluster; wait nextDelay(), then try again
    kLimit,       // it would be retried if there were retries left
    kNoCapacity,  // ... if the circuit breaker allowed it
  };
  Verdict onResponse(const http::HeaderMap& headers, upstream::WorkerCluster& cluster, upstream::Priority priority,
                     const base::Runtime& runtime, const base::Clock& clock);
  Verdict onPoolFailure(upstream::PoolFailure failure, upstream::WorkerCluster& cluster, upstream::Priority priority,
                        const base::Runtime& runtime);
  // `request_sent`: some of it may have reached the server. Timeouts of a try count as resets by us.
  Verdict onReset(http::StreamReset reset, bool request_sent, upstream::WorkerCluster& cluster,
                  upstream::Priority priority, const base::Runtime& runtime);

  // As long as the response that is to be retried asks for, and up to half as much again, so that clients do not come
  // back together; without such a wish full jitter: anything up to (2^n - 1) times the base, at most the maximum.
  std::chrono::milliseconds nextDelay(upstream::WorkerCluster& cluster, base::Random& random,
                                      const base::Runtime& runtime);
  // The retry that was allowed is over (its outcome is there, or the request ended). Idempotent.
  void release(upstream::WorkerCluster& cluster, upstream::Priority priority);
  bool retried() const { return retries_ > 0; }

 private:
  bool has(RetryOn condition) const { return (on_ & static_cast<uint32_t>(condition)) != 0; }
  bool wantsResponse(const http::HeaderMap& headers) const;
  Verdict decide(bool wanted, upstream::WorkerCluster& cluster, upstream::Priority priority,
                 const base::Runtime& runtime);

  const RetryPolicy* policy_;
  uint32_t on_ = 0;
  uint32_t retries_left_ = 1;
  uint32_t retries_ = 0;
  bool holds_retry_ = false;
  std::optional<std::chrono::milliseconds> asked_wait_;  // by the last response
  std::vector<uint32_t> more_status_codes_;
  std::vector<std::string> more_header_names_;
};

}  // namespace baton::proxy
