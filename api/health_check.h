// Active health checks. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/headers.h"
#include "api/string_matcher.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Bytes to send or to expect.
struct HealthCheckPayload {
  std::optional<std::string> text;  // The bytes in hex.
  std::optional<std::string> binary;
};

// Asks by HTTP.
struct HttpHealthCheck {
  enum class RequestMethod {
    kMethodUnspecified = 0,
    kGet = 1,
    kHead = 2,
    kPost = 3,
    kPut = 4,
    kDelete = 5,
    kConnect = 6,
    kOptions = 7,
    kTrace = 8,
    kPatch = 9
  };
  enum class CodecClientType { kHttp1 = 0, kHttp2 = 1, kHttp3 = 2 };

  std::string path;
  std::string host;  // The host header; the cluster's name when not set.
  RequestMethod method = RequestMethod::kMethodUnspecified;
  std::vector<Int64Range> expected_statuses;  // Statuses that mean healthy; 200 when empty.
  std::vector<Int64Range> retriable_statuses;
  std::vector<HeaderValueOption> request_headers_to_add;
  std::vector<std::string> request_headers_to_remove;
  CodecClientType codec_client_type = CodecClientType::kHttp1;
};

// Connects, and may send and expect bytes.
struct TcpHealthCheck {
  std::optional<HealthCheckPayload> send;  // Bytes to send; only connect when not set.
  std::vector<HealthCheckPayload> receive;
};

// Asks grpc.health.v1.Health.
struct GrpcHealthCheck {
  std::string service_name;
  std::string authority;  // The authority; the cluster's name when not set.
  std::vector<HeaderValueOption> initial_metadata;
};

// Asks endpoints whether they are well.
struct HealthCheck {
  std::optional<Milliseconds> timeout;
  std::optional<Milliseconds> interval;
  std::optional<uint32_t> unhealthy_threshold;
  std::optional<uint32_t> healthy_threshold;
  Milliseconds initial_jitter{0};
  Milliseconds interval_jitter{0};
  uint32_t interval_jitter_percent = 0;
  bool reuse_connection = true;
  Milliseconds no_traffic_interval{60000};
  // The same for healthy endpoints; no_traffic_interval when not set.
  std::optional<Milliseconds> no_traffic_healthy_interval;
  std::optional<Milliseconds> unhealthy_interval;  // Interval for unhealthy endpoints; interval when not set.
  // Interval once after an endpoint became unhealthy; unhealthy_interval when not set.
  std::optional<Milliseconds> unhealthy_edge_interval;
  // Interval once after an endpoint became healthy; interval when not set.
  std::optional<Milliseconds> healthy_edge_interval;
  std::optional<HttpHealthCheck> http_health_check;
  std::optional<TcpHealthCheck> tcp_health_check;
  std::optional<GrpcHealthCheck> grpc_health_check;
};

const MessageDescription& describe(const HealthCheckPayload*);
const MessageDescription& describe(const HttpHealthCheck*);
const EnumDescription& describeEnum(const HttpHealthCheck::RequestMethod*);
const EnumDescription& describeEnum(const HttpHealthCheck::CodecClientType*);
const MessageDescription& describe(const TcpHealthCheck*);
const MessageDescription& describe(const GrpcHealthCheck*);
const MessageDescription& describe(const HealthCheck*);

}  // namespace baton::api
