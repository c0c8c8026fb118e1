// Merges one configuration text over another as protobuf merges messages: scalars are replaced, messages merged field
// by field, lists continued, another member of a oneof takes the place of the first. Main thread.
#pragma once

#include "source/config/node.h"

namespace baton::api {
struct MessageDescription;
}

namespace baton::config {

// A new node with what `overlay` says over what `base` says; neither is changed.
Node* merge(NodeStore& store, Node* base, Node* overlay, const api::MessageDescription& message);

}  // namespace baton::config
