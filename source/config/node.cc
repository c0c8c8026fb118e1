#include "source/config/node.h"

#include <algorithm>
#include <fmt/format.h>

namespace baton::config {

const Node* Node::find(std::string_view key) const {
  if (!isMap()) return nullptr;
  for (size_t i = 0; i + 1 < children.size(); i += 2) {
    if (children[i]->scalar == key) return children[i + 1];
  }
  return nullptr;
}

bool sameValue(const Node& a, const Node& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.size != b.size || a.scalar != b.scalar || a.children.size() != b.children.size()) {
    return false;
  }
  return std::equal(a.children.begin(), a.children.end(), b.children.begin(),
                    [](const Node* left, const Node* right) { return sameValue(*left, *right); });
}

Node& NodeStore::add(Node::Kind kind, uint8_t file, uint32_t line, uint32_t column) {
  Node& node = nodes.emplace_back();
  node.kind = kind;
  node.file = file;
  node.line = line;
  node.column = column;
  return node;
}

std::string NodeStore::place(const Node& node) const {
  return fmt::format("{}:{}:{}", files[node.file], node.line, node.column);
}

void closeContainer(Node& node) {
  node.size = 1;
  node.depth = 1;
  for (const Node* child : node.children) {
    node.size += child->size;
    node.depth = std::max(node.depth, child->depth + 1);
  }
}

}  // namespace baton::config
