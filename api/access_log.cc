#include "api/access_log.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const JsonFormatOptions*) {
  static const MessageDescription description = message<JsonFormatOptions>(
      "JsonFormatOptions", "", "How JSON lines are written.", {},
      {
          field<&JsonFormatOptions::sort_properties>("sort_properties", "Sort the properties by name."),
      });
  return description;
}

const MessageDescription& describe(const SubstitutionFormatString*) {
  static const MessageDescription description = message<SubstitutionFormatString>(
      "SubstitutionFormatString", "envoy.config.core.v3.SubstitutionFormatString",
      "Text or JSON in which %OPERATORS% are filled in.", {{"format", true}},
      {
          field<&SubstitutionFormatString::text_format_source>("text_format_source", "The text.", {.oneof = "format"}),
          field<&SubstitutionFormatString::text_format>("text_format", "The text.",
                                                        {.oneof = "format", .deprecated = "text_format_source"}),
          field<&SubstitutionFormatString::json_format>("json_format", "The JSON object.", {.oneof = "format"}),
          field<&SubstitutionFormatString::omit_empty_values>("omit_empty_values",
                                                              "Leave out what has no value, in place of - or null."),
          field<&SubstitutionFormatString::content_type>("content_type",
                                                         "Content type of a local reply of this format."),
          field<&SubstitutionFormatString::json_format_options>("json_format_options", "How JSON lines are written."),
          unsupported("formatters", "formatter extensions"),
      },
      [](void* object) {
        auto& format = *static_cast<SubstitutionFormatString*>(object);

        if (!format.text_format) return;
        format.text_format_source = DataSource{.inline_string = std::move(format.text_format)};
        format.text_format.reset();
      });
  return description;
}

const EnumDescription& describeEnum(const ComparisonFilter::Op*) {
  static const EnumDescription description{"ComparisonFilter.Op", {{"EQ", 0}, {"GE", 1}, {"LE", 2}, {"NE", 3}}};
  return description;
}

const MessageDescription& describe(const ComparisonFilter*) {
  static const MessageDescription description =
      message<ComparisonFilter>("ComparisonFilter", "", "Compares a number with a threshold.", {},
                                {
                                    field<&ComparisonFilter::op>("op", "The comparison."),
                                    field<&ComparisonFilter::value>("value", "The threshold.", {.required = true}),
                                });
  return description;
}

const MessageDescription& describe(const StatusCodeFilter*) {
  static const MessageDescription description = message<StatusCodeFilter>(
      "StatusCodeFilter", "", "Logs by status code.", {},
      {
          field<&StatusCodeFilter::comparison>("comparison", "The comparison with the status.", {.required = true}),
      });
  return description;
}

const MessageDescription& describe(const DurationFilter*) {
  static const MessageDescription description = message<DurationFilter>(
      "DurationFilter", "", "Logs by the milliseconds that a request took.", {},
      {
          field<&DurationFilter::comparison>("comparison", "The comparison with the duration.", {.required = true}),
      });
  return description;
}

const MessageDescription& describe(const RuntimeFilter*) {
  static const MessageDescription description = message<RuntimeFilter>(
      "RuntimeFilter", "", "Logs a sample.", {},
      {
          field<&RuntimeFilter::runtime_key>("runtime_key", "The runtime key that holds the numerator.",
                                             {.required = true, .nonempty = true}),
          field<&RuntimeFilter::percent_sampled>("percent_sampled", "The share while the key is not set."),
          field<&RuntimeFilter::use_independent_randomness>("use_independent_randomness",
                                                            "Draw anew for each line, not from the request id."),
      });
  return description;
}

const MessageDescription& describe(const HeaderFilter*) {
  static const MessageDescription description =
      message<HeaderFilter>("HeaderFilter", "", "Logs by a request header.", {},
                            {
                                field<&HeaderFilter::header>("header", "The test of the header.", {.required = true}),
                            });
  return description;
}

