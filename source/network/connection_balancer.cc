#include "source/network/connection_balancer.h"

#include <algorithm>
#include <memory>

#include "source/network/fd.h"
#include "source/network/listener.h"

namespace baton::network {

ConnectionBalancer::Member* ConnectionBalancer::find(const Listener& listener) {
  const auto found = std::ranges::find(members_, &listener, &Member::listener);
  return found == members_.end() ? nullptr : &*found;
}

void ConnectionBalancer::join(Listener& listener, event::Loop& loop) {
  const std::lock_guard lock(mutex_);
  members_.push_back(Member{&listener, &loop, ++last_id_});
}

void ConnectionBalancer::leave(const Listener& listener) {
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, [&](const Member& member) { return member.listener == &listener; });
}

void ConnectionBalancer::began(const Listener& listener) {
  const std::lock_guard lock(mutex_);
  if (Member* const member = find(listener)) ++member->connections;
}

void ConnectionBalancer::ended(const Listener& listener) {
  const std::lock_guard lock(mutex_);
  if (Member* const member = find(listener)) --member->connections;
}

Listener* ConnectionBalancer::withId(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(members_, id, &Member::id);
  return found == members_.end() ? nullptr : found->listener;
}

void ConnectionBalancer::place(Listener& acceptor, AcceptedSocket socket) {
  {
    const std::lock_guard lock(mutex_);
    Member* fewest = find(acceptor);
    for (Member& member : members_) {
      if (member.connections < fewest->connections) fewest = &member;
    }
    ++fewest->connections;
    if (fewest->listener != &acceptor) {
      // Posted under the lock: a loop outlives the membership of its listener, but not by much.
      auto crossing = std::make_shared<std::pair<Fd, AcceptedSocket>>(Fd(socket.fd), std::move(socket));
      fewest->loop->post([this, id = fewest->id, config = acceptor.sharedConfig(), crossing] {
        // Listeners leave on this thread, so that this one stays while it is used.
        Listener* const listener = withId(id);
        if (listener == nullptr) return;
        crossing->second.fd = crossing->first.release();
        listener->take(std::move(crossing->second));
      });
      return;
    }
  }
  acceptor.take(std::move(socket));
}

}  // namespace baton::network
