// The network filter that speaks HTTP to clients. Plain values with their defaults; any thread may read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/access_log.h"
#include "api/address.h"
#include "api/data_source.h"
#include "api/headers.h"
#include "api/http_filters.h"
#include "api/protocol_options.h"
#include "api/route.h"
#include "api/value.h"

namespace baton::api {

struct EnumDescription;
struct MessageDescription;

// What becomes of :scheme.
struct SchemeHeaderTransformation {
  std::optional<std::string> scheme_to_overwrite;
  bool match_upstream = false;
};

// Which clients are internal.
struct InternalAddressConfig {
  bool unix_sockets = false;
  std::vector<CidrRange> cidr_ranges;
};

// What x-forwarded-client-cert tells about the client's certificate.
struct SetCurrentClientCertDetails {
  std::optional<bool> subject;
  bool cert = false;
  bool chain = false;
  bool dns = false;
  bool uri = false;
};

// An upgrade that is passed through.
struct UpgradeConfig {
  std::string upgrade_type;
  bool enabled = true;
};

// An edit of the responses that we make ourselves.
struct ResponseMapper {
  std::optional<AccessLogFilter> filter;
  std::optional<uint32_t> status_code;
  std::optional<DataSource> body;
  std::optional<SubstitutionFormatString> body_format_override;
  std::vector<HeaderValueOption> headers_to_add;
};

// Edits of the responses that we make ourselves.
struct LocalReplyConfig {
  std::vector<ResponseMapper> mappers;
  std::optional<SubstitutionFormatString> body_format;
};

// Proxies in front of us, by address.
struct XffTrustedCidrs {
  std::vector<CidrRange> cidrs;
  bool recurse = false;
};

// The client's address is in x-forwarded-for.
struct XffConfig {
  uint32_t xff_num_trusted_hops = 0;
  std::optional<XffTrustedCidrs> xff_trusted_cidrs;
  bool skip_xff_append = true;
};

// Says who the client is.
struct OriginalIpDetection {
  std::string name;
  TypedConfig typed_config;
};

// Request ids are UUIDs.
struct UuidRequestIdConfig {};

// What request ids are.
struct RequestIdExtension {
  TypedConfig typed_config;
};

// Speaks HTTP to clients, routes requests.
struct HttpConnectionManager {
  enum class CodecType { kAuto = 0, kHttp1 = 1, kHttp2 = 2, kHttp3 = 3 };
  enum class ServerHeaderTransformation { kOverwrite = 0, kAppendIfAbsent = 1, kPassThrough = 2 };
  enum class ForwardClientCertDetails {
    kSanitize = 0,
    kForwardOnly = 1,
    kAppendForward = 2,
    kSanitizeSet = 3,
    kAlwaysForwardOnly = 4
  };
  enum class PathWithEscapedSlashesAction {
    kImplementationSpecificDefault = 0,
    kKeepUnchanged = 1,
    kRejectRequest = 2,
    kUnescapeAndRedirect = 3,
    kUnescapeAndForward = 4
  };

  CodecType codec_type = CodecType::kAuto;
  std::string stat_prefix;
  std::optional<RouteConfiguration> route_config;
  std::vector<HttpFilter> http_filters;
  std::vector<AccessLog> access_log;
  HttpProtocolOptions common_http_protocol_options;
  Http1ProtocolOptions http_protocol_options;
  Http2ProtocolOptions http2_protocol_options;
  std::string server_name = "envoy";
  ServerHeaderTransformation server_header_transformation = ServerHeaderTransformation::kOverwrite;
  std::optional<SchemeHeaderTransformation> scheme_header_transformation;
  bool add_user_agent = false;
  uint32_t max_request_headers_kb = 60;
  uint32_t max_request_target_bytes = 16384;
  std::optional<uint64_t> max_request_bytes;  // Largest body of a request; without limit when not set.
  bool allow_trace = false;
  Milliseconds stream_idle_timeout{300000};  // A stream without activity for this long ends; 0 is never.
  Milliseconds request_timeout{300000};      // From the first to the last byte of a request (Envoy: 0); 0 is never.
  // From the first byte to the last of a request's headers (Envoy: 0); 0 is never.
  Milliseconds request_headers_timeout{10000};
  // A stream whose last bytes the client does not take for this long ends; stream_idle_timeout when not set.
  std::optional<Milliseconds> stream_flush_timeout;
  Milliseconds drain_timeout{5000};
  Milliseconds delayed_close_timeout{1000};
  // The client's address is that of the connection (Envoy: false); true when not set and nothing else says who it is.
  std::optional<bool> use_remote_address;
  uint32_t xff_num_trusted_hops = 0;
  std::optional<InternalAddressConfig> internal_address_config;  // Which clients are internal; none when not set.
  bool skip_xff_append = false;
  std::vector<OriginalIpDetection> original_ip_detection_extensions;
  std::optional<RequestIdExtension> request_id_extension;  // What request ids are; UUIDs in any case.
  std::string via;
  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool always_set_request_id_in_response = false;
  ForwardClientCertDetails forward_client_cert_details = ForwardClientCertDetails::kSanitize;
  std::optional<SetCurrentClientCertDetails> set_current_client_cert_details;
  bool proxy_100_continue = false;
  std::vector<UpgradeConfig> upgrade_configs;  // Upgrades that are passed through; none when empty.
  bool normalize_path = true;
  bool merge_slashes = true;
  PathWithEscapedSlashesAction path_with_escaped_slashes_action = PathWithEscapedSlashesAction::kUnescapeAndRedirect;
  std::optional<LocalReplyConfig> local_reply_config;
  bool strip_matching_host_port = false;
  std::optional<bool> strip_any_host_port;
  bool strip_trailing_host_dot = false;
  std::optional<bool> stream_error_on_invalid_http_message;  // Unset: as http2_protocol_options says.
  bool append_x_forwarded_port = false;
  bool represent_ipv4_remote_address_as_ipv4_mapped_ipv6 = false;
};

const MessageDescription& describe(const SchemeHeaderTransformation*);
const MessageDescription& describe(const InternalAddressConfig*);
const MessageDescription& describe(const SetCurrentClientCertDetails*);
const MessageDescription& describe(const UpgradeConfig*);
const MessageDescription& describe(const ResponseMapper*);
const MessageDescription& describe(const LocalReplyConfig*);
const MessageDescription& describe(const XffTrustedCidrs*);
const MessageDescription& describe(const XffConfig*);
const MessageDescription& describe(const OriginalIpDetection*);
const MessageDescription& describe(const UuidRequestIdConfig*);
const MessageDescription& describe(const RequestIdExtension*);
const MessageDescription& describe(const HttpConnectionManager*);
const EnumDescription& describeEnum(const HttpConnectionManager::CodecType*);
const EnumDescription& describeEnum(const HttpConnectionManager::ServerHeaderTransformation*);
const EnumDescription& describeEnum(const HttpConnectionManager::ForwardClientCertDetails*);
const EnumDescription& describeEnum(const HttpConnectionManager::PathWithEscapedSlashesAction*);

}  // namespace baton::api
