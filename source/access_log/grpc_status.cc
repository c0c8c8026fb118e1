#include "source/access_log/grpc_status.h"

#include <array>

#include "source/base/strings.h"

namespace baton::access_log {
namespace {

struct Names {
  std::string_view camel;
  std::string_view snake;
};

constexpr std::array<Names, 17> kNames = {{
    {"OK", "OK"},
    {"Canceled", "CANCELLED"},
    {"Unknown", "UNKNOWN"},
    {"InvalidArgument", "INVALID_ARGUMENT"},
    {"DeadlineExceeded", "DEADLINE_EXCEEDED"},
    {"NotFound", "NOT_FOUND"},
    {"AlreadyExists", "ALREADY_EXISTS"},
    {"PermissionDenied", "PERMISSION_DENIED"},
    {"ResourceExhausted", "RESOURCE_EXHAUSTED"},
    {"FailedPrecondition", "FAILED_PRECONDITION"},
    {"Aborted", "ABORTED"},
    {"OutOfRange", "OUT_OF_RANGE"},
    {"Unimplemented", "UNIMPLEMENTED"},
    {"Internal", "INTERNAL"},
    {"Unavailable", "UNAVAILABLE"},
    {"DataLoss", "DATA_LOSS"},
    {"Unauthenticated", "UNAUTHENTICATED"},
}};

// gRPC, doc/http-grpc-status-mapping.md.
std::optional<uint32_t> fromHttp(int status) {
  switch (status) {
    case 0:
    case 200:
      return std::nullopt;
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

}  // namespace

std::optional<uint32_t> grpcStatus(const FormatContext& context) {
  for (const http::HeaderMap* headers : {context.response_trailers, context.response_headers}) {
    if (headers == nullptr) continue;
    const std::string_view text = headers->get(http::HeaderName::kGrpcStatus);
    if (!text.empty()) return base::parseNumber<uint32_t>(text);
  }
  if (context.request_headers == nullptr) return std::nullopt;
  const std::string_view type = context.request_headers->get(http::HeaderName::kContentType);
  const bool grpc = type == "application/grpc" || type.substr(0, 17) == "application/grpc+" ||
                    type.substr(0, 17) == "application/grpc;";
  return grpc ? fromHttp(context.info.response_code) : std::nullopt;
}

std::string_view grpcStatusName(uint32_t status, bool snake_case) {
  if (status >= kNames.size()) return {};
  return snake_case ? kNames[status].snake : kNames[status].camel;
}

}  // namespace baton::access_log
