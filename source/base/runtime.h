// Runtime values: keys that override parts of the configuration, read from its layers and from POST /runtime_modify.
// An immutable snapshot, made on the main thread and read by any; workers get a new one when a value changes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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
  // A later layer overrides an earlier one. Empty values are none.
  struct Layer {
    std::string name;
    std::map<std::string, std::string> values;
  };
  explicit Runtime(const std::vector<Layer>& layers);

  // How a value is read as a number; nothing when it is none.
  static std::optional<double> parse(std::string_view text);

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

}  // namespace baton::base
