#include "source/server/options.h"

#include <gtest/gtest.h>

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
  const auto parsed = parseOptions({"--config-yaml", "{}", "--mode", "validate", "--concurrency", "3", "-l", "debug",
                                    "--restart-epoch", "auto", "--base-id", "9", "--drain-time-s", "5",
                                    "--parent-shutdown-time-s", "7", "--drain-strategy", "immediate",
                                    "--probation-time-s", "2", "--socket-path", "/tmp/x", "--socket-mode", "660",
                                    "--skip-hot-restart-on-no-parent", "--restart-parity", "refuse",
                                    "--sigterm-drain-time-s", "4", "--ignore-unsupported=tracing,load_stats_config"});
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
      {{"-c", "a", "--concurency", "2"}, "baton: unknown option '--concurency'; did you mean '--concurrency'? See baton --help.\n"},
      {{}, "baton: no configuration: give -c FILE or --config-yaml TEXT. See baton --help.\n"},
      {{"-c", "a", "--restart-epoch", "-1"}, "baton: --restart-epoch: expected a number or 'auto', found '-1'\n"},
      {{"-c", "a", "--socket-mode", "999"}, "baton: --socket-mode: expected an octal mode up to 777, found '999'\n"},
      {{"-c", "a", "--drain-time-s", "10", "--parent-shutdown-time-s", "5"},
       "baton: --parent-shutdown-time-s (5) must be at least --drain-time-s (10)\n"},
      {{"-c", "a", "--use-dynamic-base-id", "--restart-epoch", "1"},
       "baton: --use-dynamic-base-id needs --restart-epoch 0: a parent is found by its base id\n"},
  };
  for (const Wrong& wrong : cases) {
    const auto parsed = parseOptions(wrong.arguments);
    EXPECT_EQ(parsed.exit_status, 1);
    EXPECT_EQ(parsed.text, wrong.message);
  }
  EXPECT_EQ(parseOptions({"-c", "a", "--mode", "fly"}).exit_status, 1);
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
