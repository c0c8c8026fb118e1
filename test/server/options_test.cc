#include "source/server/options.h"

#include <gtest/gtest.h>
#include <tuple>

namespace baton::server {
namespace {

TEST(OptionsTest, DefaultsAreTheOnesOfTheTable) {
  const auto parsed = parseOptions({"-c", "a.yaml"});
  ASSERT_FALSE(parsed.exit_status.has_value()) << parsed.text;
  const Options& options = parsed.options;
  EXPECT_EQ(options.config_path, "a.yaml");
  EXPECT_EQ(options.mode, Mode::kServe);
  EXPECT_GE(options.concurrency, 1u);
  EXPECT_EQ(options.max_stats, 16384u);
  EXPECT_EQ(options.max_obj_name_len, 256u);
  EXPECT_EQ(options.restart.epoch, 0u);
  EXPECT_EQ(options.restart.drain_time.count(), 600);
  EXPECT_EQ(options.restart.parent_shutdown_time.count(), 900);
  EXPECT_EQ(options.restart.probation_time.count(), 10'000);
  EXPECT_EQ(options.restart.socket_path, "@baton_domain_socket");
  EXPECT_EQ(options.restart.socket_mode, 0600u);
}

TEST(OptionsTest, EveryOptionReachesItsField) {
  const auto parsed = parseOptions({"--config-yaml",
                                    "{}",
                                    "--mode",
                                    "validate",
                                    "--concurrency",
                                    "3",
                                    "-l",
                                    "debug",
                                    "--restart-epoch",
                                    "auto",
                                    "--base-id",
                                    "9",
                                    "--drain-time-s",
                                    "5",
                                    "--parent-shutdown-time-s",
                                    "7",
                                    "--drain-strategy",
                                    "immediate",
                                    "--probation-time-s",
                                    "2",
                                    "--socket-path",
                                    "/tmp/x",
                                    "--socket-mode",
                                    "660",
                                    "--skip-hot-restart-on-no-parent",
                                    "--restart-parity",
                                    "refuse",
                                    "--sigterm-drain-time-s",
                                    "4",
                                    "--ignore-unsupported=tracing,load_stats_config"});
  ASSERT_FALSE(parsed.exit_status.has_value()) << parsed.text;
  const Options& options = parsed.options;
  EXPECT_EQ(options.mode, Mode::kValidate);
  EXPECT_EQ(options.concurrency, 3u);
  EXPECT_EQ(options.restart.epoch, std::nullopt);
  EXPECT_EQ(options.restart.base_id, 9u);
  EXPECT_EQ(options.restart.drain_strategy, DrainStrategy::kImmediate);
  EXPECT_EQ(options.restart.probation_time.count(), 2000);
  EXPECT_EQ(options.restart.socket_mode, 0660u);
  EXPECT_TRUE(options.restart.skip_on_no_parent);
  EXPECT_EQ(options.restart.parity, ParityMode::kRefuse);
  EXPECT_EQ(options.sigterm_drain_time.count(), 4);
  EXPECT_EQ(options.ignore_unsupported, (std::vector<std::string>{"tracing", "load_stats_config"}));
}

struct Wrong {
  std::vector<std::string> arguments;
  std::string message;
};

TEST(OptionsTest, AWrongOptionSaysWhatIsWrongAndWhatWouldBeRight) {
  const Wrong cases[] = {
      {{"-c", "a", "--concurency", "2"},
       "baton: unknown option '--concurency'; did you mean '--concurrency'? See baton --help.\n"},
      {{}, "baton: no configuration: give -c FILE or --config-yaml TEXT. See baton --help.\n"},
      {{"-c", "a", "--restart-epoch", "-1"}, "baton: --restart-epoch: expected a number or 'auto', found '-1'\n"},
      {{"-c", "a", "--socket-mode", "999"}, "baton: --socket-mode: expected an octal mode up to 777, found '999'\n"},
      {{"-c", "a", "--drain-time-s", "10", "--parent-shutdown-time-s", "5"},
       "baton: --parent-shutdown-time-s (5) must be at least --drain-time-s (10)\n"},
      {{"-c", "a", "stray"}, "baton: unexpected argument 'stray'. See baton --help.\n"},
      {{"-c", "a", "--zzz"}, "baton: unknown option '--zzz'. See baton --help.\n"},
      {{"-c", "a", "--stats-tag", "x:y"},
       "baton: option '--stats-tag' of Envoy is not implemented; remove it. See baton --help.\n"},
      {{"-c", "a", "--use-dynamic-base-id", "--restart-epoch", "1"},
       "baton: --use-dynamic-base-id needs --restart-epoch 0: a parent is found by its base id\n"},
  };
  const std::tuple<std::string, std::string, std::string> values[] = {
      {"--concurrency", "many", "expected a number of threads from 0 to 1024, found 'many'"},
      {"--concurrency", "-1", "expected a number of threads from 0 to 1024, found '-1'"},
      {"--mode", "fly", "expected one of serve, validate, init_only, found 'fly'"},
      {"--mode", "1", "expected one of serve, validate, init_only, found '1'"},
      {"--drain-time-s", "-5", "expected seconds from 0 to 1000000000, found '-5'"},
      {"--drain-time-s", "5s", "expected seconds from 0 to 1000000000, found '5s'"},
      {"--parent-shutdown-time-s", "x", "expected seconds from 0 to 1000000000, found 'x'"},
      {"--probation-time-s", "1.5", "expected seconds from 0 to 1000000000, found '1.5'"},
      {"--base-id", "-3", "expected a number from 0 to 4294967295, found '-3'"},
      {"--drain-strategy", "slow", "expected one of gradual, immediate, found 'slow'"},
      {"--restart-parity", "maybe", "expected one of warn, refuse, found 'maybe'"},
      {"--local-address-ip-version", "v5", "expected one of v4, v6, found 'v5'"},
      {"--file-flush-interval-msec", "0", "expected milliseconds from 1 to 3600000, found '0'"},
      {"--hot-restart-timeout-ms", "1", "expected milliseconds from 100 to 600000, found '1'"},
      {"--max-stats", "1", "expected a number from 64 to 100000000, found '1'"},
      {"--max-obj-name-len", "5", "expected bytes from 60 to 4096, found '5'"},
  };
  for (const auto& [option, value, message] : values) {
    const auto parsed = parseOptions({"-c", "a", option, value});
    EXPECT_EQ(parsed.exit_status, 1) << option;
    EXPECT_EQ(parsed.text, "baton: " + option + ": " + message + ". See baton --help.\n");
  }
  for (const Wrong& wrong : cases) {
    const auto parsed = parseOptions(wrong.arguments);
    EXPECT_EQ(parsed.exit_status, 1);
    EXPECT_EQ(parsed.text, wrong.message);
  }
}

TEST(OptionsTest, NamesOfValuesAreCaseInsensitive) {
  EXPECT_EQ(parseOptions({"-c", "a", "--mode", "Validate"}).options.mode, Mode::kValidate);
  EXPECT_EQ(parseOptions({"-c", "a", "--drain-strategy", "IMMEDIATE"}).options.restart.drain_strategy,
            DrainStrategy::kImmediate);
}

TEST(OptionsTest, CpusetThreadsCountsUsableProcessorsUnlessConcurrencyIsGiven) {
  EXPECT_GE(parseOptions({"-c", "a", "--cpuset-threads"}).options.concurrency, 1u);
  EXPECT_EQ(parseOptions({"-c", "a", "--cpuset-threads", "--concurrency", "3"}).options.concurrency, 3u);
}

TEST(OptionsTest, HelpAndVersionEndWellAndGoToStandardOutput) {
  const auto help = parseOptions({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_NE(help.text.find("--restart-epoch"), std::string::npos);
  const auto version = parseOptions({"--version"});
  EXPECT_EQ(version.exit_status, 0);
  EXPECT_EQ(version.text.rfind("baton ", 0), 0u);
}

}  // namespace
}  // namespace baton::server
