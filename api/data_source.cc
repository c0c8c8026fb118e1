#include "api/data_source.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const DataSource*) {
  static const MessageDescription description = message<DataSource>(
      "DataSource", "",
      "Bytes from a file, from the configuration itself or from the environment; exactly one of them.",
      {{"specifier", true}},
      {
          field<&DataSource::filename>("filename",
                                       "Read from this file; a relative path starts at the working directory.",
                                       {.nonempty = true, .oneof = "specifier"}),
          field<&DataSource::inline_bytes>("inline_bytes", "The bytes in base64.",
                                           {.nonempty = true, .format = Format::kBytes, .oneof = "specifier"}),
          field<&DataSource::inline_string>("inline_string", "The text itself.", {.oneof = "specifier"}),
          field<&DataSource::environment_variable>("environment_variable",
                                                   "The value of this environment variable at start.",
                                                   {.nonempty = true, .oneof = "specifier"}),
          unsupported("watched_directory", "watching files for change"),
      });
  return description;
}

}  // namespace baton::api
