// Access logs: formats, filters and where lines go. Plain values with their defaults; any thread may read them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/data_source.h"
#include "api/runtime.h"
#include "api/string_matcher.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// How JSON lines are written.
struct JsonFormatOptions {
  bool sort_properties = false;
};

// Text or JSON in which %OPERATORS% are filled in.
struct SubstitutionFormatString {
  std::optional<DataSource> text_format_source;
  std::optional<std::string> text_format;
  std::optional<Value> json_format;
  bool omit_empty_values = false;
  std::string content_type;
  JsonFormatOptions json_format_options;
};

// Compares a number with a threshold.
struct ComparisonFilter {
  enum class Op { kEq = 0, kGe = 1, kLe = 2, kNe = 3 };

  Op op = Op::kEq;
  std::optional<RuntimeUInt32> value;
};

// Logs by status code.
struct StatusCodeFilter {
  std::optional<ComparisonFilter> comparison;
};

// Logs by the milliseconds that a request took.
struct DurationFilter {
  std::optional<ComparisonFilter> comparison;
};

// Logs a sample.
struct RuntimeFilter {
  std::string runtime_key;
  std::optional<FractionalPercent> percent_sampled;
  bool use_independent_randomness = false;
};

// Logs by a request header.
struct HeaderFilter {
  std::optional<HeaderMatcher> header;
};

// Logs requests with a response flag.
struct ResponseFlagFilter {
  std::vector<std::string> flags;  // Short names of the flags; any flag when empty.
};

// Logs by gRPC status.
struct GrpcStatusFilter {
  enum class Status {
    kOk = 0,
    kCanceled = 1,
    kUnknown = 2,
    kInvalidArgument = 3,
    kDeadlineExceeded = 4,
    kNotFound = 5,
    kAlreadyExists = 6,
    kPermissionDenied = 7,
    kResourceExhausted = 8,
    kFailedPrecondition = 9,
    kAborted = 10,
    kOutOfRange = 11,
    kUnimplemented = 12,
    kInternal = 13,
    kUnavailable = 14,
    kDataLoss = 15,
    kUnauthenticated = 16
  };

  std::vector<Status> statuses;
  bool exclude = false;
};

// Logs by the moment that a line is for.
struct LogTypeFilter {
  enum class Type {
    kNotSet = 0,
    kTcpUpstreamConnected = 1,
    kTcpPeriodic = 2,
    kTcpConnectionEnd = 3,
    kDownstreamStart = 4,
    kDownstreamPeriodic = 5,
    kDownstreamEnd = 6,
    kUpstreamPoolReady = 7,
    kUpstreamPeriodic = 8,
    kUpstreamEnd = 9,
    kUdpTunnelUpstreamConnected = 10,
    kUdpPeriodic = 11,
    kUdpSessionEnd = 12
  };

  std::vector<Type> types;
  bool exclude = false;
};

struct AccessLogFilter;

// Logs when all filters do.
struct AndFilter {
  std::vector<AccessLogFilter> filters;
};

// Logs when any filter does.
struct OrFilter {
  std::vector<AccessLogFilter> filters;
};

// Decides which requests are logged.
struct AccessLogFilter {
  std::optional<StatusCodeFilter> status_code_filter;
  std::optional<DurationFilter> duration_filter;
  std::optional<Empty> not_health_check_filter;
  std::optional<RuntimeFilter> runtime_filter;
  std::optional<AndFilter> and_filter;
  std::optional<OrFilter> or_filter;
  std::optional<HeaderFilter> header_filter;
  std::optional<ResponseFlagFilter> response_flag_filter;
  std::optional<GrpcStatusFilter> grpc_status_filter;
  std::optional<LogTypeFilter> log_type_filter;
  std::optional<Empty> traceable_filter;
};

// Lines go to a file.
struct FileAccessLog {
  std::string path;
  std::optional<SubstitutionFormatString> log_format;
  std::optional<std::string> format;
  std::optional<Value> json_format;
  std::optional<Value> typed_json_format;
};

// Lines go to standard output.
struct StdoutAccessLog {
  std::optional<SubstitutionFormatString> log_format;
};

// Lines go to standard error.
struct StderrAccessLog {
  std::optional<SubstitutionFormatString> log_format;
};

// One access log.
struct AccessLog {
  std::string name;
  std::optional<AccessLogFilter> filter;  // Which requests are logged; all when not set.
  TypedConfig typed_config;
};

const MessageDescription& describe(const JsonFormatOptions*);
const MessageDescription& describe(const SubstitutionFormatString*);
const MessageDescription& describe(const ComparisonFilter*);
const EnumDescription& describeEnum(const ComparisonFilter::Op*);
const MessageDescription& describe(const StatusCodeFilter*);
const MessageDescription& describe(const DurationFilter*);
const MessageDescription& describe(const RuntimeFilter*);
const MessageDescription& describe(const HeaderFilter*);
const MessageDescription& describe(const ResponseFlagFilter*);
const MessageDescription& describe(const GrpcStatusFilter*);
const EnumDescription& describeEnum(const GrpcStatusFilter::Status*);
const MessageDescription& describe(const LogTypeFilter*);
const EnumDescription& describeEnum(const LogTypeFilter::Type*);
const MessageDescription& describe(const AndFilter*);
const MessageDescription& describe(const OrFilter*);
const MessageDescription& describe(const AccessLogFilter*);
const MessageDescription& describe(const FileAccessLog*);
const MessageDescription& describe(const StdoutAccessLog*);
const MessageDescription& describe(const StderrAccessLog*);
const MessageDescription& describe(const AccessLog*);

}  // namespace baton::api
