// Operations on a HeaderMap against a list that does the same the slow way.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/header_map.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kNames[] = {"host", "cookie", "x-a", "x-b", "via", "x-forwarded-for", "content-length", "z"};

void check(const http::HeaderMap& map, const Fields& fields) {
  size_t at = 0;
  size_t bytes = 0;
  map.forEach([&](http::HeaderName id, std::string_view name, std::string_view value) {
    fuzzCheck(at < fields.size() && fields[at].first == name && fields[at].second == value, "an entry differs");
    fuzzCheck(id == http::findHeaderName(name), "an entry has the wrong enumerator");
    bytes += name.size() + value.size();
    ++at;
  });
  fuzzCheck(at == fields.size() && map.size() == fields.size() && map.byteSize() == bytes, "sizes differ");
  for (const std::string_view name : kNames) {
    const auto first = std::find_if(fields.begin(), fields.end(), [name](const auto& f) { return f.first == name; });
    fuzzCheck(map.has(name) == (first != fields.end()), "has() differs");
    fuzzCheck(map.get(name) == (first == fields.end() ? "" : first->second), "get() differs");
    std::string joined;
    for (const auto& [field, value] : fields) {
      if (field == name) joined += (&value == &first->second ? "" : ", ") + value;
    }
    std::string storage;
    fuzzCheck(map.getJoined(name, storage) == joined, "getJoined() differs");
  }
}

}  // namespace

BATON_FUZZ_TARGET(header_map, input) {
  FuzzInput from(input);
  http::HeaderMap map;
  Fields fields;
  while (!from.empty()) {
    const uint8_t operation = from.byte();
    const std::string name(kNames[(operation >> 3) % std::size(kNames)]);
    const auto named = [&name](const auto& field) { return field.first == name; };
    switch (operation & 7) {
      case 0:
      case 1: {
        const std::string value(from.text(from.byte() % 64));
        (operation & 1) != 0 ? map.add(name, value) : void(map.addAnyCase(name, value));
        fields.emplace_back(name, value);
        break;
      }
      case 2: {
        const std::string value(from.text(from.byte() % 16));
        map.set(name, value);
        const auto first = std::find_if(fields.begin(), fields.end(), named);
        if (first == fields.end()) {
          fields.emplace_back(name, value);
        } else {
          first->second = value;
          fields.erase(std::remove_if(first + 1, fields.end(), named), fields.end());
        }
        break;
      }
      case 3: {
        const auto end = std::remove_if(fields.begin(), fields.end(), named);
        fuzzCheck(map.remove(name) == static_cast<size_t>(fields.end() - end), "remove() differs");
        fields.erase(end, fields.end());
        break;
      }
      case 4: {
        const char last = static_cast<char>(from.byte());
        const auto unwanted = [last](std::string_view value) { return !value.empty() && value.back() == last; };
        map.removeIf([&](std::string_view, std::string_view value) { return unwanted(value); });
        fields.erase(std::remove_if(fields.begin(), fields.end(), [&](const auto& f) { return unwanted(f.second); }),
                     fields.end());
        break;
      }
      case 5: {
        http::HeaderMap moved = std::move(map);
        map = moved.clone();
        break;
      }
      case 6:
        if (operation >= 0xf0) {
          map.clear();
          fields.clear();
        }
        break;
      case 7: {
        const std::string value(from.text(from.byte() % 8));
        const http::HeaderName known = http::findHeaderName(name);
        if (known == http::HeaderName::kOther) break;
        map.appendToList(known, value);
        const auto first = std::find_if(fields.begin(), fields.end(), named);
        if (first == fields.end()) {
          fields.emplace_back(name, value);
        } else if (first->second.empty()) {
          first->second = value;
          fields.erase(std::remove_if(first + 1, fields.end(), named), fields.end());
        } else {
          first->second += ", " + value;
        }
        break;
      }
    }
    check(map, fields);
  }
}

}  // namespace baton::test
