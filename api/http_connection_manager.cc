#include "api/http_connection_manager.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const SchemeHeaderTransformation*) {
  static const MessageDescription description = message<SchemeHeaderTransformation>(
      "SchemeHeaderTransformation", "", "What becomes of :scheme.", {{"transformation"}},
      {
          field<&SchemeHeaderTransformation::scheme_to_overwrite>("scheme_to_overwrite", "Set it to http or https.",
                                                                  {.oneof = "transformation"}),
          field<&SchemeHeaderTransformation::match_upstream>("match_upstream",
                                                             "Set it to what the upstream connection is."),
      });
  return description;
}

const MessageDescription& describe(const InternalAddressConfig*) {
  static const MessageDescription description = message<InternalAddressConfig>(
      "InternalAddressConfig", "", "Which clients are internal.", {},
      {
          field<&InternalAddressConfig::unix_sockets>("unix_sockets", "Clients over Unix sockets are."),
          field<&InternalAddressConfig::cidr_ranges>("cidr_ranges", "Clients with these addresses are."),
      });
  return description;
}

const MessageDescription& describe(const SetCurrentClientCertDetails*) {
  static const MessageDescription description = message<SetCurrentClientCertDetails>(
      "SetCurrentClientCertDetails", "", "What x-forwarded-client-cert tells about the client's certificate.", {},
      {
          field<&SetCurrentClientCertDetails::subject>("subject", "Its subject."),
          field<&SetCurrentClientCertDetails::cert>("cert", "The certificate."),
          field<&SetCurrentClientCertDetails::chain>("chain", "The chain."),
          field<&SetCurrentClientCertDetails::dns>("dns", "Its DNS names."),
          field<&SetCurrentClientCertDetails::uri>("uri", "Its URIs."),
          unsupported("issuer", "the issuer in x-forwarded-client-cert"),
          unsupported("format", "formats of x-forwarded-client-cert"),
      });
  return description;
}

const MessageDescription& describe(const UpgradeConfig*) {
  static const MessageDescription description = message<UpgradeConfig>(
      "UpgradeConfig", "", "An upgrade that is passed through.", {},
      {
          field<&UpgradeConfig::upgrade_type>("upgrade_type", "For example websocket or CONNECT.",
                                              {.required = true, .nonempty = true}),
          field<&UpgradeConfig::enabled>("enabled", "Whether routes allow it unless they say otherwise."),
          unsupported("filters", "filter chains of upgrades"),
      });
  return description;
}

const MessageDescription& describe(const ResponseMapper*) {
  static const MessageDescription description = message<ResponseMapper>(
      "ResponseMapper", "", "An edit of the responses that we make ourselves.", {},
      {
          field<&ResponseMapper::filter>("filter", "The responses that it edits.", {.required = true}),
          field<&ResponseMapper::status_code>("status_code", "The status to send.", {.min = 200, .max = 599}),
          field<&ResponseMapper::body>("body", "The body to send."),
          field<&ResponseMapper::body_format_override>("body_format_override", "The format of the body."),
          field<&ResponseMapper::headers_to_add>("headers_to_add", "Headers to add."),
      });
  return description;
}

const MessageDescription& describe(const LocalReplyConfig*) {
  static const MessageDescription description = message<LocalReplyConfig>(
      "LocalReplyConfig", "", "Edits of the responses that we make ourselves.", {},
      {
          field<&LocalReplyConfig::mappers>("mappers", "The first that matches is applied."),
          field<&LocalReplyConfig::body_format>("body_format", "The format of the body when no mapper sets one."),
      });
  return description;
}

const MessageDescription& describe(const XffTrustedCidrs*) {
  static const MessageDescription description =
      message<XffTrustedCidrs>("XffTrustedCidrs", "", "Proxies in front of us, by address.", {},
                               {
                                   field<&XffTrustedCidrs::cidrs>("cidrs", "Their addresses."),
                                   field<&XffTrustedCidrs::recurse>(
                                       "recurse", "Skip entries of x-forwarded-for that are theirs from the right."),
                               });
  return description;
}

