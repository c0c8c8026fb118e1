// A route, compiled: which requests it takes, and what becomes of them. Built on the main thread, immutable, read by
// all workers; owned by its VirtualHost.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/route.h"

#include "source/access_log/formatter.h"
#include "source/base/runtime.h"
#include "source/http/matchers.h"
#include "source/http/runtime_config.h"
#include "source/http/stream_info.h"
#include "source/proxy/http/route/filter_settings.h"
#include "source/proxy/http/route/hash_policy.h"
#include "source/proxy/http/route/header_mutator.h"
#include "source/proxy/http/route/retry_policy.h"
#include "source/upstream/worker_clusters.h"

namespace baton::proxy {

using Milliseconds = std::chrono::milliseconds;

struct VirtualHost;

// What the choice of a route may look at besides the headers.
struct RouteQuery {
  const http::HeaderMap& headers;
  const http::StreamInfo& info;
  const base::Runtime& runtime;
  uint64_t random = 0;  // the stream's own, so that asking twice gives the same answer
  bool internal = false;
};

struct RegexEdit {
  http::Regex pattern;  // null: none
  std::string substitution;

  static base::Result<RegexEdit> build(const std::optional<api::RegexRewrite>& config);
  explicit operator bool() const { return pattern != nullptr; }
  // Every match is replaced.
  std::string apply(std::string_view text) const;
};

struct RouteMatcher {
  enum class Kind : uint8_t { kPrefix, kPath, kSeparatedPrefix, kRegex, kConnect };
  Kind kind = Kind::kPrefix;
  bool ignore_case = false;
  bool grpc = false;
  std::string text;
  http::Regex regex;
  std::vector<http::HeaderMatcher> headers;
  std::vector<http::QueryMatcher> query;
  std::optional<http::RuntimeShare> share;
  std::optional<bool> tls_presented;
  std::optional<bool> tls_validated;

  static base::Result<RouteMatcher> build(const api::RouteMatch& config);
  // `path`: :path without query and fragment.
  bool matches(const RouteQuery& query, std::string_view path) const;
  // The matched part of the path put in place by `replacement`; `path` with its query.
  std::string replaceMatched(std::string_view path, std::string_view replacement) const;
};

struct ClusterTarget {
  std::string cluster;
  uint32_t weight = 1;
  std::optional<std::string> host_rewrite;
  HeaderMutator request_headers;
  HeaderMutator response_headers;
  RouteFilters filters;  // the route's merged with its own
};

struct UpgradeRule {
  std::string type;  // lower case
  bool enabled = true;
  bool terminate_connect = false;
  bool allow_post = false;
};

struct MirrorPolicy {
  std::string cluster;
  std::string cluster_header;
  http::RuntimeShare share;
  bool append_suffix = true;
};

// Redirects of the upstream that are followed here.
struct InternalRedirectPolicy {
  uint32_t most = 1;
  std::vector<int> statuses;
  bool allow_cross_scheme = false;
  std::vector<std::string> headers_to_copy;  // lower case
};

struct ForwardAction {
  std::vector<ClusterTarget> targets;  // one, or several with weights; empty with cluster_header
  uint64_t total_weight = 0;
  std::string cluster_header;
  int cluster_not_found_status = 503;
  std::string prefix_rewrite;
  RegexEdit regex_rewrite;
  std::optional<std::string> host_rewrite;
  std::string host_rewrite_header;
  RegexEdit host_rewrite_path_regex;
  bool auto_host_rewrite = false;
  bool append_x_forwarded_host = false;
  Milliseconds timeout{15000};  // 0: none
  std::optional<Milliseconds> idle_timeout;
  std::optional<RetryPolicy> retry;
  std::optional<InternalRedirectPolicy> internal_redirect;
  std::vector<MirrorPolicy> mirrors;
  upstream::Priority priority = upstream::Priority::kDefault;
  HashPolicy hash;
  std::vector<UpgradeRule> upgrades;
  std::optional<Milliseconds> max_stream_duration;      // 0: none
  std::optional<Milliseconds> grpc_timeout_header_max;  // set: grpc-timeout counts; 0: without a limit
  Milliseconds grpc_timeout_header_offset{0};
  bool grpc_timeout_replaces_route_timeout = false;  // the older field, max_grpc_timeout

  const UpgradeRule* upgradeRule(std::string_view lower_case_type) const;
};

struct RedirectAction {
  std::string scheme;  // empty: unchanged
  bool https = false;
  std::string host;
  uint32_t port = 0;
  std::optional<std::string> path;
  std::optional<std::string> prefix_rewrite;
  RegexEdit regex_rewrite;
  int status = 301;
  bool strip_query = false;
};

struct DirectResponseAction {
  int status = 200;
  std::string body;
  std::optional<access_log::Formatter> format;
};

struct RouteEntry {
  std::string name;
  std::shared_ptr<const api::Metadata> metadata;
  RouteMatcher match;
  std::variant<ForwardAction, RedirectAction, DirectResponseAction> action;
  // Route, virtual host and table in the order in which they are applied.
  std::vector<const HeaderMutator*> request_mutators;
  std::vector<const HeaderMutator*> response_mutators;
  HeaderMutator request_headers;
  HeaderMutator response_headers;
  bool most_specific_wins = false;
  RouteFilters filters;
  size_t buffer_limit = 64 * 1024;
  const VirtualHost* virtual_host = nullptr;

  const ForwardAction* forward() const { return std::get_if<ForwardAction>(&action); }
  const RedirectAction* redirect() const { return std::get_if<RedirectAction>(&action); }
  const DirectResponseAction* directResponse() const { return std::get_if<DirectResponseAction>(&action); }

  // Null with cluster_header, and for routes that do not forward.
  const ClusterTarget* pickTarget(uint64_t random) const;

  // The path, host and header edits of the request, before it goes upstream. `target` as pickTarget() chose.
  void editRequest(http::HeaderMap& headers, const ClusterTarget* target,
                   const access_log::FormatContext& context) const;
  void editResponse(http::HeaderMap& headers, const ClusterTarget* target,
                    const access_log::FormatContext& context) const;
  // The value of location for a redirect. Precondition: redirect().
  std::string redirectLocation(const http::HeaderMap& headers) const;
};

// ":path" up to its query or fragment.
std::string_view pathWithoutQuery(std::string_view path);

}  // namespace baton::proxy
