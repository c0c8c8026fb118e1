// The gRPC status of a request, for logs and their filters. A pure function; any thread.
#pragma once

#include <optional>

#include "source/access_log/formatter.h"

namespace baton::access_log {

// From trailers or, for a response without a body, from the headers; else what gRPC says that the HTTP status means.
// Nothing when the request isn't gRPC or has no response.
std::optional<int> grpcStatus(const FormatContext& context);

}  // namespace baton::access_log
