// The main thread's loop: an event::Loop with an Asio io_context beside it, for the parts that are written with Asio
// (the admin server). Both make progress on the one thread.
#pragma once

#include <memory>

#include "source/event/loop.h"

namespace boost::asio {
class io_context;
}

namespace baton::server {

class MainLoop {
 public:
  explicit MainLoop(const base::Clock& clock);
  ~MainLoop();

  event::Loop& loop() { return loop_; }
  boost::asio::io_context& asio();

  // Turns until stop().
  void run();
  void stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }
  // One turn of both, waiting at most `longest`.
  void runOnce(std::chrono::milliseconds longest);

 private:
  struct Asio;

  event::Loop loop_;
  std::unique_ptr<Asio> asio_;
  bool stopping_ = false;
};

}  // namespace baton::server
