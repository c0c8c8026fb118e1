#include <cstdlib>
#include <fmt/format.h>
#include <optional>

#include "source/config/parse_yaml.h"

namespace baton::config {
namespace {

void appendUtf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.push_back(static_cast<char>(0xC0 | point >> 6));
    out.push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else if (point < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | point >> 12));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | point >> 18));
    out.push_back(static_cast<char>(0x80 | (point >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3F)));
  }
}

// Recursive descent, as deep as kMaxDepth. A null return means that error_ is set.
class JsonParser {
 public:
  JsonParser(NodeStore& store, uint8_t file, std::string_view text) : store_(store), file_(file), text_(text) {}

  base::Result<Node*> parse() {
    Node* root = value(1);
    if (root != nullptr) {
      skipSpace();
      if (next_ != text_.size()) root = fail("expected the end of the text");
    }
    if (root == nullptr) return base::Error{base::ErrorCode::kInvalidArgument, std::move(error_)};
    return root;
  }

 private:
  uint32_t column() const { return static_cast<uint32_t>(next_ - line_start_ + 1); }

  Node* fail(std::string_view message) {
    const std::string found = next_ < text_.size() ? fmt::format("\"{}\"", text_[next_]) : "the end";
    error_ =
        fmt::format("{}:{}:{}: not valid JSON: {}, found {}", store_.files[file_], line_, column(), message, found);
    return nullptr;
  }

  void skipSpace() {
    while (next_ < text_.size()) {
      const char c = text_[next_];
      if (c == '\n') {
        ++line_;
        line_start_ = next_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
      ++next_;
    }
  }

  bool take(char c) {
    if (next_ >= text_.size() || text_[next_] != c) return false;
    ++next_;
    return true;
  }

  Node* value(uint32_t depth) {
    skipSpace();
    if (depth > kMaxDepth) return fail(fmt::format("nested deeper than {} levels", kMaxDepth));
    if (store_.nodes.size() > kMaxNodes) return fail(fmt::format("more than {} nodes", kMaxNodes));
    if (next_ >= text_.size()) return fail("expected a value");
    switch (text_[next_]) {
      case '{':
        return container(depth, Node::Kind::kMap, '}');
      case '[':
        return container(depth, Node::Kind::kList, ']');
      case '"':
        return string();
      default:
        return word();
    }
  }

  Node* container(uint32_t depth, Node::Kind kind, char end) {
    Node& node = store_.add(kind, file_, line_, column());
    ++next_;
    skipSpace();
    if (!take(end)) {
      while (true) {
        if (kind == Node::Kind::kMap) {
          skipSpace();
          if (next_ >= text_.size() || text_[next_] != '"') return fail("expected a key in double quotes");
          Node* key = string();
          if (key == nullptr) return nullptr;
          node.children.push_back(key);
          skipSpace();
          if (!take(':')) return fail("expected ':'");
        }
        Node* child = value(depth + 1);
        if (child == nullptr) return nullptr;
        node.children.push_back(child);
        skipSpace();
        if (take(end)) break;
        if (!take(',')) return fail(fmt::format("expected ',' or '{}'", end));
      }
    }
    closeContainer(node);
    return &node;
  }

  std::optional<uint32_t> hexEscape() {
    uint32_t point = 0;
    for (int i = 0; i < 4; ++i, ++next_) {
      const char c = next_ < text_.size() ? text_[next_] : ' ';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      point = point * 16 + static_cast<uint32_t>(digit);
    }
    return point;
  }

  bool unicodeEscape(std::string& out) {
    const auto first = hexEscape();
    if (!first) return fail("expected four hex digits"), false;
    uint32_t point = *first;
    if (point >= 0xD800 && point < 0xE000) {
      if (point >= 0xDC00 || !take('\\') || !take('u')) return fail("expected a surrogate pair"), false;
      const auto second = hexEscape();
      if (!second || *second < 0xDC00 || *second >= 0xE000) return fail("expected a surrogate pair"), false;
      point = 0x10000 + ((point - 0xD800) << 10) + (*second - 0xDC00);
    }
    appendUtf8(out, point);
    return true;
  }

  Node* string() {
    Node& node = store_.add(Node::Kind::kScalar, file_, line_, column());
    node.quoted = true;
    ++next_;
    while (true) {
      if (next_ >= text_.size() || static_cast<unsigned char>(text_[next_]) < 0x20) return fail("expected '\"'");
      const char c = text_[next_++];
      if (c == '"') return &node;
      if (c != '\\') {
        node.scalar.push_back(c);
        continue;
      }
      const char escape = next_ < text_.size() ? text_[next_++] : ' ';
      constexpr std::string_view kFrom = "\"\\/bfnrt";
      constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
      if (const size_t index = kFrom.find(escape); index != std::string_view::npos) {
        node.scalar.push_back(kTo[index]);
      } else if (escape != 'u') {
        return fail("expected an escape");
      } else if (!unicodeEscape(node.scalar)) {
        return nullptr;
      }
    }
  }

  Node* word() {
    const uint32_t at = column();
    const size_t start = next_;
    while (next_ < text_.size() && std::string_view(" \t\r\n,]}:[{\"").find(text_[next_]) == std::string_view::npos)
      ++next_;
    const std::string_view text = text_.substr(start, next_ - start);
    if (text == "null") return &store_.add(Node::Kind::kNull, file_, line_, at);
    const bool number = !text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
    if (text != "true" && text != "false" && !number) {
      next_ = start;
      return fail("expected a value");
    }
    Node& node = store_.add(Node::Kind::kScalar, file_, line_, at);
    node.scalar = text;
    return &node;
  }

  NodeStore& store_;
  uint8_t file_;
  std::string_view text_;
  size_t next_ = 0;
  size_t line_start_ = 0;
  uint32_t line_ = 1;
  std::string error_;
};

}  // namespace

base::Result<Node*> parseJson(NodeStore& store, std::string name, std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return base::Error{base::ErrorCode::kInvalidArgument,
                       fmt::format("{}:1:1: larger than {} bytes", name, kMaxTextBytes)};
  }
  if (const auto wrong = notUtf8(name, text)) return *wrong;
  // A byte order mark says nothing (RFC 8259 8.1).
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto file = static_cast<uint8_t>(store.files.size());
  store.files.push_back(std::move(name));
  return JsonParser(store, file, text).parse();
}

}  // namespace baton::config
