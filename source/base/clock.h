// Where time comes from. Everything that waits or measures is given a Clock, so that a test can let a 600 s drain pass
// in a millisecond with SimulatedClock.
#pragma once

#include <chrono>

namespace baton::base {

using MonotonicTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime monotonic() const = 0;
  virtual WallTime wall() const = 0;
};

class RealClock final : public Clock {
 public:
  MonotonicTime monotonic() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
  // The process's one real clock.
  static const RealClock& instance();
};

// Stands still until told to advance. Not thread-safe: one thread owns it.
class SimulatedClock final : public Clock {
 public:
  MonotonicTime monotonic() const override { return monotonic_; }
  WallTime wall() const override { return wall_; }
  void advance(std::chrono::nanoseconds by) {
    monotonic_ += by;
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
  }
  void setWall(WallTime wall) { wall_ = wall; }

 private:
  MonotonicTime monotonic_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

}  // namespace baton::base
