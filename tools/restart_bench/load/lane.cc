#include "tools/restart_bench/load/lane.h"

#include <arpa/inet.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "source/base/strings.h"

namespace baton::restart_bench {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  std::fprintf(stderr, "load: %s\n", message.c_str());
  std::exit(2);
}

}  // namespace

LaneOptions LaneOptions::parse(std::string_view text) {
  LaneOptions options;
  const size_t colon = text.find(':');
  options.kind = text.substr(0, colon);
  if (colon == std::string_view::npos) return options;
  for (const std::string_view pair : base::split(text.substr(colon + 1), ',')) {
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) refuse("expected key=value in --lane " + std::string(text));
    options.values.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return options;
}

sockaddr_in LaneOptions::address(const std::string& key) const {
  const std::string value = text(key, "");
  const size_t colon = value.find(':');
  const auto port = colon == std::string::npos ? std::nullopt : base::parseNumber<uint16_t>(value.substr(colon + 1));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (!port || inet_pton(AF_INET, value.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    refuse("lane " + kind + ": expected " + key + "=ADDRESS:PORT, found \"" + value + "\"");
  }
  address.sin_port = htons(*port);
  return address;
}

double LaneOptions::number(const std::string& key, double otherwise) const {
  const auto found = values.find(key);
  return found == values.end() ? otherwise : std::strtod(found->second.c_str(), nullptr);
}

std::string LaneOptions::text(const std::string& key, const std::string& otherwise) const {
  const auto found = values.find(key);
  return found == values.end() ? otherwise : found->second;
}

std::chrono::nanoseconds randomGap(double mean_seconds) {
  const double seconds = -std::log(1.0 - base::threadRandom().fraction()) * mean_seconds;
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

Arrivals::Arrivals(event::Loop& loop, double per_second, std::function<void(base::MonotonicTime)> begin)
    : loop_(loop),
      per_second_(per_second),
      begin_(std::move(begin)),
      timer_(
          loop, [this] { fire(); }, event::Precision::kFine) {}

void Arrivals::start() {
  next_ = std::chrono::steady_clock::now() + gap();
  timer_.arm(next_ - loop_.now());
}

std::chrono::nanoseconds Arrivals::gap() {
  return randomGap(1.0 / per_second_);
}

void Arrivals::fire() {
  const auto now = std::chrono::steady_clock::now();
  while (next_ <= now) {
    begin_(next_);
    next_ += gap();
  }
  timer_.arm(next_ - loop_.now());
}

}  // namespace baton::restart_bench
