// A switch of the configuration that a runtime key can override.
#pragma once

#include <optional>
#include <string>

#include "api/runtime.h"

#include "source/base/runtime.h"

namespace baton::proxy {

class RuntimeSwitch {
 public:
  // On when not configured.
  explicit RuntimeSwitch(const std::optional<api::RuntimeFeatureFlag>& config)
      : on_(!config || config->default_value.value_or(true)), key_(config ? config->runtime_key : std::string()) {}

  bool isOn(const base::Runtime& runtime) const { return key_.empty() ? on_ : runtime.boolean(key_, on_); }

 private:
  bool on_;
  std::string key_;
};

}  // namespace baton::proxy
