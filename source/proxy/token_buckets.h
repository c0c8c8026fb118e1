// The token buckets of a configuration that all connections share, by name: so that what is left in them crosses a hot
// restart. Owned by the configuration, filled while it is built; main thread. The buckets themselves are for all
// threads.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/proxy/token_bucket.h"

namespace baton::proxy {

// What is in a bucket, for the next process.
struct BucketLevel {
  std::string name;
  uint64_t tokens = 0;
  std::chrono::nanoseconds since_fill{};
};

class TokenBuckets {
 public:
  // A new bucket of `owner`, the stat prefix of its filter. Buckets of one owner with the same settings are told apart
  // by their order in the configuration; one with other settings than before starts full.
  std::shared_ptr<TokenBucket> make(const std::string& owner, const BucketSettings& settings);

  // Of those that have been used.
  std::vector<BucketLevel> levels(base::MonotonicTime now) const;
  void restore(const std::vector<BucketLevel>& levels, base::MonotonicTime now);

 private:
  std::map<std::string, std::shared_ptr<TokenBucket>> buckets_;
  std::map<std::string, uint64_t> made_;  // of each owner and settings
};

}  // namespace baton::proxy
