#include "source/config/parse_yaml.h"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "source/base/strings.h"
#include "source/base/utf8.h"
#include "source/config/flow_depth.h"

namespace baton::config {
namespace {

// What a handler throws through the parser, which has no other way to stop.
struct Refused {
  YAML::Mark mark;
  std::string message;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(NodeStore& store, uint8_t file) : store_(store), file_(file) {}

  Node* root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node& node = add(Node::Kind::kNull, mark);
    remember(anchor, node);
    attach(mark, node);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node& node = add(Node::Kind::kScalar, mark);
    // yaml-cpp's tags of untagged scalars: "?" for plain ones, "!" for quoted ones.
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    node.scalar = value;
    remember(anchor, node);
    attach(mark, tag == "!ignore" ? ignored(node) : node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end() || it->second.open) throw Refused{mark, "an alias inside of what it stands for"};
    const Node& target = *it->second.node;
    if (target.size > kMaxAliasNodes) {
      throw Refused{
          mark, fmt::format("an alias that stands for {} nodes; at most {} are allowed", target.size, kMaxAliasNodes)};
    }
    attach(mark, *it->second.node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Anchor {
    Node* node;
    bool open;
  };
  struct Level {
    Node* node;
    YAML::anchor_t anchor;
    bool ignored;
    YAML::Mark mark;
    bool drop_next = false;  // the last key was tagged !ignore
  };

  Node& add(Node::Kind kind, const YAML::Mark& mark) {
    return store_.add(kind, file_, static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1));
  }

  Node& ignored(Node& node) {
    ignored_ = &node;
    return node;
  }

  void remember(YAML::anchor_t anchor, Node& node) {
    if (anchor != 0) anchors_[anchor] = {&node, false};
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (levels_.size() >= kMaxDepth) throw Refused{mark, fmt::format("nested deeper than {} levels", kMaxDepth)};
    Node& node = add(kind, mark);
    if (anchor != 0) anchors_[anchor] = {&node, true};
    levels_.push_back({&node, anchor, tag == "!ignore", mark});
  }

  void close() {
    const Level level = levels_.back();
    levels_.pop_back();
    if (level.node->isMap()) tidyMap(level);
    closeContainer(*level.node);
    if (level.anchor != 0) anchors_[level.anchor].open = false;
    attach(level.mark, level.ignored ? ignored(*level.node) : *level.node);
  }

  void attach(const YAML::Mark& mark, Node& node) {
    const bool drop = std::exchange(ignored_, nullptr) == &node;
    total_ += node.size;
    if (total_ > kMaxNodes) throw Refused{mark, fmt::format("more than {} nodes with aliases unfolded", kMaxNodes)};
    if (levels_.size() + node.depth > kMaxDepth + 1) {
      throw Refused{mark, fmt::format("nested deeper than {} levels", kMaxDepth)};
    }
    if (levels_.empty()) {
      root_ = &node;
      return;
    }
    Node& parent = *levels_.back().node;
    if (parent.isList()) {
      if (!drop) parent.children.push_back(&node);
      return;
    }
    const bool is_key = parent.children.size() % 2 == 0;
    if (is_key && !node.isScalar()) {
      if (!node.isNull()) throw Refused{mark, "a key that is not a scalar"};
      Node& named = add(Node::Kind::kScalar, mark);
      named.scalar = "null";
      parent.children.push_back(&named);
      return;
    }
    if (is_key) {
      levels_.back().drop_next = drop;
    } else if (drop || levels_.back().drop_next) {
      parent.children.pop_back();
      return;
    }
    parent.children.push_back(&node);
  }

