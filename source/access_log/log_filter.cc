#include "source/access_log/log_filter.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "api/description.h"

#include "source/access_log/grpc_status.h"
#include "source/base/random.h"
#include "source/http/matchers.h"
#include "source/http/runtime_config.h"

namespace baton::access_log {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Runtime;

using Accepts = std::function<bool(const FormatContext&, const Runtime&)>;

Result<Accepts> buildAccepts(const api::AccessLogFilter& config);

// `valueOf` gives the number to compare.
template <typename ValueOf>
Result<Accepts> comparison(const std::optional<api::ComparisonFilter>& config, ValueOf valueOf) {
  if (!config || !config->value) return Error{ErrorCode::kInvalidArgument, "comparison: expected a value"};
  return Accepts(
      [op = config->op, threshold = *config->value, valueOf](const FormatContext& context, const Runtime& runtime) {
        const uint64_t wanted = threshold.runtime_key.empty()
                                    ? threshold.default_value
                                    : runtime.integer(threshold.runtime_key, threshold.default_value);
        const uint64_t found = valueOf(context);
        switch (op) {
          case api::ComparisonFilter::Op::kEq:
            return found == wanted;
          case api::ComparisonFilter::Op::kGe:
            return found >= wanted;
          case api::ComparisonFilter::Op::kLe:
            return found <= wanted;
          default:
            return found != wanted;
        }
      });
}

uint64_t durationMs(const FormatContext& context) {
  const auto end = context.info.end.value_or(context.info.start);
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(end - context.info.start).count());
}

Result<Accepts> sample(const api::RuntimeFilter& config) {
  const http::RuntimeShare share(
      api::RuntimeFractionalPercent{config.percent_sampled.value_or(api::FractionalPercent{}), config.runtime_key}, 0);
  return Accepts([share, independent = config.use_independent_randomness](const FormatContext& context,
                                                                          const Runtime& runtime) {
    // By request id, so that all hops that sample by it choose the same requests.
    const std::string& id = context.info.request_id;
    const uint64_t random = independent || id.empty() ? base::threadRandom().next() : std::hash<std::string_view>{}(id);
    return share.includes(runtime, random);
  });
}

Result<Accepts> byFlags(const api::ResponseFlagFilter& config) {
  // Flags of things that Baton doesn't do: legal, and never set.
  static constexpr std::string_view kNeverSet[] = {"RLSE", "RFCF", "NFCF", "DO", "UDO"};
  std::vector<http::ResponseFlag> flags;
  for (const std::string& name : config.flags) {
    const auto flag = http::parseResponseFlag(name);
    if (flag) {
      flags.push_back(*flag);
    } else if (std::find(std::begin(kNeverSet), std::end(kNeverSet), name) == std::end(kNeverSet)) {
      return Error{ErrorCode::kInvalidArgument, "response_flag_filter.flags: unknown flag '" + name + "'"};
    }
  }
  return Accepts([flags, any = config.flags.empty()](const FormatContext& context, const Runtime&) {
    if (any) return context.info.flags.any();
    return std::any_of(flags.begin(), flags.end(), [&](auto flag) { return context.info.flags.has(flag); });
  });
}

Accepts byGrpcStatus(const api::GrpcStatusFilter& config) {
  std::vector<int> statuses;
  for (const auto status : config.statuses) statuses.push_back(static_cast<int>(status));
  return Accepts([statuses, exclude = config.exclude](const FormatContext& context, const Runtime&) {
    const auto status = grpcStatus(context);
    const bool listed = status && std::find(statuses.begin(), statuses.end(), *status) != statuses.end();
    return listed != exclude;
  });
}

Accepts byType(const api::LogTypeFilter& config) {
  std::vector<std::string_view> names;
  for (const auto type : config.types) {
    names.push_back(describeEnum(&type).findNumber(static_cast<int>(type))->name);
  }
  return Accepts([names, exclude = config.exclude](const FormatContext& context, const Runtime&) {
    const bool listed = std::find(names.begin(), names.end(), context.log_type) != names.end();
    return listed != exclude;
  });
}

Result<Accepts> byHeader(const api::HeaderFilter& config) {
  if (!config.header) return Error{ErrorCode::kInvalidArgument, "header_filter: expected a header"};
  auto matcher = http::HeaderMatcher::build(*config.header);
  if (!matcher) return Error{matcher.error().code, "header_filter: " + matcher.error().message};
  return Accepts([matcher = std::move(*matcher)](const FormatContext& context, const Runtime&) {
    static const http::HeaderMap none;
    return matcher.matches(context.request_headers == nullptr ? none : *context.request_headers);
  });
}

Result<Accepts> combination(const std::vector<api::AccessLogFilter>& configs, bool all) {
  std::vector<Accepts> parts;
  for (const api::AccessLogFilter& config : configs) {
    auto part = buildAccepts(config);
    if (!part) return part;
    parts.push_back(std::move(*part));
  }
  return Accepts([parts, all](const FormatContext& context, const Runtime& runtime) {
    for (const Accepts& part : parts) {
      if (part(context, runtime) != all) return !all;
    }
    return all;
  });
}

Result<Accepts> buildAccepts(const api::AccessLogFilter& config) {
  if (config.status_code_filter) {
    return comparison(config.status_code_filter->comparison,
                      [](const FormatContext& context) { return static_cast<uint64_t>(context.info.response_code); });
  }
  if (config.duration_filter) return comparison(config.duration_filter->comparison, durationMs);
  if (config.not_health_check_filter) {
    return Accepts([](const FormatContext& context, const Runtime&) { return !context.info.health_check; });
  }
  if (config.runtime_filter) return sample(*config.runtime_filter);
  if (config.and_filter) return combination(config.and_filter->filters, true);
  if (config.or_filter) return combination(config.or_filter->filters, false);
  if (config.header_filter) return byHeader(*config.header_filter);
  if (config.response_flag_filter) return byFlags(*config.response_flag_filter);
  if (config.grpc_status_filter) return byGrpcStatus(*config.grpc_status_filter);
  if (config.log_type_filter) return byType(*config.log_type_filter);
  // Requests that are traced: there is no tracing.
  if (config.traceable_filter) return Accepts([](const FormatContext&, const Runtime&) { return false; });
  return Error{ErrorCode::kInvalidArgument, "filter: expected one of the filters"};
}

}  // namespace

struct LogFilter::Node {
  Accepts accepts;
};

Result<LogFilter> LogFilter::build(const api::AccessLogFilter& config) {
  auto accepts = buildAccepts(config);
  if (!accepts) return accepts.error();
  LogFilter filter;
  filter.root_ = std::make_shared<const Node>(Node{std::move(*accepts)});
  return filter;
}

bool LogFilter::passes(const FormatContext& context, const Runtime& runtime) const {
  return root_ == nullptr || root_->accepts(context, runtime);
}

}  // namespace baton::access_log
