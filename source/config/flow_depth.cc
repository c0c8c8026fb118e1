#include "source/config/flow_depth.h"

#include <algorithm>

namespace baton::config {
namespace {

class Scanner {
 public:
  Scanner(std::string_view text, size_t most) : text_(text), most_(most) {}

  std::optional<TextPlace> run() {
    while (at_ < text_.size()) {
      switch (const char c = text_[at_]) {
        case '\n':
        case ' ':
        case '\t':
        case '\r':
          advance();
          break;
        case '#':
          afterSpace() ? skipLine() : skipPlain();
          break;
        case '"':
        case '\'':
          noteColumn();
          skipQuoted(c);
          break;
        case '[':
        case '{':
          if (++depth_ > most_) return TextPlace{line_, column()};
          advance();
          break;
        case ']':
        case '}':
          if (depth_ > 0) --depth_;
          advance();
          break;
        case ',':
          advance();
          break;
        case '|':
        case '>':
          depth_ == 0 ? skipBlockScalar() : skipPlain();
          break;
        case '&':
        case '*':
        case '!':
          skipWord();
          break;
        case '-':
        case '?':
        case ':':
          if (!spaceFollows() && !(c == ':' && endsJsonKey())) {
            skipPlain();
            break;
          }
          noteColumn();
          advance();
          break;
        default:
          skipPlain();
      }
    }
    return std::nullopt;
  }

 private:
  size_t column() const { return at_ - line_start_ + 1; }

  void advance() {
    if (text_[at_] == '\n') {
      ++line_;
      line_start_ = at_ + 1;
      noted_ = false;
    }
    ++at_;
  }

  bool afterSpace() const {
    return at_ == 0 || text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t' || text_[at_ - 1] == '\n';
  }
  bool spaceFollows() const {
    return at_ + 1 == text_.size() || text_[at_ + 1] == ' ' || text_[at_ + 1] == '\t' || text_[at_ + 1] == '\n' ||
           text_[at_ + 1] == '\r';
  }

  // {"key":"value"} needs no space.
  bool endsJsonKey() const {
    return depth_ > 0 && at_ > 0 && std::string_view("\"']}").find(text_[at_ - 1]) != std::string_view::npos;
  }

  // The node that a block scalar of this line belongs to begins at the last dash, or at the key after it.
  void noteColumn() {
    if (depth_ > 0 || (noted_ && text_[at_] == ':')) return;
    if (!noted_ || text_[at_] == '-') parent_column_ = column();
    noted_ = text_[at_] != '-';
  }

  void skipLine() {
    while (at_ < text_.size() && text_[at_] != '\n') advance();
  }

  void skipWord() {
    while (at_ < text_.size() && std::string_view(" \t\r\n,[]{}").find(text_[at_]) == std::string_view::npos) advance();
  }

  void skipQuoted(char quote) {
    advance();
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) advance();
      advance();
    }
    if (at_ < text_.size()) advance();
  }

  void skipPlain() {
    noteColumn();
    const std::string_view ends = depth_ > 0 ? std::string_view(",[]{}") : std::string_view();
    do {
      advance();
      if (at_ == text_.size()) return;
      const char c = text_[at_];
      if (c == '\n' || ends.find(c) != std::string_view::npos) return;
      if (c == ':' && spaceFollows()) return;
      if (c == '#' && afterSpace()) return;
    } while (true);
  }

  void skipBlockScalar() {
    skipLine();
    while (at_ < text_.size()) {
      const size_t begin = at_ + 1;
      const size_t first = std::min(text_.find_first_not_of(' ', begin), text_.size());
      const bool blank = first == text_.size() || text_[first] == '\n' || text_[first] == '\r';
      if (!blank && first - begin + 1 <= parent_column_) return;
      advance();
      skipLine();
    }
  }

  const std::string_view text_;
  const size_t most_;
  size_t at_ = 0;
  size_t depth_ = 0;
  size_t line_ = 1;
  size_t line_start_ = 0;
  size_t parent_column_ = 0;  // from 1
  bool noted_ = false;        // a key of this line
};

}  // namespace

std::optional<TextPlace> deeperThan(std::string_view text, size_t most) {
  return Scanner(text, most).run();
}

}  // namespace baton::config
