#include "source/network/filter_chain_matcher.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <unordered_map>

#include "source/base/strings.h"

namespace baton::network {
namespace {

// In the order in which they are looked at.
enum Level : size_t {
  kDestinationPort,
  kDestinationAddress,
  kServerName,
  kTransportProtocol,
  kApplicationProtocol,
  kDirectSourceAddress,
  kSourceType,
  kSourceAddress,
  kSourcePort,
  kLevels
};

constexpr std::string_view kLocalSource = "local";
constexpr std::string_view kExternalSource = "external";

bool isAddressLevel(size_t level) {
  return level == kDestinationAddress || level == kDirectSourceAddress || level == kSourceAddress;
}

base::Error invalid(std::string message) {
  return base::Error{base::ErrorCode::kInvalidArgument, std::move(message)};
}

// The values of one level of one chain; one empty string when the chain does not care.
using Values = std::vector<std::string>;

Values orAny(Values values) {
  if (values.empty()) values.emplace_back();
  return values;
}

base::Result<Values> ranges(const std::vector<api::CidrRange>& configured) {
  Values values;
  for (const api::CidrRange& range : configured) {
    auto parsed = CidrRange::make(range.address_prefix, range.prefix_len);
    if (!parsed) return parsed.error();
    values.push_back(parsed->text());
  }
  return orAny(std::move(values));
}

base::Result<Values> serverNames(const std::vector<std::string>& configured) {
  Values values;
  for (const std::string& name : configured) {
    const size_t star = name.find('*', name.starts_with("*.") ? 1 : 0);
    if (star != std::string::npos) {
      return invalid("partial wildcards are not supported in server_names: '" + name + "'");
    }
    // "*.example.com" is kept as ".example.com".
    values.push_back(base::lower(name.starts_with("*.") ? std::string_view(name).substr(1) : name));
  }
  return orAny(std::move(values));
}

Values ports(std::span<const uint32_t> configured) {
  Values values;
  for (const uint32_t port : configured) values.push_back(std::to_string(port));
  return orAny(std::move(values));
}

base::Result<std::array<Values, kLevels>> valuesOf(const api::FilterChainMatch& match) {
  std::array<Values, kLevels> values;
  values[kDestinationPort] = match.destination_port ? ports({&*match.destination_port, 1}) : ports({});
  values[kTransportProtocol] = {match.transport_protocol};
  values[kApplicationProtocol] = orAny(match.application_protocols);
  values[kSourcePort] = ports(match.source_ports);
  using enum api::FilterChainMatch::ConnectionSourceType;
  values[kSourceType] = {match.source_type == kSameIpOrLoopback ? std::string(kLocalSource)
                         : match.source_type == kExternal       ? std::string(kExternalSource)
                                                                : std::string()};
  const auto put = [&](Level level, base::Result<Values> result) -> base::Result<void> {
    if (!result) return result.error();
    values[level] = std::move(*result);
    return {};
  };
  if (auto ok = put(kDestinationAddress, ranges(match.prefix_ranges)); !ok) return ok.error();
  if (auto ok = put(kDirectSourceAddress, ranges(match.direct_source_prefix_ranges)); !ok) return ok.error();
  if (auto ok = put(kSourceAddress, ranges(match.source_prefix_ranges)); !ok) return ok.error();
  if (auto ok = put(kServerName, serverNames(match.server_names)); !ok) return ok.error();
  return values;
}

std::string_view portText(const Address& address, std::array<char, 8>& storage) {
  if (!address.isIp()) return {};
  const auto end = std::to_chars(storage.data(), storage.data() + storage.size(), address.port()).ptr;
  return {storage.data(), end};
}

}  // namespace

// One level of the decision: children by value. A leaf, below the last level, holds the chain.
struct FilterChainMatcher::Node {
  std::unordered_map<std::string, std::unique_ptr<Node>, base::StringHash, std::equal_to<>> children;
  std::vector<std::pair<CidrRange, const Node*>> by_range;  // of address levels, longest prefix first
  std::optional<size_t> chain;

