// Fills api structs from nodes, as the descriptions say, and reports everything that is wrong on the way. What it
// accepts is protobuf's JSON, more generous where configurations in use are. Main thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/description.h"

#include "source/config/node.h"
#include "source/config/problems.h"

namespace baton::api {
class TypedConfig;
struct ExtensionCategory;
}  // namespace baton::api

namespace baton::config {

struct ReadOptions {
  bool allow_unknown_fields = false;
  std::vector<std::string> ignore_unsupported;
  size_t max_regex_program_size = 100;
};

class Reader {
 public:
  Reader(Problems& problems, const ReadOptions& options) : problems_(problems), options_(options) {}

  // `object` is of the described type and has its defaults.
  void read(const Node& node, const api::MessageDescription& message, void* object);

  size_t unknownFields() const { return unknown_fields_; }
  size_t deprecatedUses() const { return deprecated_uses_; }

 private:
  struct Entry {
    const api::FieldDescription* field;
    const Node* key;
    const Node* value;
  };

  void readMessage(const Node& node, const api::MessageDescription& message, void* object);
  std::vector<Entry> collectEntries(const Node& node, const api::MessageDescription& message);
  void checkOneofs(const Node& node, const api::MessageDescription& message, const std::vector<Entry>& entries);
  void checkRequired(const Node& node, const api::MessageDescription& message, const std::vector<Entry>& entries,
                     void* object);
  void unknownField(const Node& key, const api::MessageDescription& message);
  // Whether the field is one that we read.
  bool checkSupport(const Entry& entry);

  void readField(const Node& node, const api::FieldDescription& field, void* object, const Node& parent);
  void readRepeated(const Node& node, const api::FieldDescription& field, void* member, const Node& parent);
  void readMap(const Node& node, const api::FieldDescription& field, void* member, const Node& parent);
  void readValue(const Node& node, const api::FieldDescription& field, void* value, const Node& parent);
  void readNumber(const Node& node, const api::FieldDescription& field, void* value);
  void readDuration(const Node& node, const api::FieldDescription& field, void* value);
  void readEnum(const Node& node, const api::FieldDescription& field, void* value);
  void readString(const Node& node, const api::FieldDescription& field, std::string& value);
  void checkFormat(const Node& node, const api::FieldDescription& field, std::string& value);

  void readAny(const Node& node, const api::FieldDescription& field, api::TypedConfig& value, const Node& parent);
  // Settings as a free-form struct beside the name of their type.
  void readTypedStruct(const Node& node, const api::FieldDescription& field, api::TypedConfig& value,
                       const Node& parent);
  // Without settings the name alone may choose the extension, as it did in earlier versions of Envoy.
  bool readLegacyAny(const Node& at, const api::FieldDescription& field, api::TypedConfig& value, const Node& parent);
  void unknownType(const Node& at, std::string_view type, const api::ExtensionCategory& category, const Node& parent);

  void error(const Node& at, std::string_view message) { problems_.error(at, path_, message); }
  void warning(const Node& at, std::string_view message) { problems_.warning(at, path_, message); }

  Problems& problems_;
  const ReadOptions& options_;
  Path path_;
  std::set<std::string, std::less<>> ignored_;  // fields without effect that have been mentioned
  bool drop_element_ = false;                   // the element just read is optional and not known
  size_t unknown_fields_ = 0;
  size_t deprecated_uses_ = 0;
};

}  // namespace baton::config
