// What a lane has seen: requests by outcome, latencies from the moment at which each was meant to start.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/clock.h"

namespace baton::restart_bench {

enum class Outcome {
  kOk,
  kRefused,      // no connection
  kResetBefore,  // reset before the first byte of the response
  kResetAfter,
  kEofBefore,
  kEofAfter,
  kIdleEof,  // a kept connection was closed without a word between requests
  kTimeout,
  kStatus5xx,
  kStatusOther,
  kWrongBody,
  kTls,
};
inline constexpr std::array kOutcomeNames{"ok",         "refused",      "reset_before", "reset_after",
                                          "eof_before", "eof_after",    "idle_eof",     "timeout",
                                          "5xx",        "other_status", "wrong_body",   "tls"};

class Report {
 public:
  Report(std::string lane, base::MonotonicTime start) : lane_(std::move(lane)), start_(start) {}

  void began() { ++began_; }
  void finished(Outcome outcome, base::MonotonicTime intended, base::MonotonicTime now, std::string_view detail = {});
  // Facts that are no outcomes: connections opened, sessions resumed, streams tried again after GOAWAY.
  uint64_t& fact(const std::string& name);

  uint64_t outstanding() const { return began_ - done_; }
  uint64_t failures() const;
  const std::string& lane() const { return lane_; }

  void writeJson(std::ostream& out) const;
  // For each success, intended start and latency in microseconds as two 64-bit and 32-bit little-endian numbers.
  void writeSamples(std::ostream& out) const;

 private:
  struct Sample {
    uint64_t intended_us;
    uint32_t latency_us;
  };
  struct Failure {
    double at_s;
    Outcome outcome;
    std::string detail;
  };

  std::string lane_;
  base::MonotonicTime start_;
  uint64_t began_ = 0;
  uint64_t done_ = 0;
  std::array<uint64_t, kOutcomeNames.size()> counts_{};
  std::vector<Sample> samples_;
  std::vector<Failure> first_failures_;
  std::vector<std::pair<std::string, uint64_t>> facts_;
};

}  // namespace baton::restart_bench
