#include "source/server/upgrade.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "source/base/clock.h"
#include "source/base/strings.h"
#include "source/network/fd.h"
#include "source/server/phase_reporter.h"
#include "source/server/service_manager.h"

extern char** environ;

namespace baton::server {
namespace {

constexpr const char* kHelp =
    "Usage: baton upgrade [--binary PATH] [--wait] OPTIONS...\n"
    "\n"
    "Starts a new baton with OPTIONS (as for baton itself: -c FILE, --base-id N, ...) and --restart-epoch auto, which\n"
    "takes over from the running process; prints each phase with its time. Ends with 0 when the new process has "
    "passed\n"
    "its probation, with 1 when it failed, was refused or was rolled back; the old process serves on then.\n"
    "\n"
    "  --binary PATH   the program to start; default: this one\n"
    "  --wait          wait until the old process has drained and ended\n";

struct Request {
  std::string binary;
  bool wait = false;
  std::vector<std::string> arguments;
};

// What the new process reports, a line each: PHASE MILLISECONDS DETAIL.
struct Report {
  std::string_view phase;
  std::string_view milliseconds;
  std::string_view detail;
};

Report parseReport(std::string_view line) {
  const size_t first = line.find(' ');
  if (first == std::string_view::npos) return {line, "", ""};
  const size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return {line.substr(0, first), line.substr(first + 1), ""};
  return {line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)};
}

pid_t start(const Request& request, int report_fd) {
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(request.binary.c_str()));
  for (const std::string& argument : request.arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string fd_variable = "BATON_PHASE_FD=" + std::to_string(report_fd);
  std::vector<char*> environment{const_cast<char*>(fd_variable.c_str())};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "BATON_PHASE_FD=", 15) != 0) environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  // The new process must outlive this terminal.
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  const int failure = ::posix_spawnp(&pid, argv[0], nullptr, &attributes, argv.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    std::fprintf(stderr, "baton upgrade: cannot start %s: %s\n", argv[0], std::strerror(failure));
    return -1;
  }
  return pid;
}

// Prints reports until the one that settles it. Returns the exit status.
int follow(int report_fd, pid_t child, bool wait) {
  bool confirmed = false;
  std::string buffer;
  char chunk[4096];
  for (;;) {
    const ssize_t got = ::read(report_fd, chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // the new process is gone
    buffer.append(chunk, static_cast<size_t>(got));
    for (size_t end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
      const Report report = parseReport(std::string_view(buffer).substr(0, end));
      confirmed = confirmed || report.phase == toString(Phase::kConfirmed);
      const bool alone = report.phase == toString(Phase::kParentEnded) || report.detail == kNoParent;
      std::printf("%8.*s ms  %.*s%s%.*s\n", static_cast<int>(report.milliseconds.size()), report.milliseconds.data(),
                  static_cast<int>(report.phase.size()), report.phase.data(), report.detail.empty() ? "" : ": ",
                  static_cast<int>(report.detail.size()), report.detail.data());
      std::fflush(stdout);
      if (confirmed && (!wait || alone)) {
        std::printf("pid %d serves\n", child);
        return 0;
      }
      buffer.erase(0, end + 1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const char* const outcome = confirmed ? "the old one only drains: nobody serves" : "the old one serves on";
  if (WIFSIGNALED(status)) {
    std::fprintf(stderr, "baton upgrade: the new process was ended by signal %d; %s\n", WTERMSIG(status), outcome);
  } else {
    std::fprintf(stderr, "baton upgrade: the new process gave up with status %d; %s\n", WEXITSTATUS(status), outcome);
  }
  return 1;
}

}  // namespace

int runUpgrade(const std::vector<std::string>& arguments, const std::string& own_path) {
  Request request;
  request.binary = own_path;
  bool epoch_given = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (argument == "--binary" && i + 1 < arguments.size()) {
      request.binary = arguments[++i];
    } else if (argument.rfind("--binary=", 0) == 0) {
      request.binary = argument.substr(9);
    } else if (argument == "--wait") {
      request.wait = true;
    } else {
      epoch_given = epoch_given || argument.rfind("--restart-epoch", 0) == 0;
      request.arguments.push_back(argument);
    }
  }
  if (request.arguments.empty()) {
    std::fputs(kHelp, stderr);
    return 1;
  }
  if (!epoch_given) {
    request.arguments.push_back("--restart-epoch");
    request.arguments.push_back("auto");
  }
  int ends[2];
  if (::pipe(ends) != 0) {
    std::perror("baton upgrade: pipe");
    return 1;
  }
  network::Fd reader(ends[0]);
  network::Fd writer(ends[1]);
  ::fcntl(reader.get(), F_SETFD, FD_CLOEXEC);
  // As the reload command of a systemd unit: the service reloads from here to the end, however it ends.
  const auto now = base::RealClock::instance().monotonic().time_since_epoch();
  notifyServiceManager("RELOADING=1\nMONOTONIC_USEC=" +
                       std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
  const pid_t child = start(request, writer.get());
  writer.reset();
  const int status = child < 0 ? 1 : follow(reader.get(), child, request.wait);
  notifyServiceManager(status == 0 ? "READY=1" : "READY=1\nSTATUS=a hot restart failed; the old process serves on");
  return status;
}

}  // namespace baton::server
