// The command line: one table of options from which parsing, --help and the hot restart settings come.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace baton::server {

enum class Mode { kServe, kValidate, kInitOnly };
enum class DrainStrategy { kGradual, kImmediate };
enum class ParityMode { kWarn, kRefuse };

struct RestartOptions {
  std::optional<uint64_t> epoch = 0;  // nothing: auto
  uint32_t base_id = 0;
  bool use_dynamic_base_id = false;
  std::string base_id_path;
  std::chrono::seconds drain_time{600};
  std::chrono::seconds parent_shutdown_time{900};
  DrainStrategy drain_strategy = DrainStrategy::kGradual;
  std::chrono::milliseconds probation_time{10'000};
  ParityMode parity = ParityMode::kWarn;
  std::chrono::milliseconds step_timeout{5'000};  // of one step of the hand-over
  bool skip_on_no_parent = false;
  bool skip_parent_stats = false;
  bool disabled = false;
  std::string socket_path = "@baton_domain_socket";
  uint32_t socket_mode = 0600;
};

struct Options {
  std::string config_path;
  std::string config_yaml;
  Mode mode = Mode::kServe;
  uint32_t concurrency = 1;
  std::string log_level = "info";
  std::string component_log_level;
  std::string log_path;
  std::string log_format;
  std::string admin_address_path;
  std::string service_cluster;
  std::string service_node;
  std::string service_zone;
  bool allow_unknown_static_fields = false;
  bool reject_unknown_dynamic_fields = false;
  std::vector<std::string> ignore_unsupported;
  std::chrono::milliseconds file_flush_interval{10'000};
  std::string local_address_ip_version = "v4";
  uint64_t max_stats = 16384;
  uint32_t max_obj_name_len = 256;
  std::chrono::seconds sigterm_drain_time{0};
  RestartOptions restart;
};

struct ParsedOptions {
  // What the process should do instead of running: print `text` to standard output (status 0) or error and exit.
  std::optional<int> exit_status;
  std::string text;
  Options options;
  bool print_hot_restart_version = false;
};

// Never exits and prints nothing. `arguments` without the program's name.
ParsedOptions parseOptions(const std::vector<std::string>& arguments);

// "PROTOCOL.LAYOUT": what two processes must have in common for a hot restart that shares its stats. Any difference
// after the first dot makes stats cross by messages.
std::string hotRestartVersion(const Options& options);

}  // namespace baton::server
