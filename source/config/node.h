// A parsed configuration text: nodes with the place where each was written. Aliases are shared nodes, so what looks
// like a tree is a graph without cycles whose unfolded size and depth are bounded. Main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace baton::config {

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar that is text whatever it looks like
  uint8_t file = 0;     // index into NodeStore::files
  uint32_t line = 1;
  uint32_t column = 1;
  uint32_t depth = 1;  // levels below and with this one
  size_t size = 1;     // nodes below and with this one, aliases unfolded
  std::string scalar;
  std::vector<Node*> children;  // of a map: key, value, key, value ...

  bool isNull() const { return kind == Kind::kNull; }
  bool isScalar() const { return kind == Kind::kScalar; }
  bool isList() const { return kind == Kind::kList; }
  bool isMap() const { return kind == Kind::kMap; }
  // A scalar without quotes that says `text`.
  bool isPlain(std::string_view text) const { return isScalar() && !quoted && scalar == text; }
  // The value under `key` of a map; null when there is none.
  const Node* find(std::string_view key) const;
};

// Equal values, wherever they were written.
bool sameValue(const Node& a, const Node& b);

// Owns the nodes of all texts that make up one configuration.
struct NodeStore {
  std::deque<Node> nodes;
  std::vector<std::string> files;

  Node& add(Node::Kind kind, uint8_t file, uint32_t line, uint32_t column);
  // "<file>:<line>:<column>"
  std::string place(const Node& node) const;
};

inline constexpr size_t kMaxTextBytes = 16 << 20;
inline constexpr uint32_t kMaxDepth = 100;
inline constexpr size_t kMaxNodes = 4'000'000;
inline constexpr size_t kMaxAliasNodes = 10'000;

// Bounds that both parsers keep: sizes add up as a container is closed.
void closeContainer(Node& node);

}  // namespace baton::config
