#include "source/server/admin_commands.h"

#include <algorithm>
#include <ctime>
#include <unistd.h>

#include <boost/json.hpp>

#include "source/admin/builtins.h"
#include "source/base/strings.h"
#include "source/config/loader.h"
#include "source/config/pretty_json.h"
#include "source/server/build.h"
#include "source/server/server.h"
#include "source/stats/region.h"

namespace baton::server {
namespace {

using admin::HandlerTable;
using admin::Request;
using admin::Response;
using Effect = admin::HandlerTable::Effect;
namespace json = boost::json;

admin::ServerState adminState(Server::State state) {
  switch (state) {
    case Server::State::kPreInitializing:
      return admin::ServerState::kPreInitializing;
    case Server::State::kInitializing:
      return admin::ServerState::kInitializing;
    case Server::State::kLive:
      return admin::ServerState::kLive;
    case Server::State::kDraining:
      break;
  }
  return admin::ServerState::kDraining;
}

std::string isoTime(base::WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Envoy's shape, with the one of its dumps that holds all others: what was given at the start.
std::string configDump(const api::Bootstrap& bootstrap) {
  const json::object dump{{"@type", "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"},
                          {"bootstrap", json::parse(config::dumpJson(bootstrap))}};
  return config::prettyJson(json::object{{"configs", json::array{dump}}});
}

std::string certsJson(Server& server) {
  json::array certificates;
  const auto now = std::chrono::system_clock::now();
  for (const tls::CertificateFacts& facts : server.configuration().certificates()) {
    json::array names;
    for (const auto& name : facts.dns_sans) names.push_back(json::object{{"dns", name}});
    for (const auto& name : facts.uri_sans) names.push_back(json::object{{"uri", name}});
    for (const auto& name : facts.ip_sans) names.push_back(json::object{{"ip_address", name}});
    const json::object one{{"path", facts.path},
                           {"serial_number", facts.serial_number},
                           {"subject_alt_names", names},
                           {"days_until_expiration", std::to_string(facts.daysUntilExpiration(now))},
                           {"valid_from", isoTime(facts.valid_from)},
                           {"expiration_time", isoTime(facts.expires)}};
    certificates.push_back(json::object{{facts.authority ? "ca_cert" : "cert_chain", json::array{one}}});
  }
  return json::serialize(json::object{{"certificates", certificates}}) + "\n";
}

admin::ClusterStatus clusterStatus(const upstream::ClusterReport& report) {
  admin::ClusterStatus status;
  status.name = report.info->name;
  for (const upstream::HostReport& entry : report.hosts) {
    const upstream::Host& host = *entry.host;
    admin::HostStatus one;
    one.address = host.address.text();
    one.hostname = host.hostname;
    one.counts = {{"cx_active", host.active_connections.load()}, {"cx_connect_fail", host.connect_failures.load()},
                  {"cx_total", host.total_connections.load()},   {"rq_active", host.active_requests.load()},
                  {"rq_error", host.request_errors.load()},      {"rq_success", host.request_successes.load()},
                  {"rq_total", host.total_requests.load()}};
    one.health_flags = entry.health_flags;
    one.weight = host.weight.load();
    one.region = host.locality.region;
    one.zone = host.locality.zone;
    one.sub_zone = host.locality.sub_zone;
    one.canary = host.canary;
    one.priority = host.priority;
    status.hosts.push_back(std::move(one));
  }
  return status;
}

std::vector<admin::ListenerStatus> listenerStatuses(Server& server) {
  std::vector<admin::ListenerStatus> statuses;
  for (const auto& [name, address] : server.listenerAddresses()) {
    if (statuses.empty() || statuses.back().name != name) statuses.push_back({name, {}});
    statuses.back().addresses.push_back(address);
  }
  return statuses;
}

admin::ServerInfo serverInfo(Server& server) {
  const Options& options = server.options();
  const api::Node& node = server.configuration().bootstrap().node;
  admin::ServerInfo info;
  info.version = version();
  info.state = adminState(server.state());
  const auto seconds = [](std::chrono::milliseconds time) { return static_cast<uint64_t>(time.count() / 1000); };
  info.uptime_current_epoch_s = seconds(server.uptime());
  info.uptime_all_epochs_s = seconds(server.uptimeOfAllEpochs());
  info.hot_restart_version = options.restart.disabled ? "disabled" : hotRestartVersion(options);
  info.command_line_options = {{"base_id", std::to_string(server.generation().baseId())},
                               {"concurrency", std::to_string(options.concurrency)},
                               {"config_path", options.config_path},
                               {"config_yaml", options.config_yaml},
                               {"restart_epoch", std::to_string(server.generation().epoch())},
                               {"drain_time_s", std::to_string(options.restart.drain_time.count())},
                               {"parent_shutdown_time_s", std::to_string(options.restart.parent_shutdown_time.count())},
                               {"log_level", options.log_level},
                               {"log_path", options.log_path},
                               {"service_cluster", options.service_cluster},
                               {"service_node", options.service_node},
                               {"service_zone", options.service_zone}};
  info.node = {{"id", node.id}, {"cluster", node.cluster}};
  if (const auto& locality = node.locality) {
    info.locality = {{"region", locality->region}, {"zone", locality->zone}, {"sub_zone", locality->sub_zone}};
  }
  return info;
}

const char* stateName(stats::GenerationState state) {
  switch (state) {
    case stats::GenerationState::kStarting:
      return "starting";
    case stats::GenerationState::kServing:
      return "serving";
    case stats::GenerationState::kDraining:
      break;
  }
  return "draining";
}

void addConnections(json::object& one, const hot_restart::DrainStatus& status) {
  one["connections"] = status.connections;
  json::object by_kind;
  for (const auto& [kind, count] : status.by_kind) by_kind[kind] = count;
  one["connections_by_kind"] = by_kind;
}

void addDrain(json::object& one, const hot_restart::DrainStatus& status) {
  addConnections(one, status);
  one["seconds_left"] = static_cast<double>(status.left.count()) / 1000;
  one["waits_for"] = status.waits_for;
}

Response generations(Server& server) {
  json::array list;
  std::vector<hot_restart::GenerationStatus> elders = server.elders();
  const auto* child = server.generation().child();
  std::vector<stats::Generation> sharing{
      {0, ::getpid(), 0, server.generation().epoch(), stats::GenerationState::kServing, true}};
  if (stats::Region* region = server.store().region()) sharing = region->generations();
  // Those of another layout have a region of their own, and are known only by what they say.
  for (auto elder = elders.rbegin(); elder != elders.rend(); ++elder) {
    if (std::any_of(sharing.begin(), sharing.end(), [&](const auto& other) { return other.epoch == elder->epoch; }))
      continue;
    json::object one{{"epoch", elder->epoch}, {"pid", elder->pid}, {"state", elder->draining ? "draining" : "serving"}};
    if (elder->draining) addDrain(one, elder->drain);
    list.push_back(one);
  }
  for (const stats::Generation& generation : sharing) {
    json::object one{{"epoch", generation.epoch}, {"pid", generation.pid}, {"state", stateName(generation.state)}};
    const auto elder = std::find_if(elders.begin(), elders.end(),
                                    [&generation](const auto& other) { return other.epoch == generation.epoch; });
    if (generation.self) {
      addConnections(one, server.drainStatus());
      if (child != nullptr && child->probationLeft()) {
        one["state"] = "probation";
        one["seconds_left"] = static_cast<double>(child->probationLeft()->count()) / 1000;
      }
    } else if (elder != elders.end() && elder->draining) {
      addDrain(one, elder->drain);
    }
    list.push_back(one);
  }
  return Response::json(json::serialize(json::object{{"generations", list}}) + "\n");
}

Response drainListeners(Server& server, const Request& request) {
  if (server.starting()) return Response::text("the server is starting; its listeners are not open yet\n", 503);
  const RestartOptions& restart = server.options().restart;
  std::chrono::milliseconds time = restart.drain_time;
  if (const auto given = request.parameter("time")) {
    const auto seconds = base::parseNumber<uint32_t>(*given);
    if (!seconds) return Response::text("time: expected seconds, found '" + std::string(*given) + "'\n", 400);
    time = std::chrono::seconds(*seconds);
  }
  DrainStrategy strategy = restart.drain_strategy;
  if (const auto given = request.parameter("strategy")) {
    if (*given != "gradual" && *given != "immediate") {
      return Response::text("strategy: expected gradual or immediate, found '" + std::string(*given) + "'\n", 400);
    }
    strategy = *given == "immediate" ? DrainStrategy::kImmediate : DrainStrategy::kGradual;
  }
  const std::string listener(request.parameter("listener").value_or(""));
  const auto names = server.listenerAddresses();
  if (!listener.empty() &&
      std::none_of(names.begin(), names.end(), [&listener](const auto& entry) { return entry.first == listener; })) {
    return Response::text("listener: there is none named '" + listener + "'\n", 404);
  }
  const bool skip_exit = request.has("skip_exit");
  if (skip_exit && !request.has("graceful")) {
    return Response::text("skip_exit needs graceful: without it listeners close at once\n", 400);
  }
  server.drainListeners(request.has("graceful"), request.has("inboundonly"), skip_exit, listener, strategy, time);
  return Response::ok();
}

}  // namespace

void addAdminCommands(HandlerTable& handlers, Server& server) {
  static const stats::TagExtractor tags;
  admin::Providers providers;
  providers.store = &server.store();
  providers.tags = &tags;
  providers.before_stats = [&server] {
    server.updateStats();
    if (server.configuration().bootstrap().stats_flush_on_admin) server.store().mergeHistograms();
  };
  providers.clusters = [&server] {
    std::vector<admin::ClusterStatus> statuses;
    for (const auto& report : server.configuration().clusters().report()) statuses.push_back(clusterStatus(report));
    return statuses;
  };
  providers.listeners = [&server] { return listenerStatuses(server); };
  providers.config_dump = [&server] { return configDump(server.configuration().bootstrap()); };
  providers.certs = [&server] { return certsJson(server); };
  providers.server_info = [&server] { return serverInfo(server); };
  providers.state = [&server] { return adminState(server.state()); };
  providers.runtime = [&server] { return server.configuration().runtime().get(); };
  providers.modify_runtime = [&server](const std::map<std::string, std::string>& changes) {
    auto changed = server.configuration().overrideRuntime(changes);
    if (changed) {
      const auto runtime = server.configuration().runtime().get();
      server.workers().postToEach([runtime](Worker& worker) { worker.setRuntime(runtime); });
    }
    return changed;
  };
  providers.reopen_logs = [&server] { server.reopenLogs(); };
  admin::addBuiltIns(handlers, std::move(providers));

  handlers.add("/hot_restart_version", Effect::kReads, "what two processes must share for a hot restart",
               [&server](const Request&) {
                 const Options& options = server.options();
                 return Response::text(options.restart.disabled ? "disabled\n" : hotRestartVersion(options) + "\n");
               });
  handlers.add("/generations", Effect::kReads, "every live process of this lineage and what it waits for",
               [&server](const Request&) { return generations(server); });
  handlers.add("/healthcheck/fail", Effect::kChanges, "make health checks fail and drain", [&server](const Request&) {
    server.failHealthCheck(true);
    return Response::ok();
  });
  handlers.add("/healthcheck/ok", Effect::kChanges, "undo /healthcheck/fail", [&server](const Request&) {
    server.failHealthCheck(false);
    return Response::ok();
  });
  handlers.add("/drain_listeners", Effect::kChanges, "drain and close listeners",
               [&server](const Request& request) { return drainListeners(server, request); },
               {"graceful", "inboundonly", "skip_exit", "time=", "strategy=", "listener="});
  handlers.add("/quitquitquit", Effect::kChanges, "end this process", [&server](const Request&) {
    Response response = Response::ok();
    response.afterwards = [&server] { server.stop("POST /quitquitquit"); };
    return response;
  });
}

}  // namespace baton::server
