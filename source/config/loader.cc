#include "source/config/loader.h"

#include <algorithm>
#include <fmt/format.h>

#include "api/description.h"

#include "source/base/strings.h"
#include "source/config/data_source.h"
#include "source/config/merge.h"
#include "source/config/parse_yaml.h"
#include "source/config/problems.h"
#include "source/config/reader.h"
#include "source/config/scalars.h"
#include "source/config/secrets.h"
#include "source/config/validate.h"

namespace baton::config {
namespace {

base::Result<Node*> parseFile(NodeStore& store, const std::string& path) {
  auto text = readFile(path, kMaxTextBytes);
  if (!text) return text.error();
  return path.ends_with(".json") ? parseJson(store, path, *text) : parseYaml(store, path, *text);
}

// Both texts as one; the error is a complete line.
base::Result<Node*> parseAll(NodeStore& store, const LoadOptions& options) {
  if (options.path.empty() && options.inline_yaml.empty()) {
    return base::Error{base::ErrorCode::kInvalidArgument, "no configuration: give --config-path or --config-yaml"};
  }
  Node* base_node = nullptr;
  if (!options.path.empty()) {
    auto parsed = parseFile(store, options.path);
    if (!parsed || options.inline_yaml.empty()) return parsed;
    base_node = *parsed;
  }
  auto overlay = parseYaml(store, "--config-yaml", options.inline_yaml);
  if (!overlay || base_node == nullptr) return overlay;
  return merge(store, base_node, *overlay, describe(static_cast<const api::Bootstrap*>(nullptr)));
}

// The limit on regular expressions has to be known before they are read.
size_t regexLimit(const Node& root, size_t limit) {
  const Node* runtime = root.find("layered_runtime");
  if (runtime == nullptr) runtime = root.find("layeredRuntime");
  const Node* layers = runtime == nullptr ? nullptr : runtime->find("layers");
  if (layers == nullptr || !layers->isList()) return limit;
  for (const Node* layer : layers->children) {
    const Node* values = layer->find("static_layer");
    if (values == nullptr) values = layer->find("staticLayer");
    const Node* key = values == nullptr ? nullptr : values->find("re2.max_program_size.error_level");
    if (key == nullptr) continue;
    if (const auto number = parseUnsigned(*key)) limit = static_cast<size_t>(*number);
  }
  return limit;
}

// Server names and ALPN are only known to who looks at the ClientHello.
void addTlsInspectors(api::Bootstrap& bootstrap, const Node& root, Problems& problems) {
  auto& listeners = bootstrap.static_resources.listeners;
  for (size_t i = 0; i < listeners.size(); ++i) {
    const auto needs = [](const api::FilterChain& chain) {
      const auto& match = chain.filter_chain_match;
      return match && (!match->server_names.empty() || !match->application_protocols.empty() ||
                       match->transport_protocol == "tls");
    };
    const auto inspects = [](const api::ListenerFilter& filter) {
      return filter.typed_config.as<api::TlsInspector>() != nullptr;
    };
    auto& filters = listeners[i].listener_filters;
    if (std::none_of(listeners[i].filter_chains.begin(), listeners[i].filter_chains.end(), needs) ||
        std::any_of(filters.begin(), filters.end(), inspects)) {
      continue;
    }
    filters.push_back({"envoy.filters.listener.tls_inspector", api::TypedConfig::of(api::TlsInspector{})});
    Path path;
    const Path::In resources(path, "static_resources");
    const Path::In listener(path, "listeners", i);
    problems.warning(path.locate(root), path,
                     "filter chains are chosen by the ClientHello; envoy.filters.listener.tls_inspector is added");
  }
}

}  // namespace

base::Result<std::shared_ptr<const api::Bootstrap>> load(const LoadOptions& options, LoadReport& report) {
  const auto failed = [&] { return base::Error{base::ErrorCode::kInvalidArgument, base::join(report.errors, "\n")}; };
  for (const std::string& field : options.ignore_unsupported) {
    if (field == "tracing" || field == "load_stats_config") continue;
    report.errors.push_back(
        fmt::format("--ignore-unsupported: expected tracing or load_stats_config, found \"{}\"", field));
  }
  if (!report.errors.empty()) return failed();
  NodeStore store;
  const auto root = parseAll(store, options);
  if (!root) {
    report.errors.push_back(root.error().message);
    return failed();
  }
  Problems problems(store);
  const ReadOptions read_options{options.allow_unknown_static_fields, options.ignore_unsupported,
                                 regexLimit(**root, ReadOptions().max_regex_program_size)};
  Reader reader(problems, read_options);
  auto bootstrap = std::make_shared<api::Bootstrap>();
  reader.read(**root, describe(static_cast<const api::Bootstrap*>(nullptr)), bootstrap.get());
  if (!problems.full()) resolveSecrets(*bootstrap, **root, problems);
  if (!problems.full()) validate(*bootstrap, **root, problems, options.check_operators);
  if (problems.errorCount() == 0) addTlsInspectors(*bootstrap, **root, problems);
  report.errors = problems.errors();
  report.warnings = problems.warnings();
  report.unknown_fields = reader.unknownFields();
  report.deprecated_uses = reader.deprecatedUses();
  if (!report.errors.empty()) return failed();
  return std::shared_ptr<const api::Bootstrap>(std::move(bootstrap));
}

}  // namespace baton::config
