// The buffer filter: reads the whole request before any of it goes upstream, so that a slow client does not occupy an
// upstream connection.
#include "source/proxy/http/filters/registry.h"

namespace baton::proxy {

namespace {

struct BufferRouteConfig final : RouteFilterConfig {
  bool disabled = false;
  std::optional<uint32_t> max_request_bytes;
};

class BufferFilter final : public HttpFilter {
 public:
  BufferFilter(FilterStream& stream, uint32_t most) : stream_(stream), most_(most) {}

  Verdict requestHeaders(http::HeaderMap& headers, bool end_of_stream) override {
    // A tunnel's bytes have no end to wait for.
    if (end_of_stream || headers.has(http::HeaderName::kUpgrade) || headers.method() == "CONNECT") {
      return Verdict::kContinue;
    }
    stream_.setCollectLimit(most_);
    return Verdict::kCollect;
  }

  void requestComplete(http::HeaderMap& headers, std::string& body) override {
    // The length is known now, so chunks are not needed.
    if (!headers.has(http::HeaderName::kContentLength)) {
      headers.set(http::HeaderName::kContentLength, static_cast<uint64_t>(body.size()));
    }
  }

 private:
  FilterStream& stream_;
  const uint32_t most_;
};

class BufferFilterFactory final : public HttpFilterFactory {
 public:
  explicit BufferFilterFactory(uint32_t most) : most_(most) {}

  std::unique_ptr<HttpFilter> create(FilterStream& stream, size_t place) const override {
    uint32_t most = most_;
    if (const auto* route = static_cast<const BufferRouteConfig*>(stream.routeConfig(place))) {
      if (route->disabled) return nullptr;
      most = route->max_request_bytes.value_or(most);
    }
    return std::make_unique<BufferFilter>(stream, most);
  }

 private:
  const uint32_t most_;
};

base::Result<std::shared_ptr<const RouteFilterConfig>> buildRouteConfig(const api::TypedConfig& config) {
  const auto* settings = config.as<api::BufferPerRoute>();
  if (settings == nullptr) {
    return base::Error{base::ErrorCode::kInvalidArgument, "expected settings of type BufferPerRoute"};
  }
  auto built = std::make_shared<BufferRouteConfig>();
  built->disabled = settings->disabled.value_or(false);
  if (settings->buffer) built->max_request_bytes = settings->buffer->max_request_bytes;
  return std::shared_ptr<const RouteFilterConfig>(std::move(built));
}

}  // namespace

base::Result<BuiltFilter> buildBufferFilter(const api::Buffer& config, const FilterBuildContext&) {
  return BuiltFilter{std::make_shared<BufferFilterFactory>(config.max_request_bytes), buildRouteConfig};
}

}  // namespace baton::proxy
