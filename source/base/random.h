// Random numbers for jitter, load balancing, sampling and request ids; not for keys. Each thread has its own state,
// seeded from the kernel, so no lock is taken.
#pragma once

#include <cstdint>
#include <string>

namespace baton::base {

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next() = 0;

  // In [0, bound); 0 when bound is 0.
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  // In [0, 1).
  double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
};

// xoshiro256**, seeded by getrandom(2) unless a seed is given.
class FastRandom final : public Random {
 public:
  FastRandom();
  explicit FastRandom(uint64_t seed);
  uint64_t next() override;

 private:
  uint64_t state_[4];
};

// The calling thread's generator.
Random& threadRandom();

// A version 4 UUID in lower case (RFC 9562 5.4).
std::string uuid4(Random& random);

}  // namespace baton::base
