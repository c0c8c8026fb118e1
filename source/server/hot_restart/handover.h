// What crosses from parent to child, and what each side must be able to do for it. Values and two seams: the restart
// knows steps and messages; the server behind these interfaces knows listeners, keys and health.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "source/network/fd.h"
#include "source/server/hot_restart/message.h"

namespace baton::server::hot_restart {

// A listening socket on its way. `kind` says whose it is.
struct HandedSocket {
  enum class Kind : uint8_t { kListener, kAdmin, kRestart };
  Kind kind = Kind::kListener;
  std::string address;  // network::Address::text()
  uint32_t worker = 0;
  network::Fd fd;
};

// A named piece of state: "tls.ticket_keys/<context>", "health/<cluster>". What a name means is its owner's business;
// a name that the child does not know is skipped.
struct StatePart {
  std::string name;
  std::string value;
};

// What a process has, for the child's comparison before it asks for anything.
struct Inventory {
  std::vector<std::string> listeners;                               // addresses
  std::vector<std::string> tls_listeners;                           // addresses with TLS
  std::vector<std::pair<std::string, uint64_t>> healthy_endpoints;  // cluster, count
  uint64_t open_file_limit = 0;
  uint64_t sockets = 0;  // that would cross
};

Fields encodeInventory(const Inventory& inventory);
Inventory decodeInventory(const Fields& fields);
// What a child with `child` would lose against `parent`, a sentence each.
std::vector<std::string> compareInventories(const Inventory& parent, const Inventory& child);

struct DrainStatus {
  uint64_t connections = 0;
  std::chrono::milliseconds left{0};                           // until the parent shutdown time
  std::vector<std::pair<std::string, uint64_t>> by_kind = {};  // connections: "http1", "tcp", ...
  std::string waits_for = {};
};

// What is known of another generation, for /generations.
struct GenerationStatus {
  uint64_t epoch = 0;
  int pid = 0;
  bool draining = false;
  DrainStatus drain = {};
};

Fields encodeStatus(const GenerationStatus& status);
GenerationStatus decodeStatus(const Fields& fields);

// One value for kStats messages.
struct StatValue {
  std::string name;
  bool gauge = false;
  uint64_t value = 0;
};

// The parent's server. Main thread.
class ParentServer {
 public:
  virtual Inventory inventory() = 0;
  // Duplicates of every listening socket, the restart socket included.
  virtual std::vector<HandedSocket> duplicateSockets() = 0;
  virtual std::vector<StatePart> exportState() = 0;
  virtual std::vector<StatValue> exportStats() = 0;
  // A duplicate of the stats region's descriptor; -1 without a region.
  virtual int duplicateStatsRegion() = 0;
  // No listener accepts any more, but every descriptor is kept. Returns when no worker accepts.
  virtual void stopAccepting() = 0;
  virtual void resumeAccepting() = 0;
  // The child is there to stay: listeners are closed and connections drained.
  virtual void startDrain() = 0;
  virtual DrainStatus drainStatus() = 0;
  // The generations before this one that are still there, the youngest first.
  virtual std::vector<GenerationStatus> elders() = 0;
  // Ends the oldest generation from this one on, at once; `why` is for the log.
  virtual void endNow(const std::string& why) = 0;
  // The oldest generation is to end: too many are alive.
  virtual void endOldestGeneration() = 0;

 protected:
  ~ParentServer() = default;
};

}  // namespace baton::server::hot_restart
