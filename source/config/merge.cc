#include "source/config/merge.h"

#include <vector>

#include "api/description.h"
#include "api/extensions.h"

namespace baton::config {
namespace {

Node* concatenate(NodeStore& store, Node* first, Node* second) {
  Node& list = store.add(Node::Kind::kList, first->file, first->line, first->column);
  for (Node* part : {first, second}) {
    if (part->isList()) {
      list.children.insert(list.children.end(), part->children.begin(), part->children.end());
    } else {
      list.children.push_back(part);
    }
  }
  closeContainer(list);
  return &list;
}

const api::MessageDescription* typeOf(const Node& settings, std::string_view category) {
  const Node* type = settings.find("@type");
  if (type == nullptr || !type->isScalar()) return nullptr;
  return api::extensionCategory(category).find(std::string_view(type->scalar).substr(type->scalar.rfind('/') + 1));
}

Node* mergeValue(NodeStore& store, Node* base, Node* overlay, const api::FieldDescription& field) {
  if (overlay->isNull()) return base;
  if (field.access == nullptr || base->isNull()) return overlay;
  if (field.access->shape == api::Shape::kRepeated) return concatenate(store, base, overlay);
  if (!base->isMap() || !overlay->isMap()) return overlay;
  if (field.access->shape == api::Shape::kMap) {
    Node& merged = store.add(Node::Kind::kMap, base->file, base->line, base->column);
    for (size_t i = 0; i + 1 < base->children.size(); i += 2) {
      if (overlay->find(base->children[i]->scalar) != nullptr) continue;
      merged.children.insert(merged.children.end(), {base->children[i], base->children[i + 1]});
    }
    merged.children.insert(merged.children.end(), overlay->children.begin(), overlay->children.end());
    closeContainer(merged);
    return &merged;
  }
  if (field.access->kind == api::Kind::kMessage) return merge(store, base, overlay, field.access->message());
  if (field.access->kind == api::Kind::kAny) {
    const auto* description = typeOf(*base, field.options.category);
    if (description != nullptr && description == typeOf(*overlay, field.options.category)) {
      return merge(store, base, overlay, *description);
    }
  }
  return overlay;
}

}  // namespace

Node* merge(NodeStore& store, Node* base, Node* overlay, const api::MessageDescription& message) {
  if (overlay->isNull()) return base;
  if (!base->isMap() || !overlay->isMap()) return overlay;
  Node& merged = store.add(Node::Kind::kMap, base->file, base->line, base->column);
  std::vector<const api::FieldDescription*> taken;
  for (size_t i = 0; i + 1 < base->children.size(); i += 2) {
    const auto* field = message.find(base->children[i]->scalar);
    Node* value = base->children[i + 1];
    bool replaced = false;
    for (size_t j = 0; j + 1 < overlay->children.size() && field != nullptr; j += 2) {
      const auto* other = message.find(overlay->children[j]->scalar);
      if (other == nullptr || overlay->children[j + 1]->isNull()) continue;
      if (other == field) {
        value = mergeValue(store, value, overlay->children[j + 1], *field);
        taken.push_back(field);
      } else if (!field->options.oneof.empty() && field->options.oneof == other->options.oneof) {
        replaced = true;
      }
    }
    if (!replaced) merged.children.insert(merged.children.end(), {base->children[i], value});
  }
  for (size_t j = 0; j + 1 < overlay->children.size(); j += 2) {
    Node* key = overlay->children[j];
    const auto* field = message.find(key->scalar);
    bool done = (key->scalar == "@type" && base->find("@type") != nullptr) ||
                (field != nullptr && overlay->children[j + 1]->isNull());
    for (const auto* seen : taken) done = done || (field != nullptr && seen == field);
    if (!done) merged.children.insert(merged.children.end(), {key, overlay->children[j + 1]});
  }
  closeContainer(merged);
  return &merged;
}

}  // namespace baton::config
