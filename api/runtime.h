// Values that the runtime can override, and the layers that the runtime is made of. Plain values with their defaults;
// any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// A percentage.
struct Percent {
  double value = 0;
};

// A fraction of all cases.
struct FractionalPercent {
  enum class Denominator { kHundred = 0, kTenThousand = 1, kMillion = 2 };

  uint32_t numerator = 0;
  Denominator denominator = Denominator::kHundred;
};

// A fraction that a runtime key can override.
struct RuntimeFractionalPercent {
  std::optional<FractionalPercent> default_value;
  std::string runtime_key;
};

// A percentage that a runtime key can override.
struct RuntimePercent {
  std::optional<Percent> default_value;
  std::string runtime_key;
};

// A number that a runtime key can override.
struct RuntimeUInt32 {
  uint32_t default_value = 0;
  std::string runtime_key;
};

// A number that a runtime key can override.
struct RuntimeDouble {
  double default_value = 0;
  std::string runtime_key;
};

// A switch that a runtime key can override.
struct RuntimeFeatureFlag {
  std::optional<bool> default_value;
  std::string runtime_key;
};

// One layer of the runtime; later layers override earlier ones.
struct RuntimeLayer {
  std::string name;
  std::optional<Value> static_layer;
  std::optional<Empty> admin_layer;
};

// The runtime, from its layers.
struct LayeredRuntime {
  std::vector<RuntimeLayer> layers;
};

const MessageDescription& describe(const Percent*);
const MessageDescription& describe(const FractionalPercent*);
const EnumDescription& describeEnum(const FractionalPercent::Denominator*);
const MessageDescription& describe(const RuntimeFractionalPercent*);
const MessageDescription& describe(const RuntimePercent*);
const MessageDescription& describe(const RuntimeUInt32*);
const MessageDescription& describe(const RuntimeDouble*);
const MessageDescription& describe(const RuntimeFeatureFlag*);
const MessageDescription& describe(const RuntimeLayer*);
const MessageDescription& describe(const LayeredRuntime*);

}  // namespace baton::api
