// Tells whoever watches how far this process is: the log, the pipe of `baton upgrade` (BATON_PHASE_FD), and systemd
// (NOTIFY_SOCKET, sd_notify(3)). Main thread.
#pragma once

#include <string_view>

#include "source/base/clock.h"
#include "source/network/fd.h"

namespace baton::server {

// In the order in which they come. The last three are ends.
enum class Phase {
  kStarting,
  kConfigured,   // configuration read, everything built
  kWarm,         // clusters resolved and checked
  kListening,    // sockets taken over or bound
  kCommitted,    // accepting; the parent does not any more
  kConfirmed,    // probation is over, or there was none
  kParentEnded,  // the parent has exited
  kFailed,       // this process gives up; the detail says why
  kRolledBack,   // the parent took over again; this process ends
};
std::string_view toString(Phase phase);
// Detail of kConfirmed when no kParentEnded follows.
inline constexpr std::string_view kNoParent = "without a parent";

class PhaseReporter {
 public:
  explicit PhaseReporter(const base::Clock& clock);

  void report(Phase phase, std::string_view detail = {});
  // The service ends with this process, not only this generation: STOPPING= of systemd.
  void stopping();
  // STATUS= of systemd.
  void status(std::string_view text);

 private:
  const base::Clock& clock_;
  const base::MonotonicTime start_;
  network::Fd pipe_;
};

}  // namespace baton::server
