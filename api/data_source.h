// Where a piece of configuration text comes from. Plain values with their defaults; any thread may read them.
#pragma once

#include <optional>
#include <string>

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// Bytes from a file, from the configuration itself or from the environment; exactly one of them.
struct DataSource {
  std::optional<std::string> filename;
  std::optional<std::string> inline_bytes;
  std::optional<std::string> inline_string;
  std::optional<std::string> environment_variable;
};

const MessageDescription& describe(const DataSource*);

}  // namespace baton::api
