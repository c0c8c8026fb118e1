#include "source/access_log/operators.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <span>
#include <unistd.h>
#include <vector>

#include <boost/json.hpp>

#include "source/access_log/grpc_status.h"
#include "source/base/random.h"
#include "source/base/strings.h"
#include "source/http/query.h"
#include "source/http/status.h"

namespace baton::access_log {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using http::HeaderMap;
using http::HeaderName;
using network::Address;
using network::TlsInfo;

constexpr OperatorValue kUnset{};

OperatorValue textOrUnset(std::string_view text) {
  return text.empty() ? kUnset : OperatorValue(text);
}

OperatorValue keep(std::string text, std::string& scratch) {
  scratch = std::move(text);
  return textOrUnset(scratch);
}

OperatorValue joined(const std::vector<std::string>& parts, std::string& scratch) {
  return keep(base::join(parts, ","), scratch);
}

// How an address is printed.
enum AddressPart { kWhole, kWithoutPort, kPortOnly };

// `mask`: of how many bits without the port, counted from 1; 0 prints the address itself.
OperatorValue addressValue(const Address* address, int part, std::string& scratch, int mask = 0) {
  if (address == nullptr) return kUnset;
  switch (part) {
    case kWithoutPort: {
      if (mask == 0) return keep(address->ip(), scratch);
      const auto range = network::CidrRange::make(address->ip(), static_cast<uint32_t>(mask - 1));
      return range ? keep(range->text(), scratch) : kUnset;
    }
    case kPortOnly:
      return address->isIp() ? OperatorValue(uint64_t{address->port()}) : kUnset;
    default:
      return keep(address->text(), scratch);
  }
}

const Address* pointerTo(const std::optional<Address>& address) {
  return address ? &*address : nullptr;
}

OperatorValue milliseconds(std::optional<base::MonotonicTime> from, std::optional<base::MonotonicTime> to) {
  if (!from || !to || *to < *from) return kUnset;
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*to - *from).count());
}

OperatorValue headerIn(const HeaderMap* headers, HeaderName known, const std::string& name) {
  if (headers == nullptr || name.empty()) return kUnset;
  const bool is_known = known != HeaderName::kOther;
  const std::string_view value = is_known ? headers->get(known) : headers->get(name);
  if (!value.empty()) return value;
  return (is_known ? headers->has(known) : headers->has(name)) ? OperatorValue(value) : kUnset;
}

// The path as the client sent it, before any rewrite of ours.
std::string_view originalPath(const FormatContext& context) {
  if (context.request_headers == nullptr) return {};
  const std::string_view original = context.request_headers->get(HeaderName::kXEnvoyOriginalPath);
  return original.empty() ? context.request_headers->path() : original;
}

std::string hostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

OperatorValue flagsText(const http::ResponseFlags& flags, std::string_view (*name)(http::ResponseFlag),
                        std::string& scratch) {
  if (!flags.any()) return kUnset;
  scratch.clear();
  for (unsigned i = 0; i < static_cast<unsigned>(http::ResponseFlag::kCount); ++i) {
    const auto flag = static_cast<http::ResponseFlag>(i);
    if (!flags.has(flag)) continue;
    if (!scratch.empty()) scratch += ',';
    scratch += name(flag);
  }
  return std::string_view(scratch);
}

OperatorValue detailsText(std::string_view details, bool keep_spaces, std::string& scratch) {
  if (details.empty() || keep_spaces || details.find(' ') == std::string_view::npos) return textOrUnset(details);
  scratch.assign(details);
  std::replace(scratch.begin(), scratch.end(), ' ', '_');
  return std::string_view(scratch);
}

const TlsInfo* downstreamTls(const FormatContext& context) {
  return context.info.connection == nullptr ? nullptr : context.info.connection->tls.get();
}
const TlsInfo* upstreamTls(const FormatContext& context) {
  return context.info.upstream.tls.get();
}

struct Argument {
  std::string_view name;
  int value;
};

}  // namespace

// The table of operators. A friend, so that its functions read the arguments that its readers have stored.
struct OperatorTable {
  using Read = Result<void> (*)(Operator& self, std::string_view arguments);
  struct Entry {
    std::string_view name;
    Operator::Evaluate evaluate;
    Read read = nullptr;  // null: takes no arguments
    int option = 0;
  };
  static std::span<const Entry> entries();
  static std::span<const std::string_view> unsupported();

