#include "source/http/status.h"

#include <array>

namespace baton::http {
namespace {

struct GrpcStatusRow {
  std::string_view camel;
  std::string_view snake;
  int http;
};

constexpr std::array<GrpcStatusRow, kGrpcStatuses> kGrpcRows = {{
    {"OK", "OK", 200},
    {"Canceled", "CANCELLED", 499},
    {"Unknown", "UNKNOWN", 500},
    {"InvalidArgument", "INVALID_ARGUMENT", 400},
    {"DeadlineExceeded", "DEADLINE_EXCEEDED", 504},
    {"NotFound", "NOT_FOUND", 404},
    {"AlreadyExists", "ALREADY_EXISTS", 409},
    {"PermissionDenied", "PERMISSION_DENIED", 403},
    {"ResourceExhausted", "RESOURCE_EXHAUSTED", 429},
    {"FailedPrecondition", "FAILED_PRECONDITION", 400},
    {"Aborted", "ABORTED", 409},
    {"OutOfRange", "OUT_OF_RANGE", 400},
    {"Unimplemented", "UNIMPLEMENTED", 501},
    {"Internal", "INTERNAL", 500},
    {"Unavailable", "UNAVAILABLE", 503},
    {"DataLoss", "DATA_LOSS", 500},
    {"Unauthenticated", "UNAUTHENTICATED", 401},
}};

bool isGrpcStatus(int status) {
  return status >= 0 && status < kGrpcStatuses;
}

}  // namespace

std::string_view reasonPhrase(int status) {
  switch (status) {
    // clang-format off
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 418: return "I'm a teapot";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Entity";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 506: return "Variant Also Negotiates";
    case 507: return "Insufficient Storage";
    case 508: return "Loop Detected";
    case 510: return "Not Extended";
    case 511: return "Network Authentication Required";
    // clang-format on
    default:
      return "Unknown";
  }
}

std::string_view grpcStatusCamel(int status) {
  return isGrpcStatus(status) ? kGrpcRows[static_cast<size_t>(status)].camel : std::string_view();
}

std::string_view grpcStatusSnake(int status) {
  return isGrpcStatus(status) ? kGrpcRows[static_cast<size_t>(status)].snake : std::string_view();
}

GrpcStatus httpToGrpcStatus(int http_status) {
  switch (http_status) {
    case 400:
      return GrpcStatus::kInternal;
    case 401:
      return GrpcStatus::kUnauthenticated;
    case 403:
      return GrpcStatus::kPermissionDenied;
    case 404:
      return GrpcStatus::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus::kUnavailable;
    default:
      return GrpcStatus::kUnknown;
  }
}

int grpcToHttpStatus(int grpc_status) {
  return isGrpcStatus(grpc_status) ? kGrpcRows[static_cast<size_t>(grpc_status)].http : 500;
}

}  // namespace baton::http
