#include "source/server/main_loop.h"

#include <algorithm>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace baton::server {

struct MainLoop::Asio {
  explicit Asio(int poll_fd) : loop_ready(context, ::dup(poll_fd)) {}

  // Ends the wait of run_one_for() when the event loop has something to do; the turn itself follows there. Armed again
  // only after that turn, or the condition would still hold.
  void waitForLoop() {
    if (waiting) return;
    waiting = true;
    loop_ready.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](boost::system::error_code) { waiting = false; });
  }

  bool waiting = false;
  boost::asio::io_context context{1};
  boost::asio::posix::stream_descriptor loop_ready;
};

MainLoop::MainLoop(const base::Clock& clock) : loop_(clock), asio_(std::make_unique<Asio>(loop_.pollFd())) {}

MainLoop::~MainLoop() = default;

boost::asio::io_context& MainLoop::asio() {
  return asio_->context;
}

void MainLoop::runOnce(std::chrono::milliseconds longest) {
  loop_.runOnce(std::chrono::milliseconds(0));
  if (stopping_) return;
  asio_->context.restart();
  asio_->waitForLoop();
  asio_->context.run_one_for(std::min(longest, loop_.untilNextTimer()));
  asio_->context.poll();
  loop_.runOnce(std::chrono::milliseconds(0));
}

void MainLoop::run() {
  while (!stopping_) runOnce(std::chrono::hours(1));
}

}  // namespace baton::server
