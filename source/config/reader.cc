#include "source/config/reader.h"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>
#include <utility>

#include "api/typed_config.h"

#include "source/base/strings.h"
#include "source/config/legacy.h"
#include "source/config/scalars.h"

namespace baton::config {
namespace {

using api::FieldDescription;
using api::Kind;
using api::MessageDescription;
using api::Shape;
using api::Support;

// A list that is longer is a mistake, and elements take much more room in memory than in a text.
constexpr size_t kMaxElements = 100'000;

// A field that says what it would say anyway, when it is not there.
bool saysNothing(const Node& node) {
  return node.isNull() || node.isPlain("false") || (node.isScalar() && node.scalar.empty()) ||
         (node.isList() && node.children.empty());
}

std::string quotedList(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += fmt::format("'{}'", name);
  }
  return text;
}

std::vector<std::string_view> membersOf(const MessageDescription& message, std::string_view oneof) {
  std::vector<std::string_view> names;
  for (const FieldDescription& field : message.fields) {
    if (field.support == Support::kYes && field.options.oneof == oneof && field.options.deprecated == nullptr) {
      names.push_back(field.name);
    }
  }
  return names;
}

}  // namespace

void Reader::read(const Node& node, const MessageDescription& message, void* object) {
  if (node.isNull()) return;
  readMessage(node, message, object);
}

void Reader::readMessage(const Node& node, const MessageDescription& message, void* object) {
  if (problems_.full()) return;
  if (!node.isMap()) {
    error(node, fmt::format("expected a map with the fields of {}, found {}", message.name, found(node)));
    return;
  }
  const std::vector<Entry> entries = collectEntries(node, message);
  checkOneofs(node, message, entries);
  for (const Entry& entry : entries) {
    const Path::In in(path_, entry.field->name);
    if (entry.value->isNull() || !checkSupport(entry)) continue;
    readField(*entry.value, *entry.field, object, node);
  }
  checkRequired(node, message, entries, object);
  if (message.normalize != nullptr) message.normalize(object);
}

std::vector<Reader::Entry> Reader::collectEntries(const Node& node, const MessageDescription& message) {
  std::vector<Entry> entries;
  entries.reserve(node.children.size() / 2);
  for (size_t i = 0; i + 1 < node.children.size() && !problems_.full(); i += 2) {
    const Node& key = *node.children[i];
    if (key.scalar == "@type") continue;
    const FieldDescription* field = message.find(key.scalar);
    if (field == nullptr) {
      unknownField(key, message);
      continue;
    }
    const auto same = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.field == field; });
    if (same == entries.end()) {
      entries.push_back({field, &key, node.children[i + 1]});
      continue;
    }
    const Path::In in(path_, field->name);
    if (sameValue(*same->value, *node.children[i + 1])) {
      warning(key, fmt::format("given twice with the same value, first on line {}", same->key->line));
    } else {
      error(key, fmt::format("given twice with different values, first on line {}", same->key->line));
    }
  }
  return entries;
}

void Reader::checkOneofs(const Node& node, const MessageDescription& message, const std::vector<Entry>& entries) {
  for (const api::OneofDescription& oneof : message.oneofs) {
    const Entry* chosen = nullptr;
    bool any = false;
    for (const Entry& entry : entries) {
      if (entry.field->options.oneof != oneof.name || entry.value->isNull()) continue;
      any = true;
      if (chosen == nullptr) {
        chosen = &entry;
        continue;
      }
      const Path::In in(path_, entry.field->name);
      error(*entry.key, fmt::format("'{}' excludes '{}' of line {}; give one of them", entry.field->name,
                                    chosen->field->name, chosen->key->line));
    }
    if (any || !oneof.required) continue;
    const auto members = membersOf(message, oneof.name);
    error(node, members.size() == 1 ? fmt::format("required field {} is missing", quotedList(members))
                                    : fmt::format("one of the fields {} is required", quotedList(members)));
  }
}

void Reader::checkRequired(const Node& node, const MessageDescription& message, const std::vector<Entry>& entries,
                           void* object) {
  for (const FieldDescription& field : message.fields) {
    if (!field.options.required && field.options.min_items == 0) continue;
    const bool given = std::any_of(entries.begin(), entries.end(),
                                   [&](const Entry& entry) { return entry.field == &field && !entry.value->isNull(); });
    if (given) continue;
    if (field.access->kind == Kind::kAny && field.access->shape == Shape::kPlain) {
      // v2's spelling of the same has been reported.
      if (node.find("config") != nullptr) continue;
      const Path::In in(path_, field.name);
      if (readLegacyAny(node, field, *static_cast<api::TypedConfig*>(field.member(object)), node)) continue;
    }
    error(node, fmt::format("required field '{}' is missing", field.name));
  }
}

void Reader::unknownField(const Node& key, const MessageDescription& message) {
  std::string text;
  if (const std::string_view hint = outdatedField(message.name, key.scalar); !hint.empty()) {
    text = fmt::format("field '{}' is not of the v3 API; {}", shown(key.scalar), hint);
  } else {
    std::vector<std::string_view> names;
    for (const FieldDescription& field : message.fields) {
      if (field.support == Support::kYes) names.push_back(field.name);
    }
    const std::string_view nearest = suggestion(key.scalar, names);
    text = fmt::format("unknown field '{}' in {}", shown(key.scalar), message.name);
    if (!nearest.empty()) {
      text += fmt::format("; did you mean '{}'?", nearest);
    } else if (names.empty()) {
      text += "; it has no fields";
    } else if (names.size() <= 12) {
      text += "; it has " + quotedList(names);
    }
  }
  if (options_.allow_unknown_fields) {
    ++unknown_fields_;
    warning(key, text);
  } else {
    error(key, text);
  }
}

