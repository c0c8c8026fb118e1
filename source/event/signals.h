// Signals as events of a loop. Blocked in the whole process, so that they arrive here only: must be made before any
// other thread starts. Main thread.
#pragma once

#include <functional>
#include <initializer_list>

#include "source/base/result.h"
#include "source/event/loop.h"

namespace baton::event {

class Signals final : private Watch::Handler {
 public:
  // `received(signal number)` is called from the loop. SIGPIPE is ignored from now on.
  Signals(Loop& loop, std::initializer_list<int> signals, std::function<void(int)> received);
  ~Signals();

  base::Result<void> start();

 private:
  void onReady(uint32_t events) override;

  Watch watch_;
  int fd_ = -1;
  std::function<void(int)> received_;
};

}  // namespace baton::event
