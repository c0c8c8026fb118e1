// Consistent hashing: which of some hosts a key belongs to, so that little changes when hosts come and go. Built on
// the main thread for each change of hosts, immutable, shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "source/upstream/cluster_info.h"
#include "source/upstream/host.h"

namespace baton::upstream {

class HashTable {
 public:
  virtual ~HashTable() = default;
  // `attempt` > 0: the choice of `attempt` - 1 is not wanted, another one is. Null when there are no hosts.
  virtual HostPtr choose(uint64_t hash, uint32_t attempt) const = 0;
};

// Ketama: each host at many points of a ring, in proportion to its weight.
class RingHash final : public HashTable {
 public:
  RingHash(const std::vector<HostPtr>& hosts, const LbSettings& settings);
  HostPtr choose(uint64_t hash, uint32_t attempt) const override;

  size_t size() const { return ring_.size(); }
  uint64_t minHashesPerHost() const { return min_hashes_; }
  uint64_t maxHashesPerHost() const { return max_hashes_; }

 private:
  struct Point {
    uint64_t hash;
    uint32_t host;
  };

  std::vector<HostPtr> hosts_;
  std::vector<Point> ring_;  // sorted by hash
  uint64_t min_hashes_ = 0;
  uint64_t max_hashes_ = 0;
};

// Maglev (NSDI 2016, section 3.4): each host fills its share of a table of prime size, in an order of its own.
class Maglev final : public HashTable {
 public:
  Maglev(const std::vector<HostPtr>& hosts, const LbSettings& settings);
  HostPtr choose(uint64_t hash, uint32_t attempt) const override;

  uint64_t minEntriesPerHost() const { return min_entries_; }
  uint64_t maxEntriesPerHost() const { return max_entries_; }

 private:
  std::vector<HostPtr> hosts_;
  std::vector<uint32_t> table_;
  uint64_t min_entries_ = 0;
  uint64_t max_entries_ = 0;
};

}  // namespace baton::upstream
