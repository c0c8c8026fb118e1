// Every bad configuration gets exactly the lines that bad_configs.txt says.
#include <cctype>
#include <gtest/gtest.h>

#include "source/config/loader.h"
#include "test/config/case_file.h"

namespace baton::config {
namespace {

constexpr std::string_view kFile = "--config-yaml:";

// The messages without the name of the text, which is always the same.
std::string errorsOf(const std::string& yaml) {
  LoadReport report;
  const auto loaded = load({.inline_yaml = yaml}, report);
  std::string lines;
  for (std::string line : report.errors) {
    if (line.starts_with(kFile)) line = line.substr(kFile.size());
    lines += line + "\n";
  }
  EXPECT_EQ(loaded.ok(), report.errors.empty());
  return lines;
}

class BadConfigs : public testing::TestWithParam<ConfigCase> {};

TEST_P(BadConfigs, AreRefusedWithTheseLines) {
  EXPECT_EQ(errorsOf(GetParam().yaml), GetParam().expected) << GetParam().yaml;
}

std::string testName(const testing::TestParamInfo<ConfigCase>& info) {
  std::string name;
  bool upper = true;
  for (const char c : info.param.name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    name.push_back(upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c);
    upper = false;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, BadConfigs, testing::ValuesIn(readCases("test/config/bad_configs.txt")), testName);

TEST(BadConfigFile, HasMoreThanAHundredCases) {
  EXPECT_GT(readCases("test/config/bad_configs.txt").size(), 100U);
}

}  // namespace
}  // namespace baton::config
