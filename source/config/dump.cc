#include <cstring>

#include <boost/json.hpp>

#include "api/description.h"
#include "api/typed_config.h"
#include "api/value.h"

#include "source/base/strings.h"
#include "source/config/loader.h"
#include "source/config/pretty_json.h"
#include "source/config/scalars.h"

namespace baton::config {
namespace {

namespace json = boost::json;
using api::FieldDescription;
using api::Kind;
using api::Shape;

json::value freeForm(const api::Value& value) {
  if (const auto* boolean = value.boolean()) return *boolean;
  if (const auto* integer = value.integer()) return *integer;
  if (const auto* number = value.number()) return *number;
  if (const auto* text = value.string()) return json::string(*text);
  if (const auto* list = value.list()) {
    json::array array;
    for (const api::Value& element : *list) array.push_back(freeForm(element));
    return array;
  }
  if (const auto* object = value.object()) {
    json::object members;
    for (const auto& [key, member] : *object) members.insert_or_assign(key, freeForm(member));
    return members;
  }
  return nullptr;
}

json::object messageToJson(const api::MessageDescription& message, const void* object, bool secret);

json::value scalarToJson(const FieldDescription& field, const void* value, bool secret) {
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
      return *static_cast<const double*>(value);
    case Kind::kString: {
      const auto& text = *static_cast<const std::string*>(value);
      // The names of files and variables are no secrets, what is written in place is.
      const bool hide = secret && (field.name == "inline_string" || field.name == "inline_bytes");
      const bool bytes = field.options.format == api::Format::kBytes;
      if (hide) return json::string(bytes ? base::base64Encode("[redacted]") : "[redacted]");
      return json::string(bytes ? base::base64Encode(text) : text);
    }
    case Kind::kDuration:
      return json::string(formatDuration(*static_cast<const api::Milliseconds*>(value)));
    case Kind::kEnum: {
      int number = 0;
      std::memcpy(&number, value, sizeof(number));
      const auto* named = field.access->enumeration().findNumber(number);
      return named != nullptr ? json::value(json::string(named->name)) : json::value(number);
    }
    case Kind::kMessage:
      return messageToJson(field.access->message(), value, secret || field.options.secret);
    case Kind::kAny: {
      const auto& config = *static_cast<const api::TypedConfig*>(value);
      if (!config) return nullptr;
      json::object settings;
      settings["@type"] = "type.googleapis.com/" + std::string(config.description().type);
      for (auto& [key, member] : messageToJson(config.description(), config.data(), secret)) settings[key] = member;
      return settings;
    }
    case Kind::kValue:
      return freeForm(*static_cast<const api::Value*>(value));
  }
  return nullptr;
}

json::value fieldToJson(const FieldDescription& field, const void* object, bool secret) {
  struct Context {
    const FieldDescription& field;
    bool secret;
    json::value result;
  } context{field, secret, {}};
  if (field.access->shape == Shape::kRepeated) context.result = json::array();
  if (field.access->shape == Shape::kMap) context.result = json::object();
  field.access->visit(field.member_of(object), &context, [](void* raw, std::string_view key, const void* value) {
    auto& into = *static_cast<Context*>(raw);
    json::value element = scalarToJson(into.field, value, into.secret);
    if (auto* array = into.result.if_array()) {
      if (into.field.access->shape == Shape::kRepeated) return array->push_back(std::move(element));
    }
    if (into.field.access->shape == Shape::kMap) {
      into.result.as_object().insert_or_assign(key, std::move(element));
    } else {
      into.result = std::move(element);
    }
  });
  return std::move(context.result);
}

bool saysNothing(const FieldDescription& field, const json::value& value) {
  if (value.is_null()) return true;
  if (field.access->shape == Shape::kRepeated) return value.as_array().empty();
  if (field.access->shape == Shape::kMap) return value.as_object().empty();
  const bool plain_message = field.access->shape == Shape::kPlain && field.access->kind == Kind::kMessage;
  return plain_message && value.as_object().empty();
}

json::object messageToJson(const api::MessageDescription& message, const void* object, bool secret) {
  json::object members;
  for (const FieldDescription& field : message.fields) {
    if (field.access == nullptr) continue;
    json::value value = fieldToJson(field, object, secret);
    if (saysNothing(field, value)) continue;
    if (field.access->shape == Shape::kPlain && field.access->kind != Kind::kMessage &&
        value == fieldToJson(field, message.defaults(), secret)) {
      continue;
    }
    members[field.name] = std::move(value);
  }
  return members;
}

}  // namespace

std::string dumpJson(const api::Bootstrap& bootstrap) {
  return prettyJson(messageToJson(describe(static_cast<const api::Bootstrap*>(nullptr)), &bootstrap, false));
}

}  // namespace baton::config
