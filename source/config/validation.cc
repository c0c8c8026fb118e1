#include "source/config/validation.h"

#include <fmt/format.h>
#include <memory>

#include "source/base/strings.h"
#include "source/config/data_source.h"
#include "source/config/scalars.h"
#include "source/network/address.h"

namespace baton::config {
namespace {

// "common_tls_context.tls_certificates[0]": the steps of a path as text.
std::vector<std::unique_ptr<Path::In>> descend(Path& path, std::string_view text) {
  std::vector<std::unique_ptr<Path::In>> steps;
  for (std::string_view step : base::split(text, '.')) {
    const size_t bracket = step.find('[');
    if (bracket == std::string_view::npos) {
      steps.push_back(std::make_unique<Path::In>(path, step));
      continue;
    }
    const auto index = base::parseNumber<size_t>(step.substr(bracket + 1, step.size() - bracket - 2));
    steps.push_back(std::make_unique<Path::In>(path, step.substr(0, bracket), index.value_or(0)));
  }
  return steps;
}

}  // namespace

Validation::Validation(const api::Bootstrap& bootstrap, const Node& root, Problems& problems,
                       const std::function<base::Result<void>(std::string_view)>& check_operators)
    : bootstrap(bootstrap), root(root), problems(problems), check_operators(check_operators) {
  for (const api::Cluster& cluster : bootstrap.static_resources.clusters) clusters.insert(cluster.name);
}

void Validation::errorBelow(std::string_view message) {
  const size_t colon = message.find(": ");
  const std::string_view field = message.substr(0, colon);
  if (colon == std::string_view::npos ||
      field.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.[]") != std::string_view::npos) {
    error(message);
    return;
  }
  const auto steps = descend(path, field);
  error(message.substr(colon + 2));
}

void Validation::unique(std::string_view field, const std::string& name, std::map<std::string, std::string>& seen) {
  if (name.empty()) return;
  const std::string here = path.text();
  const auto [it, added] = seen.emplace(name, here);
  if (added) return;
  const Path::In in(path, field);
  error(fmt::format("\"{}\" is also the {} of {}", name, field, it->second));
}

void Validation::clusterExists(std::string_view field, const std::string& name) {
  if (clusters.count(name) != 0) return;
  const Path::In in(path, field);
  const std::vector<std::string_view> known(clusters.begin(), clusters.end());
  const std::string_view nearest = suggestion(name, known);
  error(fmt::format("expected the name of a cluster, found \"{}\"{}", name,
                    nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
}

void Validation::dataSource(std::string_view field, const std::optional<api::DataSource>& source) {
  if (!source || (!source->filename && !source->environment_variable)) return;
  const auto bytes = readDataSource(*source);
  if (bytes) return;
  const Path::In in(path, field);
  const Path::In kind(path, source->filename ? "filename" : "environment_variable");
  error(bytes.error().message);
}

void Validation::ipAddress(const api::SocketAddress& address, std::string_view what) {
  const auto parsed = network::Address::parseIp(address.address, static_cast<uint16_t>(address.port_value.value_or(0)));
  if (parsed || address.address.empty()) return;
  const Path::In in(path, "address");
  error(fmt::format("{} needs an IPv4 or IPv6 address, found \"{}\"", what, address.address));
}

void Validation::dnsResolver(const std::optional<api::DnsResolverExtension>& resolver) {
  const auto* cares = resolver ? resolver->typed_config.as<api::CaresDnsResolverConfig>() : nullptr;
  if (cares == nullptr) return;
  const Path::In in(path, "typed_dns_resolver_config");
  const Path::In config(path, "typed_config");
  for (size_t i = 0; i < cares->resolvers.size(); ++i) {
    const Path::In step(path, "resolvers", i);
    if (cares->resolvers[i].pipe) {
      error("a name server has an IP address and a port");
    } else if (cares->resolvers[i].socket_address) {
      const Path::In kind(path, "socket_address");
      ipAddress(*cares->resolvers[i].socket_address, "a name server");
    }
  }
}

void Validation::pipe(const api::Pipe& pipe) {
  if (network::Address::unixSocket(pipe.path) || pipe.path.empty()) return;
  const Path::In in(path, "path");
  error(fmt::format("expected a path of at most 107 bytes, found one of {}", pipe.path.size()));
}

void Validation::ranges(std::string_view field, const std::vector<api::CidrRange>& ranges) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].address_prefix.empty()) continue;
    const Path::In in(path, field, i);
    const auto range = network::CidrRange::make(ranges[i].address_prefix, ranges[i].prefix_len);
    if (range) continue;
    const bool literal = network::Address::parseIp(ranges[i].address_prefix, 0).ok();
    const Path::In part(path, literal ? "prefix_len" : "address_prefix");
    error(literal ? fmt::format("expected a length from 0 to 32 for an IPv4 address, found {}", ranges[i].prefix_len)
                  : fmt::format("expected an IPv4 or IPv6 address, found \"{}\"", ranges[i].address_prefix));
  }
}

void Validation::format(std::string_view field, const std::optional<api::SubstitutionFormatString>& format) {
  if (!format) return;
  const Path::In in(path, field);
  dataSource("text_format_source", format->text_format_source);
  if (format->json_format) {
    const Path::In json(path, "json_format");
    operators(*format->json_format);
  }
  if (format->text_format_source && format->text_format_source->inline_string) {
    const Path::In source(path, "text_format_source");
    const Path::In text(path, "inline_string");
    operators(*format->text_format_source->inline_string);
  }
}

void Validation::operators(std::string_view text) {
  if (!check_operators || text.find('%') == std::string_view::npos) return;
  if (const auto checked = check_operators(text); !checked) error(checked.error().message);
}

void Validation::operators(const api::Value& value) {
  if (const std::string* text = value.string()) return operators(*text);
  if (const api::Value::List* list = value.list()) {
    for (size_t i = 0; i < list->size(); ++i) {
      const Path::At element(path, i);
      operators((*list)[i]);
    }
  } else if (const api::Value::Object* object = value.object()) {
    for (const auto& [name, member] : *object) {
      const Path::In in(path, name);
      operators(member);
    }
  }
}

void Validation::accessLogs(std::string_view field, const std::vector<api::AccessLog>& logs) {
  for (size_t i = 0; i < logs.size(); ++i) {
    const Path::In in(path, field, i);
    const Path::In config(path, "typed_config");
    if (const auto* file = logs[i].typed_config.as<api::FileAccessLog>()) {
      format("log_format", file->log_format);
    } else if (const auto* out = logs[i].typed_config.as<api::StdoutAccessLog>()) {
      format("log_format", out->log_format);
    } else if (const auto* err = logs[i].typed_config.as<api::StderrAccessLog>()) {
      format("log_format", err->log_format);
    }
  }
}

}  // namespace baton::config
