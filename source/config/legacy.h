// What came before Envoy's v3 API: recognised so that the error can say what to write instead. Any thread.
#pragma once

#include <string_view>

namespace baton::api {
struct ExtensionCategory;
}

namespace baton::config {

// What to write instead of a field of v1 or v2 in the named message; empty when it never was one.
std::string_view outdatedField(std::string_view message, std::string_view field);
// Whether a type belongs to v2.
bool isOutdatedType(std::string_view type);
// The v3 type that took the place of a v2 type; empty when we have none.
std::string_view successorOf(std::string_view type, const api::ExtensionCategory& category);

}  // namespace baton::config
