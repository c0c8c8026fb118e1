#include "source/upstream/hash_table.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "source/upstream/hash.h"

namespace baton::upstream {

namespace {

uint64_t totalWeight(const std::vector<HostPtr>& hosts) {
  uint64_t total = 0;
  for (const HostPtr& host : hosts) total += host->weight.load(std::memory_order_relaxed);
  return total;
}

}  // namespace

RingHash::RingHash(const std::vector<HostPtr>& hosts, const LbSettings& settings) : hosts_(hosts) {
  const uint64_t total = totalWeight(hosts);
  if (total == 0) return;
  double lightest = 1.0;
  for (const HostPtr& host : hosts) lightest = std::min(lightest, static_cast<double>(host->weight) / total);

  // The lightest host gets a whole number of points, and so all get their exact share, unless the ring would be too
  // large for that.
  const double scale = std::min(std::ceil(lightest * settings.minimum_ring_size) / lightest,
                                static_cast<double>(settings.maximum_ring_size));
  ring_.reserve(static_cast<size_t>(std::ceil(scale)));
  min_hashes_ = UINT64_MAX;
  double placed = 0;
  double wanted = 0;
  std::string key;
  for (size_t i = 0; i < hosts.size(); ++i) {
    wanted += scale * hosts[i]->weight / static_cast<double>(total);
    const std::string prefix = hosts[i]->address.text() + "_";
    uint64_t points = 0;
    for (; placed < wanted; ++placed, ++points) {
      key = prefix + std::to_string(points);
      const uint64_t hash = settings.hash_function == HashFunction::kMurmurHash2 ? murmurHash2(key) : xxHash64(key);
      ring_.push_back({hash, static_cast<uint32_t>(i)});
    }
    min_hashes_ = std::min(min_hashes_, points);
    max_hashes_ = std::max(max_hashes_, points);
  }
  std::sort(ring_.begin(), ring_.end(), [](const Point& a, const Point& b) { return a.hash < b.hash; });
}

HostPtr RingHash::choose(uint64_t hash, uint32_t attempt) const {
  if (ring_.empty()) return nullptr;
  auto point =
      std::lower_bound(ring_.begin(), ring_.end(), hash, [](const Point& p, uint64_t h) { return p.hash < h; });
  size_t index = static_cast<size_t>(point - ring_.begin());
  return hosts_[ring_[(index + attempt) % ring_.size()].host];
}

Maglev::Maglev(const std::vector<HostPtr>& hosts, const LbSettings& settings) : hosts_(hosts) {
  const uint64_t size = settings.maglev_table_size;
  uint64_t heaviest = 0;
  for (const HostPtr& host : hosts) heaviest = std::max<uint64_t>(heaviest, host->weight.load());
  if (heaviest == 0 || size < 2) return;

  struct Filler {
    uint64_t offset, skip, next = 0, entries = 0;
    double weight, target = 0;
  };
  std::vector<Filler> fillers;
  for (const HostPtr& host : hosts) {
    const std::string key = host->address.text();
    fillers.push_back({.offset = xxHash64(key) % size,
                       .skip = xxHash64(key, 1) % (size - 1) + 1,
                       .weight = static_cast<double>(host->weight) / static_cast<double>(heaviest)});
  }
  constexpr uint32_t kFree = UINT32_MAX;
  table_.assign(size, kFree);
  // A host takes its turn in each round when its weight says so: the heaviest in all of them.
  for (uint64_t filled = 0, rounds = 1; filled < size; ++rounds) {
    for (size_t i = 0; i < fillers.size() && filled < size; ++i) {
      Filler& filler = fillers[i];
      if (static_cast<double>(rounds) * filler.weight < filler.target) continue;
      filler.target += 1;
      uint64_t entry;
      do {
        entry = (filler.offset + filler.skip * filler.next++) % size;
      } while (table_[entry] != kFree);
      table_[entry] = static_cast<uint32_t>(i);
      ++filler.entries;
      ++filled;
    }
  }
  min_entries_ = UINT64_MAX;
  for (const Filler& filler : fillers) {
    min_entries_ = std::min(min_entries_, filler.entries);
    max_entries_ = std::max(max_entries_, filler.entries);
  }
}

HostPtr Maglev::choose(uint64_t hash, uint32_t attempt) const {
  if (table_.empty()) return nullptr;
  // Neighbours in the table have nothing to do with each other, but a hash per attempt keeps the spread even.
  if (attempt > 0) hash ^= ~static_cast<uint64_t>(attempt - 1) + 1 + attempt * 0x9E3779B97F4A7C15;
  return hosts_[table_[hash % table_.size()]];
}

}  // namespace baton::upstream
