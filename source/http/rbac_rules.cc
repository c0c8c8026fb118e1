#include "source/http/rbac_rules.h"

#include <algorithm>

#include "source/http/matchers.h"

namespace baton::http {

using base::Error;
using base::ErrorCode;
using base::Result;
using network::ConnectionInfo;

// From settings to tests. A member of RbacRules in all but name, so that the header needs none of this.
struct RbacCompiler {
  using Test = RbacRules::Test;

  bool look_at_certificates = false;

  template <typename Part>
  Result<std::vector<Test>> compileAll(const std::vector<Part>& configs) {
    std::vector<Test> parts;
    for (const Part& config : configs) {
      auto part = compile(config);
      if (!part) return part.error();
      parts.push_back(std::move(*part));
    }
    return parts;
  }
  template <typename Part>
  Result<Test> all(const std::vector<Part>& configs) {
    auto parts = compileAll(configs);
    if (!parts) return parts.error();
    return Test([parts = std::move(*parts)](const ConnectionInfo& connection) {
      return std::ranges::all_of(parts, [&](const Test& part) { return part(connection); });
    });
  }
  template <typename Part>
  Result<Test> any(const std::vector<Part>& configs) {
    auto parts = compileAll(configs);
    if (!parts) return parts.error();
    return Test([parts = std::move(*parts)](const ConnectionInfo& connection) {
      return std::ranges::any_of(parts, [&](const Test& part) { return part(connection); });
    });
  }
  template <typename Part>
  Result<Test> negation(const Part& config) {
    auto part = compile(config);
    if (!part) return part;
    return Test([part = std::move(*part)](const ConnectionInfo& connection) { return !part(connection); });
  }

  static Test constant(bool value) {
    return [value](const ConnectionInfo&) { return value; };
  }
  static Result<Test> inRange(const api::CidrRange& config, network::Address ConnectionInfo::*address) {
    auto range = network::CidrRange::make(config.address_prefix, config.prefix_len);
    if (!range) return range.error();
    return Test(
        [range = *range, address](const ConnectionInfo& connection) { return range.contains(connection.*address); });
  }
  static Test byPort(uint32_t first, uint32_t end) {
    return [first, end](const ConnectionInfo& connection) {
      const network::Address& local = connection.local_address;
      return local.isIp() && local.port() >= first && local.port() < end;
    };
  }

  Result<Test> compile(const api::RbacPermission& config) {
    if (config.and_rules) return all(config.and_rules->rules);
    if (config.or_rules) return any(config.or_rules->rules);
    if (config.not_rule != nullptr) return negation(*config.not_rule);
    if (config.any) return constant(*config.any);
    if (config.destination_ip) return inRange(*config.destination_ip, &ConnectionInfo::local_address);
    if (config.destination_port) return byPort(*config.destination_port, *config.destination_port + 1);
    if (config.destination_port_range) {
      return byPort(config.destination_port_range->start, config.destination_port_range->end);
    }
    if (config.requested_server_name) {
      auto matcher = StringMatcher::build(*config.requested_server_name);
      if (!matcher) return matcher.error();
      return Test([matcher = std::move(*matcher)](const ConnectionInfo& connection) {
        return matcher.matches(connection.requested_server_name);
      });
    }
    return Error{ErrorCode::kInvalidArgument, "a permission without a rule"};
  }

  Result<Test> compile(const api::RbacPrincipal& config) {
    if (config.and_ids) return all(config.and_ids->ids);
    if (config.or_ids) return any(config.or_ids->ids);
    if (config.not_id != nullptr) return negation(*config.not_id);
    if (config.any) return constant(*config.any);
    if (config.authenticated) return authenticated(*config.authenticated);
    if (config.source_ip) return inRange(*config.source_ip, &ConnectionInfo::remote_address);
    if (config.direct_remote_ip) return inRange(*config.direct_remote_ip, &ConnectionInfo::direct_remote_address);
    if (config.remote_ip) return inRange(*config.remote_ip, &ConnectionInfo::remote_address);
    return Error{ErrorCode::kInvalidArgument, "a principal without an identifier"};
  }

  // As in Envoy: any of the URI names, or of the DNS names, or the subject.
  Result<Test> authenticated(const api::RbacAuthenticated& config) {
    look_at_certificates = true;
    const auto presented = [](const ConnectionInfo& connection) {
      return connection.tls != nullptr && connection.tls->peer_certificate_presented;
    };
    if (!config.principal_name) return Test(presented);
    auto matcher = StringMatcher::build(*config.principal_name);
    if (!matcher) return matcher.error();
    return Test([presented, matcher = std::move(*matcher)](const ConnectionInfo& connection) {
      if (!presented(connection)) return false;
      const auto fits = [&](const std::string& name) { return matcher.matches(name); };
      const network::TlsInfo& tls = *connection.tls;
      return std::ranges::any_of(tls.peer_uri_sans, fits) || std::ranges::any_of(tls.peer_dns_sans, fits) ||
             fits(tls.peer_subject);
    });
  }

  Result<Test> compile(const api::RbacPolicy& config) {
    auto wants = any(config.permissions);
    if (!wants) return wants;
    auto is = any(config.principals);
    if (!is) return is;
    return Test([wants = std::move(*wants), is = std::move(*is)](const ConnectionInfo& connection) {
      return wants(connection) && is(connection);
    });
  }
};

Result<RbacRules> RbacRules::build(const api::RbacRules& config) {
  RbacRules rules;
  rules.action_ = config.action;
  RbacCompiler compiler;
  for (const auto& [name, policy] : config.policies) {
    auto matches = compiler.compile(policy);
    if (!matches) {
      return Error{matches.error().code, "policies[\"" + name + "\"]: " + matches.error().message};
    }
    rules.policies_.push_back({name, std::move(*matches)});
  }
  rules.look_at_certificates_ = compiler.look_at_certificates;
  return rules;
}

RbacRules::Verdict RbacRules::judge(const ConnectionInfo& connection) const {
  Verdict verdict;
  for (const Policy& policy : policies_) {
    if (!policy.matches(connection)) continue;
    verdict.policy = &policy.name;
    break;
  }
  switch (action_) {
    case api::RbacRules::Action::kAllow:
      verdict.allowed = verdict.policy != nullptr;
      break;
    case api::RbacRules::Action::kDeny:
      verdict.allowed = verdict.policy == nullptr;
      break;
    case api::RbacRules::Action::kLog:
      break;
  }
  return verdict;
}

}  // namespace baton::http
