// The runtime as the configuration describes it: its layers made flat, and shares of requests that keys override.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "api/runtime.h"

#include "source/base/result.h"
#include "source/base/runtime.h"

namespace baton::http {

// `admin_overrides` fill the admin layer; an empty value removes an override. An error when there are some and the
// configuration has no admin layer. Nested keys are joined by dots.
base::Result<base::Runtime> buildRuntime(const api::LayeredRuntime& layers,
                                         const std::map<std::string, std::string>& admin_overrides = {});

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
  bool includes(const base::Runtime& runtime, uint64_t random) const;

 private:
  uint32_t millionths_ = 0;
  std::string key_;
};

}  // namespace baton::http