  static Error bad(std::string_view found, std::string_view expected) {
    return {ErrorCode::kInvalidArgument, "expected " + std::string(expected) + ", found '" + std::string(found) + "'"};
  }

  static Result<void> readHeaders(Operator& self, std::string_view arguments) {
    const size_t question = arguments.find('?');
    const auto set = [](std::string_view name, std::string& text, HeaderName& id) {
      text = base::lower(base::trim(name));
      if (text == "host") text = ":authority";
      id = http::findHeaderName(text);
    };
    set(arguments.substr(0, question), self.header_name_, self.header_);
    if (question != std::string_view::npos) {
      set(arguments.substr(question + 1), self.alternative_name_, self.alternative_);
    }
    if (self.header_name_.empty()) return bad(arguments, "a header name, as in REQ(X-NAME) or REQ(X-NAME?OTHER)");
    return {};
  }
  static OperatorValue header(const Operator& self, const HeaderMap* headers) {
    const OperatorValue first = headerIn(headers, self.header_, self.header_name_);
    return first.index() != 0 ? first : headerIn(headers, self.alternative_, self.alternative_name_);
  }

  template <TimeFormat::Zone zone>
  static Result<void> readTime(Operator& self, std::string_view arguments) {
    if (arguments.find_first_of("\r\n") != std::string_view::npos) return bad(arguments, "a time format of one line");
    self.time_ = std::make_shared<const TimeFormat>(arguments, zone);
    return {};
  }

  static Result<void> choose(std::string_view found, std::span<const Argument> choices, int& option) {
    std::string expected;
    for (const Argument& choice : choices) {
      if (choice.name == found) {
        option = choice.value;
        return {};
      }
      expected += (expected.empty() ? "" : ", ") + std::string(choice.name);
    }
    return bad(found, "one of " + expected);
  }

  static Result<void> readPath(Operator& self, std::string_view arguments) {
    static constexpr Argument kQuery[] = {{"WQ", 0}, {"NQ", 1}, {"", 0}};
    static constexpr Argument kSource[] = {{"ORIG_OR_PATH", 0}, {"ORIG", 1}, {"PATH", 2}, {"", 0}};
    const auto parts = base::split(arguments, ':');
    if (parts.size() > 2) return bad(arguments, "PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)");
    if (auto query = choose(parts[0], kQuery, self.option_); !query) return query;
    return choose(parts.size() > 1 ? parts[1] : std::string_view(), kSource, self.second_option_);
  }
  static OperatorValue path(const Operator& self, const FormatContext& context, std::string&) {
    if (context.request_headers == nullptr) return kUnset;
    std::string_view path = context.request_headers->get(HeaderName::kXEnvoyOriginalPath);
    if (self.second_option_ == 2 || (self.second_option_ == 0 && path.empty())) path = context.request_headers->path();
    return textOrUnset(self.option_ == 1 ? path.substr(0, path.find('?')) : path);
  }

  static Result<void> readText(Operator& self, std::string_view arguments) {
    if (arguments.empty()) return bad("", "an argument in parentheses");
    self.text_ = arguments;
    return {};
  }
  static Result<void> readEnvironment(Operator& self, std::string_view arguments) {
    if (arguments.empty()) return bad("", "the name of a variable in parentheses");
    const char* value = ::getenv(std::string(arguments).c_str());
    self.text_ = value == nullptr ? "" : value;
    return {};
  }
  static Result<void> readDetails(Operator& self, std::string_view arguments) {
    static constexpr Argument kChoices[] = {{"ALLOW_WHITESPACES", 1}, {"", 0}};
    return choose(arguments, kChoices, self.option_);
  }
  static Result<void> readGrpc(Operator& self, std::string_view arguments) {
    static constexpr Argument kChoices[] = {{"CAMEL_STRING", 0}, {"SNAKE_STRING", 1}, {"NUMBER", 2}, {"", 0}};
    return choose(arguments, kChoices, self.option_);
  }
  static OperatorValue grpc(const Operator& self, const FormatContext& context, std::string& scratch) {
    const auto status = grpcStatus(context);
    if (!status) return kUnset;
    if (self.option_ == 2) return static_cast<uint64_t>(*status);
    const std::string_view name = self.option_ == 1 ? http::grpcStatusSnake(*status) : http::grpcStatusCamel(*status);
    return name.empty() ? keep(std::to_string(*status), scratch) : OperatorValue(name);
  }

