// Reads a static bootstrap: a YAML or JSON file, a text merged over it, or both. The same call serves start,
// --mode validate and the child of a hot restart; it opens the files that the configuration names and has no other
// effect. Main thread, before workers start.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/bootstrap.h"

#include "source/base/result.h"

namespace baton::config {

struct LoadOptions {
  std::string path;         // .yaml, .yml or .json; may be empty
  std::string inline_yaml;  // merged over the file: fields are set, lists continued
  bool allow_unknown_static_fields = false;
  std::vector<std::string> ignore_unsupported;  // fields that only observe: tracing, load_stats_config
  // Whether a text's %OPERATORS% are right: what knows them is of a later layer. May be empty.
  std::function<base::Result<void>(std::string_view text)> check_operators;
};

// Each line is complete: "<file>:<line>:<column>: <path>: <message>".
struct LoadReport {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  size_t unknown_fields = 0;   // server.static_unknown_fields
  size_t deprecated_uses = 0;  // runtime.deprecated_feature_use
};

// The bootstrap, or an error that holds all lines of report.errors. All errors of a file are found, not only the first.
base::Result<std::shared_ptr<const api::Bootstrap>> load(const LoadOptions& options, LoadReport& report);

// The configuration as JSON, without what is a default and without secrets.
std::string dumpJson(const api::Bootstrap& bootstrap);

}  // namespace baton::config
