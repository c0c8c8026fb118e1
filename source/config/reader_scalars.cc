// How the reader reads the fields that hold one scalar.
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include <re2/re2.h>

#include "source/base/strings.h"
#include "source/config/reader.h"
#include "source/config/scalars.h"

namespace baton::config {
namespace {

using api::FieldDescription;
using api::Format;
using api::Kind;

std::string number(double value) {
  return fmt::format("{:.15g}", value);
}

// "a number from 1 to 8192"
std::string expectedNumber(const FieldDescription& field) {
  const Kind kind = field.access->kind;
  const char* what = kind == Kind::kDouble ? "number" : field.options.max == 65535.0 ? "port" : "whole number";
  const double min = field.options.min.value_or(0);
  if (field.options.max) return fmt::format("a {} from {} to {}", what, number(min), number(*field.options.max));
  if (kind == Kind::kInt64) return fmt::format("a {}", what);
  if (kind == Kind::kUint32) return fmt::format("a {} from {} to 4294967295", what, number(min));
  return fmt::format("a {} of at least {}", what, number(min));
}

bool inRange(const FieldDescription& field, double value) {
  return value >= field.options.min.value_or(std::numeric_limits<double>::lowest()) &&
         value <= field.options.max.value_or(std::numeric_limits<double>::max());
}

// RFC 9110 5.6.2, with the colon of pseudo-headers before it.
bool isHeaderName(std::string_view name) {
  if (name.starts_with(':')) name.remove_prefix(1);
  if (name.empty()) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  }
  return true;
}

constexpr std::string_view kResponseFlags[] = {"LH",   "UH",   "UT",   "LR",   "UR", "UF",  "UC", "UO", "NR",  "DI",
                                               "FI",   "RL",   "UAEX", "RLSE", "DC", "URX", "SI", "IH", "DPE", "UMSDR",
                                               "RFCF", "NFCF", "DT",   "UPE",  "NC", "OM",  "DF", "DO", "DR",  "UDO"};

}  // namespace

void Reader::readNumber(const Node& node, const FieldDescription& field, void* value) {
  bool good = false;
  switch (field.access->kind) {
    case Kind::kUint32:
      if (const auto parsed = parseUnsigned(node); parsed && *parsed <= std::numeric_limits<uint32_t>::max()) {
        *static_cast<uint32_t*>(value) = static_cast<uint32_t>(*parsed);
        good = inRange(field, static_cast<double>(*parsed));
      }
      break;
    case Kind::kUint64:
      if (const auto parsed = parseUnsigned(node)) {
        *static_cast<uint64_t*>(value) = *parsed;
        good = inRange(field, static_cast<double>(*parsed));
      }
      break;
    case Kind::kInt64:
      if (const auto parsed = parseInteger(node)) {
        *static_cast<int64_t*>(value) = *parsed;
        good = inRange(field, static_cast<double>(*parsed));
      }
      break;
    default:
      if (const auto parsed = parseDouble(node)) {
        *static_cast<double*>(value) = *parsed;
        // No number of a configuration is meant to be negative.
        good = *parsed >= 0 && inRange(field, *parsed);
      }
      break;
  }
  if (!good) error(node, fmt::format("expected {}, found {}", expectedNumber(field), found(node)));
}

void Reader::readDuration(const Node& node, const FieldDescription& field, void* value) {
  const auto duration = parseDuration(node);
  if (!duration) {
    error(node, duration.error().message);
    return;
  }
  *static_cast<api::Milliseconds*>(value) = *duration;
  const auto ms = static_cast<double>(duration->count());
  if (inRange(field, ms)) return;
  const bool low = ms < field.options.min.value_or(0);
  const double limit = low ? *field.options.min : *field.options.max;
  error(node, fmt::format("expected a duration of at {} {}, found {}", low ? "least" : "most",
                          formatDuration(api::Milliseconds(static_cast<int64_t>(limit))), found(node)));
}

