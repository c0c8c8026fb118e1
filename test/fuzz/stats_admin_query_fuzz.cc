// A target of the admin interface: every query gets an answer in the form that it asked for, and stats that a filter
// leaves out are not in it.
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "source/admin/builtins.h"
#include "source/admin/handler_table.h"
#include "source/stats/store.h"
#include "source/stats/tags.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

struct Admin {
  Admin() {
    const stats::Scope scope(*store, "");
    scope.counter("cluster.web.upstream_rq_total").add();
    scope.counter("cluster.web.upstream_rq_5xx");
    scope.gauge("cluster.web.membership_total").add();
    scope.counter("listener.127.0.0.1_80.downstream_cx_total").add();
    admin::addBuiltIns(table, {.store = store.get(),
                               .tags = &tags,
                               .before_stats = nullptr,
                               .clusters = [] { return std::vector<admin::ClusterStatus>(); },
                               .listeners = [] { return std::vector<admin::ListenerStatus>(); },
                               .config_dump = [] { return std::string("{}"); },
                               .certs = [] { return std::string("{}"); },
                               .server_info = [] { return admin::ServerInfo(); },
                               .state = [] { return admin::ServerState::kLive; },
                               .runtime = [] { return std::make_shared<const base::Runtime>(); },
                               .modify_runtime = [](const auto&) { return base::Result<void>(); },
                               .reopen_logs = [] {}});
  }

  std::unique_ptr<stats::Store> store = stats::Store::inMemory();
  const stats::TagExtractor tags;
  admin::HandlerTable table;
};

bool isJson(std::string_view text) {
  boost::system::error_code error;
  boost::json::parse(text, error);
  return !error;
}

}  // namespace

BATON_FUZZ_TARGET(stats_admin_query, input) {
  static const Admin& admin = *new Admin();
  FuzzInput from(input);
  const auto method = static_cast<admin::Method>(from.byte() % 4);
  const admin::Request request = admin::Request::parse(method, from.rest());
  fuzzCheck(request.path.find('?') == std::string::npos, "a query in the path");
  // Changing the levels of loggers would print what fuzzing does.
  if (request.path == "/logging") return;
  const admin::Response response = admin.table.dispatch(request);
  fuzzCheck(response.status >= 200 && response.status < 600, "no status");
  fuzzCheck(response.body.size() < 100'000 + 8 * input.size(), "an endless answer");
  if (response.content_type == "application/json") fuzzCheck(isJson(response.body), "JSON that is none");
  for (const auto& [name, value] : response.headers) {
    fuzzCheck((name + value).find_first_of("\r\n") == std::string::npos, "a line end in a header");
  }
  if (request.path != "/stats" || response.status != 200) return;
  if (request.parameter("type") == "Gauges") {
    fuzzCheck(response.body.find("upstream_rq_total") == std::string::npos, "a counter among gauges");
  }
  if (request.parameter("filter") == "^listener\\.") {
    fuzzCheck(response.body.find("cluster.web") == std::string::npos, "a statistic that the filter leaves out");
  }
}

}  // namespace baton::test
