#include "test/support/http_rig.h"

#include "source/base/strings.h"

namespace baton::test {

class HttpRig::Log final : public access_log::AccessLogger {
 public:
  explicit Log(std::vector<LogLine>& lines) : lines_(lines) {}
  void log(const access_log::FormatContext& context, const base::Runtime&) const override {
    LogLine line{.status = context.info.response_code,
                 .details = std::string(context.info.response_code_details),
                 .route = context.info.route_name,
                 .cluster = context.info.upstream_cluster,
                 .received = context.info.bytes_received,
                 .sent = context.info.bytes_sent,
                 .attempts = context.info.upstream.attempt_count};
    for (int i = 0; i < static_cast<int>(http::ResponseFlag::kCount); ++i) {
      const auto flag = static_cast<http::ResponseFlag>(i);
      if (!context.info.flags.has(flag)) continue;
      if (!line.flags.empty()) line.flags += ",";
      line.flags += http::shortName(flag);
    }
    lines_.push_back(std::move(line));
  }

 private:
  std::vector<LogLine>& lines_;
};

HttpRig::HttpRig() {
  clusters.add("web");
  config.stat_prefix = "test";
  config.use_remote_address = false;
  config.route_config.emplace();
  config.route_config->name = "local";
  api::VirtualHost host;
  host.name = "all";
  host.domains = {"*"};
  config.route_config->virtual_hosts.push_back(host);
  config.access_log.emplace_back();
  api::HttpFilter router;
  router.name = "envoy.filters.http.router";
  router.typed_config = api::TypedConfig::of(api::Router{});
  config.http_filters.push_back(router);
  info.remote_address = info.direct_remote_address = *network::Address::parseIp("203.0.113.9", 40000);
  info.local_address = info.direct_local_address = *network::Address::parseIp("198.51.100.1", 10000);
  info.id = 1;
}

HttpRig::~HttpRig() {
  if (connection != nullptr) connection->close(network::CloseType::kAbort);
  manager.reset();
  connection.reset();
  loop.runOnce();
}

api::Route& HttpRig::addRoute(const std::string& prefix, const std::string& cluster) {
  api::Route route;
  route.name = "to-" + cluster;
  route.match.emplace();
  route.match->prefix = prefix;
  route.route.emplace();
  route.route->cluster = cluster;
  host().routes.push_back(route);
  return host().routes.back();
}

void HttpRig::start() {
  if (host().routes.empty()) addRoute("/", "web");
  proxy::HttpConfig::Builders builders{
      .root = stats::Scope(*store, ""),
      .listener_scope = stats::Scope(*store, "listener.127.0.0.1_10000."),
      .access_log = [this](const api::AccessLog&) -> base::Result<access_log::AccessLoggerPtr> {
        return access_log::AccessLoggerPtr(std::make_shared<Log>(log));
      },
      .service_cluster = "front"};
  auto result = proxy::HttpConfig::build(config, builders);
  ASSERT_TRUE(result.ok()) << result.error().message;
  built = *result;
  auto [ours, theirs] = unixPair();
  client = std::make_unique<Peer>(std::move(theirs));
  connection = std::make_unique<network::Connection>(loop, ours.release(), network::makePlainTransport(), info,
                                                     network::ConnectionSettings{});
  manager = std::make_unique<proxy::ConnectionManager>(
      network::SessionContext{loop, *connection, *this, drain, &worker, {}}, built);
  connection->setHandler(*manager);
  connection->start();
  settle();
}

void HttpRig::settle() {
  for (int i = 0; i < 6; ++i) loop.runOnce();
}

void HttpRig::advance(std::chrono::milliseconds by) {
  clock.advance(by);
  settle();
}

void HttpRig::send(std::string_view bytes) {
  ASSERT_EQ(client->send(bytes), bytes.size());
  settle();
}

void HttpRig::get(std::string_view path, std::string_view more_fields) {
  send("GET " + std::string(path) + " HTTP/1.1\r\nhost: www.test\r\n" + std::string(more_fields) + "\r\n");
}

std::string HttpRig::received() {
  return client->received();
}

void HttpRig::forget() {
  client->received();
  client->forget();
}

int HttpRig::status() {
  const std::string text = received();
  if (text.size() < 12) return 0;
  return base::parseNumber<int>(std::string_view(text).substr(9, 3)).value_or(0);
}

std::string HttpRig::body() {
  const std::string text = received();
  const size_t end = text.find("\r\n\r\n");
  return end == std::string::npos ? "" : text.substr(end + 4);
}

std::string HttpRig::field(std::string_view name) {
  const std::string text = received();
  const size_t head = text.rfind("HTTP/1.1 ");
  if (head == std::string::npos) return "";
  const std::string wanted = "\r\n" + std::string(name) + ": ";
  const size_t at = text.find(wanted, head);
  if (at == std::string::npos || at > text.find("\r\n\r\n", head)) return "";
  const size_t begin = at + wanted.size();
  return text.substr(begin, text.find("\r\n", begin) - begin);
}

bool HttpRig::closed() {
  settle();
  client->received();
  return client->ended();
}

void HttpRig::startHttp2() {
  start();
  send(std::string(kH2Preface) + h2Settings({}));
}

std::vector<H2ReadFrame> HttpRig::frames() {
  const std::string& all = client->received();
  for (H2ReadFrame& frame : h2_reader_.read(std::string_view(all).substr(h2_read_))) {
    h2_frames_.push_back(std::move(frame));
  }
  h2_read_ = all.size();
  return h2_frames_;
}

const H2ReadFrame* HttpRig::firstFrame(H2Type type, uint32_t stream) {
  frames();
  for (const H2ReadFrame& frame : h2_frames_) {
    if (frame.type == type && frame.stream == stream) return &frame;
  }
  return nullptr;
}

}  // namespace baton::test
