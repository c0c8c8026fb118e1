// UTF-8 (RFC 3629). Pure functions; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace baton::base {

// The length of the well-formed sequence at the start of `text`, or 0.
size_t utf8Length(std::string_view text);
// Where the first byte stands that is not part of a well-formed sequence.
std::optional<size_t> findNotUtf8(std::string_view text);

}  // namespace baton::base
