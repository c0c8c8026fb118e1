#include "source/server/options.h"

#include <algorithm>
#include <array>
#include <limits>
#include <sched.h>
#include <thread>

#include <CLI/CLI.hpp>

#include "source/base/strings.h"
#include "source/server/build.h"
#include "source/stats/region.h"

namespace baton::server {
namespace {

using Seconds = uint64_t;

// A bit more than thirty years.
constexpr Seconds kMostSeconds = 1'000'000'000;

// Numbers and names as CLI11 reads them, before they become what the options have.
struct Raw {
  std::string mode = "serve";
  std::string drain_strategy = "gradual";
  std::string parity = "warn";
  bool cpuset_threads = false;
  std::string restart_epoch = "0";
  Seconds drain_time = 600;
  Seconds parent_shutdown_time = 900;
  Seconds probation_time = 10;
  Seconds sigterm_drain_time = 0;
  uint64_t step_timeout_ms = 5000;
  uint64_t file_flush_ms = 10'000;
  std::string socket_mode = "600";
  uint32_t concurrency = std::max(1u, std::thread::hardware_concurrency());
};

// CLI11's own checks speak of types and conversions; these say what would be right.
CLI::Validator number(std::string what, uint64_t least, uint64_t most) {
  return CLI::Validator(
      [what, least, most](const std::string& found) -> std::string {
        const auto value = base::parseNumber<uint64_t>(found);
        if (value && *value >= least && *value <= most) return {};
        return "expected " + what + " from " + std::to_string(least) + " to " + std::to_string(most) + ", found '" +
               found + "'";
      },
      "");
}

CLI::Validator oneOf(std::vector<std::string> names) {
  return CLI::Validator(
      [names](std::string& found) -> std::string {
        std::string known;
        for (const std::string& name : names) {
          if (base::equalsIgnoreCase(name, found)) {
            found = name;
            return {};
          }
          known += (known.empty() ? "" : ", ") + name;
        }
        return "expected one of " + known + ", found '" + found + "'";
      },
      "");
}

// Envoy's options that Baton has not.
constexpr std::array<std::string_view, 13> kOptionsOfEnvoy{"--bootstrap-version",
                                                           "--disable-extensions",
                                                           "--enable-core-dump",
                                                           "--enable-fine-grain-logging",
                                                           "--enable-mutex-tracing",
                                                           "--hot-restart-version-path",
                                                           "--ignore-unknown-dynamic-fields",
                                                           "--log-format-escaped",
                                                           "--log-format-prefix-with-location",
                                                           "--skip-deprecated-logs",
                                                           "--stats-tag",
                                                           "--config-path-proto",
                                                           "--allow-unknown-fields"};

// CLI11 says "--x: [Option Group] ..." and the like; one plain line is what a person wants.
std::string wrongOption(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& arguments) {
  std::string text = "baton: ";
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    std::vector<std::string> known_storage;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) known_storage.push_back("--" + name);
    }
    const std::vector<std::string_view> known(known_storage.begin(), known_storage.end());
    for (const std::string& argument : app.remaining()) {
      const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
      if (!name.starts_with('-')) return text + "unexpected argument '" + argument + "'. See baton --help.\n";
      if (std::ranges::find(kOptionsOfEnvoy, name) != kOptionsOfEnvoy.end()) {
        return text + "option '" + std::string(name) + "' of Envoy is not implemented; remove it. See baton --help.\n";
      }
      const std::string_view near = base::nearestName(name, known);
      text += "unknown option '" + std::string(name) + "'";
      text += near.empty() ? "." : "; did you mean '" + std::string(near) + "'?";
      return text + " See baton --help.\n";
    }
  }
  return text + error.what() + ". See baton --help.\n";
}

uint32_t usableProcessors() {
  cpu_set_t usable;
  return ::sched_getaffinity(0, sizeof(usable), &usable) == 0 ? static_cast<uint32_t>(CPU_COUNT(&usable)) : 1;
}

}  // namespace

std::string hotRestartVersion(const Options& options) {
  return std::to_string(restartProtocol()) + "." +
         stats::Region::layoutString(static_cast<uint32_t>(options.max_stats), options.max_obj_name_len);
}

