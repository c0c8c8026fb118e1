#include "api/health_check.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const HealthCheckPayload*) {
  static const MessageDescription description = message<HealthCheckPayload>(
      "HealthCheckPayload", "", "Bytes to send or to expect.", {{"payload", true}},
      {
          field<&HealthCheckPayload::text>("text", "The bytes in hex.", {.nonempty = true, .oneof = "payload"}),
          field<&HealthCheckPayload::binary>("binary", "The bytes in base64.",
                                             {.format = Format::kBytes, .oneof = "payload"}),
      });
  return description;
}

const EnumDescription& describeEnum(const HttpHealthCheck::RequestMethod*) {
  static const EnumDescription description{"HttpHealthCheck.RequestMethod",
                                           {{"METHOD_UNSPECIFIED", 0},
                                            {"GET", 1},
                                            {"HEAD", 2},
                                            {"POST", 3},
                                            {"PUT", 4},
                                            {"DELETE", 5},
                                            {"CONNECT", 6, false},
                                            {"OPTIONS", 7},
                                            {"TRACE", 8},
                                            {"PATCH", 9}}};
  return description;
}

const EnumDescription& describeEnum(const HttpHealthCheck::CodecClientType*) {
  static const EnumDescription description{"HttpHealthCheck.CodecClientType",
                                           {{"HTTP1", 0}, {"HTTP2", 1}, {"HTTP3", 2, false}}};
  return description;
}

const MessageDescription& describe(const HttpHealthCheck*) {
  static const MessageDescription description = message<HttpHealthCheck>(
      "HttpHealthCheck", "", "Asks by HTTP.", {},
      {
          field<&HttpHealthCheck::path>("path", "The path to ask for.",
                                        {.required = true, .nonempty = true, .format = Format::kNoControls}),
          field<&HttpHealthCheck::host>("host", "The host header; the cluster's name when not set.",
                                        {.format = Format::kNoControls}),
          field<&HttpHealthCheck::method>("method", "METHOD_UNSPECIFIED is GET."),
          field<&HttpHealthCheck::expected_statuses>("expected_statuses",
                                                     "Statuses that mean healthy; 200 when empty."),
          field<&HttpHealthCheck::retriable_statuses>(
              "retriable_statuses", "Statuses that count towards unhealthy_threshold, in place of failing at once."),
          field<&HttpHealthCheck::request_headers_to_add>("request_headers_to_add", "Headers to add to the request."),
          field<&HttpHealthCheck::request_headers_to_remove>(
              "request_headers_to_remove", "Headers to remove from the request.", {.format = Format::kHeaderName}),
          field<&HttpHealthCheck::codec_client_type>("codec_client_type", "The version of HTTP."),
          unsupported("send", "bodies of health check requests"),
          unsupported("receive", "bodies of health check responses"),
          unsupported("response_buffer_size", "bodies of health check responses"),
          unsupported("service_name_matcher", "service names of health checks"),
      });
  return description;
}

const MessageDescription& describe(const TcpHealthCheck*) {
  static const MessageDescription description = message<TcpHealthCheck>(
      "TcpHealthCheck", "", "Connects, and may send and expect bytes.", {},
      {
          field<&TcpHealthCheck::send>("send", "Bytes to send; only connect when not set."),
          field<&TcpHealthCheck::receive>("receive", "Bytes to expect, in this order, others may lie between."),
          unsupported("proxy_protocol_config", "PROXY protocol to upstreams"),
      });
  return description;
}

const MessageDescription& describe(const GrpcHealthCheck*) {
  static const MessageDescription description = message<GrpcHealthCheck>(
      "GrpcHealthCheck", "", "Asks grpc.health.v1.Health.", {},
      {
          field<&GrpcHealthCheck::service_name>("service_name", "The service to ask about."),
          field<&GrpcHealthCheck::authority>("authority", "The authority; the cluster's name when not set.",
                                             {.format = Format::kNoControls}),
          field<&GrpcHealthCheck::initial_metadata>("initial_metadata", "Headers to add."),
      });
  return description;
}

const MessageDescription& describe(const HealthCheck*) {
  static const MessageDescription description = message<HealthCheck>(
      "HealthCheck", "envoy.config.core.v3.HealthCheck", "Asks endpoints whether they are well.",
      {{"health_checker", true}},
      {
          field<&HealthCheck::timeout>("timeout", "Longest wait for an answer.", {.required = true, .min = 1}),
          field<&HealthCheck::interval>("interval", "Time between checks.", {.required = true, .min = 1}),
          field<&HealthCheck::unhealthy_threshold>(
              "unhealthy_threshold", "Failures in a row before an endpoint is unhealthy.", {.required = true}),
          field<&HealthCheck::healthy_threshold>(
              "healthy_threshold", "Successes in a row before an endpoint is healthy; the first check needs one.",
              {.required = true}),
          field<&HealthCheck::initial_jitter>("initial_jitter", "Random wait before the first check."),
          field<&HealthCheck::interval_jitter>("interval_jitter", "Random addition to the interval."),
          field<&HealthCheck::interval_jitter_percent>("interval_jitter_percent",
                                                       "Random addition to the interval, in percent of it."),
          field<&HealthCheck::reuse_connection>("reuse_connection", "Keep the connection between checks."),
          field<&HealthCheck::no_traffic_interval>("no_traffic_interval",
                                                   "Interval while the cluster has had no traffic.", {.min = 1}),
          field<&HealthCheck::no_traffic_healthy_interval>(
              "no_traffic_healthy_interval", "The same for healthy endpoints; no_traffic_interval when not set.",
              {.min = 1}),
          field<&HealthCheck::unhealthy_interval>(
              "unhealthy_interval", "Interval for unhealthy endpoints; interval when not set.", {.min = 1}),
          field<&HealthCheck::unhealthy_edge_interval>(
              "unhealthy_edge_interval",
              "Interval once after an endpoint became unhealthy; unhealthy_interval when not set.", {.min = 1}),
          field<&HealthCheck::healthy_edge_interval>(
              "healthy_edge_interval", "Interval once after an endpoint became healthy; interval when not set.",
              {.min = 1}),
          field<&HealthCheck::http_health_check>("http_health_check", "By HTTP.", {.oneof = "health_checker"}),
          field<&HealthCheck::tcp_health_check>("tcp_health_check", "By TCP.", {.oneof = "health_checker"}),
          field<&HealthCheck::grpc_health_check>("grpc_health_check", "By gRPC.", {.oneof = "health_checker"}),
          unsupported("event_log_path", "health check event logs"),
          unsupported("event_logger", "health check event logs"),
          unsupported("always_log_health_check_failures", "health check event logs"),
          unsupported("always_log_health_check_success", "health check event logs"),
          unsupported("tls_options", "TLS options of health checks"),
          unsupported("transport_socket_match_criteria", "transport socket matches"),
          unsupported("custom_health_check", "custom health checks", "health_checker"),
          unsupported("event_service", "health check event services"),
          unsupported("alt_port", "alternative ports"),
      });
  return description;
}

}  // namespace baton::api
