#include "tools/restart_bench/load/report.h"

namespace baton::restart_bench {
namespace {

constexpr size_t kListedFailures = 100;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out;
}

}  // namespace

void Report::finished(Outcome outcome, base::MonotonicTime intended, base::MonotonicTime now, std::string_view detail) {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  ++done_;
  ++counts_[static_cast<size_t>(outcome)];
  if (outcome == Outcome::kOk) {
    samples_.push_back({static_cast<uint64_t>(duration_cast<microseconds>(intended - start_).count()),
                        static_cast<uint32_t>(duration_cast<microseconds>(now - intended).count())});
  } else if (first_failures_.size() < kListedFailures) {
    first_failures_.push_back({std::chrono::duration<double>(now - start_).count(), outcome, std::string(detail)});
  }
}

uint64_t& Report::fact(const std::string& name) {
  for (auto& [known, value] : facts_) {
    if (known == name) return value;
  }
  return facts_.emplace_back(name, 0).second;
}

uint64_t Report::failures() const {
  uint64_t sum = 0;
  for (size_t i = 1; i < counts_.size(); ++i) sum += counts_[i];
  return sum;
}

void Report::writeJson(std::ostream& out) const {
  out << "{\"began\":" << began_ << ",\"unfinished\":" << outstanding() << ",\"failures\":" << failures()
      << ",\"outcomes\":{";
  const char* separator = "";
  for (size_t i = 0; i < counts_.size(); ++i) {
    out << separator << '"' << kOutcomeNames[i] << "\":" << counts_[i];
    separator = ",";
  }
  out << "},\"facts\":{";
  separator = "";
  for (const auto& [name, value] : facts_) {
    out << separator << '"' << name << "\":" << value;
    separator = ",";
  }
  out << "},\"first_failures\":[";
  separator = "";
  for (const Failure& failure : first_failures_) {
    out << separator << "{\"at_s\":" << failure.at_s << ",\"outcome\":\""
        << kOutcomeNames[static_cast<size_t>(failure.outcome)] << "\",\"detail\":\"" << escaped(failure.detail)
        << "\"}";
    separator = ",";
  }
  out << "]}";
}

void Report::writeSamples(std::ostream& out) const {
  for (const Sample& sample : samples_) {
    out.write(reinterpret_cast<const char*>(&sample.intended_us), sizeof sample.intended_us);
    out.write(reinterpret_cast<const char*>(&sample.latency_us), sizeof sample.latency_us);
  }
}

}  // namespace baton::restart_bench
