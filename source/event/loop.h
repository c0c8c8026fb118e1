// A thread's event loop: readiness of descriptors (epoll), timers, work from other threads, and the end of a turn.
//
// Every worker runs one, and so does the main thread. It is our own rather than an Asio io_context because of what it
// leaves out: waiting for readability costs no system call per wait and holds no buffer, an idle connection is one
// entry in the kernel, and taking a descriptor out is one explicit epoll_ctl, which handing sockets to another process
// depends on. Asio code (admin) joins a loop through AsioBridge.
//
// A turn: wait, deliver readiness, fire due timers, run posted work, run end-of-turn tasks, delete what was given to
// deleteLater(). All methods but post() and stop() belong to the thread that runs the loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "source/base/clock.h"
#include "source/base/intrusive_list.h"
#include "source/base/result.h"
#include "source/event/timer_queue.h"

namespace baton::event {

class Loop;

// Interest of one owner in one descriptor. The descriptor stays the owner's. Level-triggered: as long as a condition
// holds and is asked for, every turn reports it.
class Watch {
 public:
  class Handler {
   public:
    // `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP as epoll_wait(2) gave them. The watch, and its
    // owner if by deleteLater(), may be destroyed inside.
    virtual void onReady(uint32_t events) = 0;

   protected:
    ~Handler() = default;
  };

  Watch(Loop& loop, Handler& handler) : loop_(loop), handler_(&handler) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { stop(); }

  // Starts watching `fd` for `events` (0 is allowed: only errors and hang-ups are reported then).
  base::Result<void> start(int fd, uint32_t events);
  // Changes what is asked for; no system call when nothing changes.
  void setEvents(uint32_t events);
  uint32_t events() const { return events_; }
  // Takes the descriptor out of the loop. Nothing is delivered afterwards, not even what this turn still holds.
  // Must precede close(2) of the descriptor and its passing to another process.
  void stop();
  bool active() const { return fd_ >= 0; }

 private:
  friend class Loop;

  Loop& loop_;
  Handler* handler_;
  int fd_ = -1;
  uint32_t events_ = 0;
  size_t ready_slot_ = SIZE_MAX;  // where this turn's event for it stands, so that stop() can void it
};

// Work at the end of the turn in which it was scheduled, at most once a turn (flush of a connection's writes).
class EndOfTurnTask : public base::ListLink<EndOfTurnTask> {
 public:
  virtual void atEndOfTurn() = 0;

 protected:
  ~EndOfTurnTask() = default;
};

class Loop {
 public:
  // A process that can't create an epoll descriptor can't go on: the constructor ends it with a message.
  explicit Loop(const base::Clock& clock = base::RealClock::instance());
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Runs turns until stop(). What was posted before stop() is run.
  void run();
  // Any thread.
  void stop();
  // One turn that waits at most `longest` for something to happen. For tests and AsioBridge.
  void runOnce(std::chrono::milliseconds longest = std::chrono::milliseconds(0));
  // Turns until `done()` or until `deadline` of real time has passed; false in the latter case. For tests.
  bool runUntil(const std::function<bool()>& done, std::chrono::milliseconds deadline = std::chrono::seconds(20));

  // Any thread: `work` runs on the loop's thread in a coming turn. Order of one thread's posts is kept.
  void post(std::function<void()> work);

  // The time at which this turn began. One clock read a turn, however many ask.
  base::MonotonicTime now() const { return now_; }
  const base::Clock& clock() const { return clock_; }
  // Counts the turns.
  uint64_t turn() const { return turn_; }

  void schedule(EndOfTurnTask& task) {
    task.unlink();
    end_of_turn_.pushBack(task);
  }
  // At the end of the next turn, which comes without waiting: for work that must not starve others.
  void scheduleNextTurn(EndOfTurnTask& task) {
    if (!task.linked()) next_turn_.pushBack(task);
  }

  // Destroys `object` when the turn is over, so that callbacks on the stack may still touch it.
  template <typename T>
  void deleteLater(std::unique_ptr<T> object) {
    if (object == nullptr) return;
    graveyard_.push_back(Grave{object.release(), [](void* dead) { delete static_cast<T*>(dead); }});
  }

  // 64 KiB of scratch for reading. What a handler wants to keep of it must be copied before it returns.
  std::span<char> readBuffer() { return {read_buffer_.get(), kReadBufferBytes}; }

  TimerQueue& timers() { return timers_; }
  // True on the thread that runs the loop, and on any thread while none does.
  bool onLoopThread() const;
  // Readable whenever runOnce() would have something to do, timers excepted.
  int pollFd() const { return epoll_fd_; }
  // When the earliest timer is due.
  std::chrono::milliseconds untilNextTimer() const;

  static constexpr size_t kReadBufferBytes = 64 * 1024;

 private:
  friend class Watch;

  struct Grave {
    void* object;
    void (*destroy)(void*);
  };
  struct ReadyEvent {
    Watch* watch;
    uint32_t events;
  };

  void deliverReady();
  void runPosted();
  void endTurn();

  const base::Clock& clock_;
  base::MonotonicTime now_;
  uint64_t turn_ = 0;
  TimerQueue timers_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::unique_ptr<char[]> read_buffer_;
  std::vector<ReadyEvent> ready_;
  base::IntrusiveList<EndOfTurnTask> end_of_turn_;
  base::IntrusiveList<EndOfTurnTask> next_turn_;
  std::vector<Grave> graveyard_;
  bool stopping_ = false;
  std::thread::id thread_{};

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  bool wake_pending_ = false;
};

}  // namespace baton::event
