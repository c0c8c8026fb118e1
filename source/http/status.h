// Status codes and their words; gRPC statuses and the mapping between both.
#pragma once

#include <cstdint>
#include <string_view>

namespace baton::http {

// RFC 9110 15 and its extensions; "Unknown" for others.
std::string_view reasonPhrase(int status);

enum class GrpcStatus : int {
  kOk = 0,
  kCanceled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};
inline constexpr int kGrpcStatuses = 17;

// "Canceled" and "CANCELLED"; empty when the number is none of gRPC's.
std::string_view grpcStatusCamel(int status);
std::string_view grpcStatusSnake(int status);

// What a gRPC client is told when HTTP said this (doc/http-grpc-status-mapping.md of gRPC).
GrpcStatus httpToGrpcStatus(int http_status);
// What HTTP would have said: for retries, outlier detection and statistics.
int grpcToHttpStatus(int grpc_status);

}  // namespace baton::http
