// One %OPERATOR% of a format: its name and arguments, and how it gets its value. Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "source/access_log/formatter.h"
#include "source/access_log/time_format.h"
#include "source/base/result.h"

namespace baton::access_log {

// A value that is JSON already: an object, a list, true.
struct JsonText {
  std::string_view text;
};

// Nothing, a number, or text: a view into the context, or into the scratch that evaluate() was given.
using OperatorValue = std::variant<std::monostate, uint64_t, std::string_view, JsonText>;

class Operator {
 public:
  // `text`: what stands between the percent signs: NAME, NAME(arguments), each with :Z for at most Z bytes.
  static base::Result<Operator> parse(std::string_view text);

  OperatorValue evaluate(const FormatContext& context, std::string& scratch) const;

 private:
  friend struct OperatorTable;
  using Evaluate = OperatorValue (*)(const Operator& self, const FormatContext& context, std::string& scratch);

  Operator() = default;

  Evaluate evaluate_ = nullptr;
  size_t max_bytes_ = 64 * 1024;
  // What the arguments mean depends on the operator.
  http::HeaderName header_ = http::HeaderName::kOther;
  http::HeaderName alternative_ = http::HeaderName::kOther;
  std::string header_name_;
  std::string alternative_name_;
  std::string text_;
  int option_ = 0;
  int second_option_ = 0;
  std::shared_ptr<const TimeFormat> time_;
  std::vector<Operator> choices_;  // the first that has a value counts
  std::vector<std::string> keys_;  // the way into metadata: whose it is, then members
};

}  // namespace baton::access_log
