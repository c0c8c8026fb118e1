// YAML and JSON texts to nodes. Hostile texts are refused with the place: too large, too deep, aliases that unfold to
// too much or contain themselves, keys that are not scalars, more than one document.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "source/base/result.h"
#include "source/config/node.h"

namespace baton::config {

// The root node, or an error whose message begins with "<name>:<line>:<column>: ". `name` becomes a file of the store.
base::Result<Node*> parseYaml(NodeStore& store, std::string name, std::string_view text);
// Strict JSON (RFC 8259).
base::Result<Node*> parseJson(NodeStore& store, std::string name, std::string_view text);

// What both refuse: bytes that are not UTF-8, with their place.
std::optional<base::Error> notUtf8(const std::string& name, std::string_view text);

}  // namespace baton::config
