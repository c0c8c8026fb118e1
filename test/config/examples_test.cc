// Every example in configs/ loads without an error or a warning.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "source/config/loader.h"
#include "test/support/certificates.h"

namespace baton::config {
namespace {

namespace fs = std::filesystem;

// The certificates that the examples name, made anew in a directory of this test.
fs::path certificates() {
  static const fs::path directory = [] {
    const fs::path made = fs::path(testing::TempDir()) / "example_certs";
    fs::create_directories(made);
    const auto authority = test::makeAuthority("Test CA");
    const auto server = test::makeLeaf("localhost", authority);
    std::ofstream(made / "ca.pem") << authority.certificate_pem;
    std::ofstream(made / "server.pem") << server.certificate_pem;
    std::ofstream(made / "server-key.pem") << server.key_pem;
    return made;
  }();
  return directory;
}

std::vector<std::string> examples() {
  std::vector<std::string> paths;
  for (const auto& entry :
       fs::recursive_directory_iterator("configs", fs::directory_options::follow_directory_symlink)) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
  }
  return paths;
}

class Examples : public testing::TestWithParam<std::string> {};

TEST_P(Examples, LoadWithoutErrorsAndWarnings) {
  std::ostringstream text;
  text << std::ifstream(GetParam()).rdbuf();
  std::string yaml = text.str();
  const std::string from = "configs/certs/";
  for (size_t at = yaml.find(from); at != std::string::npos; at = yaml.find(from, at)) {
    yaml.replace(at, from.size(), certificates().string() + "/");
  }
  LoadReport report;
  const auto loaded = load({.inline_yaml = yaml}, report);
  EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message);
  EXPECT_EQ(report.warnings, std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(All, Examples, testing::ValuesIn(examples()), [](const auto& info) {
  std::string name;
  for (const char c : info.param) name.push_back(std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_');
  return name;
});

TEST(ExampleFiles, AreFound) {
  EXPECT_GE(examples().size(), 7U);
}

}  // namespace
}  // namespace baton::config
