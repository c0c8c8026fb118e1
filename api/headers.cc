#include "api/headers.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const HeaderValue*) {
  static const MessageDescription description = message<HeaderValue>(
      "HeaderValue", "", "A header.", {},
      {
          field<&HeaderValue::key>(
              "key", "Name of the header.",
              {.required = true, .nonempty = true, .format = Format::kHeaderName, .max_length = 16384}),
          field<&HeaderValue::value>("value", "Value, in which %OPERATORS% are filled in.",
                                     {.format = Format::kNoControls, .max_length = 16384}),
          unsupported("raw_value", "header values as bytes"),
      });
  return description;
}

const EnumDescription& describeEnum(const HeaderValueOption::AppendAction*) {
  static const EnumDescription description{"HeaderValueOption.AppendAction",
                                           {{"APPEND_IF_EXISTS_OR_ADD", 0},
                                            {"ADD_IF_ABSENT", 1},
                                            {"OVERWRITE_IF_EXISTS_OR_ADD", 2},
                                            {"OVERWRITE_IF_EXISTS", 3}}};
  return description;
}

const MessageDescription& describe(const HeaderValueOption*) {
  static const MessageDescription description = message<HeaderValueOption>(
      "HeaderValueOption", "", "A header to add.", {},
      {
          field<&HeaderValueOption::header>("header", "The header.", {.required = true}),
          field<&HeaderValueOption::append_action>("append_action", "What to do when the header is there already."),
          field<&HeaderValueOption::append>("append", "true: append; false: overwrite.",
                                            {.deprecated = "append_action"}),
          field<&HeaderValueOption::keep_empty_value>("keep_empty_value",
                                                      "Add the header even when its value turns out empty."),
      },
      [](void* object) {
        auto& option = *static_cast<HeaderValueOption*>(object);

        if (!option.append) return;
        option.append_action = *option.append ? HeaderValueOption::AppendAction::kAppendIfExistsOrAdd
                                              : HeaderValueOption::AppendAction::kOverwriteIfExistsOrAdd;
        option.append.reset();
      });
  return description;
}

}  // namespace baton::api
