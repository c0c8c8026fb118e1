#include "source/proxy/http/request_timeouts.h"

#include <algorithm>

#include "source/base/strings.h"
#include "source/http/grpc.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

namespace {

std::optional<Milliseconds> millisecondsIn(const HeaderMap& headers, HeaderName name) {
  const auto number = base::parseNumber<uint32_t>(headers.get(name));
  if (!number) return std::nullopt;
  return Milliseconds(*number);
}

std::optional<Milliseconds> grpcTimeout(const HeaderMap& headers) {
  return http::parseGrpcTimeout(headers.get(HeaderName::kGrpcTimeout));
}

}  // namespace

std::optional<Milliseconds> routeStreamDuration(const HeaderMap& headers, const ForwardAction& action) {
  if (action.grpc_timeout_header_max && !action.grpc_timeout_replaces_route_timeout) {
    if (auto timeout = grpcTimeout(headers)) {
      const Milliseconds most = *action.grpc_timeout_header_max;
      if (most.count() != 0 && (timeout->count() == 0 || *timeout > most)) timeout = most;
      if (*timeout > action.grpc_timeout_header_offset) *timeout -= action.grpc_timeout_header_offset;
      return timeout;
    }
  }
  return action.max_stream_duration;
}

RequestTimeouts RequestTimeouts::take(HeaderMap& headers, const ForwardAction& action, const RouterSettings& settings,
                                      Milliseconds elapsed) {
  RequestTimeouts timeouts;
  timeouts.route = action.timeout;
  if (action.retry) {
    timeouts.per_try = action.retry->per_try_timeout.value_or(Milliseconds(0));
    timeouts.per_try_idle = action.retry->per_try_idle_timeout.value_or(Milliseconds(0));
  }
  const bool grpc = http::isGrpcRequest(headers);
  if (grpc && action.grpc_timeout_replaces_route_timeout) {
    Milliseconds timeout = grpcTimeout(headers).value_or(Milliseconds(0));
    if (timeout > action.grpc_timeout_header_offset) timeout -= action.grpc_timeout_header_offset;
    const Milliseconds most = *action.grpc_timeout_header_max;
    if (most.count() != 0 && (timeout.count() == 0 || timeout > most)) timeout = most;
    timeouts.route = timeout;
  }

  const auto expected = millisecondsIn(headers, HeaderName::kXEnvoyExpectedRqTimeoutMs);
  if (settings.respect_expected_rq_timeout && expected) {
    timeouts.route = *expected;
  } else if (const auto asked = millisecondsIn(headers, HeaderName::kXEnvoyUpstreamRqTimeoutMs)) {
    timeouts.route = *asked;
  }
  if (const auto asked = millisecondsIn(headers, HeaderName::kXEnvoyUpstreamRqPerTryTimeoutMs)) {
    timeouts.per_try = *asked;
  }
  timeouts.stream = millisecondsIn(headers, HeaderName::kXEnvoyUpstreamStreamDurationMs);
  headers.remove(HeaderName::kXEnvoyUpstreamStreamDurationMs);
  headers.remove(HeaderName::kXEnvoyUpstreamRqTimeoutMs);
  headers.remove(HeaderName::kXEnvoyUpstreamRqPerTryTimeoutMs);
  // A try that may take longer than the whole needs no timeout of its own.
  if (timeouts.route.count() != 0 && timeouts.per_try >= timeouts.route) timeouts.per_try = Milliseconds(0);

  Milliseconds left = timeouts.per_try.count() != 0 ? timeouts.per_try : timeouts.route;
  if (left.count() != 0 && timeouts.per_try.count() == 0) left = std::max(left - elapsed, Milliseconds(1));
  if (!settings.suppress_envoy_headers && left.count() != 0) {
    headers.set(HeaderName::kXEnvoyExpectedRqTimeoutMs, static_cast<uint64_t>(left.count()));
  } else {
    headers.remove(HeaderName::kXEnvoyExpectedRqTimeoutMs);
  }
  return timeouts;
}

}  // namespace baton::proxy
