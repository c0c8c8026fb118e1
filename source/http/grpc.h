// What an HTTP proxy has to know of gRPC over HTTP/2 (PROTOCOL-HTTP2.md of gRPC).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "source/http/header_map.h"
#include "source/http/status.h"

namespace baton::http {

// application/grpc, application/grpc+proto, application/grpc;...: not grpc-web.
bool isGrpcContentType(std::string_view content_type);
bool isGrpcRequest(const HeaderMap& request);
// application/grpc-web and grpc-web-text.
bool isGrpcWebContentType(std::string_view content_type);

// grpc-timeout: up to 8 digits and a unit (H M S m u n), rounded up to a millisecond.
std::optional<std::chrono::milliseconds> parseGrpcTimeout(std::string_view value);

// grpc-status of a response (trailers-only) or its trailers.
std::optional<int> grpcStatusOf(const HeaderMap& headers_or_trailers);

// grpc-message: printable ASCII but '%' stays.
std::string encodeGrpcMessage(std::string_view message);
std::string decodeGrpcMessage(std::string_view value);

// Turns a response of ours into one that consists of headers only: HTTP 200 with grpc-status and grpc-message.
void makeGrpcTrailersOnly(HeaderMap& response, GrpcStatus status, std::string_view message);

}  // namespace baton::http
