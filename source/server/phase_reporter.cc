#include "source/server/phase_reporter.h"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/base/log.h"
#include "source/base/strings.h"
#include "source/network/address.h"

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
  if (const char* path = std::getenv("NOTIFY_SOCKET")) notify_socket_ = path;
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
    notifySystemd(fmt::format("MAINPID={}\nREADY=1\nSTATUS=serving", ::getpid()));
  } else if (phase == Phase::kCommitted) {
    status("serving, in probation");
  }
}

void PhaseReporter::stopping() {
  notifySystemd("STOPPING=1");
}

void PhaseReporter::status(std::string_view text) {
  notifySystemd(fmt::format("STATUS={}", text));
}

void PhaseReporter::notifySystemd(const std::string& text) {
  if (notify_socket_.empty()) return;
  const auto address = network::Address::unixSocket(notify_socket_);
  if (!address) return;
  const network::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL, address->sockaddrPointer(), address->sockaddrLength());
}

}  // namespace baton::server
