// Counts gRPC calls below "cluster.<name>.grpc.", for each method or for all together: total, success, failure, one
// counter for each status, and messages both ways.
#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "source/http/grpc.h"
#include "source/http/status.h"
#include "source/proxy/http/filters/registry.h"
#include "source/upstream/cluster_info.h"

namespace baton::proxy {

namespace {

using http::HeaderMap;
using http::HeaderName;

struct GrpcStatsConfig {
  bool all_methods = false;
  std::set<std::string, std::less<>> methods;  // "service/method" of those that are counted one by one
  bool upstream_time = false;
  bool replace_dots = false;
};

// The stats of one method at one cluster.
struct MethodStats {
  explicit MethodStats(stats::Scope below)
      : scope(std::move(below)),
        total(scope.counter("total")),
        success(scope.counter("success")),
        failure(scope.counter("failure")),
        request_messages(scope.counter("request_message_count")),
        response_messages(scope.counter("response_message_count")) {}

  void charge(int status) {
    total.add();
    (status == 0 ? success : failure).add();
    // Others are no gRPC, and a server could make up any number of them.
    if (status < 0 || status >= http::kGrpcStatuses) return;
    auto& counter = statuses[static_cast<size_t>(status)];
    if (!counter) counter = scope.counter(std::to_string(status));
    counter->add();
  }
  void recordTime(uint64_t ms) {
    if (!time) time = scope.histogram("upstream_rq_time");
    time->record(ms);
  }

  stats::Scope scope;
  stats::Counter total, success, failure, request_messages, response_messages;
  std::array<std::optional<stats::Counter>, http::kGrpcStatuses> statuses;  // made when they occur
  std::optional<stats::Histogram> time;
};

// Kept with each connection, so that counting a call takes no lock.
using KnownMethods = std::unordered_map<std::string, std::shared_ptr<MethodStats>>;
constexpr size_t kMostKnownMethods = 1000;

// Counts messages by their prefixes: a flag and four bytes of length.
class MessageCounter {
 public:
  uint64_t count(std::string_view bytes) {
    uint64_t begun = 0;
    while (!bytes.empty()) {
      if (left_ > 0) {
        const size_t skipped = std::min<size_t>(left_, bytes.size());
        left_ -= static_cast<uint32_t>(skipped);
        bytes.remove_prefix(skipped);
        continue;
      }
      if (prefix_bytes_ > 0) length_ = length_ << 8 | static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      if (++prefix_bytes_ < kPrefixBytes) continue;
      ++begun;
      left_ = std::exchange(length_, 0);
      prefix_bytes_ = 0;
    }
    return begun;
  }

 private:
  static constexpr int kPrefixBytes = 5;
  int prefix_bytes_ = 0;  // of the next message, that were seen
  uint32_t length_ = 0;
  uint32_t left_ = 0;  // bytes of this message to come
};

class GrpcStatsFilter final : public HttpFilter {
 public:
  GrpcStatsFilter(FilterStream& stream, const GrpcStatsConfig& config) : stream_(stream), config_(config) {}

  Verdict requestHeaders(HeaderMap& headers, bool) override {
    if (http::isGrpcRequest(headers)) method_ = find(headers.path());
    return Verdict::kContinue;
  }

  void requestData(BodyPiece& piece) override {
    if (method_ != nullptr) countMessages(requests_, piece.bytes, method_->request_messages);
  }

  void responseHeaders(HeaderMap& headers, bool end_of_stream) override {
    if (end_of_stream) charge(headers);
  }

  void responseData(BodyPiece& piece) override {
    if (method_ != nullptr) countMessages(responses_, piece.bytes, method_->response_messages);
  }

  void responseTrailers(HeaderMap& trailers) override { charge(trailers); }

 private:
  // Null when the path names no method, or the request goes to no cluster.
  std::shared_ptr<MethodStats> find(std::string_view path) {
    path = path.substr(0, path.find('?'));
    const size_t slash = path.find('/', 1);
    if (!path.starts_with('/') || slash == std::string_view::npos || slash == 1 || slash + 1 == path.size()) return {};
    const std::string_view method = path.substr(1);
    if (method.find('/', slash) != std::string_view::npos) return {};
    const std::string& name = stream_.route().cluster;
    const upstream::WorkerCluster* cluster = name.empty() ? nullptr : stream_.worker().clusters.find(name);
    if (cluster == nullptr || !cluster->info().scope) return {};

    const bool own = config_.all_methods || config_.methods.contains(method);
    std::shared_ptr<void>& known = stream_.connectionState(&config_);
    if (known == nullptr) known = std::make_shared<KnownMethods>();
    auto& methods = *static_cast<KnownMethods*>(known.get());
    std::string key = cluster->info().observability_name + '\n';
    if (own) key += method;
    if (const auto found = methods.find(key); found != methods.end()) return found->second;
    // A client may call any number of methods that do not exist.
    if (methods.size() >= kMostKnownMethods) methods.clear();
    return methods[key] = std::make_shared<MethodStats>(cluster->info().scope->scope(own ? prefix(method) : "grpc."));
  }

  // "grpc.<service>.<method>."
  std::string prefix(std::string_view method) const {
    const size_t slash = method.find('/');
    std::string service(method.substr(0, slash));
    if (config_.replace_dots) std::ranges::replace(service, '.', '_');
    return "grpc." + service + "." + std::string(method.substr(slash + 1)) + ".";
  }

  static void countMessages(MessageCounter& counter, std::string_view bytes, const stats::Counter& stat) {
    if (const uint64_t begun = counter.count(bytes); begun > 0) stat.add(begun);
  }

  void charge(const HeaderMap& headers_or_trailers) {
    const auto status = method_ != nullptr ? http::grpcStatusOf(headers_or_trailers) : std::nullopt;
    if (!status) return;
    method_->charge(*status);
    if (!config_.upstream_time || !stream_.info().first_upstream_tx) return;
    const auto took = stream_.worker().loop.now() - *stream_.info().first_upstream_tx;
    method_->recordTime(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  }

  FilterStream& stream_;
  const GrpcStatsConfig& config_;
  std::shared_ptr<MethodStats> method_;  // null: not counted
  MessageCounter requests_;
  MessageCounter responses_;
};

class GrpcStatsFilterFactory final : public HttpFilterFactory {
 public:
  explicit GrpcStatsFilterFactory(GrpcStatsConfig config) : config_(std::move(config)) {}
  std::unique_ptr<HttpFilter> create(FilterStream& stream, size_t) const override {
    return std::make_unique<GrpcStatsFilter>(stream, config_);
  }

 private:
  const GrpcStatsConfig config_;
};

}  // namespace

base::Result<BuiltFilter> buildGrpcStatsFilter(const api::GrpcStats& config, const FilterBuildContext&) {
  GrpcStatsConfig built{.all_methods = config.stats_for_all_methods.value_or(false),
                        .methods = {},
                        .upstream_time = config.enable_upstream_stats,
                        .replace_dots = config.replace_dots_in_grpc_service_name};
  if (config.individual_method_stats_allowlist) {
    for (const auto& service : config.individual_method_stats_allowlist->services) {
      for (const std::string& method : service.method_names) built.methods.insert(service.name + "/" + method);
    }
  }
  return BuiltFilter{std::make_shared<GrpcStatsFilterFactory>(std::move(built)), {}};
}

}  // namespace baton::proxy
