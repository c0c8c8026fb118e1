#include "test/fuzz/fuzz_target.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>

namespace baton::test {
namespace {

std::string_view running_name;
std::string_view running_input;

}  // namespace

std::vector<FuzzTarget>& fuzzTargets() {
  static std::vector<FuzzTarget> targets;
  return targets;
}

bool registerFuzzTarget(FuzzTarget target) {
  fuzzTargets().push_back(target);
  return true;
}

void runFuzzTarget(const FuzzTarget& target, std::string_view input) {
  running_name = target.name;
  running_input = input;
  target.run(input);
}

void fuzzCheck(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz target %.*s: %.*s\ninput: \"", static_cast<int>(running_name.size()), running_name.data(),
               static_cast<int>(what.size()), what.data());
  for (const char c : running_input) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isprint(byte) != 0 && c != '"' && c != '\\') {
      std::fputc(byte, stderr);
    } else {
      std::fprintf(stderr, "\\x%02x", byte);
    }
  }
  std::fputs("\"\n", stderr);
  std::abort();
}

}  // namespace baton::test
