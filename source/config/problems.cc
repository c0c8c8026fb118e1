#include "source/config/problems.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

#include "api/description.h"

namespace baton::config {

std::string Path::text() const {
  std::string text;
  for (const Step& step : steps_) {
    if (step.is_key) {
      text += fmt::format("[\"{}\"]", step.name);
      continue;
    }
    if (!text.empty()) text.push_back('.');
    text += step.name;
    if (step.index != kNoIndex) text += fmt::format("[{}]", step.index);
  }
  return text;
}

namespace {

// The value of a field, also where the fields stand in the value of a TypedStruct.
const Node* fieldOf(const Node& node, std::string_view name, bool is_key) {
  const Node* found = node.find(name);
  if (found == nullptr && !is_key) found = node.find(api::camelCase(name));
  if (found != nullptr || (node.find("type_url") == nullptr && node.find("typeUrl") == nullptr)) return found;
  const Node* value = node.find("value");
  return value == nullptr ? nullptr : fieldOf(*value, name, is_key);
}

}  // namespace

const Node& Path::locate(const Node& root) const {
  const Node* node = &root;
  for (const Step& step : steps_) {
    const Node* next = fieldOf(*node, step.name, step.is_key);
    if (next == nullptr || next->isNull()) return *node;
    node = next;
    // A lone value stands for a list of one.
    if (step.index == kNoIndex || !node->isList()) continue;
    if (step.index >= node->children.size()) return *node;
    node = node->children[step.index];
  }
  return *node;
}

void Problems::error(const Node& at, const Path& path, std::string_view message) {
  if (!full()) errors_.push_back(problem(at, path, message));
}

void Problems::warning(const Node& at, const Path& path, std::string_view message) {
  if (warnings_.size() < kMaxErrors) warnings_.push_back(problem(at, path, message));
}

bool Problems::hasErrorAt(const Path& path) const {
  const std::string text = path.text();
  return std::any_of(errors_.begin(), errors_.end(), [&](const Problem& problem) { return problem.path == text; });
}

bool Problems::hasErrorBelow(const Path& path) const {
  const std::string text = path.text();
  return std::any_of(errors_.begin(), errors_.end(), [&](const Problem& problem) {
    return problem.path.starts_with(text) &&
           (problem.path.size() == text.size() || problem.path[text.size()] == '.' || problem.path[text.size()] == '[');
  });
}

std::vector<std::string> Problems::errors() const {
  std::vector<std::string> all = lines(errors_);
  if (full()) all.push_back(fmt::format("{} errors; there may be more", kMaxErrors));
  return all;
}

std::vector<std::string> Problems::warnings() const {
  return lines(warnings_);
}

Problems::Problem Problems::problem(const Node& at, const Path& path, std::string_view message) {
  return {at.file, at.line, at.column, path.text(), std::string(message)};
}

std::vector<std::string> Problems::lines(std::vector<Problem> problems) const {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  std::vector<std::string> lines;
  lines.reserve(problems.size());
  for (const Problem& problem : problems) {
    lines.push_back(fmt::format("{}:{}:{}: {}{}{}", store_.files[problem.file], problem.line, problem.column,
                                problem.path, problem.path.empty() ? "" : ": ", problem.message));
  }
  return lines;
}

}  // namespace baton::config
