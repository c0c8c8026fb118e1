#include "source/base/random.h"

#include <array>
#include <bit>
#include <cstring>
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

using HexWord = std::array<char, 16>;

// The sixteen digits of `word`, the highest first. Every request's id asks for two of them.
HexWord hexOf(uint64_t word) {
  // Eight nibbles at a time, each in a byte of its own: '0' + nibble, and another 39 for 'a' to 'f'.
  const auto spread = [](uint64_t half) {
    half = (half | half << 16) & 0x0000ffff0000ffff;
    half = (half | half << 8) & 0x00ff00ff00ff00ff;
    half = (half | half << 4) & 0x0f0f0f0f0f0f0f0f;
    const uint64_t letters = ((half + 0x0606060606060606) >> 4) & 0x0101010101010101;
    return half + 0x3030303030303030 + letters * ('a' - '9' - 1);
  };
  const uint64_t halves[2] = {__builtin_bswap64(spread(word >> 32)), __builtin_bswap64(spread(word & 0xffffffff))};
  return std::bit_cast<HexWord>(halves);
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
  uint64_t words[2] = {random.next(), random.next()};
  words[0] = (words[0] & ~0xf000ULL) | 0x4000;
  words[1] = (words[1] & ~(3ULL << 62)) | (2ULL << 62);
  const HexWord high = hexOf(words[0]);
  const HexWord low = hexOf(words[1]);
  std::string text(36, '-');
  std::memcpy(text.data(), high.data(), 8);
  std::memcpy(text.data() + 9, high.data() + 8, 4);
  std::memcpy(text.data() + 14, high.data() + 12, 4);
  std::memcpy(text.data() + 19, low.data(), 4);
  std::memcpy(text.data() + 24, low.data() + 4, 12);
  return text;
}

}  // namespace baton::base
