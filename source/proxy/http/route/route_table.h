// A route configuration, compiled: virtual hosts found by hash, then the first route that matches. Built on the main
// thread, immutable, read by all workers; whoever uses a route keeps the table.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/route.h"

#include "source/base/result.h"
#include "source/base/strings.h"
#include "source/proxy/http/route/filter_settings.h"
#include "source/proxy/http/route/route_entry.h"

namespace baton::proxy {

struct VirtualHost {
  std::string name;
  std::shared_ptr<const api::Metadata> metadata;
  std::vector<RouteEntry> routes;
  api::VirtualHost::TlsRequirement require_tls = api::VirtualHost::TlsRequirement::kNone;
  HeaderMutator request_headers;
  HeaderMutator response_headers;
  bool include_request_attempt_count = false;
  bool include_attempt_count_in_response = false;
};

struct RouteMatch {
  enum class Kind {
    kNone,         // no virtual host, or none of its routes
    kRoute,        // `entry`
    kTlsRedirect,  // the virtual host wants https
  };
  Kind kind = Kind::kNone;
  const RouteEntry* entry = nullptr;
};

class RouteTable {
 public:
  // `filters`: the chain that typed_per_filter_config speaks of. Errors name the virtual host and route.
  static base::Result<std::shared_ptr<const RouteTable>> build(const api::RouteConfiguration& config,
                                                               const std::vector<RouteFilterBuilder>& filters = {});

  RouteMatch find(const RouteQuery& query) const;
  // The virtual host for a host header, null when there is none.
  const VirtualHost* findVirtualHost(std::string_view authority) const;

  const std::string& name() const { return name_; }
  const std::vector<std::string>& internalOnlyHeaders() const { return internal_only_headers_; }
  // Every cluster that a route names, for validation.
  void forEachCluster(const std::function<void(const std::string& cluster)>& visit) const;

 private:
  using ByText = std::unordered_map<std::string, const VirtualHost*, base::StringHash, std::equal_to<>>;
  // By length of the fixed part, longest first.
  using ByLength = std::map<size_t, ByText, std::greater<>>;

  RouteTable() = default;
  base::Result<void> addDomain(const std::string& domain, const VirtualHost& host);

  std::string name_;
  std::vector<std::unique_ptr<VirtualHost>> hosts_;
  ByText exact_;
  ByLength suffixes_;  // "*.example.com" as ".example.com"
  ByLength prefixes_;  // "example.*" as "example."
  const VirtualHost* any_ = nullptr;
  HeaderMutator request_headers_;
  HeaderMutator response_headers_;
  bool ignore_port_ = false;
  std::vector<std::string> internal_only_headers_;
};

}  // namespace baton::proxy