const MessageDescription& describe(const XffConfig*) {
  static const MessageDescription description = message<XffConfig>(
      "XffConfig", "envoy.extensions.http.original_ip_detection.xff.v3.XffConfig",
      "The client's address is in x-forwarded-for.", {},
      {
          field<&XffConfig::xff_num_trusted_hops>("xff_num_trusted_hops",
                                                  "Entries of x-forwarded-for from the right to skip."),
          field<&XffConfig::xff_trusted_cidrs>("xff_trusted_cidrs", "Believe x-forwarded-for of these peers only."),
          field<&XffConfig::skip_xff_append>("skip_xff_append", "Leave x-forwarded-for alone."),
      });
  return description;
}

const MessageDescription& describe(const OriginalIpDetection*) {
  static const MessageDescription description = message<OriginalIpDetection>(
      "OriginalIpDetection", "", "Says who the client is.", {},
      {
          field<&OriginalIpDetection::name>("name", "Any name.", {.required = true, .nonempty = true}),
          field<&OriginalIpDetection::typed_config>("typed_config", "Where it is said.",
                                                    {.required = true, .category = "ipdetect"}),
      });
  return description;
}

const MessageDescription& describe(const UuidRequestIdConfig*) {
  static const MessageDescription description = message<UuidRequestIdConfig>(
      "UuidRequestIdConfig", "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", "Request ids are UUIDs.", {},
      {
          ignored("pack_trace_reason"),
          ignored("use_request_id_for_trace_sampling"),
      });
  return description;
}

const MessageDescription& describe(const RequestIdExtension*) {
  static const MessageDescription description = message<RequestIdExtension>(
      "RequestIdExtension", "", "What request ids are.", {},
      {
          field<&RequestIdExtension::typed_config>("typed_config", "The kind of id.",
                                                   {.required = true, .category = "requestid"}),
      });
  return description;
}

const EnumDescription& describeEnum(const HttpConnectionManager::CodecType*) {
  static const EnumDescription description{"HttpConnectionManager.CodecType",
                                           {{"AUTO", 0}, {"HTTP1", 1}, {"HTTP2", 2}, {"HTTP3", 3, false}}};
  return description;
}

const EnumDescription& describeEnum(const HttpConnectionManager::ServerHeaderTransformation*) {
  static const EnumDescription description{"HttpConnectionManager.ServerHeaderTransformation",
                                           {{"OVERWRITE", 0}, {"APPEND_IF_ABSENT", 1}, {"PASS_THROUGH", 2}}};
  return description;
}

const EnumDescription& describeEnum(const HttpConnectionManager::ForwardClientCertDetails*) {
  static const EnumDescription description{
      "HttpConnectionManager.ForwardClientCertDetails",
      {{"SANITIZE", 0}, {"FORWARD_ONLY", 1}, {"APPEND_FORWARD", 2}, {"SANITIZE_SET", 3}, {"ALWAYS_FORWARD_ONLY", 4}}};
  return description;
}

const EnumDescription& describeEnum(const HttpConnectionManager::PathWithEscapedSlashesAction*) {
  static const EnumDescription description{"HttpConnectionManager.PathWithEscapedSlashesAction",
                                           {{"IMPLEMENTATION_SPECIFIC_DEFAULT", 0},
                                            {"KEEP_UNCHANGED", 1},
                                            {"REJECT_REQUEST", 2},
                                            {"UNESCAPE_AND_REDIRECT", 3},
                                            {"UNESCAPE_AND_FORWARD", 4}}};
  return description;
}

