#include "source/access_log/time_format.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <utility>

namespace baton::access_log {
namespace {

constexpr std::string_view kDefault = "%Y-%m-%dT%H:%M:%S.%3fZ";

}  // namespace

TimeFormat::TimeFormat(std::string_view format, Zone zone) : zone_(zone) {
  if (format.empty()) format = kDefault;
  std::string plain;
  const auto endPlain = [&] {
    if (!plain.empty()) pieces_.push_back({.format = std::exchange(plain, {})});
  };
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      plain += format[i];
      if (format[i] == '%') plain += '%';  // a lone one at the end
      continue;
    }
    const char next = format[i + 1];
    if (next == 'f') {
      endPlain();
      pieces_.push_back({.fraction = 9});
      ++i;
    } else if (next >= '1' && next <= '9' && i + 2 < format.size() && format[i + 2] == 'f') {
      endPlain();
      pieces_.push_back({.fraction = static_cast<unsigned>(next - '0')});
      i += 2;
    } else if (next == 's') {
      endPlain();
      pieces_.push_back({.epoch_seconds = true});
      ++i;
    } else {
      plain += '%';
      plain += next;
      ++i;
    }
  }
  endPlain();
}

void TimeFormat::append(base::WallTime time, std::string& out) const {
  const auto since_epoch = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  int64_t seconds = since_epoch / 1'000'000'000;
  int64_t nanos = since_epoch % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  for (const Piece& piece : pieces_) {
    if (piece.fraction > 0) {
      char digits[10];
      snprintf(digits, sizeof(digits), "%09d", static_cast<int>(nanos));
      out.append(digits, piece.fraction);
    } else if (piece.epoch_seconds) {
      out += std::to_string(seconds);
    } else {
      appendSeconds(piece, seconds, out);
    }
  }
}

void TimeFormat::appendSeconds(const Piece& piece, int64_t seconds, std::string& out) const {
  // Compared by content: the format that an address once belonged to may be gone.
  struct Cached {
    int64_t seconds = INT64_MIN;
    Zone zone = Zone::kUtc;
    std::string format;
    std::string text;
  };
  static thread_local std::array<Cached, 4> cache;
  static thread_local size_t next_victim = 0;
  for (const Cached& cached : cache) {
    if (cached.seconds == seconds && cached.zone == zone_ && cached.format == piece.format) {
      out += cached.text;
      return;
    }
  }
  const time_t whole = seconds;
  tm parts{};
  if (zone_ == Zone::kUtc) {
    gmtime_r(&whole, &parts);
  } else {
    localtime_r(&whole, &parts);
  }
  char text[256];
  const size_t length = strftime(text, sizeof(text), piece.format.c_str(), &parts);
  Cached& victim = cache[next_victim++ % cache.size()];
  victim = {seconds, zone_, piece.format, std::string(text, length)};
  out += victim.text;
}

}  // namespace baton::access_log
