#include "source/event/loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "source/base/log.h"

namespace baton::event {
namespace {

constexpr int kEventsPerTurn = 256;

[[noreturn]] void die(const char* what) {
  BATON_LOG(kMain, err, "{}; the process can't go on", base::systemError(what).message);
  base::flushLog();
  std::_Exit(1);
}

}  // namespace

base::Result<void> Watch::start(int fd, uint32_t events) {
  stop();
  epoll_event event{};
  event.events = events;
  event.data.ptr = this;
  if (::epoll_ctl(loop_.epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return base::systemError("epoll_ctl");
  fd_ = fd;
  events_ = events;
  return {};
}

void Watch::setEvents(uint32_t events) {
  if (!active() || events == events_) return;
  epoll_event event{};
  event.events = events;
  event.data.ptr = this;
  ::epoll_ctl(loop_.epoll_fd_, EPOLL_CTL_MOD, fd_, &event);
  events_ = events;
}

void Watch::stop() {
  if (!active()) return;
  ::epoll_ctl(loop_.epoll_fd_, EPOLL_CTL_DEL, fd_, nullptr);
  fd_ = -1;
  events_ = 0;
  if (ready_slot_ != SIZE_MAX) loop_.ready_[ready_slot_].watch = nullptr;
  ready_slot_ = SIZE_MAX;
}

Loop::Loop(const base::Clock& clock)
    : clock_(clock),
      now_(clock.monotonic()),
      timers_(now_),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBufferBytes)) {
  if (epoll_fd_ < 0 || wake_fd_ < 0) die("creating an event loop");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // no watch: the wake-up descriptor
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) die("epoll_ctl of an event loop");
}

Loop::~Loop() {
  // Posted work is dropped, not run; what it holds is destroyed while the loop still stands.
  posted_.clear();
  endTurn();
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

bool Loop::onLoopThread() const {
  return thread_ == std::thread::id{} || thread_ == std::this_thread::get_id();
}

void Loop::run() {
  thread_ = std::this_thread::get_id();
  while (!stopping_) runOnce(std::chrono::hours(1));
  thread_ = {};
  stopping_ = false;
}

void Loop::stop() {
  post([this] { stopping_ = true; });
}

std::chrono::milliseconds Loop::untilNextTimer() const {
  const auto deadline = timers_.nextDeadline();
  if (!deadline) return std::chrono::hours(1);
  const auto left = *deadline - clock_.monotonic();
  if (left <= left.zero()) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(left) + std::chrono::milliseconds(1);
}

void Loop::runOnce(std::chrono::milliseconds longest) {
  std::array<epoll_event, kEventsPerTurn> events;
  // Work that was scheduled outside of a turn (by a test, at start) must not wait for the first event.
  if (!end_of_turn_.empty() || !next_turn_.empty() || !graveyard_.empty()) longest = std::chrono::milliseconds(0);
  const auto wait = std::min(longest, untilNextTimer());
  const int count = ::epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, static_cast<int>(wait.count()));
  if (count < 0 && errno != EINTR) die("epoll_wait");
  now_ = clock_.monotonic();
  ++turn_;
  end_of_turn_.splice(next_turn_);

  // Events are tied to their watches before anything runs, so that a timer that stops or destroys a watch voids them.
  bool woken = false;
  ready_.clear();
  for (int i = 0; i < count; ++i) {
    auto* watch = static_cast<Watch*>(events[i].data.ptr);
    if (watch == nullptr) {
      woken = true;
      continue;
    }
    watch->ready_slot_ = ready_.size();
    ready_.push_back(ReadyEvent{watch, events[i].events});
  }
  timers_.advance(now_);
  deliverReady();
  if (woken) runPosted();
  endTurn();
}

void Loop::deliverReady() {
  for (const ReadyEvent& event : ready_) {
    if (event.watch == nullptr) continue;
    event.watch->ready_slot_ = SIZE_MAX;
    event.watch->handler_->onReady(event.events);
  }
  ready_.clear();
}

bool Loop::runUntil(const std::function<bool()>& done, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    runOnce(std::chrono::milliseconds(1));
  }
  return true;
}

void Loop::post(std::function<void()> work) {
  std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(work));
  if (wake_pending_) return;
  wake_pending_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
}

void Loop::runPosted() {
  std::vector<std::function<void()>> work;
  {
    std::lock_guard lock(posted_mutex_);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_fd_, &count, sizeof(count));
    wake_pending_ = false;
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

void Loop::endTurn() {
  // A task may schedule others, and deleting may schedule tasks: until nothing is left.
  while (!end_of_turn_.empty() || !graveyard_.empty()) {
    while (EndOfTurnTask* task = end_of_turn_.popFront()) task->atEndOfTurn();
    std::vector<Grave> graves;
    graves.swap(graveyard_);
    for (const Grave& grave : graves) grave.destroy(grave.object);
  }
}

}  // namespace baton::event
