#include "source/config/schema.h"

#include <cmath>
#include <cstring>
#include <set>
#include <vector>

#include <boost/json.hpp>

#include "api/bootstrap.h"
#include "api/description.h"
#include "api/extensions.h"

#include "source/base/strings.h"
#include "source/config/pretty_json.h"
#include "source/config/scalars.h"

namespace baton::config {
namespace {

namespace json = boost::json;
using api::FieldDescription;
using api::Kind;
using api::MessageDescription;
using api::Shape;

std::string reference(std::string_view name) {
  return "#/$defs/" + std::string(name);
}

// Whole numbers without a fraction, as JSON readers expect of limits on integers.
json::value number(double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15) return static_cast<int64_t>(value);
  return value;
}

class SchemaBuilder {
 public:
  json::object build() {
    json::object schema;
    schema["$schema"] = "http://json-schema.org/draft-07/schema#";
    schema["$id"] = "baton/bootstrap.schema.json";
    schema["title"] = "Baton bootstrap";
    schema["$ref"] = reference(use(describe(static_cast<const api::Bootstrap*>(nullptr))));
    // Describing a message can name others, which are appended.
    for (size_t i = 0; i < pending_.size(); ++i) {
      definitions_.emplace_back(pending_[i]->name, messageSchema(*pending_[i]));
    }
    json::object defs;
    for (const api::ExtensionCategory& category : api::extensionCategories()) {
      defs["any." + std::string(category.name)] = extensionSchema(category);
    }
    for (size_t i = definitions_.size(); i < pending_.size(); ++i) {
      definitions_.emplace_back(pending_[i]->name, messageSchema(*pending_[i]));
    }
    for (auto& [name, definition] : definitions_) defs[name] = std::move(definition);
    schema["$defs"] = std::move(defs);
    return schema;
  }

 private:
  std::string_view use(const MessageDescription& message) {
    if (used_.insert(&message).second) pending_.push_back(&message);
    return message.name;
  }

  json::object messageSchema(const MessageDescription& message) {
    json::object schema;
    schema["description"] = message.doc;
    schema["type"] = json::array{"object", "null"};
    json::object properties;
    if (!message.type.empty()) properties["@type"] = json::object{{"type", "string"}};
    for (const FieldDescription& field : message.fields) {
      if (field.support == api::Support::kNo || field.support == api::Support::kNoObservability) continue;
      json::value property = field.access == nullptr ? json::object{{"description", "Accepted, without effect."}}
                                                     : fieldSchema(field, message);
      const std::string camel = api::camelCase(field.name);
      if (camel != field.name) properties[camel] = json::object{{"$ref", propertyReference(message, field)}};
      properties[field.name] = std::move(property);
    }
    schema["properties"] = std::move(properties);
    schema["additionalProperties"] = false;
    return schema;
  }

  static std::string propertyReference(const MessageDescription& message, const FieldDescription& field) {
    return reference(message.name) + "/properties/" + std::string(field.name);
  }

  json::object fieldSchema(const FieldDescription& field, const MessageDescription& message) {
    json::object schema;
    std::string doc(field.doc);
    if (field.options.ours) doc += " Not a field of Envoy's.";
    schema["description"] = doc;
    if (field.options.deprecated != nullptr) schema["deprecated"] = true;
    json::object value = valueSchema(field);
    switch (field.access->shape) {
      case Shape::kPlain:
      case Shape::kOptional:
        if (value.contains("$ref")) {
          schema["allOf"] = json::array{value};
        } else {
          for (auto& [key, member] : value) schema[key] = member;
        }
        break;
      case Shape::kRepeated: {
        json::object list{{"type", "array"}, {"items", value}};
        if (field.options.min_items != 0) list["minItems"] = field.options.min_items;
        if (field.options.max_items != 0) list["maxItems"] = field.options.max_items;
        schema["anyOf"] = json::array{list, value, json::object{{"type", "null"}}};
        break;
      }
      case Shape::kMap:
        schema["type"] = json::array{"object", "null"};
        schema["additionalProperties"] = value;
        break;
    }
    if (field.access->shape == Shape::kPlain && field.access->kind != Kind::kMessage &&
        field.access->kind != Kind::kAny) {
      schema["default"] = defaultOf(field, message);
    }
    return schema;
  }

