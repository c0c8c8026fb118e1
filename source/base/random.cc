#include "source/base/random.h"

#include <bit>
#include <sys/random.h>

namespace baton::base {
namespace {

// splitmix64, the generator that xoshiro's authors recommend for filling its state from one seed.
uint64_t splitmix(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t kernelSeed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) seed = reinterpret_cast<uintptr_t>(&seed);
  return seed;
}

}  // namespace

FastRandom::FastRandom() : FastRandom(kernelSeed()) {}

FastRandom::FastRandom(uint64_t seed) {
  for (auto& word : state_) word = splitmix(seed);
}

uint64_t FastRandom::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

Random& threadRandom() {
  static thread_local FastRandom random;
  return random;
}

std::string uuid4(Random& random) {
  static constexpr char kHex[] = "0123456789abcdef";
  uint64_t words[2] = {random.next(), random.next()};
  words[0] = (words[0] & ~0xf000ULL) | 0x4000;
  words[1] = (words[1] & ~(3ULL << 62)) | (2ULL << 62);
  std::string text(36, '-');
  size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (at == 8 || at == 13 || at == 18 || at == 23) ++at;
    text[at++] = kHex[(words[nibble / 16] >> (60 - 4 * (nibble % 16))) & 15];
  }
  return text;
}

}  // namespace baton::base
