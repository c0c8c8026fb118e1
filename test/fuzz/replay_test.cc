// Runs every fuzz target over its corpus and over mutations of it: the same ones each time, as many as fit in a moment.
// BATON_FUZZ_SECONDS=60 in the environment makes the moment longer, BATON_FUZZ_TARGET=chunked leaves out all others.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

constexpr int kMutationsPerTarget = 20'000;
constexpr std::chrono::seconds kMomentPerTarget{2};

struct Amount {
  std::chrono::seconds moment = kMomentPerTarget;
  int mutations = kMutationsPerTarget;
};

Amount amount() {
  const char* seconds = std::getenv("BATON_FUZZ_SECONDS");
  if (seconds == nullptr) return {};
  return {std::chrono::seconds(std::atoi(seconds)), std::numeric_limits<int>::max()};
}

bool wanted(std::string_view target) {
  const char* only = std::getenv("BATON_FUZZ_TARGET");
  return only == nullptr || target == only;
}

std::vector<std::string> corpusOf(std::string_view target) {
  std::vector<std::filesystem::path> paths;
  const std::filesystem::path folder = std::filesystem::path("test/fuzz/corpus") / target;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {}

  std::string next() {
    std::string text = corpus_[below(corpus_.size())];
    for (size_t changes = 1 + below(4); changes > 0; --changes) change(text);
    return text;
  }

 private:
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  void change(std::string& text) {
    const size_t at = below(text.size() + 1);
    const size_t size = below(std::min<size_t>(text.size() - at, 32) + 1);
    switch (below(7)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2:
        text.insert(at, 1, kInteresting[below(sizeof(kInteresting) - 1)]);
        break;
      case 3:
        text.erase(at, size);
        break;
      case 4:
        text.insert(at, text.substr(at, size));
        break;
      case 5: {
        const std::string& other = corpus_[below(corpus_.size())];
        text.insert(at, other.substr(below(other.size() + 1), 64));
        break;
      }
      case 6:
        text.resize(at);
        break;
    }
  }

  static constexpr char kInteresting[] = "\r\n\t\0 :;,=/%.0fF\x7f\xff";

  const std::vector<std::string>& corpus_;
  std::mt19937 random_{20'240'517};
};

TEST(Fuzz, EveryTargetSurvivesItsCorpusAndMutationsOfIt) {
  ASSERT_FALSE(fuzzTargets().empty());
  const Amount most = amount();
  for (const FuzzTarget& target : fuzzTargets()) {
    if (!wanted(target.name)) continue;
    SCOPED_TRACE(target.name);
    const std::vector<std::string> corpus = corpusOf(target.name);
    ASSERT_FALSE(corpus.empty());
    runFuzzTarget(target, {});
    for (const std::string& input : corpus) runFuzzTarget(target, input);
    Mutator mutator(corpus);
    const auto end = std::chrono::steady_clock::now() + most.moment;
    for (int i = 0; i < most.mutations && std::chrono::steady_clock::now() < end; ++i) {
      runFuzzTarget(target, mutator.next());
    }
  }
}

}  // namespace
}  // namespace baton::test
