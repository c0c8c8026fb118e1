// The filter that counts gRPC calls. Plain values with their defaults; any thread may read them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace baton::api {

struct MessageDescription;

// Methods of one service.
struct GrpcServiceMethods {
  std::string name;
  std::vector<std::string> method_names;
};

// Methods of services.
struct GrpcMethodList {
  std::vector<GrpcServiceMethods> services;
};

// Counts gRPC calls and their messages.
struct GrpcStats {
  std::optional<GrpcMethodList> individual_method_stats_allowlist;
  std::optional<bool> stats_for_all_methods;
  bool enable_upstream_stats = false;
  bool replace_dots_in_grpc_service_name = false;
};

const MessageDescription& describe(const GrpcServiceMethods*);
const MessageDescription& describe(const GrpcMethodList*);
const MessageDescription& describe(const GrpcStats*);

}  // namespace baton::api
