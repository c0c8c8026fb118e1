// What the checks of validate.h share: the configuration, where in it we are, and the checks of small things that occur
// in many places.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "api/access_log.h"
#include "api/bootstrap.h"
#include "api/http_connection_manager.h"

#include "source/base/result.h"
#include "source/config/problems.h"

namespace baton::config {

struct Validation {
  Validation(const api::Bootstrap& bootstrap, const Node& root, Problems& problems,
             const std::function<base::Result<void>(std::string_view)>& check_operators);

  // What has been found wrong before is not found wrong again.
  void error(std::string_view message) {
    if (!problems.full() && !problems.hasErrorAt(path)) problems.error(path.locate(root), path, message);
  }
  void warning(std::string_view message) { problems.warning(path.locate(root), path, message); }
  // The error of a layer that knows the fields below this one: "<path>: <message>".
  void errorBelow(std::string_view message);

  // A name that is there twice; `seen` maps names to where they were.
  void unique(std::string_view field, const std::string& name, std::map<std::string, std::string>& seen);
  void clusterExists(std::string_view field, const std::string& name);
  void dataSource(std::string_view field, const std::optional<api::DataSource>& source);
  // `what` says whose address it is: "a listener".
  void ipAddress(const api::SocketAddress& address, std::string_view what);
  void dnsResolver(const std::optional<api::DnsResolverExtension>& resolver);
  void pipe(const api::Pipe& pipe);
  void ranges(std::string_view field, const std::vector<api::CidrRange>& ranges);
  void accessLogs(std::string_view field, const std::vector<api::AccessLog>& logs);
  // A text of the field that is at `path`, in which operators are filled in.
  void operators(std::string_view text);
  void operators(const api::Value& value);
  void format(std::string_view field, const std::optional<api::SubstitutionFormatString>& format);

  const api::Bootstrap& bootstrap;
  const Node& root;
  Problems& problems;
  const std::function<base::Result<void>(std::string_view)>& check_operators;
  Path path;
  std::unordered_set<std::string_view> clusters;
};

void validateListener(Validation& v, const api::Listener& listener);
void validateHttp(Validation& v, const api::HttpConnectionManager& manager);
void validateRoutes(Validation& v, const api::RouteConfiguration& routes, const std::vector<api::HttpFilter>& filters);
void validateCluster(Validation& v, const api::Cluster& cluster);

}  // namespace baton::config
