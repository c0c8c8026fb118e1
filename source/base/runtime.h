// Runtime values: keys that override parts of the configuration, read from its layers and from POST /runtime_modify.
// An immutable snapshot, made on the main thread and read by any; workers get a new one when a value changes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/runtime.h"

#include "source/base/result.h"
#include "source/base/strings.h"

namespace baton::base {

class Runtime {
 public:
  // A key's value in each layer, for /runtime; the last that is not empty is in force.
  struct Entry {
    std::vector<std::string> layer_values;
    std::string final_value;
  };

  Runtime() = default;
  // `admin_overrides` fill the admin layer; an empty value removes an override. An error when there are some and the
  // configuration has no admin layer. Nested keys are joined by dots.
  static Result<Runtime> build(const api::LayeredRuntime& layers,
                               const std::map<std::string, std::string>& admin_overrides = {});

  std::optional<std::string_view> find(std::string_view key) const;
  uint64_t integer(std::string_view key, uint64_t otherwise) const;
  double number(std::string_view key, double otherwise) const;
  bool boolean(std::string_view key, bool otherwise) const;

  size_t size() const { return values_.size(); }
  const std::vector<std::string>& layerNames() const { return layer_names_; }
  std::map<std::string, Entry> entries() const;

 private:
  struct Value {
    Entry entry;
    std::optional<double> number;
  };
  const Value* lookUp(std::string_view key) const;

  std::vector<std::string> layer_names_;
  std::unordered_map<std::string, Value, StringHash, std::equal_to<>> values_;
};

// A share of all cases, in millionths, that a runtime key can override (a percentage, or a fraction with its
// denominator: "50", "5/TEN_THOUSAND").
class RuntimeShare {
 public:
  static constexpr uint32_t kWhole = 1'000'000;

  RuntimeShare() = default;
  explicit RuntimeShare(uint32_t millionths) : millionths_(millionths) {}
  // `otherwise`: when the configuration has none.
  RuntimeShare(const std::optional<api::RuntimeFractionalPercent>& config, uint32_t otherwise_millionths);
  static uint32_t millionths(const api::FractionalPercent& fraction);

  // `random`: any evenly distributed number; the same number gives the same verdict.
  bool includes(const Runtime& runtime, uint64_t random) const;

 private:
  uint32_t millionths_ = 0;
  std::string key_;
};

}  // namespace baton::base
