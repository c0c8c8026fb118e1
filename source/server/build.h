// What this build is to the other side of a hot restart. In a file of its own for the same reason as
// stats::layoutVersion(): tests link a program that stands for another build.
#pragma once

#include <cstdint>

#include "source/stats/store.h"

namespace baton::server {

// The product's version, "0.1.0", and what /server_info calls it.
const char* version();
// Of the hot restart's messages.
uint32_t restartProtocol();
// server.version, and whatever else only this build counts.
void addBuildStats(stats::Store& store);

}  // namespace baton::server