bool Reader::checkSupport(const Entry& entry) {
  const FieldDescription& field = *entry.field;
  switch (field.support) {
    case Support::kYes:
      if (field.options.deprecated != nullptr) {
        ++deprecated_uses_;
        const std::string_view instead = field.options.deprecated;
        warning(*entry.key, instead.empty() ? fmt::format("deprecated field '{}'", field.name)
                                            : fmt::format("deprecated field '{}'; use '{}'", field.name, instead));
      }
      return true;
    case Support::kIgnored:
      if (ignored_.emplace(field.name).second) warning(*entry.key, fmt::format("field '{}' has no effect", field.name));
      return false;
    case Support::kNo:
    case Support::kNoObservability:
      break;
  }
  if (saysNothing(*entry.value)) return false;
  const bool may_ignore = field.support == Support::kNoObservability;
  const auto& ignore = options_.ignore_unsupported;
  if (may_ignore && std::find(ignore.begin(), ignore.end(), field.name) != ignore.end()) {
    warning(*entry.key, fmt::format("unsupported field '{}' (not implemented: {}) is ignored", field.name, field.doc));
    return false;
  }
  // The description may know what to use instead.
  const size_t hint = field.doc.find("; ");
  const std::string_view what = field.doc.substr(0, hint);
  std::string advice = hint == std::string_view::npos ? "remove it" : std::string(field.doc.substr(hint + 2));
  if (may_ignore) advice += fmt::format(" or start with --ignore-unsupported={}", field.name);
  error(*entry.key, fmt::format("unsupported field '{}' (not implemented: {}); {}", field.name, what, advice));
  return false;
}

void Reader::readField(const Node& node, const FieldDescription& field, void* object, const Node& parent) {
  void* member = field.member(object);
  switch (field.access->shape) {
    case Shape::kPlain:
    case Shape::kOptional:
      readValue(node, field, field.access->add(member, {}), parent);
      break;
    case Shape::kRepeated:
      readRepeated(node, field, member, parent);
      break;
    case Shape::kMap:
      readMap(node, field, member, parent);
      break;
  }
}

void Reader::readRepeated(const Node& node, const FieldDescription& field, void* member, const Node& parent) {
  const Node* lone = &node;
  const Node* const* elements = node.isList() ? node.children.data() : &lone;
  const size_t count = node.isList() ? node.children.size() : 1;
  if (field.options.max_items != 0 && count > field.options.max_items) {
    error(node, fmt::format("expected at most {} element{}, found {}", field.options.max_items,
                            field.options.max_items == 1 ? "" : "s", count));
    return;
  }
  if (count > kMaxElements) {
    error(node, fmt::format("expected at most {} elements, found {}", kMaxElements, count));
    return;
  }
  if (count < field.options.min_items) {
    error(node, fmt::format("expected at least {} element{}, found {}", field.options.min_items,
                            field.options.min_items == 1 ? "" : "s", count == 0 ? "none" : std::to_string(count)));
    return;
  }
  for (size_t i = 0; i < count && !problems_.full(); ++i) {
    // Replaces the step of the list by one of the element.
    const Path::At at(path_, i);
    if (field.options.format == api::Format::kCommaSeparated && elements[i]->isScalar()) {
      base::forEachListElement(elements[i]->scalar, [&](std::string_view part) {
        *static_cast<std::string*>(field.access->add(member, {})) = part;
        return true;
      });
      continue;
    }
    drop_element_ = false;
    readValue(*elements[i], field, field.access->add(member, {}), *elements[i]);
    if (std::exchange(drop_element_, false)) field.access->remove_last(member);
  }
}

void Reader::readMap(const Node& node, const FieldDescription& field, void* member, const Node& parent) {
  if (!node.isMap()) {
    error(node, fmt::format("expected a map, found {}", found(node)));
    return;
  }
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t i = 0; i + 1 < node.children.size() && !problems_.full(); i += 2) {
    const Node& key = *node.children[i];
    const Path::In in(path_, Path::In::Key{key.scalar});
    if (const auto [first, added] = seen.emplace(key.scalar, i); !added) {
      const bool same = sameValue(*node.children[first->second + 1], *node.children[i + 1]);
      const std::string text =
          fmt::format("given twice with {}, first on line {}", same ? "the same value" : "different values",
                      node.children[first->second]->line);
      same ? warning(key, text) : error(key, text);
    }
    readValue(*node.children[i + 1], field, field.access->add(member, key.scalar), parent);
    drop_element_ = false;
  }
}

void Reader::readValue(const Node& node, const FieldDescription& field, void* value, const Node& parent) {
  switch (field.access->kind) {
    case Kind::kBool:
      if (const auto boolean = parseBool(node)) {
        *static_cast<bool*>(value) = *boolean;
      } else {
        error(node, fmt::format("expected true or false, found {}", found(node)));
      }
      break;
    case Kind::kUint32:
    case Kind::kUint64:
    case Kind::kInt64:
    case Kind::kDouble:
      readNumber(node, field, value);
      break;
    case Kind::kString:
      readString(node, field, *static_cast<std::string*>(value));
      break;
    case Kind::kDuration:
      readDuration(node, field, value);
      break;
    case Kind::kEnum:
      readEnum(node, field, value);
      break;
    case Kind::kMessage:
      readMessage(node, field.access->message(), value);
      break;
    case Kind::kAny:
      readAny(node, field, *static_cast<api::TypedConfig*>(value), parent);
      break;
    case Kind::kValue:
      if (node.isMap()) {
        *static_cast<api::Value*>(value) = parseValue(node);
      } else {
        error(node, fmt::format("expected a map, found {}", found(node)));
      }
      break;
  }
}

}  // namespace baton::config
