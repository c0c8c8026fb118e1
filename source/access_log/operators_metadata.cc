// What operators say of the metadata that a configuration gives to things.
#include <charconv>
#include <cmath>

#include <boost/json.hpp>

#include "api/metadata.h"

#include "source/access_log/escape.h"
#include "source/access_log/operator_table.h"

namespace baton::access_log {
namespace {

using base::Result;

// Whose metadata it is. Only listener filters write dynamic metadata, so it is the connection's.
enum Kind { kDynamic, kCluster, kRoute, kVirtualHost, kUpstreamHost, kListener, kFilterChain };

const api::Metadata* metadataOf(const FormatContext& context, int kind) {
  const http::StreamInfo& info = context.info;
  switch (kind) {
    case kCluster:
      return info.cluster_metadata.get();
    case kRoute:
      return info.route_metadata.get();
    case kVirtualHost:
      return info.virtual_host_metadata.get();
    case kUpstreamHost:
      return info.upstream.host_metadata.get();
    case kListener:
      return info.connection == nullptr ? nullptr : info.connection->listener_metadata.get();
    case kFilterChain:
      return info.connection == nullptr ? nullptr : info.connection->filter_chain_metadata.get();
    case kDynamic:
      return info.connection == nullptr ? nullptr : info.connection->dynamic_metadata.get();
    default:
      return nullptr;
  }
}

void appendValue(const api::Value& value, std::string& out) {
  char digits[40];
  if (const bool* boolean = value.boolean()) {
    out += *boolean ? "true" : "false";
  } else if (const int64_t* integer = value.integer()) {
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), *integer).ptr);
  } else if (const double* number = value.number(); number != nullptr && std::isfinite(*number)) {
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), *number).ptr);
  } else if (const std::string* text = value.string()) {
    out += '"';
    appendJson(*text, out);
    out += '"';
  } else if (const auto* list = value.list()) {
    out += '[';
    for (const api::Value& element : *list) {
      if (&element != &list->front()) out += ',';
      appendValue(element, out);
    }
    out += ']';
  } else if (const auto* object = value.object()) {
    out += '{';
    for (const auto& member : *object) {
      if (&member != &object->front()) out += ',';
      out += '"';
      appendJson(member.name, out);
      out += "\":";
      appendValue(member.value, out);
    }
    out += '}';
  } else {
    out += "null";
  }
}

const api::Value* memberOf(const api::Value& value, const std::string& key) {
  const auto* object = value.object();
  if (object == nullptr) return nullptr;
  for (const auto& [name, member] : *object) {
    if (name == key) return &member;
  }
  return nullptr;
}

}  // namespace

// NAMESPACE:KEY:KEY, or the older ["NAMESPACE", "KEY"].
Result<void> OperatorTable::readKeys(Operator& self, std::string_view arguments) {
  constexpr std::string_view kForm = "NAMESPACE:KEY:KEY in parentheses";
  if (!arguments.starts_with('[')) {
    for (const std::string_view key : base::split(arguments, ':')) self.keys_.emplace_back(key);
  } else {
    boost::system::error_code failed;
    const boost::json::value parsed = boost::json::parse({arguments.data(), arguments.size()}, failed);
    if (failed || !parsed.is_array()) return bad(arguments, kForm);
    for (const boost::json::value& key : parsed.get_array()) {
      if (!key.is_string()) return bad(arguments, kForm);
      self.keys_.emplace_back(key.get_string().c_str());
    }
  }
  if (self.keys_.empty() || self.keys_.front().empty()) return bad(arguments, kForm);
  return {};
}

// KIND:NAMESPACE:KEY:KEY.
Result<void> OperatorTable::readKindAndKeys(Operator& self, std::string_view arguments) {
  static constexpr Argument kKinds[] = {{"DYNAMIC", kDynamic},
                                        {"CLUSTER", kCluster},
                                        {"ROUTE", kRoute},
                                        {"VIRTUAL_HOST", kVirtualHost},
                                        {"UPSTREAM_HOST", kUpstreamHost},
                                        {"LISTENER", kListener},
                                        {"LISTENER_FILTER_CHAIN", kFilterChain}};
  const size_t colon = arguments.find(':');
  if (auto kind = choose(arguments.substr(0, colon), kKinds, self.option_); !kind) return kind;
  return readKeys(self, colon == std::string_view::npos ? std::string_view() : arguments.substr(colon + 1));
}

OperatorValue OperatorTable::metadata(const Operator& self, const FormatContext& context, std::string& scratch) {
  const api::Metadata* const metadata = metadataOf(context, self.option_);
  if (metadata == nullptr) return kUnset;
  const auto found = metadata->filter_metadata.find(self.keys_.front());
  if (found == metadata->filter_metadata.end()) return kUnset;
  const api::Value* value = &found->second;
  for (size_t i = 1; i < self.keys_.size() && value != nullptr; ++i) value = memberOf(*value, self.keys_[i]);
  if (value == nullptr || value->isNull()) return kUnset;
  if (const std::string* text = value->string()) return std::string_view(*text);
  scratch.clear();
  appendValue(*value, scratch);
  return JsonText{scratch};
}

void OperatorTable::addMetadata(Entries& entries) {
  entries.push_back({"METADATA", metadata, readKindAndKeys});
  entries.push_back({"DYNAMIC_METADATA", metadata, readKeys, kDynamic});
  entries.push_back({"CLUSTER_METADATA", metadata, readKeys, kCluster});
  entries.push_back({"UPSTREAM_METADATA", metadata, readKeys, kUpstreamHost});
}

}  // namespace baton::access_log
