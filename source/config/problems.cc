#include "source/config/problems.h"

#include <fmt/format.h>

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

const Node& Path::locate(const Node& root) const {
  const Node* node = &root;
  for (const Step& step : steps_) {
    const Node* next = node->find(step.name);
    if (next == nullptr && !step.is_key) next = node->find(api::camelCase(step.name));
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
  if (errors.size() < kMaxErrors) {
    errors.push_back(line(at, path, message));
  } else if (errors.size() == kMaxErrors) {
    errors.push_back(fmt::format("more than {} errors; the rest is not shown", kMaxErrors));
  }
}

void Problems::warning(const Node& at, const Path& path, std::string_view message) {
  if (warnings.size() < kMaxErrors) warnings.push_back(line(at, path, message));
}

std::string Problems::line(const Node& at, const Path& path, std::string_view message) const {
  const std::string text = path.text();
  return fmt::format("{}: {}{}{}", store_.place(at), text, text.empty() ? "" : ": ", message);
}

}  // namespace baton::config
