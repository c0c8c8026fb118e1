#include "api/metadata.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const Metadata*) {
  static const MessageDescription description = message<Metadata>(
      "Metadata", "envoy.config.core.v3.Metadata", "Facts about a thing, for formats to print.", {},
      {
          field<&Metadata::filter_metadata>("filter_metadata", "Facts of any shape, by who says them."),
          unsupported("typed_filter_metadata", "typed metadata"),
      });
  return description;
}

}  // namespace baton::api
