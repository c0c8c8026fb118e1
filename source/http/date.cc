#include "source/http/date.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "source/base/strings.h"

namespace baton::http {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string formatHttpDate(base::WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  const std::string_view day_name = kDays[std::chrono::weekday(day).c_encoding()];
  const std::string_view month = kMonths[static_cast<unsigned>(date.month()) - 1];
  char text[48];
  const int size = std::snprintf(text, sizeof(text), "%.3s, %02u %.3s %04d %02d:%02d:%02d GMT", day_name.data(),
                                 static_cast<unsigned>(date.day()), month.data(), static_cast<int>(date.year()),
                                 static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                                 static_cast<int>(clock.seconds().count()));
  return std::string(text, static_cast<size_t>(size));
}

std::optional<base::WallTime> parseHttpDate(std::string_view text) {
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
      text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const auto number = [text](size_t at, size_t size) { return base::parseNumber<unsigned>(text.substr(at, size)); };
  const auto day = number(5, 2), year = number(12, 4), hour = number(17, 2), minute = number(20, 2),
             second = number(23, 2);
  unsigned month = 0;
  while (month < kMonths.size() && kMonths[month] != text.substr(8, 3)) ++month;
  if (!day || !year || !hour || !minute || !second || month == kMonths.size()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(month + 1),
                                         std::chrono::day(*day)};
  // WallTime counts nanoseconds and goes no further than into the year 2262.
  if (*year > 2261 || *year < 1970) return std::nullopt;
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::sys_days days(date);
  if (kDays[std::chrono::weekday(days).c_encoding()] != text.substr(0, 3)) return std::nullopt;
  return days + std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

std::string_view DateCache::now() {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall());
  if (const auto second = now.time_since_epoch().count(); second != second_) {
    second_ = second;
    text_ = formatHttpDate(now);
  }
  return text_;
}

}  // namespace baton::http
