// strftime(3) formats with fractions of a second, compiled: %f (nanoseconds), %1f to %9f, %s (seconds since the epoch).
// Immutable; any thread. What only changes once a second is kept per thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/clock.h"

namespace baton::access_log {

class TimeFormat {
 public:
  enum class Zone : uint8_t { kUtc, kLocal };

  // Empty: "%Y-%m-%dT%H:%M:%S.%3fZ".
  explicit TimeFormat(std::string_view format, Zone zone = Zone::kUtc);

  void append(base::WallTime time, std::string& out) const;

 private:
  struct Piece {
    std::string format;     // for strftime
    unsigned fraction = 0;  // digits; or
    bool epoch_seconds = false;
  };

  void appendSeconds(const Piece& piece, int64_t seconds, std::string& out) const;

  std::vector<Piece> pieces_;
  Zone zone_;
};

}  // namespace baton::access_log
