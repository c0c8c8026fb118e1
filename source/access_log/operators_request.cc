// What operators say of a request and its response.
#include "source/access_log/grpc_status.h"
#include "source/access_log/operator_table.h"
#include "source/http/query.h"
#include "source/http/status.h"

namespace baton::access_log {
namespace {

using base::Result;
using http::HeaderMap;
using http::HeaderName;

OperatorValue headerIn(const HeaderMap* headers, HeaderName known, const std::string& name) {
  if (headers == nullptr || name.empty()) return OperatorTable::kUnset;
  const bool is_known = known != HeaderName::kOther;
  const std::string_view value = is_known ? headers->get(known) : headers->get(name);
  if (!value.empty()) return value;
  return (is_known ? headers->has(known) : headers->has(name)) ? OperatorValue(value) : OperatorTable::kUnset;
}

// The path as the client sent it, before any rewrite of ours.
std::string_view originalPath(const FormatContext& context) {
  if (context.request_headers == nullptr) return {};
  const std::string_view original = context.request_headers->get(HeaderName::kXEnvoyOriginalPath);
  return original.empty() ? context.request_headers->path() : original;
}

OperatorValue flagsText(const http::ResponseFlags& flags, std::string_view (*name)(http::ResponseFlag),
                        std::string& scratch) {
  if (!flags.any()) return OperatorTable::kUnset;
  scratch.clear();
  for (unsigned i = 0; i < static_cast<unsigned>(http::ResponseFlag::kCount); ++i) {
    const auto flag = static_cast<http::ResponseFlag>(i);
    if (!flags.has(flag)) continue;
    if (!scratch.empty()) scratch += ',';
    scratch += name(flag);
  }
  return std::string_view(scratch);
}

}  // namespace

Result<void> OperatorTable::readHeaders(Operator& self, std::string_view arguments) {
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

template <const HeaderMap* FormatContext::*map>
OperatorValue OperatorTable::header(const Operator& self, const FormatContext& context, std::string&) {
  const OperatorValue first = headerIn(context.*map, self.header_, self.header_name_);
  return first.index() != 0 ? first : headerIn(context.*map, self.alternative_, self.alternative_name_);
}

Result<void> OperatorTable::readPath(Operator& self, std::string_view arguments) {
  static constexpr Argument kQuery[] = {{"WQ", 0}, {"NQ", 1}, {"", 0}};
  static constexpr Argument kSource[] = {{"ORIG_OR_PATH", 0}, {"ORIG", 1}, {"PATH", 2}, {"", 0}};
  const auto parts = base::split(arguments, ':');
  if (parts.size() > 2) return bad(arguments, "PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)");
  if (auto query = choose(parts[0], kQuery, self.option_); !query) return query;
  return choose(parts.size() > 1 ? parts[1] : std::string_view(), kSource, self.second_option_);
}

OperatorValue OperatorTable::path(const Operator& self, const FormatContext& context, std::string&) {
  if (context.request_headers == nullptr) return kUnset;
  std::string_view path = context.request_headers->get(HeaderName::kXEnvoyOriginalPath);
  if (self.second_option_ == 2 || (self.second_option_ == 0 && path.empty())) path = context.request_headers->path();
  return textOrUnset(self.option_ == 1 ? path.substr(0, path.find('?')) : path);
}

Result<void> OperatorTable::readParameter(Operator& self, std::string_view arguments) {
  if (arguments.empty()) return bad("", "an argument in parentheses");
  self.text_ = arguments;
  return {};
}

OperatorValue OperatorTable::parameter(const Operator& self, const FormatContext& context, std::string&) {
  const auto value = http::findQueryParameter(originalPath(context), self.text_);
  return value ? OperatorValue(*value) : kUnset;
}

Result<void> OperatorTable::readDetails(Operator& self, std::string_view arguments) {
  static constexpr Argument kChoices[] = {{"ALLOW_WHITESPACES", 1}, {"", 0}};
  return choose(arguments, kChoices, self.option_);
}

OperatorValue OperatorTable::responseDetails(const Operator& self, const FormatContext& context, std::string& scratch) {
  return detailsText(context.info.response_code_details, self.option_ == 1, scratch);
}

Result<void> OperatorTable::readGrpc(Operator& self, std::string_view arguments) {
  static constexpr Argument kChoices[] = {{"CAMEL_STRING", 0}, {"SNAKE_STRING", 1}, {"NUMBER", 2}, {"", 0}};
  return choose(arguments, kChoices, self.option_);
}

OperatorValue OperatorTable::grpc(const Operator& self, const FormatContext& context, std::string& scratch) {
  const auto status = grpcStatus(context);
  if (!status) return kUnset;
  if (self.option_ == 2) return static_cast<uint64_t>(*status);
  const std::string_view name = self.option_ == 1 ? http::grpcStatusSnake(*status) : http::grpcStatusCamel(*status);
  return name.empty() ? keep(std::to_string(*status), scratch) : OperatorValue(name);
}

void OperatorTable::addRequest(Entries& entries) {
  using C = FormatContext;
  const auto add = [&](std::string name, Operator::Evaluate evaluate, Read read = nullptr, int option = 0) {
    entries.push_back({std::move(name), evaluate, read, option});
  };
  add("REQ", header<&C::request_headers>, readHeaders);
  add("REQUEST_HEADER", header<&C::request_headers>, readHeaders);
  add("RESP", header<&C::response_headers>, readHeaders);
  add("RESPONSE_HEADER", header<&C::response_headers>, readHeaders);
  add("TRAILER", header<&C::response_trailers>, readHeaders);
  add("RESPONSE_TRAILER", header<&C::response_trailers>, readHeaders);
  add("PATH", path, readPath);
  add("QUERY_PARAM", parameter, readParameter);
  add("QUERY_PARAMS", of<[](const C& c) {
        const std::string_view path = originalPath(c);
        const size_t question = path.find('?');
        return question == std::string_view::npos ? std::string_view() : path.substr(question + 1);
      }>);
  add("PROTOCOL", of<[](const C& c) { return c.info.protocol ? toString(*c.info.protocol) : std::string_view(); }>);
  add("RESPONSE_CODE", of<[](const C& c) { return c.info.response_code; }>);
  add("RESPONSE_CODE_DETAILS", responseDetails, readDetails);
  add("RESPONSE_FLAGS",
      of<[](const C& c, std::string& scratch) { return flagsText(c.info.flags, http::shortName, scratch); }>);
  add("RESPONSE_FLAGS_LONG",
      of<[](const C& c, std::string& scratch) { return flagsText(c.info.flags, http::longName, scratch); }>);
  add("GRPC_STATUS", grpc, readGrpc);
  add("GRPC_STATUS_NUMBER", grpc, nullptr, 2);
  add("LOCAL_REPLY_BODY", of<[](const C& c) { return c.local_reply_body; }>);
  add("ROUTE_NAME", of<[](const C& c) { return std::string_view(c.info.route_name); }>);
  add("VIRTUAL_CLUSTER_NAME", of<[](const C& c) { return std::string_view(c.info.virtual_cluster_name); }>);
  add("STREAM_ID", of<[](const C& c) {
        return c.info.request_id.empty() ? OperatorValue(c.info.stream_id)
                                         : OperatorValue(std::string_view(c.info.request_id));
      }>);
  add("ACCESS_LOG_TYPE", of<[](const C& c) { return c.log_type; }>);
}

}  // namespace baton::access_log
