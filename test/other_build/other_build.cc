// Baton as another build of it would be: another version, stats that only it has and one that it has not, and by
// environment another protocol or layout. Linked in place of the two files that say these things.

#include <cstdlib>
#include <string>

#include "source/server/build.h"
#include "source/stats/layout_version.h"

namespace baton {
namespace {

uint32_t fromEnvironment(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? 1 : static_cast<uint32_t>(std::stoul(value));
}

}  // namespace

namespace stats {

uint32_t layoutVersion() {
  return fromEnvironment("BATON_TEST_LAYOUT");
}

}  // namespace stats

namespace server {

const char* version() {
  return "0.2.0";
}

uint32_t restartProtocol() {
  return fromEnvironment("BATON_TEST_PROTOCOL");
}

void addBuildStats(stats::Store& store) {
  store.counter("server.starts_of_the_other_build").add();
  // As many as do not fit into one message.
  for (int i = 0; i < 1200; ++i)
    store.counter("other_build.counter_" + std::to_string(i)).add(static_cast<uint64_t>(i));
  store.gauge("server.other_builds").add(1);
}

}  // namespace server
}  // namespace baton
