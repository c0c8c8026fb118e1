#include "api/load_balancing_policy.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const RoundRobinPolicy*) {
  static const MessageDescription description = message<RoundRobinPolicy>(
      "RoundRobinPolicy", "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin", "ROUND_ROBIN.", {},
      {
          unsupported("slow_start_config", "slow start"),
          unsupported("locality_lb_config", "load balancing over localities"),
      });
  return description;
}

const MessageDescription& describe(const RandomPolicy*) {
  static const MessageDescription description =
      message<RandomPolicy>("RandomPolicy", "envoy.extensions.load_balancing_policies.random.v3.Random", "RANDOM.", {},
                            {
                                unsupported("locality_lb_config", "load balancing over localities"),
                            });
  return description;
}

const MessageDescription& describe(const LeastRequestPolicy*) {
  static const MessageDescription description = message<LeastRequestPolicy>(
      "LeastRequestPolicy", "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest", "LEAST_REQUEST.",
      {},
      {
          field<&LeastRequestPolicy::choice_count>("choice_count", "Endpoints to compare.", {.min = 2}),
          field<&LeastRequestPolicy::active_request_bias>(
              "active_request_bias", "How much requests under way count against weights; 1 when not set."),
          unsupported("slow_start_config", "slow start"),
          unsupported("locality_lb_config", "load balancing over localities"),
          unsupported("enable_full_scan", "comparing all endpoints"),
          unsupported("selection_method", "comparing all endpoints"),
      });
  return description;
}

const EnumDescription& describeEnum(const RingHashPolicy::HashFunction*) {
  static const EnumDescription description{"RingHashPolicy.HashFunction",
                                           {{"DEFAULT_HASH", 0}, {"XX_HASH", 1}, {"MURMUR_HASH_2", 2}}};
  return description;
}

const MessageDescription& describe(const RingHashPolicy*) {
  static const MessageDescription description = message<RingHashPolicy>(
      "RingHashPolicy", "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash", "RING_HASH.", {},
      {
          field<&RingHashPolicy::minimum_ring_size>("minimum_ring_size", "Smallest ring.", {.min = 1, .max = 8388608}),
          field<&RingHashPolicy::maximum_ring_size>("maximum_ring_size", "Largest ring.", {.min = 1, .max = 8388608}),
          field<&RingHashPolicy::hash_function>("hash_function", "The hash of endpoints and requests."),
          unsupported("use_hostname_for_hashing", "consistent hashing options"),
          unsupported("hash_balance_factor", "consistent hashing options"),
          unsupported("consistent_hashing_lb_config", "consistent hashing options"),
          unsupported("locality_weighted_lb_config", "weighted localities"),
      });
  return description;
}

const MessageDescription& describe(const MaglevPolicy*) {
  static const MessageDescription description = message<MaglevPolicy>(
      "MaglevPolicy", "envoy.extensions.load_balancing_policies.maglev.v3.Maglev", "MAGLEV.", {},
      {
          field<&MaglevPolicy::table_size>("table_size", "Size of the table, a prime.", {.min = 2, .max = 5000011}),
          unsupported("consistent_hashing_lb_config", "consistent hashing options"),
          unsupported("locality_weighted_lb_config", "weighted localities"),
      });
  return description;
}

const MessageDescription& describe(const LoadBalancingPolicyExtension*) {
  static const MessageDescription description = message<LoadBalancingPolicyExtension>(
      "LoadBalancingPolicyExtension", "", "A policy and its settings.", {},
      {
          field<&LoadBalancingPolicyExtension::name>("name", "Any name.", {.required = true, .nonempty = true}),
          field<&LoadBalancingPolicyExtension::typed_config>("typed_config", "The policy.",
                                                             {.required = true, .category = "lbpolicy"}),
      });
  return description;
}

const MessageDescription& describe(const LoadBalancingPolicyEntry*) {
  static const MessageDescription description =
      message<LoadBalancingPolicyEntry>("LoadBalancingPolicyEntry", "", "One entry of the list.", {},
                                        {
                                            field<&LoadBalancingPolicyEntry::typed_extension_config>(
                                                "typed_extension_config", "The policy.", {.required = true}),
                                        });
  return description;
}

const MessageDescription& describe(const LoadBalancingPolicy*) {
  static const MessageDescription description = message<LoadBalancingPolicy>(
      "LoadBalancingPolicy", "envoy.config.cluster.v3.LoadBalancingPolicy", "How an endpoint is chosen.", {},
      {
          field<&LoadBalancingPolicy::policies>("policies", "Policies; the first counts.", {.min_items = 1}),
      });
  return description;
}

}  // namespace baton::api
