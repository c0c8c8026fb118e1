// Asks a host by TCP: connects, sends what is configured, and looks for the expected bytes in what comes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/upstream/health_probe.h"

namespace baton::upstream {

struct TcpProbeSettings {
  std::string send;
  std::vector<std::string> receive;  // in this order, other bytes may lie between
  bool reuse_connection = true;
};

// `settings` outlive the probe.
std::unique_ptr<Probe> makeTcpProbe(PoolContext& context, std::shared_ptr<const ClusterInfo> info, HostPtr host,
                                    const TcpProbeSettings& settings);

// Whether all of `wanted` occur in `received` one after the other.
bool containsInOrder(std::string_view received, const std::vector<std::string>& wanted);

}  // namespace baton::upstream