const MessageDescription& describe(const HttpConnectionManager*) {
  static const MessageDescription description = message<HttpConnectionManager>(
      "HttpConnectionManager", "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "Speaks HTTP to clients, routes requests.", {{"route_specifier", true}, {"strip_port_mode"}},
      {
          field<&HttpConnectionManager::codec_type>("codec_type",
                                                    "The version of HTTP; AUTO by ALPN, else by the first bytes."),
          field<&HttpConnectionManager::stat_prefix>("stat_prefix", "Prefix of its statistics.",
                                                     {.required = true, .nonempty = true}),
          field<&HttpConnectionManager::route_config>("route_config", "The route table.", {.oneof = "route_specifier"}),
          field<&HttpConnectionManager::http_filters>("http_filters", "The filters; the router is the last."),
          field<&HttpConnectionManager::access_log>("access_log", "Logs of requests."),
          field<&HttpConnectionManager::common_http_protocol_options>("common_http_protocol_options",
                                                                      "Settings of all versions of HTTP."),
          field<&HttpConnectionManager::http_protocol_options>("http_protocol_options", "Settings of HTTP/1."),
          field<&HttpConnectionManager::http2_protocol_options>("http2_protocol_options", "Settings of HTTP/2."),
          field<&HttpConnectionManager::server_name>("server_name", "Value of the server header.",
                                                     {.format = Format::kNoControls}),
          field<&HttpConnectionManager::server_header_transformation>("server_header_transformation",
                                                                      "What becomes of the upstream's server header."),
          field<&HttpConnectionManager::scheme_header_transformation>("scheme_header_transformation",
                                                                      "What becomes of :scheme."),
          field<&HttpConnectionManager::add_user_agent>(
              "add_user_agent", "Set user-agent when it is missing, and x-envoy-downstream-service-cluster."),
          field<&HttpConnectionManager::max_request_headers_kb>(
              "max_request_headers_kb", "Largest header block of a request.", {.min = 1, .max = 8192}),
          field<&HttpConnectionManager::max_request_target_bytes>("max_request_target_bytes", "Longest request target.",
                                                                  {.ours = true, .min = 1, .max = 8388608}),
          field<&HttpConnectionManager::max_request_bytes>(
              "max_request_bytes", "Largest body of a request; without limit when not set.", {.ours = true}),
          field<&HttpConnectionManager::allow_trace>("allow_trace", "Accept TRACE.", {.ours = true}),
          field<&HttpConnectionManager::stream_idle_timeout>(
              "stream_idle_timeout", "A stream without activity for this long ends; 0 is never."),
          field<&HttpConnectionManager::request_timeout>(
              "request_timeout", "From the first to the last byte of a request (Envoy: 0); 0 is never."),
          field<&HttpConnectionManager::request_headers_timeout>(
              "request_headers_timeout",
              "From the first byte to the last of a request's headers (Envoy: 0); 0 is never."),
          field<&HttpConnectionManager::stream_flush_timeout>("stream_flush_timeout",
                                                              "A stream whose last bytes the client does not take for "
                                                              "this long ends; stream_idle_timeout when not set."),
          field<&HttpConnectionManager::drain_timeout>(
              "drain_timeout", "Time between a GOAWAY that warns and the one that ends an HTTP/2 connection."),
          field<&HttpConnectionManager::delayed_close_timeout>(
              "delayed_close_timeout", "How long a connection lingers after its last response."),
          field<&HttpConnectionManager::use_remote_address>(
              "use_remote_address",
              "The client's address is that of the connection (Envoy: false); true when not set and nothing else says "
              "who it is."),
          field<&HttpConnectionManager::xff_num_trusted_hops>(
              "xff_num_trusted_hops", "Entries of x-forwarded-for from the right that are trusted."),
          field<&HttpConnectionManager::internal_address_config>("internal_address_config",
                                                                 "Which clients are internal; none when not set."),
          field<&HttpConnectionManager::skip_xff_append>("skip_xff_append", "Leave x-forwarded-for alone."),
          field<&HttpConnectionManager::original_ip_detection_extensions>(
              "original_ip_detection_extensions", "The first that knows who the client is decides."),
          field<&HttpConnectionManager::request_id_extension>("request_id_extension",
                                                              "What request ids are; UUIDs in any case."),
          field<&HttpConnectionManager::via>("via", "Added to the via header of both sides.",
                                             {.format = Format::kNoControls}),
          field<&HttpConnectionManager::generate_request_id>("generate_request_id",
                                                             "Set x-request-id when it is missing."),
          field<&HttpConnectionManager::preserve_external_request_id>("preserve_external_request_id",
                                                                      "Keep the x-request-id of external requests."),
          field<&HttpConnectionManager::always_set_request_id_in_response>("always_set_request_id_in_response",
                                                                           "Send x-request-id in responses."),
          field<&HttpConnectionManager::forward_client_cert_details>("forward_client_cert_details",
                                                                     "What becomes of x-forwarded-client-cert."),
          field<&HttpConnectionManager::set_current_client_cert_details>("set_current_client_cert_details",
                                                                         "What x-forwarded-client-cert tells."),
          field<&HttpConnectionManager::proxy_100_continue>(
              "proxy_100_continue", "Pass 100-continue through, in place of answering it here."),
          field<&HttpConnectionManager::upgrade_configs>("upgrade_configs",
                                                         "Upgrades that are passed through; none when empty."),
          field<&HttpConnectionManager::normalize_path>("normalize_path",
                                                        "Resolve dot segments before routing (Envoy: false)."),
          field<&HttpConnectionManager::merge_slashes>("merge_slashes", "Merge slashes before routing (Envoy: false)."),
          field<&HttpConnectionManager::path_with_escaped_slashes_action>(
              "path_with_escaped_slashes_action", "What becomes of %2F and %5C in paths (Envoy: KEEP_UNCHANGED)."),
          field<&HttpConnectionManager::local_reply_config>("local_reply_config",
                                                            "Edits of the responses that we make ourselves."),
          field<&HttpConnectionManager::strip_matching_host_port>("strip_matching_host_port",
                                                                  "Remove the port of host when it is the listener's."),
          field<&HttpConnectionManager::strip_any_host_port>("strip_any_host_port", "Remove the port of host.",
                                                             {.oneof = "strip_port_mode"}),
          field<&HttpConnectionManager::strip_trailing_host_dot>("strip_trailing_host_dot",
                                                                 "Remove the dot at the end of host."),
          field<&HttpConnectionManager::stream_error_on_invalid_http_message>(
              "stream_error_on_invalid_http_message",
              "Whether an invalid HTTP/2 request resets its stream, as it does when not set, or closes the connection; "
              "connections of HTTP/1 are closed in any case."),
          field<&HttpConnectionManager::append_x_forwarded_port>("append_x_forwarded_port", "Send x-forwarded-port."),
          field<&HttpConnectionManager::represent_ipv4_remote_address_as_ipv4_mapped_ipv6>(
              "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
              "Write IPv4 addresses as ::ffff:a.b.c.d in x-forwarded-for."),
          ignored("add_proxy_protocol_connection_state"),
          unsupported("rds", "route discovery", "route_specifier"),
          unsupported("drain_timeout_jitter", "jitter of the drain timeout"),
          unsupported("http1_safe_max_connection_duration", "http1_safe_max_connection_duration"),
          unsupported("access_log_options", "access log options"),
          unsupported("access_log_flush_interval", "access logs of unfinished streams"),
          unsupported("flush_access_log_on_new_request", "access logs of unfinished streams"),
          unsupported("early_header_mutation_extensions", "early header mutation"),
          unsupported("forward_proto_config", "x-forwarded-proto from PROXY protocol"),
          unsupported("append_local_overload", "x-envoy-local-overloaded"),
          unsupported("proxy_status_config", "the proxy-status header"),
          unsupportedObservability("tracing", "HTTP tracing"),
          unsupported("scoped_routes", "scoped routes", "route_specifier"),
          unsupported("http3_protocol_options", "HTTP/3"),
          unsupported("forward_client_cert_matcher", "matcher trees"),
          unsupported("path_normalization_options", "path normalization options"),
          unsupported("typed_header_validation_config", "header validation extensions"),
      });
  return description;
}

}  // namespace baton::api
