// A refused connection that is kept for a while before it is closed, so that a client that tries again at once does not
// do so in a tight loop. Nothing is read from it meanwhile. On its worker.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "source/event/timer_queue.h"
#include "source/network/network_filter.h"

namespace baton::proxy {

class HeldSession final : public network::Session {
 public:
  // Null, which closes the connection at once, when there is nothing to wait for.
  static std::unique_ptr<network::Session> make(const network::SessionContext& context,
                                                std::optional<std::chrono::milliseconds> delay) {
    if (!delay || *delay <= delay->zero()) return nullptr;
    return std::unique_ptr<network::Session>(new HeldSession(context, *delay));
  }

  size_t onData(std::string_view, bool) override { return 0; }
  void onClosed(network::CloseReason) override { timer_.cancel(); }
  void terminate() override { connection_.close(network::CloseType::kAbort); }
  const char* kind() const override { return "held"; }

 private:
  HeldSession(const network::SessionContext& context, std::chrono::milliseconds delay)
      : connection_(context.connection), timer_(context.loop, [this] { terminate(); }) {
    connection_.pauseReading();
    timer_.arm(delay);
  }

  network::Connection& connection_;
  event::Timer timer_;
};

}  // namespace baton::proxy
