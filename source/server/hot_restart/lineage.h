// Who is alive under a base id. A lineage is all processes that follow each other by hot restart; each live one holds a
// shared lock on one file, and a fresh start needs the exclusive one, so leftovers of dead processes can be cleaned up
// and nothing of a live one is ever unlinked. The kernel drops the lock with the process, however it ends.
//
// Main thread. Open-file-description locks, because unlike flock(2) they go from exclusive to shared without a gap.
#pragma once

#include <cstdint>
#include <string>

#include "source/base/result.h"
#include "source/network/fd.h"

namespace baton::server::hot_restart {

class Lineage {
 public:
  // Epoch 0: kUnavailable when a live process holds the base id.
  static base::Result<Lineage> found(uint32_t base_id, const std::string& directory = "/dev/shm");
  // A child joins what its parent founded.
  static base::Result<Lineage> join(uint32_t base_id, const std::string& directory = "/dev/shm");
  // The lowest base id from 1 on that nobody holds.
  static base::Result<Lineage> foundAnywhere(const std::string& directory = "/dev/shm");
  // True when some process holds the base id.
  static bool alive(uint32_t base_id, const std::string& directory = "/dev/shm");

  Lineage(Lineage&&) = default;
  Lineage& operator=(Lineage&&) = default;

  uint32_t baseId() const { return base_id_; }
  // The founder's start is over: others may join.
  base::Result<void> share();
  // At the very end, once. True when no other process is left, so that files and sockets of the lineage must be
  // removed; no other can join or found any more until this object is gone. Otherwise this process holds the base id no
  // longer.
  bool leave();
  // Removes the lock file. Only after leave() was true.
  void removeFile();

 private:
  Lineage(network::Fd file, uint32_t base_id, std::string path)
      : file_(std::move(file)), base_id_(base_id), path_(std::move(path)) {}

  network::Fd file_;
  uint32_t base_id_ = 0;
  std::string path_;
};

}  // namespace baton::server::hot_restart
