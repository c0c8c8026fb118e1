// What operators say of this process, and the one that chooses among others.
#include <array>
#include <cstdlib>
#include <unistd.h>

#include <boost/json.hpp>

#include "source/access_log/operator_table.h"
#include "source/base/random.h"

namespace baton::access_log {
namespace {

using base::Result;

std::string hostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

}  // namespace

Result<void> OperatorTable::readEnvironment(Operator& self, std::string_view arguments) {
  if (arguments.empty()) return bad("", "the name of a variable in parentheses");
  const char* value = ::getenv(std::string(arguments).c_str());
  self.text_ = value == nullptr ? "" : value;
  return {};
}

OperatorValue OperatorTable::environment(const Operator& self, const FormatContext&, std::string&) {
  return textOrUnset(self.text_);
}

// COALESCE({"operators": ["NAME", {"command": "NAME", "param": "ARGUMENT", "max_length": 10}]}).
Result<void> OperatorTable::readChoices(Operator& self, std::string_view arguments) {
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

OperatorValue OperatorTable::firstWithValue(const Operator& self, const FormatContext& context, std::string& scratch) {
  for (const Operator& choice : self.choices_) {
    const OperatorValue value = choice.evaluate(context, scratch);
    if (value.index() != 0) return value;
  }
  return kUnset;
}

void OperatorTable::addProcess(Entries& entries) {
  entries.push_back({"HOSTNAME", of<[](const FormatContext&) {
                       static const std::string name = hostName();
                       return std::string_view(name);
                     }>});
  entries.push_back({"UNIQUE_ID", of<[](const FormatContext&, std::string& scratch) {
                       return keep(base::uuid4(base::threadRandom()), scratch);
                     }>});
  entries.push_back({"ENVIRONMENT", environment, readEnvironment});
  entries.push_back({"COALESCE", firstWithValue, readChoices});
}

}  // namespace baton::access_log
