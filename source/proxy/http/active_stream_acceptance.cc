// What a request must be like before a filter sees it, and what becomes of its path and its headers.
#include <string>

#include "source/base/strings.h"
#include "source/http/message_rules.h"
#include "source/http/path.h"
#include "source/proxy/http/active_stream.h"
#include "source/proxy/http/request_headers.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

namespace {

http::PathSettings pathSettings(const api::HttpConnectionManager& config) {
  using Action = api::HttpConnectionManager::PathWithEscapedSlashesAction;
  http::PathSettings settings{.normalize = config.normalize_path, .merge_slashes = config.merge_slashes};
  switch (config.path_with_escaped_slashes_action) {
    case Action::kImplementationSpecificDefault:
    case Action::kKeepUnchanged:
      settings.escaped_slashes = http::EscapedSlashes::kKeep;
      break;
    case Action::kRejectRequest:
      settings.escaped_slashes = http::EscapedSlashes::kReject;
      break;
    case Action::kUnescapeAndRedirect:
      settings.escaped_slashes = http::EscapedSlashes::kRedirect;
      break;
    case Action::kUnescapeAndForward:
      settings.escaped_slashes = http::EscapedSlashes::kForward;
      break;
  }
  return settings;
}

}  // namespace

bool ActiveStream::acceptRequest() {
  if (worker_.server.stop_accepting_requests.load(std::memory_order_relaxed)) {
    config_.stats.downstream_rq_overload_close.add();
    sendLocalReply({.reason = LocalReplyReason::kOverload});
    return false;
  }
  if (request_headers_.has(HeaderName::kExpect) && !config_.api.proxy_100_continue &&
      base::equalsIgnoreCase(request_headers_.get(HeaderName::kExpect), "100-continue")) {
    request_headers_.remove(HeaderName::kExpect);
    if (!request_complete_) {
      HeaderMap go_on;
      go_on.setStatus(100);
      sender_.sendInformational(go_on);
      if (over_) return false;
    }
  }
  if (request_headers_.authority().empty()) {
    sendLocalReply({.reason = LocalReplyReason::kMissingHost});
    return false;
  }
  if (const auto most = config_.api.max_request_bytes) {
    const auto length = base::parseNumber<uint64_t>(request_headers_.get(HeaderName::kContentLength));
    if (length && *length > *most) {
      sendLocalReply({.reason = LocalReplyReason::kPayloadTooLarge});
      return false;
    }
  }
  if (request_headers_.method() == "TRACE" && !config_.api.allow_trace) {
    sendLocalReply({.reason = LocalReplyReason::kTraceNotAllowed});
    return false;
  }
  if (!checkUnderscores() || !checkPath()) return false;

  const bool connect = http::isConnect(request_headers_);
  if (connect) {
    upgrade_ = "connect";
  } else if (http::isUpgrade(request_headers_)) {
    upgrade_ = base::lower(request_headers_.get(HeaderName::kUpgrade));
    // Clear-text HTTP/2 is spoken with prior knowledge only (RFC 9113 3.1): the offer is passed over.
    if (upgrade_ == "h2c") upgrade_.clear();
  }
  http::stripRequestHopByHop(request_headers_, !upgrade_.empty() && !connect);
  const network::ConnectionInfo& connection = owner_.connectionInfo();
  normalizeHost(request_headers_, config_, connection.local_address.port(), connection.tls != nullptr);
  internal_ = prepareRequestHeaders(request_headers_, config_, info_, worker_.random);
  if (!checkUpgrade()) return false;

  // A route may set other limits than the connection manager.
  if (const ForwardAction* action = route().entry != nullptr ? route().entry->forward() : nullptr) {
    if (const auto longest = routeStreamDuration(request_headers_, *action)) {
      duration_deadline_.reset();
      if (longest->count() > 0) duration_deadline_ = info_.start + *longest;
    }
  }
  armTimer();
  return true;
}

// The HTTP/1.1 codec does this itself.
bool ActiveStream::checkUnderscores() {
  using Action = api::HttpProtocolOptions::HeadersWithUnderscoresAction;
  const Action action = config_.api.common_http_protocol_options.headers_with_underscores_action;
  if (info_.protocol != http::Protocol::kHttp2 || action == Action::kAllow) return true;
  bool found = false;
  request_headers_.forEach([&](HeaderName id, std::string_view name, std::string_view) {
    // No known name has one.
    found = found || (id == HeaderName::kOther && name.find('_') != std::string_view::npos);
  });
  if (!found) return true;
  if (action == Action::kDropHeader) {
    config_.http2_stats.dropped_headers_with_underscores.add();
    request_headers_.removeIf(
        [](std::string_view name, std::string_view) { return name.find('_') != std::string_view::npos; });
    return true;
  }
  config_.http2_stats.requests_rejected_with_underscores_in_headers.add();
  sendLocalReply({.reason = LocalReplyReason::kUnderscoreInHeader});
  return false;
}

bool ActiveStream::checkPath() {
  const std::string_view path = request_headers_.path();
  if (http::isConnect(request_headers_) && path.empty()) return true;
  if (path.empty()) {
    sendLocalReply({.reason = LocalReplyReason::kMissingPath});
    return false;
  }
  if (path.front() != '/' && path != "*") {
    config_.stats.downstream_rq_non_relative_path.add();
    sendLocalReply({.reason = LocalReplyReason::kRelativePath});
    return false;
  }
  std::string normalized;
  const http::PathResult result = http::normalizePath(path, pathSettings(config_.api), normalized);
  switch (result.outcome) {
    case http::PathResult::Outcome::kUnchanged:
      return true;
    case http::PathResult::Outcome::kChanged:
      request_headers_.set(HeaderName::kPath, normalized);
      return true;
    case http::PathResult::Outcome::kRedirect:
      config_.stats.downstream_rq_redirected_with_normalized_path.add();
      sendLocalReply({.reason = LocalReplyReason::kPathNormalizationRedirect, .headers = {{"location", normalized}}});
      return false;
    case http::PathResult::Outcome::kReject:
      break;
  }
  config_.stats.downstream_rq_failed_path_normalization.add();
  sendLocalReply({.reason = LocalReplyReason::kPathNormalizationFailed, .details = std::string(result.details)});
  return false;
}

bool ActiveStream::checkUpgrade() {
  if (upgrade_.empty()) return true;
  std::optional<bool> allowed = config_.upgradeDefault(upgrade_);
  if (const ForwardAction* action = route().entry != nullptr ? route().entry->forward() : nullptr) {
    if (const UpgradeRule* rule = action->upgradeRule(upgrade_)) allowed = rule->enabled;
  }
  if (allowed.value_or(false)) return true;
  config_.stats.downstream_rq_ws_on_non_ws_route.add();
  sendLocalReply({.reason = LocalReplyReason::kUpgradeRefused});
  return false;
}

}  // namespace baton::proxy
