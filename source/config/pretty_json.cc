#include "source/config/pretty_json.h"

#include <utility>

#include <boost/json.hpp>

namespace baton::config {
namespace {

namespace json = boost::json;

void print(std::string& out, const json::value& value, size_t indent) {
  const auto newLine = [&](size_t depth) { out.append("\n").append(depth, ' '); };
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out.push_back('{');
    bool first = true;
    for (const auto& [key, member] : *object) {
      if (!std::exchange(first, false)) out.push_back(',');
      newLine(indent + 1);
      out += json::serialize(json::string(key)) + ": ";
      print(out, member, indent + 1);
    }
    newLine(indent);
    out.push_back('}');
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    out.push_back('[');
    bool first = true;
    for (const json::value& element : *array) {
      if (!std::exchange(first, false)) out.push_back(',');
      newLine(indent + 1);
      print(out, element, indent + 1);
    }
    newLine(indent);
    out.push_back(']');
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string prettyJson(const json::value& value) {
  std::string text;
  print(text, value, 0);
  return text;
}

}  // namespace baton::config
