#include "source/access_log/grpc_status.h"

#include "source/http/grpc.h"

namespace baton::access_log {

std::optional<int> grpcStatus(const FormatContext& context) {
  for (const http::HeaderMap* headers : {context.response_trailers, context.response_headers}) {
    if (headers == nullptr) continue;
    if (const auto status = http::grpcStatusOf(*headers)) return status;
  }
  const int http_status = context.info.response_code;
  if (context.request_headers == nullptr || http_status == 0 || http_status == 200) return std::nullopt;
  if (!http::isGrpcRequest(*context.request_headers)) return std::nullopt;
  return static_cast<int>(http::httpToGrpcStatus(http_status));
}

}  // namespace baton::access_log
