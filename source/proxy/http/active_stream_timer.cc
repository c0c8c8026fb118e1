// How long a stream may take: for its request's head and body, for all of it, and without a byte.
#include <algorithm>

#include "source/http/grpc.h"
#include "source/proxy/http/active_stream.h"

namespace baton::proxy {
namespace {

// For a client whose WebSocket the server has ended. Others (Envoy) end it at once, and lose what is on its way.
constexpr Milliseconds kWebSocketCloseTimeout{5000};

}  // namespace

Milliseconds ActiveStream::idleTimeout() {
  const ForwardAction* const action =
      headers_received_ && route_chosen_ && route_.entry != nullptr ? route_.entry->forward() : nullptr;
  const Milliseconds idle =
      action != nullptr && action->idle_timeout ? *action->idle_timeout : config_.api.stream_idle_timeout;
  return waitsForClose() && (idle.count() == 0 || idle > kWebSocketCloseTimeout) ? kWebSocketCloseTimeout : idle;
}

// The server of a WebSocket has ended the connection and its client has not: RFC 6455 7.1.1 has the client end it too.
bool ActiveStream::waitsForClose() const {
  return tunnel_ && response_ended_ && upgrade_ == "websocket" && request_pauses_ == 0 && !router_->flushing();
}

void ActiveStream::armTimer() {
  base::MonotonicTime next = base::MonotonicTime::max();
  for (const auto& deadline : {headers_deadline_, request_deadline_, duration_deadline_}) {
    if (deadline) next = std::min(next, *deadline);
  }
  if (const Milliseconds idle = idleTimeout(); idle.count() > 0) next = std::min(next, last_activity_ + idle);
  // A timer that fires too early looks again; only one that would fire too late has to be moved.
  if (next >= timer_at_) return;
  timer_at_ = next;
  timer_.arm(std::max(next - worker_.loop.now(), base::MonotonicTime::duration(0)));
}

void ActiveStream::onTimer() {
  timer_at_ = base::MonotonicTime::max();
  const base::MonotonicTime now = worker_.loop.now();
  if (headers_deadline_ && now >= *headers_deadline_) {
    config_.stats.downstream_rq_header_timeout.add();
    sendLocalReply({.reason = LocalReplyReason::kRequestHeaderTimeout});
    return;
  }
  if (request_deadline_ && now >= *request_deadline_) {
    request_deadline_.reset();
    // A tunnel's bytes are no request body.
    if (!tunnel_) {
      config_.stats.downstream_rq_timeout.add();
      sendLocalReply({.reason = LocalReplyReason::kRequestTimeout});
      return;
    }
  }
  if (duration_deadline_ && now >= *duration_deadline_) {
    config_.stats.downstream_rq_max_duration_reached.add();
    if (response_started_) return abortResponse(LocalReplyReason::kMaxDurationInResponse, {});
    sendLocalReply({.reason = request_complete_ ? LocalReplyReason::kMaxStreamDurationGateway
                                                : LocalReplyReason::kMaxStreamDuration,
                    .grpc_status = static_cast<uint32_t>(http::GrpcStatus::kDeadlineExceeded)});
    return;
  }
  const Milliseconds idle = idleTimeout();
  if (idle.count() > 0 && now >= last_activity_ + idle) {
    if (waitsForClose() && idle == kWebSocketCloseTimeout) {
      sender_.reset(http::StreamReset::kLocalReset);
      return finish();
    }
    config_.stats.downstream_rq_idle_timeout.add();
    if (response_started_) return abortResponse(LocalReplyReason::kIdleTimeoutInResponse, {});
    sendLocalReply({.reason = request_complete_ ? LocalReplyReason::kStreamIdleGatewayTimeout
                                                : LocalReplyReason::kStreamIdleTimeout});
    return;
  }
  armTimer();
}

}  // namespace baton::proxy
