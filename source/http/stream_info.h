// Everything a request's log line, headers formatted from it, or filters may ask for that is not in the header maps.
// One per downstream stream (or TCP session), filled by the connection manager, the router and filters, on its worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/clock.h"
#include "source/http/codec.h"
#include "source/network/connection_info.h"

namespace baton::api {
struct Metadata;
}  // namespace baton::api

namespace baton::http {

// CONFIG.md section 7; a bit each in ResponseFlags.
enum class ResponseFlag : uint8_t {
  kNoHealthyUpstream,                 // UH
  kUpstreamConnectionFailure,         // UF
  kUpstreamOverflow,                  // UO
  kNoRouteFound,                      // NR
  kUpstreamRetryLimitExceeded,        // URX
  kNoClusterFound,                    // NC
  kDurationTimeout,                   // DT
  kDownstreamConnectionTermination,   // DC
  kDownstreamRemoteReset,             // DR
  kFailedLocalHealthCheck,            // LH
  kUpstreamRequestTimeout,            // UT
  kLocalReset,                        // LR
  kUpstreamRemoteReset,               // UR
  kUpstreamConnectionTermination,     // UC
  kRateLimited,                       // RL
  kInvalidEnvoyRequestHeaders,        // IH
  kStreamIdleTimeout,                 // SI
  kDownstreamProtocolError,           // DPE
  kUpstreamProtocolError,             // UPE
  kUpstreamMaxStreamDurationReached,  // UMSDR
  kOverloadManager,                   // OM
  kDelayInjected,                     // DI
  kFaultInjected,                     // FI
  kUnauthorizedExternalService,       // UAEX
  kDnsResolutionFailed,               // DF
  kCount
};
std::string_view shortName(ResponseFlag flag);
std::string_view longName(ResponseFlag flag);
std::optional<ResponseFlag> parseResponseFlag(std::string_view short_name);

class ResponseFlags {
 public:
  void set(ResponseFlag flag) { bits_ |= bit(flag); }
  bool has(ResponseFlag flag) const { return (bits_ & bit(flag)) != 0; }
  bool any() const { return bits_ != 0; }
  void clear() { bits_ = 0; }
  uint32_t bits() const { return bits_; }

 private:
  static uint32_t bit(ResponseFlag flag) { return 1u << static_cast<unsigned>(flag); }
  uint32_t bits_ = 0;
};

struct UpstreamInfo {
  struct Attempted {
    network::Address address;
    std::string name;
    uint64_t connection_id = 0;
  };

  // Another attempt has got an endpoint; the connection is 0 while there is none.
  void setHost(const network::Address& address, const std::string& name, uint64_t connection) {
    if (remote_address) earlier_hosts.push_back({*remote_address, host_name, connection_id});
    remote_address = address;
    host_name = name;
    connection_id = connection;
  }

  std::optional<network::Address> remote_address;  // %UPSTREAM_HOST%
  std::optional<network::Address> local_address;
  std::string host_name;
  uint64_t connection_id = 0;
  std::optional<Protocol> protocol;
  std::string transport_failure_reason;
  std::shared_ptr<const network::TlsInfo> tls;
  uint32_t attempt_count = 0;
  StreamSender::WireBytes wire;
  std::vector<Attempted> earlier_hosts;                // of attempts before the last one
  std::shared_ptr<const api::Metadata> host_metadata;  // null: the endpoint has none; so below
};

struct StreamInfo {
  std::shared_ptr<const network::ConnectionInfo> connection;
  network::Address remote_address;  // of the client as XFF says; starts as the connection's
  uint64_t stream_id = 0;
  std::string request_id;
  base::WallTime start_wall{};
  base::MonotonicTime start{};
  // Moments of the stream; unset while they have not happened.
  std::optional<base::MonotonicTime> request_received;   // last byte from downstream
  std::optional<base::MonotonicTime> first_upstream_tx;  // first and last request byte to upstream
  std::optional<base::MonotonicTime> last_upstream_tx;
  std::optional<base::MonotonicTime> first_upstream_rx;  // first and last response byte from upstream
  std::optional<base::MonotonicTime> last_upstream_rx;
  std::optional<base::MonotonicTime> first_downstream_tx;
  std::optional<base::MonotonicTime> last_downstream_tx;
  std::optional<base::MonotonicTime> end;
  std::optional<Protocol> protocol;
  int response_code = 0;
  std::string_view response_code_details;  // static text, or storage below
  std::string response_code_details_storage;
  std::string connection_termination_details;
  ResponseFlags flags;
  uint64_t bytes_received = 0;  // bodies
  uint64_t bytes_sent = 0;
  StreamSender::WireBytes downstream_wire;
  std::string route_name;
  std::string virtual_cluster_name;
  std::string upstream_cluster;
  std::shared_ptr<const api::Metadata> route_metadata;
  std::shared_ptr<const api::Metadata> virtual_host_metadata;
  std::shared_ptr<const api::Metadata> cluster_metadata;
  UpstreamInfo upstream;
  bool health_check = false;
};

}  // namespace baton::http
