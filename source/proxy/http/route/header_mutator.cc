#include "source/proxy/http/route/header_mutator.h"

#include <string_view>
#include <utility>

#include "source/base/strings.h"

namespace baton::proxy {

using base::Error;
using base::ErrorCode;
using http::HeaderName;

namespace {

bool isToken(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    if (!alphanumeric && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  }
  return true;
}

// The message's frame is the codec's business.
bool isFraming(std::string_view name) {
  return name == "content-length" || name == "transfer-encoding" || name == "connection" || name == "upgrade";
}

}  // namespace

base::Result<HeaderMutator> HeaderMutator::build(const std::vector<api::HeaderValueOption>& to_add,
                                                 const std::vector<std::string>& to_remove) {
  HeaderMutator mutator;
  for (const std::string& configured : to_remove) {
    std::string name = base::lower(configured);
    if (name.starts_with(':') || name == "host") {
      return Error{ErrorCode::kInvalidArgument, "header '" + configured + "' can't be removed"};
    }
    mutator.removals_.push_back(std::move(name));
  }
  for (const api::HeaderValueOption& option : to_add) {
    if (!option.header) return Error{ErrorCode::kInvalidArgument, "a header to add has no key and value"};
    Addition addition;
    addition.name = base::lower(option.header->key);
    if (addition.name == "host") addition.name = ":authority";
    addition.id = http::findHeaderName(addition.name);
    addition.action = option.append_action;
    if (option.append)
      addition.action = *option.append ? Action::kAppendIfExistsOrAdd : Action::kOverwriteIfExistsOrAdd;
    addition.keep_empty = option.keep_empty_value;
    const std::string_view plain =
        addition.name.starts_with(':') ? std::string_view(addition.name).substr(1) : std::string_view(addition.name);
    if (!isToken(plain)) {
      return Error{ErrorCode::kInvalidArgument, "'" + option.header->key + "' is not a header name"};
    }
    if (isFraming(addition.name)) {
      return Error{ErrorCode::kInvalidArgument, "header '" + option.header->key + "' can't be set"};
    }
    if (addition.name.starts_with(':')) {
      if (addition.id == HeaderName::kOther || addition.id == HeaderName::kStatus) {
        return Error{ErrorCode::kInvalidArgument, "pseudo-header '" + option.header->key + "' can't be set"};
      }
      // There is exactly one of each, so appending to it can only mean replacing it.
      if (addition.action == Action::kAppendIfExistsOrAdd) addition.action = Action::kOverwriteIfExistsOrAdd;
    }
    auto formatter = access_log::Formatter::parse(option.header->value, access_log::WhenUnset::kNothing);
    if (!formatter) {
      return Error{ErrorCode::kInvalidArgument, "header '" + option.header->key + "': " + formatter.error().message};
    }
    if (option.header->value.find('%') == std::string::npos) {
      addition.constant = true;
      addition.text = option.header->value;
      for (const char c : addition.text) {
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
          return Error{ErrorCode::kInvalidArgument,
                       "the value of header '" + option.header->key + "' has a control character"};
        }
      }
    } else {
      addition.formatter = std::move(*formatter);
    }
    mutator.additions_.push_back(std::move(addition));
  }
  return mutator;
}

void HeaderMutator::add(const Addition& addition, std::string_view value, http::HeaderMap& headers) const {
  if (value.empty() && !addition.keep_empty) return;
  const bool known = addition.id != HeaderName::kOther;
  const bool present = known ? headers.has(addition.id) : headers.has(addition.name);
  switch (addition.action) {
    case Action::kAddIfAbsent:
      if (present) return;
      break;
    case Action::kOverwriteIfExists:
      if (!present) return;
      [[fallthrough]];
    case Action::kOverwriteIfExistsOrAdd:
      known ? headers.set(addition.id, value) : headers.set(addition.name, value);
      return;
    case Action::kAppendIfExistsOrAdd:
      break;
  }
  known ? headers.add(addition.id, value) : headers.add(addition.name, value);
}

void HeaderMutator::apply(http::HeaderMap& headers, const access_log::FormatContext& context) const {
  for (const std::string& name : removals_) headers.remove(name);
  std::string value;
  for (const Addition& addition : additions_) {
    if (addition.constant) {
      add(addition, addition.text, headers);
      continue;
    }
    value.clear();
    addition.formatter.format(context, value);
    add(addition, value, headers);
  }
}

}  // namespace baton::proxy
