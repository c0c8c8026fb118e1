// The JSON Schema of a configuration file, for editors: made from the same descriptions as the reader. Any thread.
#pragma once

#include <string>

namespace baton::config {

std::string bootstrapSchema();

}  // namespace baton::config
