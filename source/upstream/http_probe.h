// Asks a host by HTTP/1.1, HTTP/2 or gRPC (grpc.health.v1.Health/Check).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/http/codec.h"
#include "source/upstream/health_probe.h"

namespace baton::upstream {

struct HttpProbeSettings {
  http::Protocol protocol = http::Protocol::kHttp11;
  bool grpc = false;
  std::string method = "GET";
  std::string path;
  std::string host;                                   // :authority unless the endpoint has its own
  std::vector<std::pair<int64_t, int64_t>> expected;  // [start, end)
  std::vector<std::pair<int64_t, int64_t>> retriable;
  std::vector<std::pair<std::string, std::string>> headers_to_set;
  std::vector<std::pair<std::string, std::string>> headers_to_add;
  std::vector<std::string> headers_to_remove;
  std::string body;  // gRPC: the framed request
  bool reuse_connection = true;
};

// `settings` outlive the probe.
std::unique_ptr<Probe> makeHttpProbe(PoolContext& context, std::shared_ptr<const ClusterInfo> info, HostPtr host,
                                     const HttpProbeSettings& settings);

// A gRPC HealthCheckRequest with its frame, and the status of the HealthCheckResponse in one; -1 when it is not one.
std::string grpcHealthRequest(std::string_view service);
int grpcHealthStatus(std::string_view framed);

}  // namespace baton::upstream
