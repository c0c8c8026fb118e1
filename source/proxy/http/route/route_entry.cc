#include "source/proxy/http/route/route_entry.h"

#include <algorithm>
#include <re2/re2.h>

#include "source/base/strings.h"
#include "source/http/grpc.h"
#include "source/network/connection_info.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

namespace {

// The end of the host in "host:port" or "[::1]:port".
size_t portPosition(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.find(']', colon) != std::string_view::npos) {
    return std::string_view::npos;
  }
  // A bare IPv6 literal has no port.
  if (authority.front() != '[' && authority.find(':') != colon) return std::string_view::npos;
  return colon;
}

bool textEquals(std::string_view a, std::string_view b, bool ignore_case) {
  return ignore_case ? base::equalsIgnoreCase(a, b) : a == b;
}

}  // namespace

std::string_view pathWithoutQuery(std::string_view path) {
  const auto end = std::find_if(path.begin(), path.end(), [](char c) { return c == '?' || c == '#'; });
  return {path.begin(), end};
}

base::Result<RegexEdit> RegexEdit::build(const std::optional<api::RegexRewrite>& config) {
  RegexEdit edit;
  if (!config || !config->pattern) return edit;
  auto regex = http::compileRegex(config->pattern->regex);
  if (!regex) return regex.error();
  std::string why;
  if (!(*regex)->CheckRewriteString(config->substitution, &why)) {
    return base::Error{base::ErrorCode::kInvalidArgument,
                       "substitution '" + config->substitution + "' does not fit its pattern: " + why};
  }
  edit.pattern = *regex;
  edit.substitution = config->substitution;
  return edit;
}

std::string RegexEdit::apply(std::string_view text) const {
  std::string edited(text);
  re2::RE2::GlobalReplace(&edited, *pattern, substitution);
  return edited;
}

base::Result<RouteMatcher> RouteMatcher::build(const api::RouteMatch& config) {
  RouteMatcher matcher;
  matcher.ignore_case = !config.case_sensitive;
  if (config.prefix) {
    matcher.text = *config.prefix;
  } else if (config.path) {
    matcher.kind = Kind::kPath;
    matcher.text = *config.path;
  } else if (config.path_separated_prefix) {
    matcher.kind = Kind::kSeparatedPrefix;
    matcher.text = *config.path_separated_prefix;
  } else if (config.safe_regex) {
    matcher.kind = Kind::kRegex;
    auto regex = http::compileRegex(config.safe_regex->regex);
    if (!regex) return regex.error();
    matcher.regex = *regex;
  } else if (config.connect_matcher) {
    matcher.kind = Kind::kConnect;
  } else {
    return base::Error{
        base::ErrorCode::kInvalidArgument,
        "a route's match needs one of prefix, path, path_separated_prefix, safe_regex and connect_matcher"};
  }
  matcher.grpc = config.grpc.has_value();
  auto headers = http::buildAll(config.headers);
  if (!headers) return headers.error();
  matcher.headers = std::move(*headers);
  for (const api::QueryParameterMatcher& parameter : config.query_parameters) {
    auto query = http::QueryMatcher::build(parameter);
    if (!query) return query.error();
    matcher.query.push_back(std::move(*query));
  }
  if (config.runtime_fraction) matcher.share.emplace(config.runtime_fraction, http::RuntimeShare::kWhole);
  if (config.tls_context) {
    matcher.tls_presented = config.tls_context->presented;
    matcher.tls_validated = config.tls_context->validated;
  }
  return matcher;
}

bool RouteMatcher::matches(const RouteQuery& request, std::string_view path) const {
  const HeaderMap& given = request.headers;
  // Extended CONNECT and CONNECT are the business of connect_matcher alone when they have no path.
  switch (kind) {
    case Kind::kPrefix:
      if (path.empty() || !(ignore_case ? base::startsWithIgnoreCase(path, text) : path.starts_with(text)))
        return false;
      break;
    case Kind::kPath:
      if (!textEquals(path, text, ignore_case)) return false;
      break;
    case Kind::kSeparatedPrefix:
      if (path.size() < text.size() || !textEquals(path.substr(0, text.size()), text, ignore_case) ||
          (path.size() > text.size() && path[text.size()] != '/')) {
        return false;
      }
      break;
    case Kind::kRegex:
      if (path.empty() || !http::fullMatch(*regex, path)) return false;
      break;
    case Kind::kConnect:
      if (given.method() != "CONNECT" || given.has(HeaderName::kProtocol)) return false;
      break;
  }
  if (grpc && !http::isGrpcRequest(given)) return false;
  if (!http::allMatch(headers, given)) return false;
  for (const http::QueryMatcher& parameter : query) {
    if (!parameter.matches(given.path())) return false;
  }
  if (tls_presented || tls_validated) {
    const network::TlsInfo* tls = request.info.connection != nullptr ? request.info.connection->tls.get() : nullptr;
    if (tls_presented && (tls != nullptr && tls->peer_certificate_presented) != *tls_presented) return false;
    if (tls_validated && (tls != nullptr && tls->peer_certificate_validated) != *tls_validated) return false;
  }
  return !share || share->includes(request.runtime, request.random);
}

