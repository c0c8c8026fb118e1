// The version of the shared region's layout that this build reads and writes. A function with a file of its own, so
// that a program can be linked that stands for another build: upgrade and downgrade tests need two.
#pragma once

#include <cstdint>

namespace baton::stats {

uint32_t layoutVersion();

}  // namespace baton::stats