  // MASK_PREFIX_LEN of an address.
  static Result<void> readMask(Operator& self, std::string_view arguments) {
    if (arguments.empty()) return {};
    const auto bits = base::parseNumber<uint32_t>(arguments);
    if (!bits || *bits > 128) return bad(arguments, "a length of a prefix from 0 to 128");
    self.second_option_ = static_cast<int>(*bits) + 1;
    return {};
  }

  // COALESCE({"operators": ["NAME", {"command": "NAME", "param": "ARGUMENT", "max_length": 10}]}).
  static Result<void> readChoices(Operator& self, std::string_view arguments) {
    constexpr std::string_view kForm = R"({"operators": ["NAME", {"command": "NAME", "param": "ARGUMENT"}]})";
    boost::system::error_code failed;
    const boost::json::value parsed = boost::json::parse({arguments.data(), arguments.size()}, failed);
    const boost::json::object* object = failed ? nullptr : parsed.if_object();
    const boost::json::value* list = object == nullptr ? nullptr : object->if_contains("operators");
    if (list == nullptr || !list->is_array() || list->get_array().empty()) return bad(arguments, kForm);
    for (const boost::json::value& entry : list->get_array()) {
      std::string text;
      if (entry.is_string()) {
        text = entry.get_string().c_str();
      } else if (const boost::json::object* command = entry.if_object()) {
        const boost::json::value* name = command->if_contains("command");
        if (name == nullptr || !name->is_string()) return bad(arguments, kForm);
        text = name->get_string().c_str();
        if (const boost::json::value* argument = command->if_contains("param")) {
          if (!argument->is_string()) return bad(arguments, kForm);
          text += "(" + std::string(argument->get_string().c_str()) + ")";
        }
        if (const boost::json::value* length = command->if_contains("max_length")) {
          if (!length->is_int64() || length->get_int64() < 0) return bad(arguments, kForm);
          text += ":" + std::to_string(length->get_int64());
        }
      } else {
        return bad(arguments, kForm);
      }
      auto choice = parse(text);
      if (!choice) return choice.error();
      self.choices_.push_back(std::move(*choice));
    }
    return {};
  }
  static OperatorValue firstWithValue(const Operator& self, const FormatContext& context, std::string& scratch) {
    for (const Operator& choice : self.choices_) {
      const OperatorValue value = choice.evaluate(context, scratch);
      if (value.index() != 0) return value;
    }
    return kUnset;
  }

