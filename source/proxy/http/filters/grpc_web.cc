// gRPC-Web: lets browsers speak gRPC (PROTOCOL-WEB.md of gRPC). Towards upstream a request is plain gRPC; on the way
// back trailers become the last frame of the body, and all of it base64 for clients that asked for text. An answer that
// is no gRPC becomes a status of gRPC.
#include "source/base/strings.h"
#include "source/http/grpc.h"
#include "source/proxy/http/filters/registry.h"

namespace baton::proxy {

namespace {

using http::HeaderMap;
using http::HeaderName;

constexpr std::string_view kGrpc = "application/grpc";
constexpr std::string_view kWeb = "application/grpc-web";
constexpr std::string_view kWebText = "application/grpc-web-text";
constexpr size_t kMostBytesOfMessage = 16 * 1024;  // of a body that becomes a grpc-message
constexpr char kTrailerFrame = static_cast<char>(0x80);

class GrpcWebFilter final : public HttpFilter {
 public:
  explicit GrpcWebFilter(FilterStream& stream) : stream_(stream) {}

  Verdict requestHeaders(HeaderMap& headers, bool) override {
    const std::string_view type = headers.get(HeaderName::kContentType);
    if (!http::isGrpcWebContentType(type)) return Verdict::kContinue;
    active_ = true;
    text_request_ = type.starts_with(kWebText);
    text_response_ = headers.get(HeaderName::kAccept).starts_with(kWebText);
    headers.set(HeaderName::kContentType, std::string(kGrpc) + suffixOf(type));
    headers.remove(HeaderName::kContentLength);
    headers.set(HeaderName::kTe, "trailers");
    if (!headers.has(HeaderName::kGrpcAcceptEncoding)) {
      headers.set(HeaderName::kGrpcAcceptEncoding, "identity,deflate,gzip");
    }
    return Verdict::kContinue;
  }

  void requestData(BodyPiece& piece) override {
    if (!active_ || !text_request_) return;
    encoded_.append(piece.bytes);
    // Every four characters are three bytes; a group may be padded, and then another text follows.
    const size_t usable = encoded_.size() / 4 * 4;
    if (piece.end_of_stream && usable != encoded_.size()) return refuse();
    std::string decoded;
    for (size_t at = 0; at < usable; at += 4) {
      const auto bytes = base::base64Decode(std::string_view(encoded_).substr(at, 4));
      if (!bytes) return refuse();
      decoded += *bytes;
    }
    encoded_.erase(0, usable);
    piece.replace(std::move(decoded));
  }

  void responseHeaders(HeaderMap& headers, bool end_of_stream) override {
    if (!active_) return;
    const std::string type(headers.get(HeaderName::kContentType));
    const bool calls = headers.status() == 200 && (http::isGrpcContentType(type) || http::isGrpcWebContentType(type));
    transform_ = !end_of_stream && calls;
    const std::string suffix = calls ? suffixOf(type) : "";
    headers.set(HeaderName::kContentType,
                std::string(text_response_ ? kWebText : kWeb) + (suffix.empty() ? "+proto" : suffix));
    headers.remove(HeaderName::kContentLength);
    if (calls || headers.has(HeaderName::kGrpcStatus)) return;
    // A server, or a proxy in front of it, that speaks no gRPC. A client finds what it said in a status of gRPC.
    if (end_of_stream) return setStatus(headers);
    stream_.collectResponse(kMostBytesOfMessage);
  }

  void responseComplete(HeaderMap& headers, std::string& body) override {
    setStatus(headers);
    if (!body.empty()) headers.set(HeaderName::kGrpcMessage, http::encodeGrpcMessage(body));
    body.clear();
  }

  void responseData(BodyPiece& piece) override {
    if (transform_ && text_response_ && !piece.bytes.empty()) piece.replace(base::base64Encode(piece.bytes));
  }

  void responseTrailers(HeaderMap& trailers) override {
    if (!transform_) return;
    std::string text;
    trailers.forEach([&](HeaderName, std::string_view name, std::string_view value) {
      text.append(name).append(":").append(value).append("\r\n");
    });
    const auto size = static_cast<uint32_t>(text.size());
    std::string frame{kTrailerFrame, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                      static_cast<char>(size >> 8), static_cast<char>(size)};
    frame += text;
    trailers.clear();
    stream_.addResponseData(text_response_ ? base::base64Encode(frame) : frame);
  }

 private:
  void refuse() { stream_.sendLocalReply({.reason = LocalReplyReason::kGrpcWebBadBase64}); }
  static void setStatus(HeaderMap& headers) {
    headers.set(HeaderName::kGrpcStatus, static_cast<uint64_t>(http::httpToGrpcStatus(headers.status())));
    headers.set(HeaderName::kContentLength, "0");
  }
  // "+proto" of "application/grpc-web+proto".
  static std::string suffixOf(std::string_view type) {
    const size_t plus = type.find('+');
    return plus == std::string_view::npos ? "" : std::string(type.substr(plus));
  }

  FilterStream& stream_;
  std::string encoded_;  // less than a group of base64
  bool active_ = false;
  bool text_request_ = false;
  bool text_response_ = false;
  bool transform_ = false;
};

class GrpcWebFilterFactory final : public HttpFilterFactory {
 public:
  std::unique_ptr<HttpFilter> create(FilterStream& stream, size_t) const override {
    return std::make_unique<GrpcWebFilter>(stream);
  }
};

}  // namespace

base::Result<BuiltFilter> buildGrpcWebFilter(const api::GrpcWeb&, const FilterBuildContext&) {
  return BuiltFilter{std::make_shared<GrpcWebFilterFactory>(), {}};
}

}  // namespace baton::proxy