  // YAML's merge key: the fields of one map or several, where the map has none of its own.
  void tidyMap(const Level& level) {
    Node& map = *level.node;
    bool merges = false;
    for (size_t i = 0; i < map.children.size(); i += 2) merges = merges || map.children[i]->isPlain("<<");
    if (!merges) return;
    std::vector<Node*> own;
    std::vector<Node*> sources;
    for (size_t i = 0; i < map.children.size(); i += 2) {
      if (!map.children[i]->isPlain("<<")) {
        own.insert(own.end(), {map.children[i], map.children[i + 1]});
      } else if (map.children[i + 1]->isList()) {
        sources.insert(sources.end(), map.children[i + 1]->children.begin(), map.children[i + 1]->children.end());
      } else {
        sources.push_back(map.children[i + 1]);
      }
    }
    map.children = std::move(own);
    for (const Node* source : sources) {
      if (!source->isMap()) throw Refused{level.mark, "<< needs a map, or a list of maps"};
      for (size_t i = 0; i < source->children.size(); i += 2) {
        if (map.find(source->children[i]->scalar) != nullptr) continue;
        map.children.insert(map.children.end(), {source->children[i], source->children[i + 1]});
      }
      if (map.children.size() > 2 * kMaxAliasNodes) throw Refused{level.mark, "<< merges too many fields"};
    }
  }

  NodeStore& store_;
  uint8_t file_;
  Node* root_ = nullptr;
  Node* ignored_ = nullptr;
  size_t total_ = 0;
  std::vector<Level> levels_;
  std::unordered_map<YAML::anchor_t, Anchor> anchors_;
};

base::Error at(const std::string& name, const YAML::Mark& mark, std::string_view message) {
  return {base::ErrorCode::kInvalidArgument,
          fmt::format("{}:{}:{}: {}", name, mark.line + 1, mark.column + 1, message)};
}

// A tab that indents the line of an error or the one before, which is the cause of it then.
std::optional<YAML::Mark> indentingTab(std::string_view text, const YAML::Mark& error) {
  const std::vector<std::string_view> lines = base::split(text, '\n');
  for (int line = std::max(error.line - 1, 0); line <= error.line && line < static_cast<int>(lines.size()); ++line) {
    const std::string_view indent = lines[static_cast<size_t>(line)];
    const size_t tab = indent.find_first_not_of(' ');
    if (tab == std::string_view::npos || indent[tab] != '\t') continue;
    YAML::Mark mark;
    mark.line = line;
    mark.column = static_cast<int>(tab);
    return mark;
  }
  return std::nullopt;
}

}  // namespace

std::optional<base::Error> notUtf8(const std::string& name, std::string_view text) {
  const auto offset = base::findNotUtf8(text);
  if (!offset) return std::nullopt;
  const std::string_view before = text.substr(0, *offset);
  const size_t line_start = before.rfind('\n') + 1;
  return base::Error{base::ErrorCode::kInvalidArgument,
                     fmt::format("{}:{}:{}: byte 0x{:02X} is not UTF-8", name, 1 + std::ranges::count(before, '\n'),
                                 *offset - line_start + 1, static_cast<unsigned char>(text[*offset]))};
}

base::Result<Node*> parseYaml(NodeStore& store, std::string name, std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return at(name, {}, fmt::format("larger than {} bytes", kMaxTextBytes));
  }
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return at(name, {}, fmt::format("a NUL byte at offset {}; this is not a YAML text", zero));
  }
  if (const auto wrong = notUtf8(name, text)) return *wrong;
  if (const auto place = deeperThan(text, kMaxDepth)) {
    return base::Error{base::ErrorCode::kInvalidArgument, fmt::format("{}:{}:{}: nested deeper than {} levels", name,
                                                                      place->line, place->column, kMaxDepth)};
  }
  const auto file = static_cast<uint8_t>(store.files.size());
  store.files.push_back(name);
  TreeBuilder builder(store, file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || builder.root() == nullptr) return at(name, {}, "no configuration in it");
    Node* root = builder.root();
    if (parser.HandleNextDocument(builder)) {
      return base::Error{base::ErrorCode::kInvalidArgument,
                         store.place(*builder.root()) + ": a second document; one is expected"};
    }
    return root;
  } catch (const Refused& refused) {
    return at(name, refused.mark, refused.message);
  } catch (const YAML::Exception& error) {
    if (const auto tab = indentingTab(text, error.mark)) {
      return at(name, *tab, "not valid YAML: a tab in the indentation; YAML wants spaces there");
    }
    return at(name, error.mark, fmt::format("not valid YAML: {}", error.msg));
  } catch (const std::exception& error) {
    return at(name, {}, fmt::format("not valid YAML: {}", error.what()));
  }
}

}  // namespace baton::config
