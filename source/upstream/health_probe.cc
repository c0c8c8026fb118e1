#include "source/upstream/health_probe.h"

#include "source/base/strings.h"
#include "source/upstream/http_probe.h"
#include "source/upstream/tcp_probe.h"

namespace baton::upstream {

namespace {

class HttpProbeFactory final : public ProbeFactory {
 public:
  explicit HttpProbeFactory(HttpProbeSettings settings) : settings_(std::move(settings)) {}
  std::unique_ptr<Probe> create(PoolContext& context, std::shared_ptr<const ClusterInfo> info,
                                HostPtr host) const override {
    return makeHttpProbe(context, std::move(info), std::move(host), settings_);
  }

 private:
  const HttpProbeSettings settings_;
};

class TcpProbeFactory final : public ProbeFactory {
 public:
  explicit TcpProbeFactory(TcpProbeSettings settings) : settings_(std::move(settings)) {}
  std::unique_ptr<Probe> create(PoolContext& context, std::shared_ptr<const ClusterInfo> info,
                                HostPtr host) const override {
    return makeTcpProbe(context, std::move(info), std::move(host), settings_);
  }

 private:
  const TcpProbeSettings settings_;
};

std::string methodName(api::HttpHealthCheck::RequestMethod method) {
  using Method = api::HttpHealthCheck::RequestMethod;
  switch (method) {
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kDelete:
      return "DELETE";
    case Method::kConnect:
      return "CONNECT";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kTrace:
      return "TRACE";
    case Method::kPatch:
      return "PATCH";
    case Method::kMethodUnspecified:
    case Method::kGet:
      break;
  }
  return "GET";
}

// Values are taken as they are but for "%%": a health check has no request whose operators could be filled in.
std::string literal(const std::string& value) {
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    text += value[i];
    if (value[i] == '%' && i + 1 < value.size() && value[i + 1] == '%') ++i;
  }
  return text;
}

void addHeaders(const std::vector<api::HeaderValueOption>& options, HttpProbeSettings& settings) {
  for (const api::HeaderValueOption& option : options) {
    if (!option.header) continue;
    const bool append =
        option.append.value_or(option.append_action == api::HeaderValueOption::AppendAction::kAppendIfExistsOrAdd);
    auto& to = append ? settings.headers_to_add : settings.headers_to_set;
    const std::string name = base::lower(option.header->key);
    to.emplace_back(name == "host" ? ":authority" : name, literal(option.header->value));
  }
  // There is one host, whatever the action says.
  std::erase_if(settings.headers_to_add, [&settings](const auto& header) {
    if (header.first != ":authority") return false;
    settings.headers_to_set.push_back(header);
    return true;
  });
}

base::Result<std::string> payload(const api::HealthCheckPayload& from) {
  if (from.binary) return *from.binary;
  std::string bytes;
  const std::string text = from.text.value_or("");
  for (size_t i = 0; i < text.size(); i += 2) {
    const auto byte = base::parseNumber<uint8_t>(std::string_view(text).substr(i, 2), 16);
    if (!byte || i + 1 == text.size()) {
      return base::Error{base::ErrorCode::kInvalidArgument,
                         "text: expected pairs of hex digits, found \"" + text + "\""};
    }
    bytes += static_cast<char>(*byte);
  }
  return bytes;
}

HttpProbeSettings httpSettings(const api::HttpHealthCheck& config, const std::string& cluster) {
  HttpProbeSettings settings;
  if (config.codec_client_type == api::HttpHealthCheck::CodecClientType::kHttp2) {
    settings.protocol = http::Protocol::kHttp2;
  }
  settings.method = methodName(config.method);
  settings.path = config.path;
  settings.host = config.host.empty() ? cluster : config.host;
  for (const auto& range : config.expected_statuses) settings.expected.emplace_back(range.start, range.end);
  if (settings.expected.empty()) settings.expected.emplace_back(200, 201);
  for (const auto& range : config.retriable_statuses) settings.retriable.emplace_back(range.start, range.end);
  addHeaders(config.request_headers_to_add, settings);
  for (const std::string& name : config.request_headers_to_remove) {
    settings.headers_to_remove.push_back(base::lower(name));
  }
  return settings;
}

HttpProbeSettings grpcSettings(const api::GrpcHealthCheck& config, const std::string& cluster) {
  HttpProbeSettings settings;
  settings.protocol = http::Protocol::kHttp2;
  settings.grpc = true;
  settings.method = "POST";
  settings.path = "/grpc.health.v1.Health/Check";
  settings.host = config.authority.empty() ? cluster : config.authority;
  settings.body = grpcHealthRequest(config.service_name);
  addHeaders(config.initial_metadata, settings);
  return settings;
}

}  // namespace

base::Result<std::unique_ptr<ProbeFactory>> ProbeFactory::make(const api::HealthCheck& config,
                                                               const std::string& cluster) {
  if (config.http_health_check || config.grpc_health_check) {
    HttpProbeSettings settings = config.http_health_check ? httpSettings(*config.http_health_check, cluster)
                                                          : grpcSettings(*config.grpc_health_check, cluster);
    settings.reuse_connection = config.reuse_connection;
    return std::unique_ptr<ProbeFactory>(std::make_unique<HttpProbeFactory>(std::move(settings)));
  }
  if (!config.tcp_health_check) {
    return base::Error{base::ErrorCode::kInvalidArgument, "a health check asks by HTTP, TCP or gRPC; it says none"};
  }
  TcpProbeSettings settings;
  settings.reuse_connection = config.reuse_connection;
  if (config.tcp_health_check->send) {
    auto bytes = payload(*config.tcp_health_check->send);
    if (!bytes) return bytes.error();
    settings.send = std::move(bytes).value();
  }
  for (const api::HealthCheckPayload& part : config.tcp_health_check->receive) {
    auto bytes = payload(part);
    if (!bytes) return bytes.error();
    settings.receive.push_back(std::move(bytes).value());
  }
  return std::unique_ptr<ProbeFactory>(std::make_unique<TcpProbeFactory>(std::move(settings)));
}

}  // namespace baton::upstream
