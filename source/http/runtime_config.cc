#include "source/http/runtime_config.h"

#include <charconv>
#include <cmath>
#include <vector>

namespace baton::http {

namespace {

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

base::Result<base::Runtime> buildRuntime(const api::LayeredRuntime& layers,
                                         const std::map<std::string, std::string>& admin_overrides) {
  std::vector<base::Runtime::Layer> flat_layers;
  bool has_admin_layer = false;
  for (const api::RuntimeLayer& layer : layers.layers) {
    Flat flat;
    if (layer.static_layer) flatten("", *layer.static_layer, flat);
    if (layer.admin_layer) {
      has_admin_layer = true;
      flat = admin_overrides;
    }
    flat_layers.push_back({layer.name, std::move(flat)});
  }
  if (!has_admin_layer && !admin_overrides.empty()) {
    return base::Error{base::ErrorCode::kInvalidArgument,
                       "the configuration's layered_runtime has no admin_layer to modify"};
  }
  return base::Runtime(flat_layers);
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

bool RuntimeShare::includes(const base::Runtime& runtime, uint64_t random) const {
  uint32_t share = millionths_;
  if (!key_.empty()) {
    if (const auto text = runtime.find(key_)) {
      const size_t slash = text->find('/');
      if (const auto numerator = base::Runtime::parse(text->substr(0, slash))) {
        const std::string_view unit = slash == std::string_view::npos ? "HUNDRED" : text->substr(slash + 1);
        share = toMillionths(*numerator, unit == "MILLION" ? kWhole : unit == "TEN_THOUSAND" ? 10'000 : 100);
      }
    }
  }
  return share >= kWhole || (share > 0 && random % kWhole < share);
}

}  // namespace baton::http
