#include "source/base/runtime.h"

#include <charconv>

namespace baton::base {

std::optional<double> Runtime::parse(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

Runtime::Runtime(const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) {
    const size_t index = layer_names_.size();
    layer_names_.push_back(layer.name);
    for (const auto& [key, text] : layer.values) {
      if (text.empty()) continue;
      Value& value = values_[key];
      value.entry.layer_values.resize(layers.size());
      value.entry.layer_values[index] = text;
      value.entry.final_value = text;
    }
  }
  for (auto& [key, value] : values_) value.number = parse(value.entry.final_value);
}

const Runtime::Value* Runtime::lookUp(std::string_view key) const {
  if (values_.empty() || key.empty()) return nullptr;
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::optional<std::string_view> Runtime::find(std::string_view key) const {
  const Value* value = lookUp(key);
  if (value == nullptr) return std::nullopt;
  return value->entry.final_value;
}

uint64_t Runtime::integer(std::string_view key, uint64_t otherwise) const {
  const Value* value = lookUp(key);
  if (value == nullptr || !value->number || *value->number < 0) return otherwise;
  return static_cast<uint64_t>(*value->number);
}

double Runtime::number(std::string_view key, double otherwise) const {
  const Value* value = lookUp(key);
  return value == nullptr || !value->number ? otherwise : *value->number;
}

bool Runtime::boolean(std::string_view key, bool otherwise) const {
  const Value* value = lookUp(key);
  if (value == nullptr) return otherwise;
  if (equalsIgnoreCase(value->entry.final_value, "true")) return true;
  if (equalsIgnoreCase(value->entry.final_value, "false")) return false;
  return value->number ? *value->number != 0 : otherwise;
}

std::map<std::string, Runtime::Entry> Runtime::entries() const {
  std::map<std::string, Entry> sorted;
  for (const auto& [key, value] : values_) sorted.emplace(key, value.entry);
  return sorted;
}

}  // namespace baton::base