ParsedOptions parseOptions(const std::vector<std::string>& arguments) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  RestartOptions& restart = options.restart;
  Raw raw;

  CLI::App app{"Baton, a front proxy that hands itself over", "baton"};
  app.set_help_flag("-h,--help", "print this and exit");
  app.set_version_flag("--version", std::string("baton ") + version(), "print the version and exit");
  app.footer("baton upgrade -c FILE [--binary PATH] [--wait] replaces the running process; see baton upgrade --help.");

  app.add_option("-c,--config-path", options.config_path, "bootstrap configuration, .yaml or .json");
  app.add_option("--config-yaml", options.config_yaml, "YAML text that is merged over the file");
  app.add_option("--mode", raw.mode,
                 "serve, validate (check the configuration and exit), init_only (build all, then exit)")
      ->transform(oneOf({"serve", "validate", "init_only"}));
  app.add_option("--concurrency", raw.concurrency, "number of worker threads; default: hardware threads; 0 means 1")
      ->check(number("a number of threads", 0, 1024));
  app.add_flag("--cpuset-threads", raw.cpuset_threads,
               "without --concurrency: as many workers as the process may use processors");
  app.add_option("-l,--log-level", options.log_level, "trace, debug, info, warning, error, critical, off");
  app.add_option("--component-log-level", options.component_log_level, "COMPONENT:LEVEL,... over --log-level");
  app.add_option("--log-path", options.log_path, "file for the log; default: standard error. Reopened on SIGUSR1");
  app.add_option("--log-format", options.log_format, "spdlog pattern of a log line");
  app.add_option("--admin-address-path", options.admin_address_path,
                 "file that gets the admin's address once it listens");
  app.add_option("--service-cluster", options.service_cluster, "node.cluster");
  app.add_option("--service-node", options.service_node, "node.id");
  app.add_option("--service-zone", options.service_zone, "node.locality.zone");
  app.add_flag("--allow-unknown-static-fields", options.allow_unknown_static_fields,
               "unknown fields warn instead of fail");
  app.add_flag("--reject-unknown-dynamic-fields", options.reject_unknown_dynamic_fields,
               "unknown fields in watched files fail; without effect: no files are watched");
  app.add_option("--ignore-unsupported", options.ignore_unsupported,
                 "observability fields to ignore (tracing, load_stats_config)")
      ->delimiter(',');
  app.add_option("--file-flush-interval-msec", raw.file_flush_ms, "how often access logs are flushed")
      ->check(number("milliseconds", 1, 3'600'000));
  app.add_option("--local-address-ip-version", options.local_address_ip_version,
                 "v4 or v6; without effect: no address of ours is chosen by it")
      ->transform(oneOf({"v4", "v6"}));

  app.add_option("--restart-epoch", raw.restart_epoch,
                 "0 for a first start, the parent's epoch + 1 to take over, or auto");
  app.add_option("--base-id", restart.base_id, "separates independent instances on one host")
      ->check(number("a number", 0, std::numeric_limits<uint32_t>::max()));
  app.add_flag("--use-dynamic-base-id", restart.use_dynamic_base_id, "pick a free base id (epoch 0 only)");
  app.add_option("--base-id-path", restart.base_id_path, "file that gets the base id");
  app.add_option("--drain-time-s", raw.drain_time, "how long draining ramps up")
      ->check(number("seconds", 0, kMostSeconds));
  app.add_option("--parent-shutdown-time-s", raw.parent_shutdown_time, "when a parent ends whatever is left")
      ->check(number("seconds", 0, kMostSeconds));
  app.add_option("--drain-strategy", raw.drain_strategy, "gradual or immediate")
      ->transform(oneOf({"gradual", "immediate"}));
  app.add_option("--probation-time-s", raw.probation_time, "rollback window after take-over; 0: none")
      ->check(number("seconds", 0, kMostSeconds));
  app.add_option("--restart-parity", raw.parity, "what to do when the take-over would lose something: warn or refuse")
      ->transform(oneOf({"warn", "refuse"}));
  app.add_option("--hot-restart-timeout-ms", raw.step_timeout_ms, "deadline of one step of the hand-over")
      ->check(number("milliseconds", 100, 600'000));
  app.add_flag("--skip-hot-restart-on-no-parent", restart.skip_on_no_parent, "start fresh when there is no parent");
  app.add_flag("--skip-hot-restart-parent-stats", restart.skip_parent_stats, "do not carry stats over");
  app.add_flag("--disable-hot-restart", restart.disabled, "no shared memory, no sockets");
  app.add_option("--socket-path", restart.socket_path, "restart socket: @abstract or a path; the base id is appended");
  app.add_option("--socket-mode", raw.socket_mode, "octal mode of the restart socket when it is a path");
  app.add_option("--max-stats", options.max_stats, "stats that the shared region has room for")
      ->check(number("a number", 64, 100'000'000));
  app.add_option("--max-obj-name-len", options.max_obj_name_len, "longest stat name in the shared region")
      ->check(number("bytes", 60, 4096));
  app.add_option("--sigterm-drain-time-s", raw.sigterm_drain_time, "SIGTERM drains this long before the exit")
      ->check(number("seconds", 0, kMostSeconds));
  app.add_flag("--hot-restart-version", parsed.print_hot_restart_version,
               "print what two processes must share and exit");

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    parsed.exit_status = 0;
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::CallForVersion&) {
    parsed.exit_status = 0;
    parsed.text = std::string("baton ") + version() + "\n";
    return parsed;
  } catch (const CLI::ParseError& error) {
    parsed.exit_status = 1;
    parsed.text = wrongOption(app, error, arguments);
    return parsed;
  }

  const auto refuse = [&parsed](std::string why) {
    parsed.exit_status = 1;
    parsed.text = "baton: " + std::move(why) + "\n";
    return parsed;
  };
  if (raw.restart_epoch == "auto") {
    restart.epoch = std::nullopt;
  } else if (const auto epoch = base::parseNumber<uint32_t>(raw.restart_epoch)) {
    restart.epoch = *epoch;
  } else {
    return refuse("--restart-epoch: expected a number or 'auto', found '" + raw.restart_epoch + "'");
  }
  const auto mode = base::parseNumber<uint32_t>(raw.socket_mode, 8);
  if (!mode || *mode > 0777)
    return refuse("--socket-mode: expected an octal mode up to 777, found '" + raw.socket_mode + "'");
  restart.socket_mode = *mode;
  if (raw.parent_shutdown_time < raw.drain_time) {
    return refuse("--parent-shutdown-time-s (" + std::to_string(raw.parent_shutdown_time) +
                  ") must be at least --drain-time-s (" + std::to_string(raw.drain_time) + ")");
  }
  if (restart.use_dynamic_base_id && restart.epoch != 0) {
    return refuse("--use-dynamic-base-id needs --restart-epoch 0: a parent is found by its base id");
  }
  if (options.config_path.empty() && options.config_yaml.empty() && !parsed.print_hot_restart_version) {
    return refuse("no configuration: give -c FILE or --config-yaml TEXT. See baton --help.");
  }
  options.mode = raw.mode == "serve" ? Mode::kServe : raw.mode == "validate" ? Mode::kValidate : Mode::kInitOnly;
  restart.drain_strategy = raw.drain_strategy == "gradual" ? DrainStrategy::kGradual : DrainStrategy::kImmediate;
  restart.parity = raw.parity == "warn" ? ParityMode::kWarn : ParityMode::kRefuse;
  if (raw.cpuset_threads && app.count("--concurrency") == 0) raw.concurrency = usableProcessors();
  options.concurrency = std::max(1u, raw.concurrency);
  restart.drain_time = std::chrono::seconds(raw.drain_time);
  restart.parent_shutdown_time = std::chrono::seconds(raw.parent_shutdown_time);
  restart.probation_time = std::chrono::seconds(raw.probation_time);
  restart.step_timeout = std::chrono::milliseconds(raw.step_timeout_ms);
  options.sigterm_drain_time = std::chrono::seconds(raw.sigterm_drain_time);
  options.file_flush_interval = std::chrono::milliseconds(raw.file_flush_ms);
  return parsed;
}

}  // namespace baton::server
