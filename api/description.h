// What a user can write, as data: each message with its fields, types, limits and a line of documentation, described
// once beside its struct. The YAML reader, the JSON Schema, the dump and the reference docs all walk these tables. They
// are built on first use and never change; any thread may read them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace baton::api {

struct MessageDescription;

struct EnumValue {
  std::string_view name;
  int number;
  bool supported = true;
};

struct EnumDescription {
  std::string_view name;
  std::vector<EnumValue> values;

  const EnumValue* findNumber(int number) const;
};

enum class Kind { kBool, kUint32, kUint64, kInt64, kDouble, kString, kDuration, kEnum, kMessage, kAny, kValue };
enum class Shape { kPlain, kOptional, kRepeated, kMap };

// Rules for strings that go beyond their length.
enum class Format {
  kPlain,
  kBytes,           // base64 in the file, bytes in the struct
  kHeaderName,      // a token, or a pseudo-header
  kNoControls,      // no control characters
  kRegex,           // compiles as RE2 within the limits
  kCommaSeparated,  // each string may hold several values
  kResponseFlag,    // a response flag of the access log
};

struct FieldOptions {
  bool required = false;
  bool nonempty = false;
  bool secret = false;  // never printed
  bool ours = false;    // Envoy has no such field
  Format format = Format::kPlain;
  std::optional<double> min;  // of a number, or of a duration in milliseconds
  std::optional<double> max;
  size_t min_items = 0;
  size_t max_items = 0;   // 0: no limit
  size_t max_length = 0;  // 0: no limit
  std::string_view oneof;
  const char* deprecated = nullptr;  // null: it is not; else the field to use instead, which may be empty
  std::string_view category;         // of the extensions that a typed_config may hold
};

// Type-erased access to a struct's member. `value` is one value: the member itself, what its optional holds, or one
// element of its vector or map.
struct MemberAccess {
  Kind kind;
  Shape shape;
  const MessageDescription& (*message)() = nullptr;
  const EnumDescription& (*enumeration)() = nullptr;
  // Room for a value: the plain member, the optional made full, a new element (of a map: under `key`).
  void* (*add)(void* member, std::string_view key) = nullptr;
  void (*clear)(void* member) = nullptr;
  void (*remove_last)(void* member) = nullptr;   // of a repeated member
  size_t (*size)(const void* member) = nullptr;  // of a plain member 1
  using Visitor = void (*)(void* context, std::string_view key, const void* value);
  void (*visit)(const void* member, void* context, Visitor visitor) = nullptr;
};

enum class Support { kYes, kIgnored, kNo, kNoObservability };

struct FieldDescription {
  std::string_view name;
  std::string_view doc;  // of an unsupported field: what is not implemented
  FieldOptions options;
  Support support = Support::kYes;
  const MemberAccess* access = nullptr;  // null unless supported
  void* (*member)(void* object) = nullptr;

  const void* member_of(const void* object) const { return member(const_cast<void*>(object)); }
};

struct OneofDescription {
  std::string_view name;
  bool required = false;
};

struct MessageDescription {
  MessageDescription(std::string_view name, std::string_view type, std::string_view doc,
                     std::vector<OneofDescription> oneofs, std::shared_ptr<void> (*make)(),
                     std::vector<FieldDescription> fields, void (*normalize)(void* object));

  // By snake_case or lowerCamelCase name; null when there is none.
  const FieldDescription* find(std::string_view field_name) const;
  // A value with all defaults.
  const void* defaults() const { return defaults_.get(); }

  std::string_view name;  // of the C++ struct
  std::string_view type;  // Envoy's full name; empty when no @type names it
  std::string_view doc;
  std::vector<OneofDescription> oneofs;
  std::shared_ptr<void> (*make)();
  std::vector<FieldDescription> fields;
  // Moves what deprecated fields say to the fields that replace them, so that nobody else has to know the old ones.
  // May be null.
  void (*normalize)(void* object);

 private:
  std::vector<std::string> camel_names_;
  std::unordered_map<std::string_view, const FieldDescription*> by_name_;
  std::shared_ptr<void> defaults_;
};

std::string camelCase(std::string_view snake_case);

}  // namespace baton::api
