#include "source/access_log/operators.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "source/access_log/operator_table.h"
#include "source/base/strings.h"

namespace baton::access_log {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

// Envoy has them.
constexpr std::string_view kUnsupported[] = {
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
    "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_ISSUER_SERIAL",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256",
    "DOWNSTREAM_PEER_CHAIN_SERIALS",
    "REQUESTED_SERVER_NAME_HOST",
    "QUIC_CONNECTION_ID",
};

}  // namespace

Result<void> OperatorTable::choose(std::string_view found, std::span<const Argument> choices, int& option) {
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

OperatorValue OperatorTable::detailsText(std::string_view details, bool keep_spaces, std::string& scratch) {
  if (details.empty() || keep_spaces || details.find(' ') == std::string_view::npos) return textOrUnset(details);
  scratch.assign(details);
  std::replace(scratch.begin(), scratch.end(), ' ', '_');
  return std::string_view(scratch);
}

OperatorValue OperatorTable::addressValue(const network::Address* address, int part, std::string& scratch, int mask) {
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

Result<void> OperatorTable::readMask(Operator& self, std::string_view arguments) {
  if (arguments.empty()) return {};
  const auto bits = base::parseNumber<uint32_t>(arguments);
  if (!bits || *bits > 128) return bad(arguments, "a length of a prefix from 0 to 128");
  self.second_option_ = static_cast<int>(*bits) + 1;
  return {};
}

const OperatorTable::Entries& OperatorTable::entries() {
  static const Entries table = [] {
    Entries entries;
    for (const auto add : {addRequest, addTimes, addConnection, addUpstream, addMetadata, addProcess}) add(entries);
    return entries;
  }();
  return table;
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

  const Entries& table = entries();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& candidate) { return candidate.name == name; });
  if (found == table.end()) {
    if (std::ranges::find(kUnsupported, name) != std::end(kUnsupported)) {
      return Error{ErrorCode::kInvalidArgument, "'%" + whole + "%': unsupported operator (not implemented); remove it"};
    }
    std::vector<std::string_view> names;
    for (const auto& entry : table) names.push_back(entry.name);
    const std::string_view near = base::nearestName(name, names);
    return Error{ErrorCode::kInvalidArgument, "'%" + whole + "%': unknown operator" +
                                                  (near.empty() ? "" : "; did you mean " + std::string(near) + "?")};
  }
  Operator made;
  made.evaluate_ = found->evaluate;
  made.option_ = found->option;
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
