#include "source/access_log/formatter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <variant>
#include <vector>

#include "source/access_log/escape.h"
#include "source/access_log/operators.h"
#include "source/config/data_source.h"

namespace baton::access_log {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

using Piece = std::variant<std::string, Operator>;
using Pieces = std::vector<Piece>;

// Where the operator that starts behind text[start - 1] == '%' ends: its closing '%'. Arguments in parentheses may hold
// percent signs (START_TIME(%Y)).
size_t operatorEnd(std::string_view text, size_t start) {
  const size_t stop = text.find_first_of("(%", start);
  if (stop == std::string_view::npos || text[stop] == '%') return stop;
  const size_t close = text.find(')', stop);
  return close == std::string_view::npos ? close : text.find('%', close);
}

Result<Pieces> parsePieces(std::string_view text) {
  Pieces pieces;
  std::string literal;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      literal += text[i];
      continue;
    }
    if (text.substr(i, 2) == "%%") {
      literal += '%';
      ++i;
      continue;
    }
    const size_t end = operatorEnd(text, i + 1);
    if (end == std::string_view::npos) {
      return Error{ErrorCode::kInvalidArgument, "'" + std::string(text.substr(i, 40)) +
                                                    "': an operator that starts with % must end with %; a percent "
                                                    "sign is written %%"};
    }
    auto parsed = Operator::parse(text.substr(i + 1, end - i - 1));
    if (!parsed) return parsed.error();
    if (!literal.empty()) pieces.emplace_back(std::exchange(literal, {}));
    pieces.emplace_back(std::move(*parsed));
    i = end;
  }
  if (!literal.empty()) pieces.emplace_back(std::move(literal));
  return pieces;
}

// Text that a value is written into while an operator works; one per thread, so that a line costs no allocation.
std::string& threadScratch() {
  static thread_local std::string scratch;
  return scratch;
}

void appendNumber(uint64_t number, std::string& out) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

enum class Text { kPlain, kJson };

template <Text kind>
void formatPieces(const Pieces& pieces, const FormatContext& context, std::string_view unset, std::string& out) {
  for (const Piece& piece : pieces) {
    if (const auto* literal = std::get_if<std::string>(&piece)) {
      if constexpr (kind == Text::kJson) {
        appendJson(*literal, out);
      } else {
        out += *literal;
      }
      continue;
    }
    const OperatorValue value = std::get<Operator>(piece).evaluate(context, threadScratch());
    if (const auto* text = std::get_if<std::string_view>(&value)) {
      if constexpr (kind == Text::kJson) {
        appendJson(*text, out);
      } else {
        appendEscaped(*text, out);
      }
    } else if (const auto* number = std::get_if<uint64_t>(&value)) {
      appendNumber(*number, out);
    } else if (const auto* json = std::get_if<JsonText>(&value)) {
      if constexpr (kind == Text::kJson) {
        appendJson(json->text, out);
      } else {
        out += json->text;
      }
    } else {
      out += unset;
    }
  }
}

// A JSON format: members whose strings are formats. A string that is one operator keeps its type and is null when
// unset.
struct JsonNode {
  struct Member;
  std::variant<std::string, Pieces, std::vector<JsonNode>, std::vector<Member>> data;  // the string is JSON as it is
};
struct JsonNode::Member {
  std::string key;  // escaped
  JsonNode value;
};

Result<JsonNode> parseJson(const api::Value& value, bool sort) {
  if (value.isNull()) return JsonNode{"null"};
  if (const bool* boolean = value.boolean()) return JsonNode{*boolean ? "true" : "false"};
  if (const int64_t* integer = value.integer()) return JsonNode{std::to_string(*integer)};
  if (const double* number = value.number()) {
    if (!std::isfinite(*number)) return JsonNode{"null"};
    char text[40];
    const auto end = std::to_chars(text, text + sizeof(text), *number).ptr;
    return JsonNode{std::string(text, static_cast<size_t>(end - text))};
  }
  if (const std::string* text = value.string()) {
    auto pieces = parsePieces(*text);
    if (!pieces) return pieces.error();
    return JsonNode{std::move(*pieces)};
  }
  if (const auto* list = value.list()) {
    std::vector<JsonNode> nodes;
    for (const api::Value& element : *list) {
      auto node = parseJson(element, sort);
      if (!node) return node.error();
      nodes.push_back(std::move(*node));
    }
    return JsonNode{std::move(nodes)};
  }
  std::vector<JsonNode::Member> members;
  for (const auto& [key, element] : *value.object()) {
    auto node = parseJson(element, sort);
    if (!node) return Error{node.error().code, key + ": " + node.error().message};
    JsonNode::Member& member = members.emplace_back();
    appendJson(key, member.key);
    member.value = std::move(*node);
  }
  if (sort) std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return JsonNode{std::move(members)};
}

