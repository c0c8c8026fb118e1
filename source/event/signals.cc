#include "source/event/signals.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace baton::event {

Signals::Signals(Loop& loop, std::initializer_list<int> signals, std::function<void(int)> received)
    : watch_(loop, *this), received_(std::move(received)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

Signals::~Signals() {
  watch_.stop();
  if (fd_ >= 0) ::close(fd_);
}

base::Result<void> Signals::start() {
  if (fd_ < 0) return base::systemError("signalfd");
  return watch_.start(fd_, EPOLLIN);
}

void Signals::onReady(uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof(info)) == sizeof(info)) received_(static_cast<int>(info.ssi_signo));
}

}  // namespace baton::event