  // COMMON_DURATION(from:to:unit).
  static Result<void> readDuration(Operator& self, std::string_view arguments) {
    static constexpr Argument kMoments[] = {{"DS_RX_BEG", 0}, {"DS_RX_END", 1}, {"US_TX_BEG", 2}, {"US_TX_END", 3},
                                            {"US_RX_BEG", 4}, {"US_RX_END", 5}, {"DS_TX_BEG", 6}, {"DS_TX_END", 7}};
    static constexpr Argument kUnits[] = {{"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}};
    const auto parts = base::split(arguments, ':');
    if (parts.size() != 3) return bad(arguments, "COMMON_DURATION(FROM:TO:ms|us|ns)");
    int from = 0;
    int to = 0;
    if (auto ok = choose(parts[0], kMoments, from); !ok) return ok;
    if (auto ok = choose(parts[1], kMoments, to); !ok) return ok;
    self.second_option_ = from * 16 + to;
    return choose(parts[2], kUnits, self.option_);
  }
  static std::optional<base::MonotonicTime> moment(const http::StreamInfo& info, int which) {
    switch (which) {
      case 0:
        return info.start;
      case 1:
        return info.request_received;
      case 2:
        return info.first_upstream_tx;
      case 3:
        return info.last_upstream_tx;
      case 4:
        return info.first_upstream_rx;
      case 5:
        return info.last_upstream_rx;
      case 6:
        return info.first_downstream_tx;
      default:
        return info.last_downstream_tx;
    }
  }
  static OperatorValue duration(const Operator& self, const FormatContext& context, std::string&) {
    const auto from = moment(context.info, self.second_option_ / 16);
    const auto to = moment(context.info, self.second_option_ % 16);
    if (!from || !to || *to < *from) return kUnset;
    return static_cast<uint64_t>(std::chrono::nanoseconds(*to - *from).count() / self.option_);
  }

  static Operator withOption(const Entry& entry) {
    Operator made;
    made.evaluate_ = entry.evaluate;
    made.option_ = entry.option;
    return made;
  }
  static Result<Operator> parse(std::string_view text);
};

#define VALUE                                                                              \
  [](const Operator& self [[maybe_unused]], const FormatContext& context [[maybe_unused]], \
     std::string& scratch [[maybe_unused]]) -> OperatorValue

// An address in its three spellings; `where` is an expression for a pointer to it.
#define ADDRESS(name, where)                                                                             \
  {name, VALUE{return addressValue(where, self.option_, scratch);                                        \
  }                                                                                                      \
  , nullptr, kWhole                                                                                      \
  }                                                                                                      \
  , {name "_WITHOUT_PORT", VALUE{return addressValue(where, self.option_, scratch, self.second_option_); \
  }                                                                                                      \
  , readMask, kWithoutPort                                                                               \
  }                                                                                                      \
  , {                                                                                                    \
    name "_PORT", VALUE {                                                                                \
      return addressValue(where, self.option_, scratch);                                                 \
    }                                                                                                    \
    , nullptr, kPortOnly                                                                                 \
  }

// What a TLS peer said, for both sides.
#define TLS(prefix, tls)                                                                                              \
  {prefix "_TLS_VERSION", VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->version);         \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_TLS_CIPHER", VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->cipher);         \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_SUBJECT", VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_subject); \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_ISSUER", VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_issuer);   \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_SERIAL", VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_serial);   \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_URI_SAN",                                                                                          \
     VALUE{return tls(context) == nullptr ? kUnset : joined(tls(context)->peer_uri_sans, scratch);                    \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_DNS_SAN",                                                                                          \
     VALUE{return tls(context) == nullptr ? kUnset : joined(tls(context)->peer_dns_sans, scratch);                    \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_IP_SAN",                                                                                           \
     VALUE{return tls(context) == nullptr ? kUnset : joined(tls(context)->peer_ip_sans, scratch);                     \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_TLS_SESSION_ID", VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->session_id); \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_FINGERPRINT_256",                                                                                  \
     VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_fingerprint_256);                 \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_FINGERPRINT_1",                                                                                    \
     VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_fingerprint_1);                   \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_CERT",                                                                                             \
     VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_certificate_url_encoded_pem);     \
  }                                                                                                                   \
  }                                                                                                                   \
  , {prefix "_PEER_CERT_V_START",                                                                                     \
     VALUE{return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_cert_v_start);                    \
  }                                                                                                                   \
  }                                                                                                                   \
  , {                                                                                                                 \
    prefix "_PEER_CERT_V_END", VALUE {                                                                                \
      return tls(context) == nullptr ? kUnset : textOrUnset(tls(context)->peer_cert_v_end);                           \
    }                                                                                                                 \
  }

#define CONNECTION context.info.connection

