// How workers tell outlier detection what became of requests: counters in the host, and a call when so many failed in a
// row that the main thread should decide at once.
#pragma once

#include <cstdint>
#include <functional>

#include "source/upstream/host.h"

namespace baton::upstream {

// The outcome of a request on a host, for outlier detection and stats.
enum class HostOutcome : uint8_t { kSuccess, kServerError5xx, kGatewayError, kConnectFailed, kTimeout, kReset };

enum class EjectionCause : uint8_t {
  kConsecutive5xx,
  kConsecutiveGatewayFailure,
  kConsecutiveLocalOriginFailure,
  kSuccessRate,
  kLocalOriginSuccessRate,
  kFailurePercentage,
  kFailurePercentageLocalOrigin,
};
inline constexpr size_t kEjectionCauses = 7;

struct OutlierReporting {
  bool split_local_origin = false;
  uint32_t consecutive_5xx = 5;
  uint32_t consecutive_gateway_failure = 5;
  uint32_t consecutive_local_origin_failure = 5;
  // Any thread.
  std::function<void(HostPtr host, EjectionCause cause)> reached;

  // Any thread.
  void report(Host& host, HostOutcome outcome) const;
};

}  // namespace baton::upstream
