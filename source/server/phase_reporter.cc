#include "source/server/phase_reporter.h"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include "source/base/log.h"
#include "source/base/strings.h"
#include "source/server/service_manager.h"

namespace baton::server {

std::string_view toString(Phase phase) {
  static constexpr std::array kNames{"STARTING",  "CONFIGURED",   "WARM",   "LISTENING",  "COMMITTED",
                                     "CONFIRMED", "PARENT_ENDED", "FAILED", "ROLLED_BACK"};
  return kNames[static_cast<size_t>(phase)];
}

PhaseReporter::PhaseReporter(const base::Clock& clock) : clock_(clock), start_(clock.monotonic()) {
  if (const char* number = std::getenv("BATON_PHASE_FD")) {
    if (const auto fd = base::parseNumber<int>(number)) {
      pipe_.reset(*fd);
      ::fcntl(*fd, F_SETFD, FD_CLOEXEC);
      ::fcntl(*fd, F_SETFL, O_NONBLOCK);
    }
    ::unsetenv("BATON_PHASE_FD");  // not for processes that this one starts
  }
}

void PhaseReporter::report(Phase phase, std::string_view detail) {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - start_);
  BATON_LOG(kMain, info, "phase {} after {} ms{}{}", toString(phase), passed.count(), detail.empty() ? "" : ": ",
            detail);
  if (pipe_) {
    const std::string line = fmt::format("{} {} {}\n", toString(phase), passed.count(), detail);
    // Nobody may read any more; that is no reason to fail.
    [[maybe_unused]] const ssize_t written = ::write(pipe_.get(), line.data(), line.size());
  }
  if (phase == Phase::kConfirmed) {
    notifyServiceManager(fmt::format("MAINPID={}\nREADY=1\nSTATUS=serving", ::getpid()));
  } else if (phase == Phase::kCommitted) {
    status("serving, in probation");
  }
}

void PhaseReporter::stopping() {
  notifyServiceManager("STOPPING=1");
}

void PhaseReporter::status(std::string_view text) {
  notifyServiceManager(fmt::format("STATUS={}", text));
}

}  // namespace baton::server
