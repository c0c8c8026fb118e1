#include "source/http/header_name.h"

#include <array>
#include <cstring>
#include <type_traits>

namespace baton::http {
namespace {

constexpr std::array<std::string_view, kKnownHeaderNames> kSpellings = {
#define BATON_HEADER_SPELLING(enumerator, spelling) std::string_view(spelling),
    BATON_HEADER_NAMES(BATON_HEADER_SPELLING)
#undef BATON_HEADER_SPELLING
};

constexpr uint64_t loadBytes(const char* from, size_t count) {
  uint64_t word = 0;
  if (std::is_constant_evaluated()) {
    for (size_t i = 0; i < count; ++i) word |= static_cast<uint64_t>(static_cast<unsigned char>(from[i])) << (8 * i);
  } else {
    std::memcpy(&word, from, count);
  }
  return word;
}

constexpr unsigned kSlotBits = 10;

// Looks at the length and at the first, middle and last eight bytes: enough to tell our names apart, and independent
// of how long a name from the network is.
constexpr size_t slotOf(std::string_view name, uint64_t seed) {
  uint64_t hash = name.size() * 0x9e3779b97f4a7c15;
  if (name.size() >= 8) {
    hash ^= loadBytes(name.data(), 8) * seed;
    hash ^= loadBytes(name.data() + (name.size() - 8) / 2, 8) * (seed ^ 0xc2b2ae3d27d4eb4f);
    hash ^= loadBytes(name.data() + name.size() - 8, 8) * (seed + 0x165667b19e3779f8);
  } else if (name.size() >= 4) {
    const uint64_t word = loadBytes(name.data(), 4) | loadBytes(name.data() + name.size() - 4, 4) << 32;
    hash ^= word * seed;
  } else {
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * seed;
  }
  hash ^= hash >> 29;
  hash *= seed;
  return hash >> (64 - kSlotBits);
}

struct Table {
  uint64_t seed = 0;
  std::array<HeaderName, 1 << kSlotBits> slots{};
};

// Tries seeds until every known name has a slot of its own.
constexpr Table makeTable() {
  Table table;
  uint64_t seed = 0x9e3779b97f4a7c15;
  for (;;) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    table.seed = seed | 1;
    for (HeaderName& slot : table.slots) slot = HeaderName::kOther;
    bool collision = false;
    for (size_t i = 0; i < kKnownHeaderNames && !collision; ++i) {
      HeaderName& slot = table.slots[slotOf(kSpellings[i], table.seed)];
      collision = slot != HeaderName::kOther;
      slot = static_cast<HeaderName>(i);
    }
    if (!collision) return table;
  }
}

constexpr Table kTable = makeTable();

}  // namespace

std::string_view spelling(HeaderName name) {
  return kSpellings[static_cast<size_t>(name)];
}

HeaderName findHeaderName(std::string_view lower_case_name) {
  const HeaderName found = kTable.slots[slotOf(lower_case_name, kTable.seed)];
  if (found == HeaderName::kOther || kSpellings[static_cast<size_t>(found)] != lower_case_name) {
    return HeaderName::kOther;
  }
  return found;
}

}  // namespace baton::http
