#include "source/proxy/token_buckets.h"

namespace baton::proxy {

std::shared_ptr<TokenBucket> TokenBuckets::make(const std::string& owner, const BucketSettings& settings) {
  const std::string kind = owner + '/' + std::to_string(settings.max_tokens) + '/' +
                           std::to_string(settings.tokens_per_fill) + '/' +
                           std::to_string(settings.fill_interval.count());
  auto bucket = std::make_shared<TokenBucket>(settings);
  buckets_.emplace(kind + '/' + std::to_string(made_[kind]++), bucket);
  return bucket;
}

std::vector<BucketLevel> TokenBuckets::levels(base::MonotonicTime now) const {
  std::vector<BucketLevel> levels;
  for (const auto& [name, bucket] : buckets_) {
    if (const auto since_fill = bucket->sinceFill(now)) levels.push_back({name, bucket->remaining(), *since_fill});
  }
  return levels;
}

void TokenBuckets::restore(const std::vector<BucketLevel>& levels, base::MonotonicTime now) {
  for (const BucketLevel& level : levels) {
    const auto found = buckets_.find(level.name);
    if (found != buckets_.end()) found->second->restore(level.tokens, now - level.since_fill);
  }
}

}  // namespace baton::proxy
