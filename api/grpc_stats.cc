#include "api/grpc_stats.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const GrpcServiceMethods*) {
  static const MessageDescription description = message<GrpcServiceMethods>(
      "GrpcServiceMethods", "", "Methods of one service.", {},
      {
          field<&GrpcServiceMethods::name>("name", "Its full name.", {.required = true, .nonempty = true}),
          field<&GrpcServiceMethods::method_names>("method_names", "Names of its methods.", {.min_items = 1}),
      });
  return description;
}

const MessageDescription& describe(const GrpcMethodList*) {
  static const MessageDescription description =
      message<GrpcMethodList>("GrpcMethodList", "", "Methods of gRPC services.", {},
                              {field<&GrpcMethodList::services>("services", "The services.")});
  return description;
}

const MessageDescription& describe(const GrpcStats*) {
  static const MessageDescription description = message<GrpcStats>(
      "GrpcStats", "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", "Counts gRPC calls and their messages.",
      {{"per_method_stat_specifier"}},
      {
          field<&GrpcStats::individual_method_stats_allowlist>(
              "individual_method_stats_allowlist",
              "Methods that are counted one by one; all others are counted together.",
              {.oneof = "per_method_stat_specifier"}),
          field<&GrpcStats::stats_for_all_methods>("stats_for_all_methods", "Count every method on its own.",
                                                   {.oneof = "per_method_stat_specifier"}),
          field<&GrpcStats::enable_upstream_stats>("enable_upstream_stats", "Measure how long calls take."),
          field<&GrpcStats::replace_dots_in_grpc_service_name>("replace_dots_in_grpc_service_name",
                                                               "Underscores for the dots in names of services."),
          ignored("emit_filter_state"),
      });
  return description;
}

}  // namespace baton::api
