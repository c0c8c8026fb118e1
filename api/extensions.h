// The extension points: which types a typed_config may hold where. Any thread.
#pragma once

#include <string_view>
#include <vector>

namespace baton::api {

struct MessageDescription;

struct Extension {
  const MessageDescription* description;
  // Envoy's well-known names, now and before v3; a filter of these may leave typed_config out: it needs no settings.
  std::vector<std::string_view> legacy_names;
};

struct ExtensionCategory {
  std::string_view name;   // as in FieldOptions::category
  std::string_view label;  // "HTTP filter"
  std::vector<Extension> extensions;
  // Beginnings of Envoy's types that we do not have.
  std::vector<std::string_view> unsupported;

  const MessageDescription* find(std::string_view type) const;
  const MessageDescription* findLegacy(std::string_view extension_name) const;
};

const std::vector<ExtensionCategory>& extensionCategories();
// Precondition: there is such a category.
const ExtensionCategory& extensionCategory(std::string_view name);

}  // namespace baton::api