// clang-format off
std::span<const OperatorTable::Entry> OperatorTable::entries() {
  using Zone = TimeFormat::Zone;
  static const Entry kEntries[] = {
      // Request and response.
      {"START_TIME", VALUE { scratch.clear(); self.time_->append(context.info.start_wall, scratch); return std::string_view(scratch); }, readTime<Zone::kUtc>},
      {"START_TIME_LOCAL", VALUE { scratch.clear(); self.time_->append(context.info.start_wall, scratch); return std::string_view(scratch); }, readTime<Zone::kLocal>},
      {"EMIT_TIME", VALUE { scratch.clear(); self.time_->append(base::RealClock::instance().wall(), scratch); return std::string_view(scratch); }, readTime<Zone::kUtc>},
      {"EMIT_TIME_LOCAL", VALUE { scratch.clear(); self.time_->append(base::RealClock::instance().wall(), scratch); return std::string_view(scratch); }, readTime<Zone::kLocal>},
      {"REQ", VALUE { return header(self, context.request_headers); }, readHeaders},
      {"REQUEST_HEADER", VALUE { return header(self, context.request_headers); }, readHeaders},
      {"RESP", VALUE { return header(self, context.response_headers); }, readHeaders},
      {"RESPONSE_HEADER", VALUE { return header(self, context.response_headers); }, readHeaders},
      {"TRAILER", VALUE { return header(self, context.response_trailers); }, readHeaders},
      {"RESPONSE_TRAILER", VALUE { return header(self, context.response_trailers); }, readHeaders},
      {"PATH", path, readPath},
      {"QUERY_PARAM", VALUE { const auto value = http::findQueryParameter(originalPath(context), self.text_); return value ? OperatorValue(*value) : kUnset; }, readText},
      {"QUERY_PARAMS", VALUE { const auto path = originalPath(context); const size_t question = path.find('?'); return question == std::string_view::npos ? kUnset : textOrUnset(path.substr(question + 1)); }},
      {"PROTOCOL", VALUE { return context.info.protocol ? OperatorValue(toString(*context.info.protocol)) : kUnset; }},
      {"RESPONSE_CODE", VALUE { return static_cast<uint64_t>(context.info.response_code); }},
      {"RESPONSE_CODE_DETAILS", VALUE { return detailsText(context.info.response_code_details, self.option_ == 1, scratch); }, readDetails},
      {"RESPONSE_FLAGS", VALUE { return flagsText(context.info.flags, http::shortName, scratch); }},
      {"RESPONSE_FLAGS_LONG", VALUE { return flagsText(context.info.flags, http::longName, scratch); }},
      {"GRPC_STATUS", grpc, readGrpc},
      {"GRPC_STATUS_NUMBER", grpc, nullptr, 2},
      {"LOCAL_REPLY_BODY", VALUE { return textOrUnset(context.local_reply_body); }},
      // Bytes and time.
      {"BYTES_RECEIVED", VALUE { return context.info.bytes_received; }},
      {"BYTES_SENT", VALUE { return context.info.bytes_sent; }},
      {"REQUEST_HEADERS_BYTES", VALUE { return uint64_t{context.request_headers == nullptr ? 0 : context.request_headers->byteSize()}; }},
      {"RESPONSE_HEADERS_BYTES", VALUE { return uint64_t{context.response_headers == nullptr ? 0 : context.response_headers->byteSize()}; }},
      {"RESPONSE_TRAILERS_BYTES", VALUE { return uint64_t{context.response_trailers == nullptr ? 0 : context.response_trailers->byteSize()}; }},
      {"DURATION", VALUE { return milliseconds(context.info.start, context.info.end); }},
      {"REQUEST_DURATION", VALUE { return milliseconds(context.info.start, context.info.request_received); }},
      {"REQUEST_TX_DURATION", VALUE { return milliseconds(context.info.start, context.info.last_upstream_tx); }},
      {"RESPONSE_DURATION", VALUE { return milliseconds(context.info.start, context.info.first_upstream_rx); }},
      {"RESPONSE_TX_DURATION", VALUE { return milliseconds(context.info.first_upstream_rx, context.info.last_downstream_tx); }},
      {"COMMON_DURATION", duration, readDuration},
      {"DOWNSTREAM_WIRE_BYTES_SENT", VALUE { return context.info.downstream_wire.sent; }},
      {"DOWNSTREAM_WIRE_BYTES_RECEIVED", VALUE { return context.info.downstream_wire.received; }},
      {"DOWNSTREAM_HEADER_BYTES_SENT", VALUE { return context.info.downstream_wire.headers_sent; }},
      {"DOWNSTREAM_HEADER_BYTES_RECEIVED", VALUE { return context.info.downstream_wire.headers_received; }},
      {"UPSTREAM_WIRE_BYTES_SENT", VALUE { return context.info.upstream.wire.sent; }},
      {"UPSTREAM_WIRE_BYTES_RECEIVED", VALUE { return context.info.upstream.wire.received; }},
      {"UPSTREAM_HEADER_BYTES_SENT", VALUE { return context.info.upstream.wire.headers_sent; }},
      {"UPSTREAM_HEADER_BYTES_RECEIVED", VALUE { return context.info.upstream.wire.headers_received; }},
      // Upstream.
      ADDRESS("UPSTREAM_HOST", pointerTo(context.info.upstream.remote_address)),
      ADDRESS("UPSTREAM_REMOTE_ADDRESS", pointerTo(context.info.upstream.remote_address)),
      ADDRESS("UPSTREAM_LOCAL_ADDRESS", pointerTo(context.info.upstream.local_address)),
      {"UPSTREAM_REMOTE_PORT", VALUE { return addressValue(pointerTo(context.info.upstream.remote_address), kPortOnly, scratch); }},
      {"UPSTREAM_LOCAL_PORT", VALUE { return addressValue(pointerTo(context.info.upstream.local_address), kPortOnly, scratch); }},
      {"UPSTREAM_HOST_NAME", VALUE { return context.info.upstream.host_name.empty() ? addressValue(pointerTo(context.info.upstream.remote_address), kWhole, scratch) : OperatorValue(std::string_view(context.info.upstream.host_name)); }},
      {"UPSTREAM_CLUSTER", VALUE { return textOrUnset(context.info.upstream_cluster); }},
      {"UPSTREAM_CLUSTER_RAW", VALUE { return textOrUnset(context.info.upstream_cluster); }},
      {"UPSTREAM_PROTOCOL", VALUE { return context.info.upstream.protocol ? OperatorValue(toString(*context.info.upstream.protocol)) : kUnset; }},
      {"UPSTREAM_REQUEST_ATTEMPT_COUNT", VALUE { return uint64_t{context.info.upstream.attempt_count}; }},
      {"UPSTREAM_TRANSPORT_FAILURE_REASON", VALUE { return detailsText(context.info.upstream.transport_failure_reason, false, scratch); }},
      {"UPSTREAM_CONNECTION_ID", VALUE { return context.info.upstream.connection_id == 0 ? kUnset : OperatorValue(context.info.upstream.connection_id); }},
      TLS("UPSTREAM", upstreamTls),
      // Downstream.
      ADDRESS("DOWNSTREAM_REMOTE_ADDRESS", &context.info.remote_address),
      ADDRESS("DOWNSTREAM_DIRECT_REMOTE_ADDRESS", CONNECTION == nullptr ? nullptr : &CONNECTION->direct_remote_address),
      ADDRESS("DOWNSTREAM_LOCAL_ADDRESS", CONNECTION == nullptr ? nullptr : &CONNECTION->local_address),
      ADDRESS("DOWNSTREAM_DIRECT_LOCAL_ADDRESS", CONNECTION == nullptr ? nullptr : &CONNECTION->direct_local_address),
      {"DOWNSTREAM_DIRECT_REMOTE_PORT", VALUE { return addressValue(CONNECTION == nullptr ? nullptr : &CONNECTION->direct_remote_address, kPortOnly, scratch); }},
      {"DOWNSTREAM_DIRECT_LOCAL_PORT", VALUE { return addressValue(CONNECTION == nullptr ? nullptr : &CONNECTION->direct_local_address, kPortOnly, scratch); }},
      {"DOWNSTREAM_REMOTE_PORT", VALUE { return addressValue(&context.info.remote_address, kPortOnly, scratch); }},
      {"DOWNSTREAM_LOCAL_PORT", VALUE { return addressValue(CONNECTION == nullptr ? nullptr : &CONNECTION->local_address, kPortOnly, scratch); }},
      {"CONNECTION_ID", VALUE { return CONNECTION == nullptr ? kUnset : OperatorValue(CONNECTION->id); }},
      {"STREAM_ID", VALUE { return context.info.request_id.empty() ? OperatorValue(context.info.stream_id) : OperatorValue(std::string_view(context.info.request_id)); }},
      {"CONNECTION_TERMINATION_DETAILS", VALUE { return textOrUnset(context.info.connection_termination_details); }},
      {"DOWNSTREAM_TRANSPORT_FAILURE_REASON", VALUE { return CONNECTION == nullptr ? kUnset : detailsText(CONNECTION->transport_failure_reason, false, scratch); }},
      {"REQUESTED_SERVER_NAME", VALUE { return CONNECTION == nullptr ? kUnset : textOrUnset(CONNECTION->requested_server_name); }},
      {"DOWNSTREAM_LOCAL_SUBJECT", VALUE { return downstreamTls(context) == nullptr ? kUnset : textOrUnset(downstreamTls(context)->local_subject); }},
      {"DOWNSTREAM_LOCAL_URI_SAN", VALUE { return downstreamTls(context) == nullptr ? kUnset : joined(downstreamTls(context)->local_uri_sans, scratch); }},
      {"DOWNSTREAM_LOCAL_DNS_SAN", VALUE { return downstreamTls(context) == nullptr ? kUnset : joined(downstreamTls(context)->local_dns_sans, scratch); }},
      {"DOWNSTREAM_LOCAL_IP_SAN", VALUE { return downstreamTls(context) == nullptr ? kUnset : joined(downstreamTls(context)->local_ip_sans, scratch); }},
      TLS("DOWNSTREAM", downstreamTls),
      // Others.
      {"ROUTE_NAME", VALUE { return textOrUnset(context.info.route_name); }},
      {"VIRTUAL_CLUSTER_NAME", VALUE { return textOrUnset(context.info.virtual_cluster_name); }},
      {"HOSTNAME", VALUE { static const std::string name = hostName(); return textOrUnset(name); }},
      {"FILTER_CHAIN_NAME", VALUE { return CONNECTION == nullptr ? kUnset : textOrUnset(CONNECTION->filter_chain_name); }},
      {"UNIQUE_ID", VALUE { return keep(base::uuid4(base::threadRandom()), scratch); }},
      {"ENVIRONMENT", VALUE { return textOrUnset(self.text_); }, readEnvironment},
      {"COALESCE", firstWithValue, readChoices},
      {"ACCESS_LOG_TYPE", VALUE { return textOrUnset(context.log_type); }},
  };
  return kEntries;
}
// clang-format on

