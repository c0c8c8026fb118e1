// The header names that Baton itself looks at, as integers: finding one of them in a HeaderMap is an array access.
#pragma once

#include <cstdint>
#include <string_view>

namespace baton::http {

// One line per name: enumerator, spelling on the wire (lower case; pseudo-headers of RFC 9113 8.3 first).
#define BATON_HEADER_NAMES(X)                                                        \
  X(kMethod, ":method")                                                              \
  X(kScheme, ":scheme")                                                              \
  X(kAuthority, ":authority")                                                        \
  X(kPath, ":path")                                                                  \
  X(kProtocol, ":protocol")                                                          \
  X(kStatus, ":status")                                                              \
  X(kAccept, "accept")                                                               \
  X(kAcceptEncoding, "accept-encoding")                                              \
  X(kAccessControlAllowCredentials, "access-control-allow-credentials")              \
  X(kAccessControlAllowHeaders, "access-control-allow-headers")                      \
  X(kAccessControlAllowMethods, "access-control-allow-methods")                      \
  X(kAccessControlAllowOrigin, "access-control-allow-origin")                        \
  X(kAccessControlExposeHeaders, "access-control-expose-headers")                    \
  X(kAccessControlMaxAge, "access-control-max-age")                                  \
  X(kAccessControlRequestHeaders, "access-control-request-headers")                  \
  X(kAccessControlRequestMethod, "access-control-request-method")                    \
  X(kAuthorization, "authorization")                                                 \
  X(kCacheControl, "cache-control")                                                  \
  X(kConnection, "connection")                                                       \
  X(kContentEncoding, "content-encoding")                                            \
  X(kContentLength, "content-length")                                                \
  X(kContentType, "content-type")                                                    \
  X(kCookie, "cookie")                                                               \
  X(kDate, "date")                                                                   \
  X(kEtag, "etag")                                                                   \
  X(kExpect, "expect")                                                               \
  X(kForwarded, "forwarded")                                                         \
  X(kGrpcAcceptEncoding, "grpc-accept-encoding")                                     \
  X(kGrpcMessage, "grpc-message")                                                    \
  X(kGrpcStatus, "grpc-status")                                                      \
  X(kGrpcTimeout, "grpc-timeout")                                                    \
  X(kHost, "host")                                                                   \
  X(kHttp2Settings, "http2-settings")                                                \
  X(kKeepAlive, "keep-alive")                                                        \
  X(kLocation, "location")                                                           \
  X(kOrigin, "origin")                                                               \
  X(kProxyAuthorization, "proxy-authorization")                                      \
  X(kProxyConnection, "proxy-connection")                                            \
  X(kReferer, "referer")                                                             \
  X(kRetryAfter, "retry-after")                                                      \
  X(kServer, "server")                                                               \
  X(kSetCookie, "set-cookie")                                                        \
  X(kTe, "te")                                                                       \
  X(kTrailer, "trailer")                                                             \
  X(kTransferEncoding, "transfer-encoding")                                          \
  X(kUpgrade, "upgrade")                                                             \
  X(kUserAgent, "user-agent")                                                        \
  X(kVary, "vary")                                                                   \
  X(kVia, "via")                                                                     \
  X(kXEnvoyAttemptCount, "x-envoy-attempt-count")                                    \
  X(kXEnvoyDecoratorOperation, "x-envoy-decorator-operation")                        \
  X(kXEnvoyDegraded, "x-envoy-degraded")                                             \
  X(kXEnvoyDownstreamServiceCluster, "x-envoy-downstream-service-cluster")           \
  X(kXEnvoyDownstreamServiceNode, "x-envoy-downstream-service-node")                 \
  X(kXEnvoyExpectedRqTimeoutMs, "x-envoy-expected-rq-timeout-ms")                    \
  X(kXEnvoyExternalAddress, "x-envoy-external-address")                              \
  X(kXEnvoyForceTrace, "x-envoy-force-trace")                                        \
  X(kXEnvoyHedgeOnPerTryTimeout, "x-envoy-hedge-on-per-try-timeout")                 \
  X(kXEnvoyImmediateHealthCheckFail, "x-envoy-immediate-health-check-fail")          \
  X(kXEnvoyInternal, "x-envoy-internal")                                             \
  X(kXEnvoyIpTags, "x-envoy-ip-tags")                                                \
  X(kXEnvoyMaxRetries, "x-envoy-max-retries")                                        \
  X(kXEnvoyOriginalPath, "x-envoy-original-path")                                    \
  X(kXEnvoyOriginalUrl, "x-envoy-original-url")                                      \
  X(kXEnvoyOverloaded, "x-envoy-overloaded")                                         \
  X(kXEnvoyRateLimited, "x-envoy-ratelimited")                                       \
  X(kXEnvoyRetriableHeaderNames, "x-envoy-retriable-header-names")                   \
  X(kXEnvoyRetriableStatusCodes, "x-envoy-retriable-status-codes")                   \
  X(kXEnvoyRetryGrpcOn, "x-envoy-retry-grpc-on")                                     \
  X(kXEnvoyRetryOn, "x-envoy-retry-on")                                              \
  X(kXEnvoyUpstreamAltStatName, "x-envoy-upstream-alt-stat-name")                    \
  X(kXEnvoyUpstreamCanary, "x-envoy-upstream-canary")                                \
  X(kXEnvoyUpstreamHealthCheckedCluster, "x-envoy-upstream-healthchecked-cluster")   \
  X(kXEnvoyUpstreamRqPerTryTimeoutMs, "x-envoy-upstream-rq-per-try-timeout-ms")      \
  X(kXEnvoyUpstreamRqTimeoutAltResponse, "x-envoy-upstream-rq-timeout-alt-response") \
  X(kXEnvoyUpstreamRqTimeoutMs, "x-envoy-upstream-rq-timeout-ms")                    \
  X(kXEnvoyUpstreamServiceTime, "x-envoy-upstream-service-time")                     \
  X(kXEnvoyUpstreamStreamDurationMs, "x-envoy-upstream-stream-duration-ms")          \
  X(kXForwardedClientCert, "x-forwarded-client-cert")                                \
  X(kXForwardedFor, "x-forwarded-for")                                               \
  X(kXForwardedHost, "x-forwarded-host")                                             \
  X(kXForwardedPort, "x-forwarded-port")                                             \
  X(kXForwardedProto, "x-forwarded-proto")                                           \
  X(kXRequestId, "x-request-id")

enum class HeaderName : uint8_t {
#define BATON_HEADER_ENUMERATOR(enumerator, spelling) enumerator,
  BATON_HEADER_NAMES(BATON_HEADER_ENUMERATOR)
#undef BATON_HEADER_ENUMERATOR
      kOther  // any other name
};
inline constexpr size_t kKnownHeaderNames = static_cast<size_t>(HeaderName::kOther);

// The spelling of a known name. Precondition: not kOther.
std::string_view spelling(HeaderName name);
// The enumerator for a name in lower case; kOther when it is none of ours. One hash and one comparison.
HeaderName findHeaderName(std::string_view lower_case_name);

}  // namespace baton::http