const MessageDescription& describe(const ResponseFlagFilter*) {
  static const MessageDescription description = message<ResponseFlagFilter>(
      "ResponseFlagFilter", "", "Logs requests with a response flag.", {},
      {
          field<&ResponseFlagFilter::flags>("flags", "Short names of the flags; any flag when empty.",
                                            {.format = Format::kResponseFlag}),
      });
  return description;
}

const EnumDescription& describeEnum(const GrpcStatusFilter::Status*) {
  static const EnumDescription description{"GrpcStatusFilter.Status",
                                           {{"OK", 0},
                                            {"CANCELED", 1},
                                            {"UNKNOWN", 2},
                                            {"INVALID_ARGUMENT", 3},
                                            {"DEADLINE_EXCEEDED", 4},
                                            {"NOT_FOUND", 5},
                                            {"ALREADY_EXISTS", 6},
                                            {"PERMISSION_DENIED", 7},
                                            {"RESOURCE_EXHAUSTED", 8},
                                            {"FAILED_PRECONDITION", 9},
                                            {"ABORTED", 10},
                                            {"OUT_OF_RANGE", 11},
                                            {"UNIMPLEMENTED", 12},
                                            {"INTERNAL", 13},
                                            {"UNAVAILABLE", 14},
                                            {"DATA_LOSS", 15},
                                            {"UNAUTHENTICATED", 16}}};
  return description;
}

const MessageDescription& describe(const GrpcStatusFilter*) {
  static const MessageDescription description =
      message<GrpcStatusFilter>("GrpcStatusFilter", "", "Logs by gRPC status.", {},
                                {
                                    field<&GrpcStatusFilter::statuses>("statuses", "The statuses to log."),
                                    field<&GrpcStatusFilter::exclude>("exclude", "Log all other statuses instead."),
                                });
  return description;
}

const EnumDescription& describeEnum(const LogTypeFilter::Type*) {
  static const EnumDescription description{"AccessLogType",
                                           {{"NotSet", 0},
                                            {"TcpUpstreamConnected", 1},
                                            {"TcpPeriodic", 2},
                                            {"TcpConnectionEnd", 3},
                                            {"DownstreamStart", 4},
                                            {"DownstreamPeriodic", 5},
                                            {"DownstreamEnd", 6},
                                            {"UpstreamPoolReady", 7},
                                            {"UpstreamPeriodic", 8},
                                            {"UpstreamEnd", 9},
                                            {"UdpTunnelUpstreamConnected", 10},
                                            {"UdpPeriodic", 11},
                                            {"UdpSessionEnd", 12}}};
  return description;
}

const MessageDescription& describe(const LogTypeFilter*) {
  static const MessageDescription description =
      message<LogTypeFilter>("LogTypeFilter", "", "Logs by the moment that a line is for.", {},
                             {
                                 field<&LogTypeFilter::types>("types", "The moments, as ACCESS_LOG_TYPE names them."),
                                 field<&LogTypeFilter::exclude>("exclude", "All but these."),
                             });
  return description;
}

const MessageDescription& describe(const AndFilter*) {
  static const MessageDescription description =
      message<AndFilter>("AndFilter", "", "Logs when all filters do.", {},
                         {
                             field<&AndFilter::filters>("filters", "The filters.", {.min_items = 2}),
                         });
  return description;
}

const MessageDescription& describe(const OrFilter*) {
  static const MessageDescription description =
      message<OrFilter>("OrFilter", "", "Logs when any filter does.", {},
                        {
                            field<&OrFilter::filters>("filters", "The filters.", {.min_items = 2}),
                        });
  return description;
}

