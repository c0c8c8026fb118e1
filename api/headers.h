// Edits of headers. Plain values with their defaults; any thread may read them.
#pragma once

#include <optional>
#include <string>

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// A header.
struct HeaderValue {
  std::string key;
  std::string value;
};

// A header to add.
struct HeaderValueOption {
  enum class AppendAction {
    kAppendIfExistsOrAdd = 0,
    kAddIfAbsent = 1,
    kOverwriteIfExistsOrAdd = 2,
    kOverwriteIfExists = 3
  };

  std::optional<HeaderValue> header;
  AppendAction append_action = AppendAction::kAppendIfExistsOrAdd;
  std::optional<bool> append;
  bool keep_empty_value = false;
};

const MessageDescription& describe(const HeaderValue*);
const MessageDescription& describe(const HeaderValueOption*);
const EnumDescription& describeEnum(const HeaderValueOption::AppendAction*);

}  // namespace baton::api
