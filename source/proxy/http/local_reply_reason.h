// Every way in which a request can end other than by a complete response of its upstream: one line each, which yields
// status, response flag, RESPONSE_CODE_DETAILS and body together, so that they cannot disagree.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "source/http/stream_info.h"

namespace baton::proxy {

// enumerator, status (0: none is sent), flag, details, body.
#define BATON_LOCAL_REPLY_REASONS(X)                                                                                   \
  /* Before a route was looked for. */                                                                                 \
  X(kRequestError, 400, kDownstreamProtocolError, "http.request_error", "")                                            \
  X(kOverload, 503, kOverloadManager, "overload", "envoy overloaded")                                                  \
  X(kMissingHost, 400, kNone, "missing_host_header", "")                                                               \
  X(kMissingPath, 404, kNone, "missing_path_rejected", "")                                                             \
  X(kRelativePath, 404, kNone, "absolute_path_rejected", "")                                                           \
  X(kUnderscoreInHeader, 400, kNone, "unexpected_underscore", "")                                                      \
  X(kTraceNotAllowed, 405, kNone, "trace_not_allowed", "")                                                             \
  X(kPathNormalizationFailed, 400, kNone, "path_normalization_failed", "")                                             \
  X(kPathNormalizationRedirect, 307, kNone, "path_normalization_redirect", "")                                         \
  X(kUpgradeRefused, 403, kNone, "upgrade_failed", "")                                                                 \
  X(kInvalidEnvoyHeaders, 400, kInvalidEnvoyRequestHeaders, "request_headers_failed_strict_check",                     \
    "invalid header value")                                                                                            \
  X(kPayloadTooLarge, 413, kNone, "request_payload_too_large", "Payload Too Large")                                    \
  /* Time. The gateway variants are for requests that were received completely. */                                     \
  X(kRequestHeaderTimeout, 408, kDownstreamProtocolError, "request_header_timeout", "request header timeout")          \
  X(kRequestTimeout, 408, kNone, "request_overall_timeout", "request timeout")                                         \
  X(kStreamIdleTimeout, 408, kStreamIdleTimeout, "stream_idle_timeout", "stream timeout")                              \
  X(kStreamIdleGatewayTimeout, 504, kStreamIdleTimeout, "stream_idle_timeout", "stream timeout")                       \
  X(kMaxStreamDuration, 408, kDurationTimeout, "max_duration_timeout", "downstream duration timeout")                  \
  X(kMaxStreamDurationGateway, 504, kDurationTimeout, "max_duration_timeout", "downstream duration timeout")           \
  /* The route. */                                                                                                     \
  X(kRouteNotFound, 404, kNoRouteFound, "route_not_found", "")                                                         \
  X(kTlsRequired, 301, kNone, "direct_response", "")                                                                   \
  X(kRedirect, 301, kNone, "direct_response", "")                                                                      \
  X(kDirectResponse, 200, kNone, "direct_response", "")                                                                \
  X(kClusterNotFound, 503, kNoClusterFound, "cluster_not_found", "")                                                   \
  X(kMaintenanceMode, 503, kUpstreamOverflow, "maintenance_mode", "maintenance mode")                                  \
  /* The upstream. */                                                                                                  \
  X(kNoHealthyUpstream, 503, kNoHealthyUpstream, "no_healthy_upstream", "no healthy upstream")                         \
  X(kOverflow, 503, kUpstreamOverflow, "upstream_reset_before_response_started{overflow}",                             \
    "upstream connect error or disconnect/reset before headers. reset reason: overflow")                               \
  X(kConnectFailure, 503, kUpstreamConnectionFailure,                                                                  \
    "upstream_reset_before_response_started{remote_connection_failure}",                                               \
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure")              \
  X(kConnectTimeout, 503, kUpstreamConnectionFailure, "upstream_reset_before_response_started{connection_timeout}",    \
    "upstream connect error or disconnect/reset before headers. reset reason: connection timeout")                     \
  X(kTransportFailure, 503, kUpstreamConnectionFailure,                                                                \
    "upstream_reset_before_response_started{remote_connection_failure}",                                               \
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure")              \
  X(kUpstreamConnectionTermination, 503, kUpstreamConnectionTermination,                                               \
    "upstream_reset_before_response_started{connection_termination}",                                                  \
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination")                 \
  X(kUpstreamRemoteReset, 503, kUpstreamRemoteReset, "upstream_reset_before_response_started{remote_reset}",           \
    "upstream connect error or disconnect/reset before headers. reset reason: remote reset")                           \
  X(kUpstreamRefused, 503, kUpstreamRemoteReset,                                                                       \
    "upstream_reset_before_response_started{remote_refused_stream_reset}",                                             \
    "upstream connect error or disconnect/reset before headers. reset reason: remote refused stream reset")            \
  X(kUpstreamProtocolError, 502, kUpstreamProtocolError, "upstream_reset_before_response_started{protocol_error}",     \
    "upstream connect error or disconnect/reset before headers. reset reason: protocol error")                         \
  X(kUpstreamLocalReset, 503, kLocalReset, "upstream_reset_before_response_started{local_reset}",                      \
    "upstream connect error or disconnect/reset before headers. reset reason: local reset")                            \
  X(kUpstreamTimeout, 504, kUpstreamRequestTimeout, "response_timeout", "upstream request timeout")                    \
  X(kPerTryTimeout, 504, kUpstreamRequestTimeout, "upstream_per_try_timeout", "upstream request timeout")              \
  X(kPerTryIdleTimeout, 504, kStreamIdleTimeout, "upstream_per_try_idle_timeout", "upstream request timeout")          \
  X(kUpstreamMaxStreamDuration, 408, kUpstreamMaxStreamDurationReached, "upstream_max_stream_duration_reached",        \
    "upstream max stream duration reached")                                                                            \
  X(kUpstreamMaxStreamDurationGateway, 504, kUpstreamMaxStreamDurationReached, "upstream_max_stream_duration_reached", \
    "upstream max stream duration reached")                                                                            \
  /* Filters. */                                                                                                       \
  X(kHealthCheckOk, 200, kNone, "health_check_ok", "")                                                                 \
  X(kHealthCheckFailed, 503, kFailedLocalHealthCheck, "health_check_failed", "")                                       \
  X(kHealthCheckClusterUnhealthy, 503, kFailedLocalHealthCheck, "health_check_failed_cluster_unhealthy", "")           \
  X(kCorsPreflight, 200, kNone, "cors_response", "")                                                                   \
  X(kRateLimited, 429, kRateLimited, "local_rate_limited", "local_rate_limited")                                       \
  X(kGrpcWebBadBase64, 400, kNone, "grpc_base_64_decode_failed", "Bad gRPC-web request, invalid base64 data.")         \
  X(kFaultAbort, 503, kFaultInjected, "fault_filter_abort", "fault filter abort")                                      \
  X(kCsrfRejected, 403, kNone, "csrf_origin_mismatch", "Invalid origin")                                               \
  X(kRbacDenied, 403, kUnauthorizedExternalService, "rbac_access_denied", "RBAC: access denied")                       \
  X(kBasicAuthMissing, 401, kNone, "no_credential_for_basic_auth",                                                     \
    "User authentication failed. Missing username and password.")                                                      \
  X(kBasicAuthInvalid, 401, kNone, "invalid_credential_for_basic_auth",                                                \
    "User authentication failed. Invalid username/password combination.")                                              \
  /* Without an answer, or in the middle of one. */                                                                    \
  X(kDownstreamDisconnected, 0, kDownstreamConnectionTermination, "downstream_remote_disconnect", "")                  \
  X(kDownstreamReset, 0, kDownstreamRemoteReset, "http2.remote_reset", "")                                             \
  X(kDownstreamProtocolViolation, 0, kDownstreamProtocolError, "downstream_protocol_error", "")                        \
  X(kLocalClose, 0, kDownstreamConnectionTermination, "downstream_local_disconnect", "")                               \
  X(kUpstreamResetInResponse, 0, kUpstreamRemoteReset, "upstream_reset_after_response_started{remote_reset}", "")      \
  X(kUpstreamClosedInResponse, 0, kUpstreamConnectionTermination,                                                      \
    "upstream_reset_after_response_started{connection_termination}", "")                                               \
  X(kUpstreamProtocolErrorInResponse, 0, kUpstreamProtocolError,                                                       \
    "upstream_reset_after_response_started{protocol_error}", "")                                                       \
  X(kTimeoutInResponse, 0, kUpstreamRequestTimeout, "response_timeout", "")                                            \
  X(kPerTryIdleTimeoutInResponse, 0, kStreamIdleTimeout, "upstream_per_try_idle_timeout", "")                          \
  X(kIdleTimeoutInResponse, 0, kStreamIdleTimeout, "stream_idle_timeout", "")                                          \
  X(kMaxDurationInResponse, 0, kDurationTimeout, "max_duration_timeout", "")                                           \
  X(kUpstreamMaxDurationInResponse, 0, kUpstreamMaxStreamDurationReached, "upstream_max_stream_duration_reached", "")

enum class LocalReplyReason : uint8_t {
#define BATON_LOCAL_REPLY_ENUMERATOR(enumerator, ...) enumerator,
  BATON_LOCAL_REPLY_REASONS(BATON_LOCAL_REPLY_ENUMERATOR)
#undef BATON_LOCAL_REPLY_ENUMERATOR
};

struct LocalReplyEntry {
  int status = 0;
  std::optional<http::ResponseFlag> flag;
  std::string_view details;
  std::string_view body;
};
const LocalReplyEntry& entryOf(LocalReplyReason reason);

}  // namespace baton::proxy
