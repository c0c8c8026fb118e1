// Dates as HTTP writes them (RFC 9110 5.6.7).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "source/base/clock.h"

namespace baton::http {

// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string formatHttpDate(base::WallTime time);
// IMF-fixdate only: what everybody has sent for decades.
std::optional<base::WallTime> parseHttpDate(std::string_view text);

// The `date` of responses: formatted once a second. One per worker.
class DateCache {
 public:
  explicit DateCache(const base::Clock& clock) : clock_(clock) {}

  // Valid until the next call.
  std::string_view now();

 private:
  const base::Clock& clock_;
  base::WallTime::rep second_ = -1;
  std::string text_;
};

}  // namespace baton::http
