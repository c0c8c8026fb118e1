#include "source/server/build.h"

#include "source/server/hot_restart/message.h"

namespace baton::server {

const char* version() {
  return "0.1.0";
}

uint32_t restartProtocol() {
  return hot_restart::kProtocolVersion;
}

void addBuildStats(stats::Store& store) {
  // MAJOR * 10000 + MINOR * 100 + PATCH.
  store.gauge("server.version", stats::GaugeMode::kOwn).set(100);
}

}  // namespace baton::server
