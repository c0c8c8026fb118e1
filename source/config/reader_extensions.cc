// How the reader chooses the type of an extension's settings.
#include <fmt/format.h>

#include "api/extensions.h"
#include "api/typed_config.h"

#include "source/base/strings.h"
#include "source/config/legacy.h"
#include "source/config/reader.h"
#include "source/config/scalars.h"

namespace baton::config {
namespace {

std::string withArticle(std::string_view label) {
  const bool vowel = std::string_view("aeiouH").find(label.front()) != std::string_view::npos;
  return fmt::format("{} {}", vowel ? "an" : "a", label);
}

// Of a URL the part behind the last slash.
std::string_view nameOfType(std::string_view url) {
  return url.substr(url.rfind('/') + 1);
}

// The type that a misspelt one was meant to be. Long names of different extensions are near each other, so the parts
// between dots are compared one by one, and one of them may differ.
std::string_view nearestType(std::string_view type, const api::ExtensionCategory& category) {
  const std::vector<std::string_view> parts = base::split(type, '.');
  for (const api::Extension& extension : category.extensions) {
    const std::vector<std::string_view> known = base::split(extension.description->type, '.');
    if (known.size() != parts.size()) continue;
    size_t different = 0;
    bool near = true;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] == known[i]) continue;
      ++different;
      near = near && !suggestion(parts[i], {known[i]}).empty();
    }
    if (different == 1 && near) return extension.description->type;
  }
  return {};
}

}  // namespace

void Reader::readAny(const Node& node, const api::FieldDescription& field, api::TypedConfig& value,
                     const Node& parent) {
  const api::ExtensionCategory& category = api::extensionCategory(field.options.category);
  if (!node.isMap()) {
    error(node, fmt::format("expected a map with an \"@type\", found {}", found(node)));
    return;
  }
  const Node* type_node = node.find("@type");
  if (type_node == nullptr || !type_node->isScalar()) {
    if (type_node == nullptr && node.children.empty() && readLegacyAny(node, field, value, parent)) return;
    error(node, fmt::format("the \"@type\" is missing, which says what kind of {} this is", category.label));
    return;
  }
  const std::string_view type = nameOfType(type_node->scalar);
  if (type == "udpa.type.v1.TypedStruct" || type == "xds.type.v3.TypedStruct") {
    readTypedStruct(node, field, value, parent);
    return;
  }
  const api::MessageDescription* description = category.find(type);
  if (description == nullptr) {
    unknownType(*type_node, type, category, parent);
    return;
  }
  const std::shared_ptr<void> object = description->make();
  readMessage(node, *description, object.get());
  value = api::TypedConfig(*description, object);
}

void Reader::readTypedStruct(const Node& node, const api::FieldDescription& field, api::TypedConfig& value,
                             const Node& parent) {
  const api::ExtensionCategory& category = api::extensionCategory(field.options.category);
  const Node* url = node.find("type_url");
  if (url == nullptr) url = node.find("typeUrl");
  if (url == nullptr || !url->isScalar()) {
    error(node, fmt::format("the type_url is missing, which says what kind of {} this is", category.label));
    return;
  }
  const api::MessageDescription* description = category.find(nameOfType(url->scalar));
  if (description == nullptr) {
    unknownType(*url, nameOfType(url->scalar), category, parent);
    return;
  }
  const std::shared_ptr<void> object = description->make();
  const Node* settings = node.find("value");
  // The path is the one of settings in their own place, so that later checks find them.
  if (settings != nullptr && !settings->isNull()) readMessage(*settings, *description, object.get());
  value = api::TypedConfig(*description, object);
}

bool Reader::readLegacyAny(const Node& at, const api::FieldDescription& field, api::TypedConfig& value,
                           const Node& parent) {
  const Node* name = parent.find("name");
  if (name == nullptr || !name->isScalar()) return false;
  const auto* description = api::extensionCategory(field.options.category).findLegacy(name->scalar);
  if (description == nullptr) return false;
  value = api::TypedConfig(*description, description->make());
  warning(at, fmt::format("no typed_config; '{}' is taken for {} with its defaults", name->scalar, description->type));
  return true;
}

void Reader::unknownType(const Node& at, std::string_view type, const api::ExtensionCategory& category,
                         const Node& parent) {
  const Node* optional = parent.find("is_optional");
  if (optional == nullptr) optional = parent.find("isOptional");
  if (optional != nullptr && parseBool(*optional).value_or(false)) {
    warning(at, fmt::format("optional {} '{}' is not known and left out", category.label, shown(type)));
    drop_element_ = true;
    return;
  }
  if (isOutdatedType(type)) {
    const std::string_view successor = successorOf(type, category);
    error(at, fmt::format("v2 API type '{}'; use {}", shown(type), successor.empty() ? "its v3 successor" : successor));
    return;
  }
  for (const api::ExtensionCategory& other : api::extensionCategories()) {
    if (other.find(type) == nullptr) continue;
    error(at, fmt::format("'{}' is {}, expected {}", type, withArticle(other.label), withArticle(category.label)));
    return;
  }
  if (const std::string_view nearest = nearestType(type, category); !nearest.empty()) {
    error(at, fmt::format("unknown {} '{}'; did you mean '{}'?", category.label, shown(type), nearest));
    return;
  }
  for (const std::string_view beginning : category.unsupported) {
    if (!type.starts_with(beginning)) continue;
    error(at, fmt::format("unsupported {} '{}' (not implemented); remove it", category.label, shown(type)));
    return;
  }
  std::string known;
  for (const api::Extension& extension : category.extensions) {
    known += fmt::format("{}'{}'", known.empty() ? "" : ", ", extension.description->type);
  }
  error(at, fmt::format("unknown {} '{}'; known are {}", category.label, shown(type), known));
}

}  // namespace baton::config
