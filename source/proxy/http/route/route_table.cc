#include "source/proxy/http/route/route_table.h"

#include "source/proxy/http/route/route_builder.h"

namespace baton::proxy {

using base::Error;
using base::ErrorCode;
using base::Result;
using http::HeaderName;

namespace {

// Without ":port"; an IPv6 literal keeps its brackets.
std::string_view withoutPort(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.find(']', colon) != std::string_view::npos) return authority;
  if (authority.front() != '[' && authority.find(':') != colon) return authority;
  return authority.substr(0, colon);
}

bool hasUpperCase(std::string_view text) {
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') return true;
  }
  return false;
}

// Applied to the most general level last, or first.
void collectMutators(RouteEntry& entry, const VirtualHost& host, const HeaderMutator& table_request,
                     const HeaderMutator& table_response) {
  const HeaderMutator* request[] = {&entry.request_headers, &host.request_headers, &table_request};
  const HeaderMutator* response[] = {&entry.response_headers, &host.response_headers, &table_response};
  for (int i = 0; i < 3; ++i) {
    const int level = entry.most_specific_wins ? 2 - i : i;
    if (!request[level]->empty()) entry.request_mutators.push_back(request[level]);
    if (!response[level]->empty()) entry.response_mutators.push_back(response[level]);
  }
}

}  // namespace

Result<std::shared_ptr<const RouteTable>> RouteTable::build(const api::RouteConfiguration& config,
                                                            const std::vector<RouteFilterBuilder>& filters) {
  std::shared_ptr<RouteTable> table(new RouteTable());
  table->name_ = config.name;
  table->ignore_port_ = config.ignore_port_in_host_matching;
  for (const std::string& header : config.internal_only_headers) {
    table->internal_only_headers_.push_back(base::lower(header));
  }
  auto request = HeaderMutator::build(config.request_headers_to_add, config.request_headers_to_remove);
  if (!request) return request.error();
  table->request_headers_ = std::move(*request);
  auto response = HeaderMutator::build(config.response_headers_to_add, config.response_headers_to_remove);
  if (!response) return response.error();
  table->response_headers_ = std::move(*response);
  auto table_filters = mergeRouteFilters({}, config.typed_per_filter_config, filters);
  if (!table_filters) return table_filters.error();

  for (const api::VirtualHost& host_config : config.virtual_hosts) {
    const auto failed = [&](const Error& error) {
      return Error{error.code, "virtual host '" + host_config.name + "': " + error.message};
    };
    auto host = std::make_unique<VirtualHost>();
    host->name = host_config.name;
    host->metadata = host_config.metadata;
    host->require_tls = host_config.require_tls;
    host->include_request_attempt_count = host_config.include_request_attempt_count;
    host->include_attempt_count_in_response = host_config.include_attempt_count_in_response;
    auto host_request = HeaderMutator::build(host_config.request_headers_to_add, host_config.request_headers_to_remove);
    if (!host_request) return failed(host_request.error());
    host->request_headers = std::move(*host_request);
    auto host_response =
        HeaderMutator::build(host_config.response_headers_to_add, host_config.response_headers_to_remove);
    if (!host_response) return failed(host_response.error());
    host->response_headers = std::move(*host_response);
    auto host_filters = mergeRouteFilters(*table_filters, host_config.typed_per_filter_config, filters);
    if (!host_filters) return failed(host_filters.error());

    const RouteDefaults defaults{config, host_config, *host_filters, filters};
    host->routes.reserve(host_config.routes.size());
    for (size_t i = 0; i < host_config.routes.size(); ++i) {
      auto entry = buildRoute(host_config.routes[i], defaults);
      if (!entry) {
        return failed(Error{entry.error().code, "routes[" + std::to_string(i) + "]: " + entry.error().message});
      }
      host->routes.push_back(std::move(*entry));
    }
    for (RouteEntry& entry : host->routes) {
      entry.virtual_host = host.get();
      collectMutators(entry, *host, table->request_headers_, table->response_headers_);
    }
    for (const std::string& domain : host_config.domains) {
      if (auto added = table->addDomain(domain, *host); !added) return failed(added.error());
    }
    table->hosts_.push_back(std::move(host));
  }
  return std::shared_ptr<const RouteTable>(std::move(table));
}

Result<void> RouteTable::addDomain(const std::string& configured, const VirtualHost& host) {
  const std::string domain = base::lower(configured);
  const Error duplicate{ErrorCode::kInvalidArgument, "domain '" + configured + "' occurs twice in the route table"};
  if (domain.empty()) return Error{ErrorCode::kInvalidArgument, "a domain is empty"};
  if (domain == "*") {
    if (any_ != nullptr) return duplicate;
    any_ = &host;
  } else if (domain.front() == '*') {
    if (!suffixes_[domain.size() - 1].emplace(domain.substr(1), &host).second) return duplicate;
  } else if (domain.back() == '*') {
    if (!prefixes_[domain.size() - 1].emplace(domain.substr(0, domain.size() - 1), &host).second) return duplicate;
  } else {
    if (!exact_.emplace(domain, &host).second) return duplicate;
  }
  return {};
}

const VirtualHost* RouteTable::findVirtualHost(std::string_view authority) const {
  // One virtual host for everything needs no look at the name.
  if (exact_.empty() && suffixes_.empty() && prefixes_.empty()) return any_;
  std::string lowered;
  std::string_view host = ignore_port_ ? withoutPort(authority) : authority;
  if (hasUpperCase(host)) {
    lowered = base::lower(host);
    host = lowered;
  }
  if (const auto found = exact_.find(host); found != exact_.end()) return found->second;
  // A wildcard stands for at least one character.
  for (const auto& [length, by_text] : suffixes_) {
    if (host.size() <= length) continue;
    if (const auto found = by_text.find(host.substr(host.size() - length)); found != by_text.end()) {
      return found->second;
    }
  }
  for (const auto& [length, by_text] : prefixes_) {
    if (host.size() <= length) continue;
    if (const auto found = by_text.find(host.substr(0, length)); found != by_text.end()) return found->second;
  }
  return any_;
}

RouteMatch RouteTable::find(const RouteQuery& query) const {
  RouteMatch match;
  const VirtualHost* host = findVirtualHost(query.headers.authority());
  if (host == nullptr) return match;
  using Tls = api::VirtualHost::TlsRequirement;
  if (host->require_tls != Tls::kNone && query.headers.get(HeaderName::kXForwardedProto) != "https" &&
      !(host->require_tls == Tls::kExternalOnly && query.internal)) {
    match.kind = RouteMatch::Kind::kTlsRedirect;
    return match;
  }
  const std::string_view path = pathWithoutQuery(query.headers.path());
  for (const RouteEntry& entry : host->routes) {
    if (!entry.match.matches(query, path)) continue;
    match.kind = RouteMatch::Kind::kRoute;
    match.entry = &entry;
    return match;
  }
  return match;
}

void RouteTable::forEachCluster(const std::function<void(const std::string&)>& visit) const {
  for (const auto& host : hosts_) {
    for (const RouteEntry& entry : host->routes) {
      const ForwardAction* forward = entry.forward();
      if (forward == nullptr) continue;
      for (const ClusterTarget& target : forward->targets) visit(target.cluster);
      for (const MirrorPolicy& mirror : forward->mirrors) {
        if (!mirror.cluster.empty()) visit(mirror.cluster);
      }
    }
  }
}

}  // namespace baton::proxy
