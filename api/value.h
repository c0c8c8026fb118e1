// Values of free form: what a user may write where the shape is up to him (runtime layers, JSON log formats).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace baton::api {

using Milliseconds = std::chrono::milliseconds;

struct MessageDescription;

// A message without fields: that it is there is all that it says.
struct Empty {};
const MessageDescription& describe(const Empty*);

// JSON with the order of members kept. Integers are kept apart from other numbers so that they print as they were.
struct Value {
  struct Member;
  using List = std::vector<Value>;
  using Object = std::vector<Member>;

  std::variant<std::monostate, bool, int64_t, double, std::string, List, Object> data;

  bool isNull() const { return std::holds_alternative<std::monostate>(data); }
  const bool* boolean() const { return std::get_if<bool>(&data); }
  const int64_t* integer() const { return std::get_if<int64_t>(&data); }
  const double* number() const { return std::get_if<double>(&data); }
  const std::string* string() const { return std::get_if<std::string>(&data); }
  const List* list() const { return std::get_if<List>(&data); }
  const Object* object() const { return std::get_if<Object>(&data); }
};

// Not a std::pair: an overload that looks at one would need its Value complete inside of Value itself.
struct Value::Member {
  std::string name;
  Value value;
};

}  // namespace baton::api