// Returns false, with nothing appended, when the value is unset and unset values are to be left out.
bool formatJson(const JsonNode& node, const FormatContext& context, bool omit_unset, std::string& out) {
  if (const auto* raw = std::get_if<std::string>(&node.data)) {
    out += *raw;
    return true;
  }
  if (const auto* pieces = std::get_if<Pieces>(&node.data)) {
    if (pieces->size() == 1 && std::holds_alternative<Operator>(pieces->front())) {
      const OperatorValue value = std::get<Operator>(pieces->front()).evaluate(context, threadScratch());
      if (const auto* number = std::get_if<uint64_t>(&value)) {
        appendNumber(*number, out);
      } else if (const auto* text = std::get_if<std::string_view>(&value)) {
        out += '"';
        appendJson(*text, out);
        out += '"';
      } else if (const auto* json = std::get_if<JsonText>(&value)) {
        out += json->text;
      } else if (omit_unset) {
        return false;
      } else {
        out += "null";
      }
      return true;
    }
    out += '"';
    formatPieces<Text::kJson>(*pieces, context, omit_unset ? "" : "-", out);
    out += '"';
    return true;
  }
  bool first = true;
  const auto separate = [&] {
    if (!std::exchange(first, false)) out += ',';
  };
  if (const auto* list = std::get_if<std::vector<JsonNode>>(&node.data)) {
    out += '[';
    for (const JsonNode& element : *list) {
      separate();
      if (!formatJson(element, context, omit_unset, out)) out += "null";
    }
    out += ']';
    return true;
  }
  out += '{';
  for (const JsonNode::Member& member : std::get<std::vector<JsonNode::Member>>(node.data)) {
    const size_t before = out.size();
    const bool was_first = first;
    separate();
    out += '"';
    out += member.key;
    out += "\":";
    if (!formatJson(member.value, context, omit_unset, out)) {
      out.resize(before);
      first = was_first;
    }
  }
  out += '}';
  return true;
}

}  // namespace

struct Formatter::Program {
  Pieces text;
  std::optional<JsonNode> json;
  std::string unset;
  bool omit_unset = false;
  std::string content_type = "text/plain";
};

Formatter::Formatter() = default;
Formatter::Formatter(const Formatter&) = default;
Formatter::Formatter(Formatter&&) noexcept = default;
Formatter& Formatter::operator=(const Formatter&) = default;
Formatter& Formatter::operator=(Formatter&&) noexcept = default;
Formatter::~Formatter() = default;

Result<Formatter> Formatter::parse(std::string_view text, WhenUnset when_unset) {
  auto pieces = parsePieces(text);
  if (!pieces) return pieces.error();
  auto program = std::make_shared<Program>();
  program->text = std::move(*pieces);
  if (when_unset == WhenUnset::kDash) program->unset = "-";
  Formatter formatter;
  formatter.program_ = std::move(program);
  return formatter;
}

Result<Formatter> Formatter::build(const api::SubstitutionFormatString& config) {
  auto program = std::make_shared<Program>();
  if (config.json_format) {
    if (config.json_format->object() == nullptr) {
      return Error{ErrorCode::kInvalidArgument, "json_format: expected an object"};
    }
    auto json = parseJson(*config.json_format, config.json_format_options.sort_properties);
    if (!json) return Error{json.error().code, "json_format: " + json.error().message};
    program->json = std::move(*json);
    program->omit_unset = config.omit_empty_values;
    program->content_type = "application/json";
  } else {
    std::string text = config.text_format.value_or("");
    if (config.text_format_source) {
      auto read = config::readDataSource(*config.text_format_source);
      if (!read) return Error{read.error().code, "text_format_source: " + read.error().message};
      text = std::move(*read);
    }
    auto pieces = parsePieces(text);
    if (!pieces) return pieces.error();
    program->text = std::move(*pieces);
    program->unset = config.omit_empty_values ? "" : "-";
  }
  if (!config.content_type.empty()) program->content_type = config.content_type;
  Formatter formatter;
  formatter.program_ = std::move(program);
  return formatter;
}

void Formatter::format(const FormatContext& context, std::string& out) const {
  if (program_ == nullptr) return;
  if (program_->json) {
    formatJson(*program_->json, context, program_->omit_unset, out);
    out += '\n';
  } else {
    formatPieces<Text::kPlain>(program_->text, context, program_->unset, out);
  }
}

bool Formatter::constant() const {
  if (program_ == nullptr) return true;
  return !program_->json && std::none_of(program_->text.begin(), program_->text.end(),
                                         [](const Piece& piece) { return std::holds_alternative<Operator>(piece); });
}

std::string_view Formatter::contentType() const {
  return program_ == nullptr ? std::string_view("text/plain") : std::string_view(program_->content_type);
}

}  // namespace baton::access_log
