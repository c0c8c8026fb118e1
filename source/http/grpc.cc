#include "source/http/grpc.h"

#include "source/base/strings.h"
#include "source/http/query.h"

namespace baton::http {
namespace {

bool isContentType(std::string_view content_type, std::string_view wanted) {
  if (!base::startsWithIgnoreCase(content_type, wanted)) return false;
  content_type.remove_prefix(wanted.size());
  return content_type.empty() || content_type.front() == '+' || content_type.front() == ';' ||
         content_type.front() == ' ';
}

}  // namespace

bool isGrpcContentType(std::string_view content_type) {
  return isContentType(content_type, "application/grpc");
}

bool isGrpcRequest(const HeaderMap& request) {
  return isGrpcContentType(request.get(HeaderName::kContentType));
}

bool isGrpcWebContentType(std::string_view content_type) {
  return isContentType(content_type, "application/grpc-web") ||
         isContentType(content_type, "application/grpc-web-text");
}

std::optional<std::chrono::milliseconds> parseGrpcTimeout(std::string_view value) {
  if (value.size() < 2 || value.size() > 9) return std::nullopt;
  const auto number = base::parseNumber<int64_t>(value.substr(0, value.size() - 1));
  if (!number.has_value() || *number < 0) return std::nullopt;
  switch (value.back()) {
    case 'H':
      return std::chrono::hours(*number);
    case 'M':
      return std::chrono::minutes(*number);
    case 'S':
      return std::chrono::seconds(*number);
    case 'm':
      return std::chrono::milliseconds(*number);
    case 'u':
      return std::chrono::milliseconds((*number + 999) / 1000);
    case 'n':
      return std::chrono::milliseconds((*number + 999'999) / 1'000'000);
    default:
      return std::nullopt;
  }
}

std::optional<int> grpcStatusOf(const HeaderMap& headers_or_trailers) {
  return base::parseNumber<int>(headers_or_trailers.get(HeaderName::kGrpcStatus));
}

std::string encodeGrpcMessage(std::string_view message) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(message.size());
  for (const char c : message) {
    if (c >= 0x20 && c < 0x7f && c != '%') {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

std::string decodeGrpcMessage(std::string_view value) {
  return percentDecode(value);
}

void makeGrpcTrailersOnly(HeaderMap& response, GrpcStatus status, std::string_view message) {
  response.setStatus(200);
  response.set(HeaderName::kContentType, "application/grpc");
  if (!response.has(HeaderName::kGrpcStatus)) response.set(HeaderName::kGrpcStatus, static_cast<uint64_t>(status));
  if (!message.empty()) response.set(HeaderName::kGrpcMessage, encodeGrpcMessage(message));
}

}  // namespace baton::http