void Reader::readEnum(const Node& node, const FieldDescription& field, void* value) {
  const api::EnumDescription& enumeration = field.access->enumeration();
  const api::EnumValue* chosen = nullptr;
  if (node.isScalar()) {
    for (const api::EnumValue& candidate : enumeration.values) {
      if (base::equalsIgnoreCase(candidate.name, node.scalar)) chosen = &candidate;
    }
    if (const auto by_number = parseInteger(node); chosen == nullptr && by_number && *by_number >= 0) {
      chosen = enumeration.findNumber(static_cast<int>(std::min<int64_t>(*by_number, std::numeric_limits<int>::max())));
    }
  }
  if (chosen != nullptr && chosen->supported) {
    // All enums of api/ have the size of an int.
    std::memcpy(value, &chosen->number, sizeof(int));
    return;
  }
  std::vector<std::string_view> names;
  std::string accepted;
  for (const api::EnumValue& candidate : enumeration.values) {
    if (!candidate.supported) continue;
    names.push_back(candidate.name);
    accepted += (accepted.empty() ? "" : ", ") + std::string(candidate.name);
  }
  if (chosen != nullptr) {
    error(node, fmt::format("unsupported value {} (not implemented); expected {}{}", chosen->name,
                            names.size() > 1 ? "one of " : "", accepted));
    return;
  }
  const std::string_view nearest = node.isScalar() ? suggestion(node.scalar, names) : std::string_view();
  error(node, fmt::format("expected {}{}, found {}{}", names.size() > 1 ? "one of " : "", accepted, found(node),
                          nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)));
}

void Reader::readString(const Node& node, const FieldDescription& field, std::string& value) {
  if (!node.isScalar()) {
    error(node, fmt::format("expected text, found {}", found(node)));
    return;
  }
  value = node.scalar;
  if (field.options.nonempty && value.empty()) {
    error(node, "expected text that is not empty");
    return;
  }
  if (field.options.max_length != 0 && value.size() > field.options.max_length) {
    error(node, fmt::format("expected at most {} bytes, found {}", field.options.max_length, value.size()));
    return;
  }
  checkFormat(node, field, value);
}

void Reader::checkFormat(const Node& node, const FieldDescription& field, std::string& value) {
  switch (field.options.format) {
    case Format::kPlain:
    case Format::kCommaSeparated:
      break;
    case Format::kBytes:
      if (auto bytes = parseBase64(value)) {
        value = std::move(*bytes);
      } else {
        error(node, fmt::format("expected bytes in base64, found {}", found(node)));
      }
      break;
    case Format::kHeaderName:
      if (!isHeaderName(value)) error(node, fmt::format("expected the name of a header, found {}", found(node)));
      break;
    case Format::kNoControls:
      for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte >= 0x20 && byte != 0x7F) || c == '\t') continue;
        error(node, fmt::format("expected text without control characters, found {}", found(node)));
        break;
      }
      break;
    case Format::kRegex: {
      RE2::Options options;
      options.set_log_errors(false);
      options.set_max_mem(1 << 20);
      const RE2 regex(value, options);
      if (!regex.ok()) {
        error(node,
              fmt::format("expected a regular expression in RE2 syntax, found {}: {}", found(node), regex.error()));
      } else if (static_cast<size_t>(regex.ProgramSize()) > options_.max_regex_program_size) {
        error(node, fmt::format("expected a regular expression with a program of at most {} instructions, found one of "
                                "{}; the runtime key re2.max_program_size.error_level sets the limit",
                                options_.max_regex_program_size, regex.ProgramSize()));
      }
      break;
    }
    case Format::kResponseFlag:
      for (const std::string_view flag : kResponseFlags) {
        if (flag == value) return;
      }
      error(node, fmt::format("expected the short name of a response flag such as UH, found {}", found(node)));
      break;
  }
}

}  // namespace baton::config