  const Node* child(std::string_view value) const {
    const auto found = children.find(value);
    return found == children.end() ? nullptr : found->second.get();
  }
  const Node* childOr(std::string_view value) const {
    const Node* const found = value.empty() ? nullptr : child(value);
    return found != nullptr ? found : child({});
  }
  const Node* byAddress(const Address& address) const {
    for (const auto& [range, node] : by_range) {
      if (range.contains(address)) return node;
    }
    return child({});
  }
  const Node* byServerName(std::string_view requested) const {
    if (requested.empty()) return child({});
    const std::string name = base::lower(requested);
    if (const Node* exact = child(name)) return exact;
    for (size_t dot = name.find('.', 1); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      if (const Node* wildcard = child(std::string_view(name).substr(dot))) return wildcard;
    }
    return child({});
  }
  const Node* byProtocols(const std::vector<std::string>& offered) const {
    for (const std::string& protocol : offered) {
      if (const Node* found = protocol.empty() ? nullptr : child(protocol)) return found;
    }
    return child({});
  }
  const Node* bySourceType(const ConnectionInfo& connection) const {
    if (children.size() == 1 && children.contains("")) return child({});
    const Address& source = connection.remote_address;
    const bool local = source.isLoopback() || !source.isIp() || source.ipBytes() == connection.local_address.ipBytes();
    return childOr(local ? kLocalSource : kExternalSource);
  }

  // False when the place is taken; `chain` then says by whom.
  bool insert(const std::array<Values, kLevels>& values, size_t level, size_t index, size_t& taken_by) {
    if (level == kLevels) {
      if (chain && *chain != index) {
        taken_by = *chain;
        return false;
      }
      chain = index;
      return true;
    }
    return std::ranges::all_of(values[level], [&](const std::string& value) {
      auto& next = children[value];
      if (!next) {
        next = std::make_unique<Node>();
        if (isAddressLevel(level) && !value.empty()) {
          by_range.emplace_back(*CidrRange::parse(value), next.get());
          std::ranges::stable_sort(by_range, std::greater<>(),
                                   [](const auto& entry) { return entry.first.prefixLength(); });
        }
      }
      return next->insert(values, level + 1, index, taken_by);
    });
  }
};

FilterChainMatcher::FilterChainMatcher(std::unique_ptr<Node> root) : root_(std::move(root)) {}
FilterChainMatcher::FilterChainMatcher(FilterChainMatcher&&) noexcept = default;
FilterChainMatcher& FilterChainMatcher::operator=(FilterChainMatcher&&) noexcept = default;
FilterChainMatcher::~FilterChainMatcher() = default;

base::Result<FilterChainMatcher> FilterChainMatcher::build(const std::vector<api::FilterChain>& chains) {
  const auto label = [&](size_t index) {
    return chains[index].name.empty() ? "filter_chains[" + std::to_string(index) + "]" : "'" + chains[index].name + "'";
  };
  static const api::FilterChainMatch kEverything;
  auto root = std::make_unique<Node>();
  bool unconditional = true;
  for (size_t i = 0; i < chains.size(); ++i) {
    auto values = valuesOf(chains[i].filter_chain_match.value_or(kEverything));
    if (!values) return invalid("filter chain " + label(i) + ": " + values.error().message);
    unconditional =
        unconditional && std::ranges::all_of(*values, [](const Values& level) { return level == Values{""}; });
    size_t taken_by = 0;
    if (!root->insert(*values, 0, i, taken_by)) {
      return invalid("filter chain " + label(i) + " has the same matching rules as filter chain " + label(taken_by));
    }
  }
  FilterChainMatcher matcher(std::move(root));
  if (unconditional && chains.size() == 1) matcher.only_ = 0;
  return matcher;
}

std::optional<size_t> FilterChainMatcher::find(const ConnectionInfo& connection) const {
  if (only_) return only_;
  std::array<char, 8> storage;
  const Node* node = root_.get();
  for (size_t level = 0; level < kLevels && node != nullptr; ++level) {
    switch (static_cast<Level>(level)) {
      case kDestinationPort:
        node = node->childOr(portText(connection.local_address, storage));
        break;
      case kDestinationAddress:
        node = node->byAddress(connection.local_address);
        break;
      case kServerName:
        node = node->byServerName(connection.requested_server_name);
        break;
      case kTransportProtocol:
        node = node->childOr(connection.detected_transport_protocol.empty() ? std::string_view("raw_buffer")
                                                                            : connection.detected_transport_protocol);
        break;
      case kApplicationProtocol:
        node = node->byProtocols(connection.requested_application_protocols);
        break;
      case kDirectSourceAddress:
        node = node->byAddress(connection.direct_remote_address);
        break;
      case kSourceType:
        node = node->bySourceType(connection);
        break;
      case kSourceAddress:
        node = node->byAddress(connection.remote_address);
        break;
      case kSourcePort:
        node = node->childOr(portText(connection.remote_address, storage));
        break;
      case kLevels:
        break;
    }
  }
  return node == nullptr ? std::nullopt : node->chain;
}

}  // namespace baton::network
