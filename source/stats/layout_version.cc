#include "source/stats/layout_version.h"

#include "source/stats/region_layout.h"

namespace baton::stats {

uint32_t layoutVersion() {
  return layout::kLayoutVersion;
}

}  // namespace baton::stats
