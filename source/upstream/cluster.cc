#include "source/upstream/cluster.h"

#include <algorithm>
#include <unordered_set>

#include "source/base/log.h"

namespace baton::upstream {

namespace {

DnsSettings dnsSettings(const api::Cluster& config) {
  DnsSettings settings;
  switch (config.dns_lookup_family) {
    case api::Cluster::DnsLookupFamily::kAuto:
      settings.family = DnsFamily::kAuto;
      break;
    case api::Cluster::DnsLookupFamily::kV4Only:
      settings.family = DnsFamily::kV4Only;
      break;
    case api::Cluster::DnsLookupFamily::kV6Only:
      settings.family = DnsFamily::kV6Only;
      break;
    case api::Cluster::DnsLookupFamily::kV4Preferred:
      settings.family = DnsFamily::kV4Preferred;
      break;
    case api::Cluster::DnsLookupFamily::kAll:
      settings.family = DnsFamily::kAll;
      break;
  }
  settings.refresh_rate = config.dns_refresh_rate;
  settings.respect_ttl = config.respect_dns_ttl;
  settings.jitter = config.dns_jitter;
  if (const auto& failure = config.dns_failure_refresh_rate; failure && failure->base_interval) {
    settings.failure_base = *failure->base_interval;
    settings.failure_max = failure->max_interval.value_or(*failure->base_interval * 10);
  }
  return settings;
}

}  // namespace

base::Result<std::unique_ptr<Cluster>> Cluster::make(const api::Cluster& config, stats::Store& store,
                                                     PoolContext& context, DnsResolver& resolver, Owner& owner) {
  auto built = buildCluster(config, store);
  if (!built) return built.error();
  std::unique_ptr<Cluster> cluster(new Cluster(config, std::move(built).value(), context, resolver, owner));
  for (const api::HealthCheck& check : config.health_checks) {
    auto checker = HealthChecker::make(check, context, cluster->info_, *cluster);
    if (!checker) {
      return base::Error{base::ErrorCode::kInvalidArgument,
                         "cluster '" + config.name + "': health_checks: " + checker.error().message};
    }
    cluster->checkers_.push_back(std::move(checker).value());
  }
  if (!cluster->checkers_.empty()) {
    cluster->info_built_->fail_at_once = [&loop = context.loop,
                                          self = std::weak_ptr<Cluster*>(cluster->self_)](HostPtr host) {
      loop.post([self, host = std::move(host)] {
        const auto of = self.lock();
        if (!of) return;
        for (const auto& checker : (*of)->checkers_) checker->failAtOnce(host);
      });
    };
  }
  return cluster;
}

Cluster::Cluster(const api::Cluster& config, BuiltCluster built, PoolContext& context, DnsResolver& resolver,
                 Owner& owner)
    : config_(config),
      info_built_(std::move(built.info)),
      info_(info_built_),
      context_(context),
      resolver_(resolver),
      owner_(owner),
      snapshot_(makeHostSnapshot({}, info_->lb, 0)) {
  for (Endpoint& endpoint : built.endpoints) {
    sources_.push_back(std::make_unique<Source>(Source{.endpoint = std::move(endpoint)}));
  }
  if (!config.outlier_detection) return;
  const api::OutlierDetection& outlier = *config.outlier_detection;
  outlier_ = std::make_unique<OutlierDetector>(outlier, OutlierStats(info_->scope->scope("outlier_detection.")),
                                               context.random, [this] { publish(); });
  auto reporting = std::make_shared<OutlierReporting>();
  reporting->split_local_origin = outlier.split_external_local_origin_errors;
  reporting->consecutive_5xx = std::max(1u, outlier.consecutive_5xx);
  reporting->consecutive_gateway_failure = std::max(1u, outlier.consecutive_gateway_failure);
  reporting->consecutive_local_origin_failure = std::max(1u, outlier.consecutive_local_origin_failure);
  reporting->reached = [&loop = context.loop, self = std::weak_ptr<Cluster*>(self_)](HostPtr host,
                                                                                     EjectionCause cause) {
    loop.post([&loop, self, host = std::move(host), cause] {
      if (const auto cluster = self.lock()) (*cluster)->outlier_->onReached(host, cause, loop.now());
    });
  };
  info_built_->outlier = std::move(reporting);
  sweep_timer_ = std::make_unique<event::Timer>(context.loop, [this] {
    outlier_->sweep(context_.loop.now());
    armSweep();
  });
}

Cluster::~Cluster() = default;

void Cluster::armSweep() {
  sweep_timer_->arm(std::max(std::chrono::milliseconds(1), outlier_->interval()));
}

void Cluster::importHealth(const std::vector<ExportedHost>& hosts) {
  for (const ExportedHost& host : hosts) imported_[host.address] = host;
}

std::vector<ExportedHost> Cluster::exportHealth() const {
  std::vector<ExportedHost> exported;
  for (const HostPtr& host : hosts_) {
    exported.push_back({.address = host->address.text(),
                        .failed_active_check = host->failed_active_check,
                        .failed_outlier_check = host->failed_outlier_check,
                        .degraded_by_check = host->degraded_by_check,
                        .checked = !checkers_.empty() && !awaited_checks_.contains(host.get())});
  }
  return exported;
}

void Cluster::start() {
  started_ = true;
  if (sweep_timer_) armSweep();
  info_->stats.warming_state.set(1);
  for (const auto& source : sources_) {
    if (source->endpoint.dns_name.empty()) {
      source->hosts.push_back(source->endpoint.makeHost(source->endpoint.address));
      source->answered = true;
      continue;
    }
    Source* of = source.get();
    source->target = std::make_unique<DnsTarget>(
        context_.loop, context_.random, resolver_, dnsSettings(config_), source->endpoint.dns_name,
        [this, of](const base::Result<DnsAnswer>& answer) { onResolved(*of, answer); });
    source->target->start();
  }
  collectHosts();
  initializedIfSo();
}

void Cluster::onResolved(Source& source, const base::Result<DnsAnswer>& answer) {
  ClusterStats& stats = info_->stats;
  stats.update_attempt.add();
  bool changed = false;
  const bool empty = !answer.ok() && answer.error().code == base::ErrorCode::kNotFound;
  if (answer.ok() || (empty && config_.type == api::Cluster::DiscoveryType::kStrictDns)) {
    stats.update_success.add();
    changed = takeAddresses(source, answer.ok() ? answer->addresses : std::vector<network::Address>{});
    if (!changed) stats.update_no_rebuild.add();
    if (empty && (changed || !source.answered)) {
      BATON_LOG(kUpstream, warn, "cluster {}: {}; it has no address", info_->name, answer.error().message);
    }
  } else {
    // What was found before stays: names that fail for a moment must not take a service down.
    (empty ? stats.update_success : stats.update_failure).add();
    BATON_LOG(kUpstream, warn, "cluster {}: {}; {}", info_->name, answer.error().message,
              source.hosts.empty() ? "it has no address yet" : "the addresses found before stay in use");
  }
  source.answered = true;
  if (changed) collectHosts();
  initializedIfSo();
}

bool Cluster::takeAddresses(Source& source, std::vector<network::Address> addresses) {
  if (config_.type == api::Cluster::DiscoveryType::kLogicalDns && addresses.size() > 1) addresses.resize(1);
  std::vector<HostPtr> hosts;
  const auto at = [](const std::vector<HostPtr>& among, const network::Address& address) {
    return std::find_if(among.begin(), among.end(), [&](const HostPtr& host) { return host->address == address; });
  };
  bool changed = false;
  for (network::Address& address : addresses) {
    address.setPort(source.endpoint.address.port());
    if (at(hosts, address) != hosts.end()) continue;
    if (const auto known = at(source.hosts, address); known != source.hosts.end()) {
      hosts.push_back(*known);
      continue;
    }
    changed = true;
    // One that DNS had forgotten may still be serving.
    const auto serving = at(hosts_, address);
    const bool same = serving != hosts_.end() && (*serving)->priority == source.endpoint.priority;
    hosts.push_back(same ? *serving : source.endpoint.makeHost(address));
  }
  changed = changed || hosts.size() != source.hosts.size();
  source.hosts = std::move(hosts);
  return changed;
}

// The hosts of all sources; one address counts once a priority.
void Cluster::collectHosts() {
  std::vector<HostPtr> wanted;
  std::unordered_set<std::string> seen;
  for (const auto& source : sources_) {
    for (const HostPtr& host : source->hosts) {
      if (seen.insert(std::to_string(host->priority) + "/" + host->address.text()).second) wanted.push_back(host);
    }
  }
  std::unordered_set<const Host*> members;
  for (const HostPtr& host : wanted) members.insert(host.get());
  const std::vector<HostPtr> before = hosts_;
  std::unordered_set<const Host*> known;
  for (const HostPtr& host : before) known.insert(host.get());
  for (const HostPtr& host : before) {
    if (members.contains(host.get())) continue;
    // One that DNS has forgotten and that is well by its own account keeps serving until it is not.
    if (!checkers_.empty() && !config_.ignore_health_on_host_removal && healthyByChecks(*host)) {
      wanted.push_back(host);
    } else {
      removeHost(host);
    }
  }
  hosts_ = std::move(wanted);
  for (const HostPtr& host : hosts_) {
    if (!known.contains(host.get())) addHost(host);
  }
  info_->stats.membership_change.add();
  publish();
}

void Cluster::addHost(const HostPtr& host) {
  bool known = false;
  if (outlier_) outlier_->add(host);
  if (const auto at = imported_.find(host->address.text()); at != imported_.end()) {
    const ExportedHost& from = at->second;
    known = from.checked;
    if (known) {
      host->failed_active_check = from.failed_active_check;
      host->degraded_by_check = from.degraded_by_check;
    }
    if (from.failed_outlier_check && outlier_) outlier_->restore(host, context_.loop.now());
    imported_.erase(at);
  }
  if (checkers_.empty() || host->health_check_disabled) {
    host->failed_active_check = false;
    return;
  }
  if (!known) {
    awaited_checks_[host.get()] = checkers_.size();
    host->awaits_first_check = config_.common_lb_config.ignore_new_hosts_until_first_hc;
  }
  for (const auto& checker : checkers_) checker->add(host, known);
}

void Cluster::removeHost(const HostPtr& host) {
  awaited_checks_.erase(host.get());
  if (outlier_) outlier_->remove(host);
  for (const auto& checker : checkers_) checker->remove(host);
}

bool Cluster::healthyByChecks(const Host& host) const {
  return std::all_of(checkers_.begin(), checkers_.end(),
                     [&host](const auto& checker) { return checker->healthy(host); });
}

void Cluster::onHealthChanged(const HostPtr& host) {
  const bool healthy = healthyByChecks(*host);
  host->failed_active_check = !healthy;
  if (!healthy) {
    // It may have been here only because it was well.
    const bool wanted = std::any_of(sources_.begin(), sources_.end(), [&host](const auto& source) {
      return std::find(source->hosts.begin(), source->hosts.end(), host) != source->hosts.end();
    });
    if (!wanted) {
      removeHost(host);
      std::erase(hosts_, host);
      info_->stats.membership_change.add();
    }
  }
  publish();
}

void Cluster::onFirstCheck(const HostPtr& host) {
  const auto at = awaited_checks_.find(host.get());
  if (at == awaited_checks_.end() || --at->second > 0) return;
  awaited_checks_.erase(at);
  if (host->awaits_first_check.exchange(false)) publish();
  initializedIfSo();
}

void Cluster::onCheckSucceeded(const HostPtr& host) {
  if (outlier_) outlier_->onCheckSucceeded(host);
}

void Cluster::initializedIfSo() {
  if (initialized_ || !started_ || !awaited_checks_.empty()) return;
  const bool answered =
      std::all_of(sources_.begin(), sources_.end(), [](const auto& source) { return source->answered; });
  if (!answered) return;
  initialized_ = true;
  info_->stats.warming_state.set(0);
  owner_.onClusterInitialized(*this);
}

void Cluster::publish() {
  snapshot_ = makeHostSnapshot(hosts_, info_->lb, ++version_);
  ClusterStats& stats = info_->stats;
  uint32_t heaviest = 0;
  size_t excluded = 0;
  for (const HostPtr& host : hosts_) {
    heaviest = std::max(heaviest, host->weight.load());
    excluded += host->awaits_first_check ? 1 : 0;
  }
  stats.membership_total.set(static_cast<int64_t>(hosts_.size()));
  stats.membership_healthy.set(static_cast<int64_t>(snapshot_->healthy()));
  stats.membership_degraded.set(static_cast<int64_t>(snapshot_->degraded()));
  stats.membership_excluded.set(static_cast<int64_t>(excluded));
  stats.max_host_weight.set(heaviest);
  if (!checkers_.empty()) {
    stats.health_check_healthy.set(static_cast<int64_t>(checkers_.front()->healthyCount()));
  }
  if (!snapshot_->priorities.empty()) {
    const HashTable* table = snapshot_->priorities.front().table.get();
    if (const auto* ring = dynamic_cast<const RingHash*>(table)) {
      stats.ring_size.set(static_cast<int64_t>(ring->size()));
      stats.ring_min_hashes_per_host.set(static_cast<int64_t>(ring->minHashesPerHost()));
      stats.ring_max_hashes_per_host.set(static_cast<int64_t>(ring->maxHashesPerHost()));
    } else if (const auto* maglev = dynamic_cast<const Maglev*>(table)) {
      stats.maglev_min_entries_per_host.set(static_cast<int64_t>(maglev->minEntriesPerHost()));
      stats.maglev_max_entries_per_host.set(static_cast<int64_t>(maglev->maxEntriesPerHost()));
    }
  }
  owner_.onClusterChanged(*this);
}

}  // namespace baton::upstream
