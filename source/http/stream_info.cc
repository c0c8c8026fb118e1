#include "source/http/stream_info.h"

#include <array>

namespace baton::http {
namespace {

struct FlagNames {
  std::string_view short_name;
  std::string_view long_name;
};

// In the order of ResponseFlag.
constexpr std::array<FlagNames, static_cast<size_t>(ResponseFlag::kCount)> kFlagNames = {{
    {"UH", "NoHealthyUpstream"},
    {"UF", "UpstreamConnectionFailure"},
    {"UO", "UpstreamOverflow"},
    {"NR", "NoRouteFound"},
    {"URX", "UpstreamRetryLimitExceeded"},
    {"NC", "NoClusterFound"},
    {"DT", "DurationTimeout"},
    {"DC", "DownstreamConnectionTermination"},
    {"DR", "DownstreamRemoteReset"},
    {"LH", "FailedLocalHealthCheck"},
    {"UT", "UpstreamRequestTimeout"},
    {"LR", "LocalReset"},
    {"UR", "UpstreamRemoteReset"},
    {"UC", "UpstreamConnectionTermination"},
    {"RL", "RateLimited"},
    {"IH", "InvalidEnvoyRequestHeaders"},
    {"SI", "StreamIdleTimeout"},
    {"DPE", "DownstreamProtocolError"},
    {"UPE", "UpstreamProtocolError"},
    {"UMSDR", "UpstreamMaxStreamDurationReached"},
    {"OM", "OverloadManagerTerminated"},
    {"DI", "DelayInjected"},
    {"FI", "FaultInjected"},
    {"UAEX", "UnauthorizedExternalService"},
    {"DF", "DnsResolutionFailed"},
}};

}  // namespace

std::string_view shortName(ResponseFlag flag) {
  return kFlagNames[static_cast<size_t>(flag)].short_name;
}

std::string_view longName(ResponseFlag flag) {
  return kFlagNames[static_cast<size_t>(flag)].long_name;
}

std::optional<ResponseFlag> parseResponseFlag(std::string_view short_name) {
  for (size_t i = 0; i < kFlagNames.size(); ++i) {
    if (kFlagNames[i].short_name == short_name) return static_cast<ResponseFlag>(i);
  }
  return std::nullopt;
}

}  // namespace baton::http
