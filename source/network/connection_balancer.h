// Gives each accepted connection of one address to the worker that has the fewest of them, for
// connection_balance_config.exact_balance. Shared by the Listener objects of all workers; every method may be called on
// any of their threads. What a worker is given crosses to it as posted work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "source/event/loop.h"
#include "source/network/listener_filter.h"

namespace baton::network {

class Listener;

class ConnectionBalancer {
 public:
  // On the listener's thread, at the beginning and the end of its life. What is on its way to a listener that has left
  // is closed.
  void join(Listener& listener, event::Loop& loop);
  void leave(const Listener& listener);

  // Counts the connection for whoever gets it, then has Listener::take() called there: at once if it is `acceptor`.
  void place(Listener& acceptor, AcceptedSocket socket);
  // A connection that did not come by place() began; any ended.
  void began(const Listener& listener);
  void ended(const Listener& listener);

 private:
  struct Member {
    Listener* listener;
    event::Loop* loop;
    uint64_t id;
    size_t connections = 0;
  };
  Member* find(const Listener& listener);
  Listener* withId(uint64_t id);

  std::mutex mutex_;
  std::vector<Member> members_;
  uint64_t last_id_ = 0;
};

}  // namespace baton::network
