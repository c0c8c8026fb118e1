// The newer way to say what lb_policy says: a list of policies, each a message of its own. Reading a cluster turns it
// into lb_policy and its settings. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/runtime.h"
#include "api/typed_config.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// ROUND_ROBIN.
struct RoundRobinPolicy {};

// RANDOM.
struct RandomPolicy {};

// LEAST_REQUEST.
struct LeastRequestPolicy {
  uint32_t choice_count = 2;
  std::optional<RuntimeDouble> active_request_bias;
};

// RING_HASH.
struct RingHashPolicy {
  enum class HashFunction { kDefaultHash = 0, kXxHash = 1, kMurmurHash2 = 2 };

  uint32_t minimum_ring_size = 1024;
  uint32_t maximum_ring_size = 8388608;
  HashFunction hash_function = HashFunction::kDefaultHash;
};

// MAGLEV.
struct MaglevPolicy {
  uint32_t table_size = 65537;
};

// A policy and its settings.
struct LoadBalancingPolicyExtension {
  std::string name;
  TypedConfig typed_config;
};

// One entry of the list.
struct LoadBalancingPolicyEntry {
  LoadBalancingPolicyExtension typed_extension_config;
};

// How an endpoint is chosen.
struct LoadBalancingPolicy {
  std::vector<LoadBalancingPolicyEntry> policies;  // The first counts.
};

const MessageDescription& describe(const RoundRobinPolicy*);
const MessageDescription& describe(const RandomPolicy*);
const MessageDescription& describe(const LeastRequestPolicy*);
const MessageDescription& describe(const RingHashPolicy*);
const EnumDescription& describeEnum(const RingHashPolicy::HashFunction*);
const MessageDescription& describe(const MaglevPolicy*);
const MessageDescription& describe(const LoadBalancingPolicyExtension*);
const MessageDescription& describe(const LoadBalancingPolicyEntry*);
const MessageDescription& describe(const LoadBalancingPolicy*);

}  // namespace baton::api
