#include "source/base/clock.h"

namespace baton::base {

const RealClock& RealClock::instance() {
  static const RealClock clock;
  return clock;
}

}  // namespace baton::base
