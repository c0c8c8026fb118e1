#include "source/server/configuration.h"

#include "source/access_log/formatter.h"
#include "source/access_log/loggers.h"
#include "source/base/log.h"
#include "source/config/loader.h"
#include "source/http/runtime_config.h"
#include "source/proxy/http/connection_manager_factory.h"
#include "source/proxy/tcp/tcp_proxy.h"
#include "source/server/listening_sockets.h"
#include "source/tls/downstream_context.h"

namespace baton::server {
namespace {

// The node as the command line has it wins over the file's.
void applyCommandLine(api::Bootstrap& bootstrap, const Options& options) {
  if (!options.service_cluster.empty()) bootstrap.node.cluster = options.service_cluster;
  if (!options.service_node.empty()) bootstrap.node.id = options.service_node;
  if (!options.service_zone.empty()) {
    if (!bootstrap.node.locality) bootstrap.node.locality.emplace();
    bootstrap.node.locality->zone = options.service_zone;
  }
}

}  // namespace

base::Result<std::shared_ptr<const api::Bootstrap>> Configuration::load(const Options& options, stats::Store& store) {
  config::LoadOptions load_options;
  load_options.path = options.config_path;
  load_options.inline_yaml = options.config_yaml;
  load_options.allow_unknown_static_fields = options.allow_unknown_static_fields;
  load_options.ignore_unsupported = options.ignore_unsupported;
  load_options.check_operators = [](std::string_view text) -> base::Result<void> {
    if (auto format = access_log::Formatter::parse(text); !format) return format.error();
    return {};
  };
  config::LoadReport report;
  auto loaded = config::load(load_options, report);
  for (const std::string& warning : report.warnings) BATON_LOG(kConfig, warn, "{}", warning);
  if (!loaded) return loaded.error();
  store.counter("server.static_unknown_fields").add(report.unknown_fields);
  store.counter("runtime.deprecated_feature_use").add(report.deprecated_uses);
  auto bootstrap = std::make_shared<api::Bootstrap>(**loaded);
  applyCommandLine(*bootstrap, options);
  return std::shared_ptr<const api::Bootstrap>(std::move(bootstrap));
}

base::Result<std::unique_ptr<Configuration>> Configuration::build(std::shared_ptr<const api::Bootstrap> bootstrap,
                                                                  const Options& options, event::Loop& loop,
                                                                  stats::Store& store, bool validate_only) {
  std::unique_ptr<Configuration> built(new Configuration(std::move(bootstrap), loop.clock(), store));
  if (auto runtime = built->buildRuntime(); !runtime) return runtime.error();
  access_log::LogFiles::Settings log_settings;
  log_settings.flush_interval = options.file_flush_interval;
  log_settings.open_files = !validate_only;
  built->log_files_ = std::make_unique<access_log::LogFiles>(store, log_settings);

  upstream::ClusterManager::Dependencies dependencies{loop, base::threadRandom(), store, nullptr, nullptr};
  auto clusters = upstream::ClusterManager::make(built->bootstrap_, std::move(dependencies));
  if (!clusters) return clusters.error();
  built->clusters_ = std::move(*clusters);

  if (auto listeners = built->buildListeners(options, store); !listeners) return listeners.error();
  return built;
}

base::Result<void> Configuration::buildRuntime() {
  auto runtime = http::buildRuntime(bootstrap_->layered_runtime.value_or(api::LayeredRuntime{}), runtime_overrides_);
  if (!runtime) {
    runtime_stats_.refused();
    return runtime.error();
  }
  runtime_stats_.loaded(*runtime, !runtime_overrides_.empty());
  runtime_.set(std::make_shared<const base::Runtime>(std::move(*runtime)));
  return {};
}

base::Result<void> Configuration::overrideRuntime(const std::map<std::string, std::string>& values) {
  const auto before = runtime_overrides_;
  for (const auto& [key, value] : values) {
    // An empty value takes the override away.
    if (value.empty()) {
      runtime_overrides_.erase(key);
    } else {
      runtime_overrides_[key] = value;
    }
  }
  auto built = buildRuntime();
  if (!built) runtime_overrides_ = before;
  return built;
}

base::Result<void> Configuration::buildListeners(const Options& options, stats::Store& store) {
  const access_log::AccessLoggerBuilder loggers = access_log::loggerBuilder(*log_files_);
  proxy::registerTcpFilters(network_filters_, loggers, token_buckets_);
  proxy::registerHttpConnectionManager(network_filters_,
                                       proxy::HttpServices{loggers, bootstrap_->node.cluster, token_buckets_});

  network::ListenerBuilders builders{
      stats::Scope(store, ""),
      &network_filters_,
      [this](const api::TransportSocket& socket,
             const stats::Scope& scope) -> base::Result<std::shared_ptr<const network::TransportFactory>> {
        const auto* settings = socket.typed_config.as<api::DownstreamTlsContext>();
        if (settings == nullptr) {
          return base::Error{base::ErrorCode::kInvalidArgument,
                             "transport socket '" + socket.name + "' is none for a listener"};
        }
        auto context = tls::DownstreamContext::build(*settings, ticket_keys_, scope);
        if (!context) return context.error();
        const auto& facts = (*context)->certificates();
        certificates_.insert(certificates_.end(), facts.begin(), facts.end());
        return std::shared_ptr<const network::TransportFactory>(std::move(*context));
      },
      [this](const std::vector<api::AccessLog>& logs) {
        return access_log::buildConnectionLog(logs, *log_files_, [this] { return runtime_.get(); });
      },
  };
  for (const api::Listener& listener : bootstrap_->static_resources.listeners) {
    auto config = network::ListenerConfig::build(listener, builders);
    if (!config) return config.error();
    listeners_.push_back(std::move(*config));
  }
  return {};
}

std::vector<std::string> Configuration::tlsListeners() const {
  std::vector<std::string> keys;
  for (const auto& config : listeners_) {
    bool tls = config->default_chain && !config->default_chain->transport->isPlain();
    for (const network::FilterChain& chain : config->chains) tls = tls || !chain.transport->isPlain();
    for (size_t index = 0; tls && index < config->addresses.size(); ++index) {
      keys.push_back(ListeningSockets::key(*config, index));
    }
  }
  return keys;
}

}  // namespace baton::server
