// Fuzz targets. A target is one function over bytes:
//
//   BATON_FUZZ_TARGET(chunked, input) { ... fuzzCheck(total <= input.size(), "it gave more than it got"); }
//
// All of them are linked into one test that runs their corpus (test/fuzz/corpus/<target>/) and mutations of it for a
// moment; with BATON_FUZZ_STANDALONE each is a libFuzzer program of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace baton::test {

struct FuzzTarget {
  std::string_view name;
  void (*run)(std::string_view input);
};

// In no particular order.
std::vector<FuzzTarget>& fuzzTargets();
bool registerFuzzTarget(FuzzTarget target);

// Runs a target; a check that fails says which input it was.
void runFuzzTarget(const FuzzTarget& target, std::string_view input);
// Ends the process when `holds` is false.
void fuzzCheck(bool holds, std::string_view what);

// Takes decisions from the front of an input, so that the fuzzer can learn them.
class FuzzInput {
 public:
  explicit FuzzInput(std::string_view bytes) : bytes_(bytes) {}

  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto value = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  std::string_view text(size_t most) {
    const std::string_view taken = bytes_.substr(0, most);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

}  // namespace baton::test

#ifdef BATON_FUZZ_STANDALONE
#define BATON_FUZZ_ENTRY(function)                                                   \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {          \
    const baton::test::FuzzTarget target{#function, function};                       \
    baton::test::runFuzzTarget(target, {reinterpret_cast<const char*>(data), size}); \
    return 0;                                                                        \
  }
#else
#define BATON_FUZZ_ENTRY(function)
#endif

#define BATON_FUZZ_TARGET(target, input)                                                                              \
  static void fuzz_##target(std::string_view input);                                                                  \
  [[maybe_unused]] static const bool registered_##target = baton::test::registerFuzzTarget({#target, fuzz_##target}); \
  BATON_FUZZ_ENTRY(fuzz_##target)                                                                                     \
  static void fuzz_##target(std::string_view input)
