// The pieces of state that cross a hot restart, as bytes: TLS ticket keys, what is left in token buckets, the health of
// hosts, and since when somebody has served. Main thread.
#pragma once

#include <chrono>
#include <vector>

#include "source/server/configuration.h"
#include "source/server/hot_restart/handover.h"

namespace baton::server {

std::vector<hot_restart::StatePart> exportState(Configuration& configuration, base::MonotonicTime now);
// Skips what it does not know or can't read.
void importState(const std::vector<hot_restart::StatePart>& parts, Configuration& configuration,
                 base::MonotonicTime now);

hot_restart::StatePart uptimePart(std::chrono::milliseconds uptime);
// 0 from a parent that does not say.
std::chrono::milliseconds uptimeOf(const std::vector<hot_restart::StatePart>& parts);

// Counters and gauges of the whole lineage, for a child that can't share the region.
std::vector<hot_restart::StatValue> exportStatValues(stats::Store& store);

}  // namespace baton::server
