// Network filters that stand before the one that ends their chain. Plain values with their defaults; any thread may
// read them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/address.h"
#include "api/http_filters.h"
#include "api/runtime.h"
#include "api/string_matcher.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Ends connections beyond a number of open ones.
struct ConnectionLimit {
  std::string stat_prefix;
  uint64_t max_connections = 0;
  std::optional<Milliseconds> delay;
  std::optional<RuntimeFeatureFlag> runtime_enabled;
};

// Ends connections that come faster than a token bucket fills.
struct NetworkLocalRateLimit {
  std::string stat_prefix;
  std::optional<TokenBucket> token_bucket;
  std::optional<RuntimeFeatureFlag> runtime_enabled;
};

// Makes tcp_proxy take the server name that the client asks for as the name of the cluster.
struct SniCluster {};

// A range of ports with its start and without its end.
struct PortRange {
  uint32_t start = 0;
  uint32_t end = 0;
};

struct RbacPermission;

// Several tests of what a client wants.
struct RbacPermissionSet {
  std::vector<RbacPermission> rules;
};

// A test of what a client wants.
struct RbacPermission {
  std::optional<RbacPermissionSet> and_rules;
  std::optional<RbacPermissionSet> or_rules;
  std::shared_ptr<RbacPermission> not_rule;
  std::optional<bool> any;
  std::optional<CidrRange> destination_ip;
  std::optional<uint32_t> destination_port;
  std::optional<PortRange> destination_port_range;
  std::optional<StringMatcher> requested_server_name;
};

// What a client proved by its certificate.
struct RbacAuthenticated {
  std::optional<StringMatcher> principal_name;  // Any certificate when not set.
};

struct RbacPrincipal;

// Several tests of who a client is.
struct RbacPrincipalSet {
  std::vector<RbacPrincipal> ids;
};

// A test of who a client is.
struct RbacPrincipal {
  std::optional<RbacPrincipalSet> and_ids;
  std::optional<RbacPrincipalSet> or_ids;
  std::shared_ptr<RbacPrincipal> not_id;
  std::optional<bool> any;
  std::optional<RbacAuthenticated> authenticated;
  std::optional<CidrRange> source_ip;
  std::optional<CidrRange> direct_remote_ip;
  std::optional<CidrRange> remote_ip;
};

// Matches when one of the permissions and one of the principals do.
struct RbacPolicy {
  std::vector<RbacPermission> permissions;
  std::vector<RbacPrincipal> principals;
};

// Policies, and what follows from a match.
struct RbacRules {
  enum class Action { kAllow = 0, kDeny = 1, kLog = 2 };

  Action action = Action::kAllow;
  std::map<std::string, RbacPolicy> policies;
};

// Ends connections that the rules do not allow.
struct NetworkRbac {
  std::string stat_prefix;
  std::optional<RbacRules> rules;
  std::optional<RbacRules> shadow_rules;
  std::string shadow_rules_stat_prefix;
  std::optional<Milliseconds> delay_deny;
};

const MessageDescription& describe(const ConnectionLimit*);
const MessageDescription& describe(const NetworkLocalRateLimit*);
const MessageDescription& describe(const SniCluster*);
const MessageDescription& describe(const PortRange*);
const MessageDescription& describe(const RbacPermissionSet*);
const MessageDescription& describe(const RbacPermission*);
const MessageDescription& describe(const RbacAuthenticated*);
const MessageDescription& describe(const RbacPrincipalSet*);
const MessageDescription& describe(const RbacPrincipal*);
const MessageDescription& describe(const RbacPolicy*);
const MessageDescription& describe(const RbacRules*);
const EnumDescription& describeEnum(const RbacRules::Action*);
const MessageDescription& describe(const NetworkRbac*);

}  // namespace baton::api
