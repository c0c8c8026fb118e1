#include "source/admin/builtins.h"

#include <optional>

#include <re2/re2.h>

#include "source/admin/status_pages.h"
#include "source/base/log.h"
#include "source/base/strings.h"
#include "source/stats/render.h"

namespace baton::admin {
namespace {

using Effect = HandlerTable::Effect;

constexpr size_t kMaxFilterBytes = 4096;

enum class StatsFormat { kText, kJson, kPrometheus };

std::optional<StatsFormat> formatOf(const Request& request) {
  const std::string_view name = request.parameter("format").value_or("text");
  if (name.empty() || name == "text") return StatsFormat::kText;
  if (name == "json") return StatsFormat::kJson;
  if (name == "prometheus") return StatsFormat::kPrometheus;
  return std::nullopt;
}

// "?type=Counters" and its siblings.
bool keepType(stats::Snapshot& snapshot, std::string_view type) {
  if (type == "All" || type.empty()) return true;
  if (type != "Counters" && type != "Gauges" && type != "Histograms") return false;
  if (type != "Counters") snapshot.counters.clear();
  if (type != "Gauges") snapshot.gauges.clear();
  if (type != "Histograms") snapshot.histograms.clear();
  return true;
}

Response stats(const Providers& providers, const Request& request, StatsFormat format) {
  stats::RenderOptions options{.used_only = request.has("usedonly")};
  std::optional<re2::RE2> filter;
  if (const auto expression = request.parameter("filter"); expression && !expression->empty()) {
    if (expression->size() > kMaxFilterBytes) return Response::text("filter: the expression is too long\n", 400);
    filter.emplace(re2::StringPiece(expression->data(), expression->size()), re2::RE2::Quiet);
    if (!filter->ok()) return Response::text("filter: invalid expression: " + filter->error() + "\n", 400);
    options.filter = &*filter;
  }
  if (providers.before_stats) providers.before_stats();
  providers.store->foldDeadGenerations();
  stats::Snapshot snapshot = providers.store->snapshot();
  if (!keepType(snapshot, request.parameter("type").value_or(""))) {
    return Response::text("type: expected All, Counters, Gauges or Histograms\n", 400);
  }
  switch (format) {
    case StatsFormat::kText:
      return Response::text(renderText(snapshot, options));
    case StatsFormat::kJson:
      return Response::json(renderJson(snapshot, options));
    default:
      Response response = Response::text(renderPrometheus(snapshot, options, {.tags = providers.tags}));
      response.content_type = "text/plain; version=0.0.4; charset=UTF-8";
      return response;
  }
}

std::string loggersText() {
  std::string text = "active loggers:\n";
  for (const auto& [name, level] : base::logLevels()) {
    text += "  " + std::string(name) + ": " + std::string(level) + "\n";
  }
  return text;
}

// ?level=L for all, ?NAME=L for one, ?paths=NAME:L,NAME:L for several.
Response logging(const Request& request) {
  for (const auto& [name, value] : request.query) {
    std::vector<std::pair<std::string_view, std::string_view>> changes;
    if (name == "level") {
      changes.emplace_back("", value);
    } else if (name == "paths") {
      for (const std::string_view part : base::split(value, ',')) {
        const size_t colon = part.find(':');
        if (colon == std::string_view::npos) return Response::text("paths: expected NAME:LEVEL,...\n", 400);
        changes.emplace_back(part.substr(0, colon), part.substr(colon + 1));
      }
    } else {
      changes.emplace_back(name, value);
    }
    for (const auto& [component, level] : changes) {
      if (const auto set = base::setLogLevel(component, level); !set) {
        return Response::text(set.error().message + "\n", 400);
      }
    }
  }
  return Response::text(loggersText());
}

Response byFormat(const Request& request, const std::function<std::string()>& text,
                  const std::function<std::string()>& json) {
  const auto format = formatOf(request);
  if (format == StatsFormat::kText) return Response::text(text());
  if (format == StatsFormat::kJson) return Response::json(json());
  return Response::text("format: expected text or json\n", 400);
}

}  // namespace

std::string_view toString(ServerState state) {
  switch (state) {
    case ServerState::kLive:
      return "LIVE";
    case ServerState::kDraining:
      return "DRAINING";
    case ServerState::kPreInitializing:
      return "PRE_INITIALIZING";
    default:
      return "INITIALIZING";
  }
}

void addBuiltIns(HandlerTable& table, Providers given) {
  // Shared by the handlers, which the table copies as it likes.
  const auto providers = std::make_shared<const Providers>(std::move(given));

  table.add("/stats", Effect::kReads, "print the stats",
            [providers](const Request& request) {
              const auto format = formatOf(request);
              if (!format) return Response::text("format: expected text, json or prometheus\n", 400);
              return stats(*providers, request, *format);
            },
            {"usedonly", "filter=REGEX", "format=text|json|prometheus", "type=All|Counters|Gauges|Histograms"});
  table.add("/stats/prometheus", Effect::kReads, "print the stats for Prometheus",
            [providers](const Request& request) { return stats(*providers, request, StatsFormat::kPrometheus); },
            {"usedonly", "filter=REGEX"});
  table.add("/reset_counters", Effect::kChanges, "let all counters start at 0", [providers](const Request&) {
    providers->store->resetCounters();
    return Response::ok();
  });
  table.add("/clusters", Effect::kReads, "print the clusters and their endpoints",
            [providers](const Request& request) {
              return byFormat(
                  request, [&] { return clustersText(providers->clusters()); },
                  [&] { return clustersJson(providers->clusters()); });
            },
            {"format=text|json"});
  table.add("/listeners", Effect::kReads, "print the listeners",
            [providers](const Request& request) {
              return byFormat(
                  request, [&] { return listenersText(providers->listeners()); },
                  [&] { return listenersJson(providers->listeners()); });
            },
            {"format=text|json"});
  table.add("/config_dump", Effect::kReads, "print the configuration, without secrets",
            [providers](const Request&) { return Response::json(providers->config_dump()); });
  table.add("/certs", Effect::kReads, "print the certificates in use",
            [providers](const Request&) { return Response::json(providers->certs()); });
  table.add("/server_info", Effect::kReads, "print version, state and command line",
            [providers](const Request&) { return Response::json(serverInfoJson(providers->server_info())); });
  table.add("/ready", Effect::kReads, "200 when live, else 503", [providers](const Request&) {
    const ServerState state = providers->state();
    return Response::text(std::string(toString(state)) + "\n", state == ServerState::kLive ? 200 : 503);
  });
  table.add("/memory", Effect::kReads, "print the use of memory",
            [](const Request&) { return Response::json(memoryJson()); });
  table.add("/runtime", Effect::kReads, "print the runtime values",
            [providers](const Request&) { return Response::json(runtimeJson(*providers->runtime())); });
  table.add("/runtime_modify", Effect::kChanges, "override runtime values; an empty value removes an override",
            [providers](const Request& request) {
              std::map<std::string, std::string> changes;
              const Request form = Request::parse(request.method, "?" + request.body);
              for (const auto& [key, value] : request.query) changes[key] = value;
              for (const auto& [key, value] : form.query) changes[key] = value;
              if (changes.empty()) return Response::text("usage: /runtime_modify?key=value&other=value\n", 400);
              if (const auto done = providers->modify_runtime(changes); !done) {
                return Response::text(done.error().message + "\n", 503);
              }
              return Response::ok();
            },
            {"key=value"});
  table.add("/logging", Effect::kChanges, "print or set log levels", logging,
            {"level=LEVEL", "COMPONENT=LEVEL", "paths=COMPONENT:LEVEL,..."});
  table.add("/reopen_logs", Effect::kChanges, "open log files anew", [providers](const Request&) {
    providers->reopen_logs();
    return Response::ok();
  });
}

}  // namespace baton::admin
