// Chooses the filter chain of an accepted connection by Envoy's rules: destination port, destination address, server
// name, transport protocol, application protocol, direct source address, source type, source address, source port, each
// by its most specific value, without going back. Immutable; shared by all workers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/listener.h"

#include "source/base/result.h"
#include "source/network/connection_info.h"

namespace baton::network {

class FilterChainMatcher {
 public:
  // Chains with identical matches are an error that names both, so is a server name with a wildcard inside.
  static base::Result<FilterChainMatcher> build(const std::vector<api::FilterChain>& chains);

  FilterChainMatcher(FilterChainMatcher&&) noexcept;
  FilterChainMatcher& operator=(FilterChainMatcher&&) noexcept;
  ~FilterChainMatcher();

  // The index of the chain in what build() was given.
  std::optional<size_t> find(const ConnectionInfo& connection) const;

 private:
  struct Node;
  explicit FilterChainMatcher(std::unique_ptr<Node> root);

  std::unique_ptr<Node> root_;
  std::optional<size_t> only_;  // one chain without conditions: nothing to look at
};

}  // namespace baton::network
