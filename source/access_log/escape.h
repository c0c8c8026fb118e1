// Makes values safe to stand in a line. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace baton::access_log {

// Appends `text` with control characters as \n, \r, \t or \xNN, so that no peer can end a line or forge a header.
void appendEscaped(std::string_view text, std::string& out);
// Appends `text` as the inside of a JSON string. Bytes that are no UTF-8 become \u00NN.
void appendJson(std::string_view text, std::string& out);

}  // namespace baton::access_log