std::string RouteMatcher::replaceMatched(std::string_view path, std::string_view replacement) const {
  const std::string_view bare = pathWithoutQuery(path);
  // A path or regex is replaced as a whole, a prefix as far as it goes.
  const bool whole = kind == Kind::kPath || kind == Kind::kRegex || kind == Kind::kConnect;
  const size_t matched = whole ? bare.size() : std::min(text.size(), bare.size());
  std::string edited(replacement);
  edited.append(path.substr(matched));
  return edited;
}

const UpgradeRule* ForwardAction::upgradeRule(std::string_view lower_case_type) const {
  for (const UpgradeRule& rule : upgrades) {
    if (rule.type == lower_case_type) return &rule;
  }
  return nullptr;
}

const ClusterTarget* RouteEntry::pickTarget(uint64_t random) const {
  const ForwardAction* action = forward();
  if (action == nullptr || action->targets.empty()) return nullptr;
  if (action->targets.size() == 1 || action->total_weight == 0) return &action->targets.front();
  uint64_t left = random % action->total_weight;
  for (const ClusterTarget& target : action->targets) {
    if (left < target.weight) return &target;
    left -= target.weight;
  }
  return &action->targets.back();
}

void RouteEntry::editRequest(HeaderMap& headers, const ClusterTarget* target,
                             const access_log::FormatContext& context) const {
  // Header edits see the request as it came, so they are applied before the path and host are changed.
  if (!most_specific_wins && target != nullptr) target->request_headers.apply(headers, context);
  for (const HeaderMutator* mutator : request_mutators) mutator->apply(headers, context);
  if (most_specific_wins && target != nullptr) target->request_headers.apply(headers, context);

  const ForwardAction* action = forward();
  if (action == nullptr) return;

  const std::string_view path = headers.path();
  std::string new_host;
  if (target != nullptr && target->host_rewrite) {
    new_host = *target->host_rewrite;
  } else if (action->host_rewrite) {
    new_host = *action->host_rewrite;
  } else if (!action->host_rewrite_header.empty()) {
    new_host = headers.get(action->host_rewrite_header);
  } else if (action->host_rewrite_path_regex && !path.empty()) {
    new_host = action->host_rewrite_path_regex.apply(pathWithoutQuery(path));
  }
  if (!new_host.empty()) {
    if (action->append_x_forwarded_host) {
      headers.appendToList(HeaderName::kXForwardedHost, std::string(headers.authority()), ",");
    }
    headers.set(HeaderName::kAuthority, new_host);
  }

  if (path.empty() || (action->prefix_rewrite.empty() && !action->regex_rewrite)) return;
  const std::string original(path);
  std::string edited;
  if (!action->prefix_rewrite.empty()) {
    edited = match.replaceMatched(original, action->prefix_rewrite);
  } else {
    const std::string_view bare = pathWithoutQuery(original);
    edited = action->regex_rewrite.apply(bare);
    edited.append(std::string_view(original).substr(bare.size()));
  }
  if (!edited.starts_with('/')) edited.insert(0, "/");
  headers.set(HeaderName::kXEnvoyOriginalPath, original);
  headers.set(HeaderName::kPath, edited);
}

void RouteEntry::editResponse(HeaderMap& headers, const ClusterTarget* target,
                              const access_log::FormatContext& context) const {
  if (!most_specific_wins && target != nullptr) target->response_headers.apply(headers, context);
  for (const HeaderMutator* mutator : response_mutators) mutator->apply(headers, context);
  if (most_specific_wins && target != nullptr) target->response_headers.apply(headers, context);
}

std::string RouteEntry::redirectLocation(const HeaderMap& headers) const {
  const RedirectAction& to = *redirect();
  const std::string_view old_scheme =
      headers.has(HeaderName::kXForwardedProto) ? headers.get(HeaderName::kXForwardedProto) : headers.scheme();
  std::string scheme = to.https ? "https" : !to.scheme.empty() ? to.scheme : std::string(old_scheme);
  if (scheme.empty()) scheme = "http";

  const std::string_view authority = headers.authority();
  const size_t colon = portPosition(authority);
  std::string host = to.host.empty() ? std::string(authority.substr(0, colon)) : to.host;
  if (to.port != 0) {
    host += ":" + std::to_string(to.port);
  } else if (to.host.empty() && colon != std::string_view::npos) {
    // A port that was the old scheme's own does not fit the new one.
    const std::string_view port = authority.substr(colon);
    const bool default_port = (port == ":80" && old_scheme == "http") || (port == ":443" && old_scheme == "https");
    if (!(default_port && scheme != old_scheme)) host.append(port);
  }

  const std::string_view path = headers.path();
  const std::string_view bare = pathWithoutQuery(path);
  const std::string_view fragmentless = path.substr(0, path.find('#'));
  const std::string_view query = fragmentless.substr(std::min(bare.size(), fragmentless.size()));
  std::string location = scheme + "://" + host;
  if (to.path) {
    location += *to.path;
    if (!to.strip_query && to.path->find('?') == std::string::npos) location.append(query);
    return location;
  }
  std::string new_path(bare);
  if (to.prefix_rewrite) {
    new_path = match.replaceMatched(bare, *to.prefix_rewrite);
  } else if (to.regex_rewrite) {
    new_path = to.regex_rewrite.apply(bare);
  }
  if (!new_path.starts_with('/')) new_path.insert(0, "/");
  location += new_path;
  if (!to.strip_query) location.append(query);
  return location;
}

}  // namespace baton::proxy
