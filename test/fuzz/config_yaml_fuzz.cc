// A configuration: it is refused with the place and reason of every error, or accepted, and then what it means prints
// as JSON that means the same.
#include <string>
#include <string_view>

#include "source/config/loader.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {

BATON_FUZZ_TARGET(config_yaml, input) {
  // Files that a configuration names are read, and one of them written, while it is checked: none but those that the
  // corpus names, which do not exist. Escapes could spell the fields.
  const auto has = [input](std::string_view text) { return input.find(text) != std::string_view::npos; };
  if (has("filename") || has("key_log") || has("keyLog") || has("/dev") || (has("path") && has("\\"))) return;
  config::LoadReport report;
  const auto loaded = config::load({.inline_yaml = std::string(input)}, report);
  if (!loaded) {
    fuzzCheck(!report.errors.empty(), "refused without an error");
    for (const std::string& error : report.errors) {
      fuzzCheck(error.find('\n') == std::string::npos, "an error of several lines");
      fuzzCheck(error.size() < 4000, "an endless error");
    }
    return;
  }
  fuzzCheck(report.errors.empty(), "accepted with errors");
  const std::string dump = config::dumpJson(**loaded);
  config::LoadReport second_report;
  const auto again = config::load({.inline_yaml = dump}, second_report);
  // Secrets are not in it.
  if (dump.find("[redacted]") != std::string::npos) return;
  fuzzCheck(again.ok(), "what was accepted is refused when it is printed and read again");
  fuzzCheck(config::dumpJson(**again) == dump, "what was accepted changes when it is printed and read again");
}

}  // namespace baton::test