  static json::value defaultOf(const FieldDescription& field, const MessageDescription& message) {
    const void* value = field.member_of(message.defaults());
    switch (field.access->kind) {
      case Kind::kBool:
        return *static_cast<const bool*>(value);
      case Kind::kUint32:
        return *static_cast<const uint32_t*>(value);
      case Kind::kUint64:
        return *static_cast<const uint64_t*>(value);
      case Kind::kInt64:
        return *static_cast<const int64_t*>(value);
      case Kind::kDouble:
        return number(*static_cast<const double*>(value));
      case Kind::kString:
        return json::string(*static_cast<const std::string*>(value));
      case Kind::kDuration:
        return json::string(formatDuration(*static_cast<const api::Milliseconds*>(value)));
      case Kind::kEnum: {
        int chosen = 0;
        std::memcpy(&chosen, value, sizeof(chosen));
        return json::string(field.access->enumeration().findNumber(chosen)->name);
      }
      default:
        return nullptr;
    }
  }

  json::object valueSchema(const FieldDescription& field) {
    switch (field.access->kind) {
      case Kind::kBool:
        return {{"type", "boolean"}};
      case Kind::kUint32:
      case Kind::kUint64:
      case Kind::kInt64:
      case Kind::kDouble: {
        json::object schema{{"type", field.access->kind == Kind::kDouble ? "number" : "integer"}};
        if (field.access->kind != Kind::kInt64) schema["minimum"] = number(field.options.min.value_or(0));
        if (field.options.max) {
          schema["maximum"] = number(*field.options.max);
        } else if (field.access->kind == Kind::kUint32) {
          schema["maximum"] = UINT32_MAX;
        }
        return schema;
      }
      case Kind::kString: {
        // Numbers and words that YAML takes for something else are text here.
        json::object schema{{"type", json::array{"string", "number", "boolean"}}};
        if (field.options.nonempty) schema["minLength"] = 1;
        if (field.options.max_length != 0) schema["maxLength"] = field.options.max_length;
        return schema;
      }
      case Kind::kDuration:
        return {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]{1,9})?s$"}};
      case Kind::kEnum: {
        json::array names;
        json::array numbers;
        for (const api::EnumValue& value : field.access->enumeration().values) {
          if (!value.supported) continue;
          names.push_back(json::string(value.name));
          if (const std::string lower = base::lower(value.name); lower != value.name)
            names.push_back(json::string(lower));
          numbers.push_back(value.number);
        }
        for (const json::value& value : numbers) names.push_back(value);
        return {{"enum", names}};
      }
      case Kind::kMessage:
        return {{"$ref", reference(use(field.access->message()))}};
      case Kind::kAny:
        return {{"$ref", reference("any." + std::string(field.options.category))}};
      case Kind::kValue:
        return {{"type", "object"}};
    }
    return {};
  }

  // The @type chooses the rest.
  json::object extensionSchema(const api::ExtensionCategory& category) {
    json::array types;
    json::array choices;
    for (const api::Extension& extension : category.extensions) {
      const std::string url = "type.googleapis.com/" + std::string(extension.description->type);
      types.push_back(json::string(url));
      choices.push_back(json::object{
          {"if", {{"properties", {{"@type", {{"const", url}}}}}, {"required", json::array{"@type"}}}},
          {"then", {{"$ref", reference(use(*extension.description))}}},
      });
    }
    return {
        {"type", json::array{"object", "null"}}, {"properties", {{"@type", {{"enum", types}}}}}, {"allOf", choices}};
  }

  std::set<const MessageDescription*> used_;
  std::vector<const MessageDescription*> pending_;
  std::vector<std::pair<std::string, json::object>> definitions_;
};

}  // namespace

std::string bootstrapSchema() {
  return prettyJson(SchemaBuilder().build()) + "\n";
}

}  // namespace baton::config
