#include "source/proxy/http/local_reply_reason.h"

namespace baton::proxy {

namespace {

// So that the table can say "no flag" in the same column.
struct Flags {
  using F = http::ResponseFlag;
  static constexpr std::optional<F> kNone = std::nullopt;
#define BATON_FLAG(name) static constexpr std::optional<F> name = F::name;
  BATON_FLAG(kNoHealthyUpstream)
  BATON_FLAG(kUpstreamConnectionFailure)
  BATON_FLAG(kUpstreamOverflow)
  BATON_FLAG(kNoRouteFound)
  BATON_FLAG(kNoClusterFound)
  BATON_FLAG(kDurationTimeout)
  BATON_FLAG(kDownstreamConnectionTermination)
  BATON_FLAG(kDownstreamRemoteReset)
  BATON_FLAG(kFailedLocalHealthCheck)
  BATON_FLAG(kUpstreamRequestTimeout)
  BATON_FLAG(kLocalReset)
  BATON_FLAG(kUpstreamRemoteReset)
  BATON_FLAG(kUpstreamConnectionTermination)
  BATON_FLAG(kRateLimited)
  BATON_FLAG(kInvalidEnvoyRequestHeaders)
  BATON_FLAG(kStreamIdleTimeout)
  BATON_FLAG(kDownstreamProtocolError)
  BATON_FLAG(kUpstreamProtocolError)
  BATON_FLAG(kUpstreamMaxStreamDurationReached)
  BATON_FLAG(kOverloadManager)
  BATON_FLAG(kFaultInjected)
  BATON_FLAG(kUnauthorizedExternalService)
#undef BATON_FLAG
};

constexpr LocalReplyEntry kEntries[] = {
#define BATON_LOCAL_REPLY_ENTRY(enumerator, status, flag, details, body) {status, Flags::flag, details, body},
    BATON_LOCAL_REPLY_REASONS(BATON_LOCAL_REPLY_ENTRY)
#undef BATON_LOCAL_REPLY_ENTRY
};

}  // namespace

const LocalReplyEntry& entryOf(LocalReplyReason reason) {
  return kEntries[static_cast<size_t>(reason)];
}

}  // namespace baton::proxy
