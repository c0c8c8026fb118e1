#include "source/base/runtime.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace baton::base {

namespace {

std::optional<double> parseDouble(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::string printed(double number) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
  return error == std::errc() ? std::string(text, end) : std::string();
}

using Flat = std::map<std::string, std::string>;

// A fraction is written as a message: {numerator: 5, denominator: TEN_THOUSAND}.
bool flattenFraction(const std::string& key, const api::Value::Object& object, Flat& into) {
  const int64_t* numerator = nullptr;
  std::string denominator = "HUNDRED";
  for (const auto& [name, value] : object) {
    if (name == "numerator") {
      numerator = value.integer();
    } else if (name == "denominator" && value.string() != nullptr) {
      denominator = *value.string();
    } else {
      return false;
    }
  }
  if (numerator == nullptr) return false;
  into[key] = std::to_string(*numerator) + "/" + denominator;
  return true;
}

void flatten(const std::string& key, const api::Value& value, Flat& into) {
  if (const auto* object = value.object()) {
    if (!key.empty() && flattenFraction(key, *object, into)) return;
    for (const auto& [name, member] : *object) flatten(key.empty() ? name : key + "." + name, member, into);
  } else if (const bool* boolean = value.boolean()) {
    into[key] = *boolean ? "true" : "false";
  } else if (const int64_t* integer = value.integer()) {
    into[key] = std::to_string(*integer);
  } else if (const double* number = value.number()) {
    into[key] = printed(*number);
  } else if (const std::string* text = value.string()) {
    into[key] = *text;
  }
}

uint32_t toMillionths(double numerator, double per) {
  const double share = numerator * RuntimeShare::kWhole / per;
  if (!(share > 0)) return 0;
  return share >= RuntimeShare::kWhole ? RuntimeShare::kWhole : static_cast<uint32_t>(std::lround(share));
}

}  // namespace

Result<Runtime> Runtime::build(const api::LayeredRuntime& layers,
                               const std::map<std::string, std::string>& admin_overrides) {
  Runtime runtime;
  bool has_admin_layer = false;
  for (const api::RuntimeLayer& layer : layers.layers) {
    const size_t index = runtime.layer_names_.size();
    runtime.layer_names_.push_back(layer.name);
    Flat flat;
    if (layer.static_layer) flatten("", *layer.static_layer, flat);
    if (layer.admin_layer) {
      has_admin_layer = true;
      flat = admin_overrides;
    }
    for (const auto& [key, text] : flat) {
      if (text.empty()) continue;
      Value& value = runtime.values_[key];
      value.entry.layer_values.resize(layers.layers.size());
      value.entry.layer_values[index] = text;
      value.entry.final_value = text;
    }
  }
  if (!has_admin_layer && !admin_overrides.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the configuration's layered_runtime has no admin_layer to modify"};
  }
  for (auto& [key, value] : runtime.values_) value.number = parseDouble(value.entry.final_value);
  return runtime;
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

uint32_t RuntimeShare::millionths(const api::FractionalPercent& fraction) {
  switch (fraction.denominator) {
    case api::FractionalPercent::Denominator::kHundred:
      return toMillionths(fraction.numerator, 100);
    case api::FractionalPercent::Denominator::kTenThousand:
      return toMillionths(fraction.numerator, 10'000);
    case api::FractionalPercent::Denominator::kMillion:
      break;
  }
  return toMillionths(fraction.numerator, kWhole);
}

RuntimeShare::RuntimeShare(const std::optional<api::RuntimeFractionalPercent>& config, uint32_t otherwise_millionths)
    : millionths_(otherwise_millionths) {
  if (!config) return;
  millionths_ = config->default_value ? millionths(*config->default_value) : 0;
  key_ = config->runtime_key;
}

bool RuntimeShare::includes(const Runtime& runtime, uint64_t random) const {
  uint32_t share = millionths_;
  if (!key_.empty()) {
    if (const auto text = runtime.find(key_)) {
      const size_t slash = text->find('/');
      if (const auto numerator = parseDouble(text->substr(0, slash))) {
        const std::string_view unit = slash == std::string_view::npos ? "HUNDRED" : text->substr(slash + 1);
        share = toMillionths(*numerator, unit == "MILLION" ? kWhole : unit == "TEN_THOUSAND" ? 10'000 : 100);
      }
    }
  }
  return share >= kWhole || (share > 0 && random % kWhole < share);
}

}  // namespace baton::base
