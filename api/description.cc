#include "api/description.h"

#include <utility>

#include "api/value.h"

namespace baton::api {

const MessageDescription& describe(const Empty*) {
  static const MessageDescription description(
      "Empty", "google.protobuf.Empty", "A message without fields.", {},
      []() -> std::shared_ptr<void> { return std::make_shared<Empty>(); }, {}, nullptr);
  return description;
}

const EnumValue* EnumDescription::findNumber(int number) const {
  for (const EnumValue& value : values) {
    if (value.number == number) return &value;
  }
  return nullptr;
}

MessageDescription::MessageDescription(std::string_view name, std::string_view type, std::string_view doc,
                                       std::vector<OneofDescription> oneofs, std::shared_ptr<void> (*make)(),
                                       std::vector<FieldDescription> fields, void (*normalize)(void* object))
    : name(name),
      type(type),
      doc(doc),
      oneofs(std::move(oneofs)),
      make(make),
      fields(std::move(fields)),
      normalize(normalize),
      defaults_(make()) {
  camel_names_.reserve(this->fields.size());
  for (const FieldDescription& field : this->fields) {
    camel_names_.push_back(camelCase(field.name));
    by_name_.emplace(field.name, &field);
    by_name_.emplace(camel_names_.back(), &field);
  }
}

const FieldDescription* MessageDescription::find(std::string_view field_name) const {
  const auto it = by_name_.find(field_name);
  return it == by_name_.end() ? nullptr : it->second;
}

std::string camelCase(std::string_view snake_case) {
  std::string camel;
  camel.reserve(snake_case.size());
  bool upper = false;
  for (const char c : snake_case) {
    if (c == '_') {
      upper = true;
      continue;
    }
    camel.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
    upper = false;
  }
  return camel;
}

}  // namespace baton::api