#undef CONNECTION
#undef TLS
#undef ADDRESS
#undef VALUE

std::span<const std::string_view> OperatorTable::unsupported() {
  static constexpr std::string_view kNames[] = {
      "FILTER_STATE",
      "UPSTREAM_FILTER_STATE",
      "CEL",
      "TRACE_ID",
      "SPAN_ID",
      "TLS_JA3_FINGERPRINT",
      "TLS_JA4_FINGERPRINT",
      "BYTES_RETRANSMITTED",
      "PACKETS_RETRANSMITTED",
      "ROUNDTRIP_DURATION",
      "DYNAMIC_METADATA",
      "METADATA",
      "UPSTREAM_METADATA",
      "CLUSTER_METADATA",
      "UPSTREAM_HOSTS_ATTEMPTED",
  };
  return kNames;
}

Result<Operator> OperatorTable::parse(std::string_view text) {
  const std::string whole(text);
  size_t name_end = 0;
  while (name_end < text.size() && text[name_end] != '(' && text[name_end] != ':') ++name_end;
  const std::string_view name = text.substr(0, name_end);
  std::string_view rest = text.substr(name_end);
  const Error syntax{ErrorCode::kInvalidArgument,
                     "'%" + whole + "%': expected %NAME%, %NAME(ARGUMENT)% or %NAME(ARGUMENT):LENGTH%"};
  std::optional<std::string_view> arguments;
  if (!rest.empty() && rest[0] == '(') {
    const size_t close = rest.rfind(')');
    if (close == std::string_view::npos) return syntax;
    arguments = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
  }
  std::optional<uint32_t> max_bytes;
  if (!rest.empty()) {
    max_bytes = base::parseNumber<uint32_t>(rest.substr(1));
    if (rest[0] != ':' || !max_bytes) return syntax;
  }

  const auto table = entries();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& candidate) { return candidate.name == name; });
  if (found == table.end()) {
    const auto known_unsupported = unsupported();
    if (std::find(known_unsupported.begin(), known_unsupported.end(), name) != known_unsupported.end()) {
      return Error{ErrorCode::kInvalidArgument, "'%" + whole + "%': unsupported operator (not implemented); remove it"};
    }
    std::vector<std::string_view> names;
    for (const auto& entry : table) names.push_back(entry.name);
    const std::string_view near = base::nearestName(name, names);
    return Error{ErrorCode::kInvalidArgument, "'%" + whole + "%': unknown operator" +
                                                  (near.empty() ? "" : "; did you mean " + std::string(near) + "?")};
  }
  Operator made = withOption(*found);
  if (found->read == nullptr && arguments) {
    return Error{ErrorCode::kInvalidArgument, "'%" + whole + "%': " + std::string(name) + " takes no argument"};
  }
  if (found->read != nullptr) {
    if (auto read = found->read(made, arguments.value_or("")); !read) {
      return Error{read.error().code, "'%" + whole + "%': " + read.error().message};
    }
  }
  if (max_bytes) made.max_bytes_ = std::min<size_t>(made.max_bytes_, *max_bytes);
  return made;
}

Result<Operator> Operator::parse(std::string_view text) {
  return OperatorTable::parse(text);
}

OperatorValue Operator::evaluate(const FormatContext& context, std::string& scratch) const {
  const OperatorValue value = evaluate_(*this, context, scratch);
  if (const auto* text = std::get_if<std::string_view>(&value)) return text->substr(0, max_bytes_);
  return value;
}

}  // namespace baton::access_log