const MessageDescription& describe(const AccessLogFilter*) {
  static const MessageDescription description = message<AccessLogFilter>(
      "AccessLogFilter", "", "Decides which requests are logged.", {{"filter_specifier", true}},
      {
          field<&AccessLogFilter::status_code_filter>("status_code_filter", "By status code.",
                                                      {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::duration_filter>("duration_filter", "By duration.", {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::not_health_check_filter>("not_health_check_filter", "All but health checks.",
                                                           {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::runtime_filter>("runtime_filter", "A sample.", {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::and_filter>("and_filter", "All of several filters.", {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::or_filter>("or_filter", "Any of several filters.", {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::header_filter>("header_filter", "By a request header.",
                                                 {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::response_flag_filter>("response_flag_filter", "By response flag.",
                                                        {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::grpc_status_filter>("grpc_status_filter", "By gRPC status.",
                                                      {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::log_type_filter>("log_type_filter", "By the moment that a line is for.",
                                                   {.oneof = "filter_specifier"}),
          field<&AccessLogFilter::traceable_filter>(
              "traceable_filter", "Requests that are traced; without tracing, none.", {.oneof = "filter_specifier"}),
          unsupported("metadata_filter", "dynamic metadata", "filter_specifier"),
          unsupported("extension_filter", "access log filter extensions", "filter_specifier"),
      });
  return description;
}

const MessageDescription& describe(const FileAccessLog*) {
  static const MessageDescription description = message<FileAccessLog>(
      "FileAccessLog", "envoy.extensions.access_loggers.file.v3.FileAccessLog", "Lines go to a file.",
      {{"access_log_format"}},
      {
          field<&FileAccessLog::path>("path", "The file; it is made when it is not there.",
                                      {.required = true, .nonempty = true}),
          field<&FileAccessLog::log_format>("log_format", "Format of a line.", {.oneof = "access_log_format"}),
          field<&FileAccessLog::format>("format", "Format of a line as text.",
                                        {.oneof = "access_log_format", .deprecated = "log_format"}),
          field<&FileAccessLog::json_format>("json_format", "Format of a line as JSON, all values strings.",
                                             {.oneof = "access_log_format", .deprecated = "log_format"}),
          field<&FileAccessLog::typed_json_format>("typed_json_format", "Format of a line as JSON.",
                                                   {.oneof = "access_log_format", .deprecated = "log_format"}),
      },
      [](void* object) {
        auto& log = *static_cast<FileAccessLog*>(object);

        if (log.format) {
          // Envoy takes an empty text for the default format.
          if (!log.format->empty()) {
            log.log_format = SubstitutionFormatString{.text_format_source = DataSource{.inline_string = log.format}};
          }
        } else if (log.typed_json_format || log.json_format) {
          log.log_format = SubstitutionFormatString{
              .json_format = std::move(log.typed_json_format ? log.typed_json_format : log.json_format)};
        }
        log.format.reset();
        log.json_format.reset();
        log.typed_json_format.reset();
      });
  return description;
}

const MessageDescription& describe(const StdoutAccessLog*) {
  static const MessageDescription description =
      message<StdoutAccessLog>("StdoutAccessLog", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                               "Lines go to standard output.", {},
                               {
                                   field<&StdoutAccessLog::log_format>("log_format", "Format of a line."),
                               });
  return description;
}

const MessageDescription& describe(const StderrAccessLog*) {
  static const MessageDescription description = message<StderrAccessLog>(
      "StderrAccessLog", "envoy.extensions.access_loggers.stream.v3.StderrAccessLog", "Lines go to standard error.", {},
      {
          field<&StderrAccessLog::log_format>("log_format", "Format of a line."),
      });
  return description;
}

const MessageDescription& describe(const AccessLog*) {
  static const MessageDescription description =
      message<AccessLog>("AccessLog", "envoy.config.accesslog.v3.AccessLog", "One access log.", {},
                         {
                             field<&AccessLog::name>("name", "Any name."),
                             field<&AccessLog::filter>("filter", "Which requests are logged; all when not set."),
                             field<&AccessLog::typed_config>("typed_config", "The kind of log and its settings.",
                                                             {.required = true, .category = "accesslog"}),
                         });
  return description;
}

}  // namespace baton::api
