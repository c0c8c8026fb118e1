// Everything that is built from a bootstrap before anything runs: runtime, logs, keys, clusters, listeners. Building
// has no side effects beyond stats and opened log files, so --mode validate goes the same way as a start and as the
// child of a hot restart. Owned by the server; main thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/bootstrap.h"

#include "source/access_log/log_files.h"
#include "source/base/result.h"
#include "source/base/runtime.h"
#include "source/event/loop.h"
#include "source/network/listener_config.h"
#include "source/proxy/token_buckets.h"
#include "source/server/options.h"
#include "source/server/runtime_stats.h"
#include "source/stats/store.h"
#include "source/tls/certificate.h"
#include "source/tls/ticket_keys.h"
#include "source/upstream/cluster_manager.h"

namespace baton::server {

// The present runtime snapshot for whoever is not on a worker with a context.
class RuntimeHolder {
 public:
  std::shared_ptr<const base::Runtime> get() const {
    std::lock_guard lock(mutex_);
    return runtime_;
  }
  void set(std::shared_ptr<const base::Runtime> runtime) {
    std::lock_guard lock(mutex_);
    runtime_ = std::move(runtime);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const base::Runtime> runtime_ = std::make_shared<base::Runtime>();
};

class Configuration {
 public:
  // Reads and checks the configuration of the command line; logs its warnings. All problems are in the error's message,
  // a line each.
  static base::Result<std::shared_ptr<const api::Bootstrap>> load(const Options& options, stats::Store& store);

  // `validate_only`: no log file is created.
  static base::Result<std::unique_ptr<Configuration>> build(std::shared_ptr<const api::Bootstrap> bootstrap,
                                                            const Options& options, event::Loop& loop,
                                                            stats::Store& store, bool validate_only);

  const api::Bootstrap& bootstrap() const { return *bootstrap_; }
  access_log::LogFiles& logFiles() { return *log_files_; }
  tls::TicketKeyStore& ticketKeys() { return ticket_keys_; }
  proxy::TokenBuckets& tokenBuckets() { return *token_buckets_; }
  upstream::ClusterManager& clusters() { return *clusters_; }
  const std::vector<std::shared_ptr<network::ListenerConfig>>& listeners() const { return listeners_; }
  // Addresses (ListeningSockets::key) on which some filter chain ends TLS.
  std::vector<std::string> tlsListeners() const;
  const std::vector<tls::CertificateFacts>& certificates() const { return certificates_; }
  RuntimeHolder& runtime() { return runtime_; }
  // POST /runtime_modify: a new snapshot with these values in the admin layer.
  base::Result<void> overrideRuntime(const std::map<std::string, std::string>& values);

 private:
  Configuration(std::shared_ptr<const api::Bootstrap> bootstrap, const base::Clock& clock, stats::Store& store)
      : bootstrap_(std::move(bootstrap)), runtime_stats_(store), ticket_keys_(clock) {}

  base::Result<void> buildRuntime();
  base::Result<void> buildListeners(const Options& options, stats::Store& store);

  std::shared_ptr<const api::Bootstrap> bootstrap_;
  RuntimeHolder runtime_;
  RuntimeStats runtime_stats_;
  std::map<std::string, std::string> runtime_overrides_;
  std::unique_ptr<access_log::LogFiles> log_files_;
  tls::TicketKeyStore ticket_keys_;
  const std::shared_ptr<proxy::TokenBuckets> token_buckets_ = std::make_shared<proxy::TokenBuckets>();
  std::vector<tls::CertificateFacts> certificates_;
  std::unique_ptr<upstream::ClusterManager> clusters_;
  network::NetworkFilterRegistry network_filters_;
  std::vector<std::shared_ptr<network::ListenerConfig>> listeners_;
};

}  // namespace baton::server
