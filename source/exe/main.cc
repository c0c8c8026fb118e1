// The program: the command line to a server, or to one of the other things that it may ask for.

#include <cstdio>
#include <string>
#include <vector>

#include "source/base/log.h"
#include "source/server/options.h"
#include "source/server/server.h"
#include "source/server/upgrade.h"

int main(int argc, char** argv) {
  using namespace baton;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments.front() == "upgrade") {
    return server::runUpgrade({arguments.begin() + 1, arguments.end()}, "/proc/self/exe");
  }
  const server::ParsedOptions parsed = server::parseOptions(arguments);
  if (parsed.exit_status) {
    std::fputs(parsed.text.c_str(), *parsed.exit_status == 0 ? stdout : stderr);
    return *parsed.exit_status;
  }
  const server::Options& options = parsed.options;
  if (parsed.print_hot_restart_version) {
    std::printf("%s\n", server::hotRestartVersion(options).c_str());
    return 0;
  }
  base::LogSettings log{options.log_level, options.component_log_level, options.log_path, options.log_format};
  if (auto configured = base::configureLog(log); !configured) {
    std::fprintf(stderr, "baton: %s\n", configured.error().message.c_str());
    return 1;
  }
  if (options.mode == server::Mode::kValidate) return server::Server::validate(options);
  return server::Server(options).run();
}
