// Makes descriptions from pointers to members, so that the struct alone says what type a field has. Included only by
// the files that hold description tables.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "api/description.h"
#include "api/typed_config.h"
#include "api/value.h"

namespace baton::api {

namespace builder {

template <typename T>
const MessageDescription& messageOf() {
  return describe(static_cast<const T*>(nullptr));
}
template <typename T>
const EnumDescription& enumOf() {
  return describeEnum(static_cast<const T*>(nullptr));
}

template <typename T>
consteval Kind kindOf() {
  if constexpr (std::is_same_v<T, bool>)
    return Kind::kBool;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return Kind::kUint32;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return Kind::kUint64;
  else if constexpr (std::is_same_v<T, int64_t>)
    return Kind::kInt64;
  else if constexpr (std::is_same_v<T, double>)
    return Kind::kDouble;
  else if constexpr (std::is_same_v<T, std::string>)
    return Kind::kString;
  else if constexpr (std::is_same_v<T, Milliseconds>)
    return Kind::kDuration;
  else if constexpr (std::is_same_v<T, TypedConfig>)
    return Kind::kAny;
  else if constexpr (std::is_same_v<T, Value>)
    return Kind::kValue;
  else if constexpr (std::is_enum_v<T>)
    return Kind::kEnum;
  else
    return Kind::kMessage;
}

template <typename T>
constexpr MemberAccess accessTo(Shape shape) {
  MemberAccess access{.kind = kindOf<T>(), .shape = shape};
  if constexpr (kindOf<T>() == Kind::kMessage) access.message = &messageOf<T>;
  if constexpr (kindOf<T>() == Kind::kEnum) access.enumeration = &enumOf<T>;
  return access;
}

template <typename T>
struct Member {
  static constexpr MemberAccess make() {
    MemberAccess access = accessTo<T>(Shape::kPlain);
    access.add = [](void* member, std::string_view) { return member; };
    access.clear = [](void* member) { *static_cast<T*>(member) = T(); };
    access.size = [](const void*) -> size_t { return 1; };
    access.visit = [](const void* member, void* context, MemberAccess::Visitor visitor) {
      visitor(context, {}, member);
    };
    return access;
  }
};

template <typename T>
struct Member<std::optional<T>> {
  static constexpr MemberAccess make() {
    using M = std::optional<T>;
    MemberAccess access = accessTo<T>(Shape::kOptional);
    access.add = [](void* member, std::string_view) -> void* {
      auto& optional = *static_cast<M*>(member);
      return optional ? &*optional : &optional.emplace();
    };
    access.clear = [](void* member) { static_cast<M*>(member)->reset(); };
    access.size = [](const void* member) -> size_t { return static_cast<const M*>(member)->has_value() ? 1 : 0; };
    access.visit = [](const void* member, void* context, MemberAccess::Visitor visitor) {
      if (const auto& optional = *static_cast<const M*>(member)) visitor(context, {}, &*optional);
    };
    return access;
  }
};

// For a message that may hold one of its own kind.
template <typename T>
struct Member<std::shared_ptr<T>> {
  static constexpr MemberAccess make() {
    using M = std::shared_ptr<T>;
    MemberAccess access = accessTo<T>(Shape::kOptional);
    access.add = [](void* member, std::string_view) -> void* {
      auto& pointer = *static_cast<M*>(member);
      if (pointer == nullptr) pointer = std::make_shared<T>();
      return pointer.get();
    };
    access.clear = [](void* member) { static_cast<M*>(member)->reset(); };
    access.size = [](const void* member) -> size_t { return *static_cast<const M*>(member) != nullptr ? 1 : 0; };
    access.visit = [](const void* member, void* context, MemberAccess::Visitor visitor) {
      if (const auto& pointer = *static_cast<const M*>(member)) visitor(context, {}, pointer.get());
    };
    return access;
  }
};

template <typename T>
struct Member<std::vector<T>> {
  static constexpr MemberAccess make() {
    using M = std::vector<T>;
    MemberAccess access = accessTo<T>(Shape::kRepeated);
    access.add = [](void* member, std::string_view) -> void* { return &static_cast<M*>(member)->emplace_back(); };
    access.clear = [](void* member) { static_cast<M*>(member)->clear(); };
    access.remove_last = [](void* member) { static_cast<M*>(member)->pop_back(); };
    access.size = [](const void* member) -> size_t { return static_cast<const M*>(member)->size(); };
    access.visit = [](const void* member, void* context, MemberAccess::Visitor visitor) {
      for (const T& element : *static_cast<const M*>(member)) visitor(context, {}, &element);
    };
    return access;
  }
};

template <typename T>
struct Member<std::map<std::string, T>> {
  static constexpr MemberAccess make() {
    using M = std::map<std::string, T>;
    MemberAccess access = accessTo<T>(Shape::kMap);
    access.add = [](void* member, std::string_view key) -> void* {
      return &(*static_cast<M*>(member))[std::string(key)];
    };
    access.clear = [](void* member) { static_cast<M*>(member)->clear(); };
    access.size = [](const void* member) -> size_t { return static_cast<const M*>(member)->size(); };
    access.visit = [](const void* member, void* context, MemberAccess::Visitor visitor) {
      for (const auto& [key, value] : *static_cast<const M*>(member)) visitor(context, key, &value);
    };
    return access;
  }
};

template <typename M>
inline constexpr MemberAccess kAccess = Member<M>::make();

template <auto Pointer>
struct PointerTo;
template <typename C, typename M, M C::*Pointer>
struct PointerTo<Pointer> {
  using Type = M;
  static void* member(void* object) { return &(static_cast<C*>(object)->*Pointer); }
};

template <auto Pointer>
FieldDescription field(std::string_view name, std::string_view doc, FieldOptions options = {}) {
  return {name, doc, options, Support::kYes, &kAccess<typename PointerTo<Pointer>::Type>, &PointerTo<Pointer>::member};
}

// Accepted, without effect.
inline FieldDescription ignored(std::string_view name) {
  return {name, {}, {}, Support::kIgnored};
}
// Envoy has it, we do not: refused, because to ignore it would change what happens.
// `oneof`: the choice that it would be a member of.
inline FieldDescription unsupported(std::string_view name, std::string_view what, std::string_view oneof = {}) {
  return {name, what, {.oneof = oneof}, Support::kNo};
}
// The same, but it only observes, so that a user may choose to go on without it.
inline FieldDescription unsupportedObservability(std::string_view name, std::string_view what) {
  return {name, what, {}, Support::kNoObservability};
}

template <typename T>
std::shared_ptr<void> makeShared() {
  return std::make_shared<T>();
}

template <typename T>
MessageDescription message(std::string_view name, std::string_view type, std::string_view doc,
                           std::vector<OneofDescription> oneofs, std::vector<FieldDescription> fields,
                           void (*normalize)(void* object) = nullptr) {
  return MessageDescription(name, type, doc, std::move(oneofs), &makeShared<T>, std::move(fields), normalize);
}

}  // namespace builder
}  // namespace baton::api
