// What a user says about a thing in his own words, under names that say whose words they are. Nothing but formats
// reads it. Immutable and shared once read; any thread may read it.
#pragma once

#include <map>
#include <string>

#include "api/value.h"

namespace baton::api {

struct MessageDescription;

// Facts about a thing, by who says them.
struct Metadata {
  std::map<std::string, Value> filter_metadata;  // each an object
};

const MessageDescription& describe(const Metadata*);

}  // namespace baton::api
