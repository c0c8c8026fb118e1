// How deep lists and maps in brackets are nested in a YAML text, found before the parser runs: its time grows with the
// square of that depth, so a text of nothing but brackets would keep it busy for seconds.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace baton::config {

struct TextPlace {
  size_t line;    // from 1
  size_t column;  // from 1
};

// Where `text` first goes deeper than `most` levels; nothing when it does not. Quoted texts, comments, block scalars
// and brackets inside of plain scalars do not count.
std::optional<TextPlace> deeperThan(std::string_view text, size_t most);

}  // namespace baton::config
