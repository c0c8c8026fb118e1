// The gRPC status of a request, for logs and their filters. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "source/access_log/formatter.h"

namespace baton::access_log {

// From trailers or, for a response without a body, from the headers; else what gRPC says that the HTTP status means.
// Nothing when the request isn't gRPC or has no response.
std::optional<uint32_t> grpcStatus(const FormatContext& context);
// "InvalidArgument", or in snake case "INVALID_ARGUMENT". Empty for a number without a name.
std::string_view grpcStatusName(uint32_t status, bool snake_case);

}  // namespace baton::access_log
