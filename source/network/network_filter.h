// What runs on an accepted connection after its filter chain was chosen. The last filter of a chain makes the session
// that the connection's bytes go to: the TCP proxy, the HTTP connection manager. Each filter before it is asked first,
// and has the next one go on: by making the next one's session at once, which leaves nothing of itself in the way of
// bytes, or later, from a session of its own that waits for something. Factories are built on the main thread from the
// configuration, immutable, and shared by all workers; sessions belong to one connection of one worker.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/listener.h"

#include "source/base/result.h"
#include "source/network/connection.h"
#include "source/network/drain_decision.h"
#include "source/stats/store.h"

namespace baton::proxy {
// What a worker offers to its sessions (clusters, runtime, logs). Defined where the sessions are; passed through here.
struct WorkerContext;
}  // namespace baton::proxy

namespace baton::network {

// The handler of one accepted connection. Owned by the listener's connection, which destroys both at the end of the
// turn in which the connection closed or sessionEnded() was called.
class Session : public ConnectionHandler {
 public:
  virtual ~Session() = default;
  // A drain began, was stepped up or taken back. Quiet connections have to end by themselves during a drain, so a
  // session is told repeatedly (about once a second) while one is under way.
  virtual void onDrain(const DrainDecision& decision) { (void)decision; }
  // The process ends now. What is in flight is lost.
  virtual void terminate() = 0;
  // What it is, for /generations and the like: "http1", "http2", "tcp", "tunnel", "idle".
  virtual const char* kind() const = 0;
};

class SessionOwner {
 public:
  // For sessions that took their socket out of the connection by release().
  virtual void sessionEnded() = 0;
  // For sessions that waited, on an open connection: `next` takes over, and the caller is destroyed at the end of the
  // turn. Null closes the connection.
  virtual void replaceSession(std::unique_ptr<Session> next) = 0;
  // Destroyed with the connection, whichever sessions it has had.
  virtual void keep(std::shared_ptr<void> object) = 0;

 protected:
  ~SessionOwner() = default;
};

struct SessionContext {
  event::Loop& loop;
  Connection& connection;
  SessionOwner& owner;
  const DrainDecision& drain;
  proxy::WorkerContext* worker = nullptr;
  // What a filter chose in place of tcp_proxy's cluster; empty: nothing.
  std::string cluster;
};

class NetworkFilterFactory {
 public:
  virtual ~NetworkFilterFactory() = default;
  // The connection is not started yet: the listener does so next, with the session as its handler. (A filter that
  // waited may make the next one's session on an open connection.) Null: the connection is closed, and was counted by
  // the factory.
  virtual std::unique_ptr<Session> createSession(const SessionContext& context) const = 0;
};

using NetworkFilterFactoryPtr = std::shared_ptr<const NetworkFilterFactory>;

// What builders may want to know about the listener that their filter stands in.
struct NetworkFilterPlace {
  stats::Scope root;            // of everything: "http.<stat_prefix>." and so on begin here
  stats::Scope listener_scope;  // "listener.<address>."
  const api::Listener& listener;
  std::string filter_chain_name;
};

// Which filter does what, by the type of its settings. Filled at start by proxy/ and server/; then only read.
class NetworkFilterRegistry {
 public:
  using Built = base::Result<NetworkFilterFactoryPtr>;
  template <typename Settings>
  using Builder = std::function<Built(const Settings& settings, const NetworkFilterPlace& place)>;
  // Of a filter that others follow; `next` is never null.
  template <typename Settings>
  using PassingBuilder =
      std::function<Built(const Settings& settings, const NetworkFilterPlace& place, NetworkFilterFactoryPtr next)>;

  // A filter that ends its chain.
  template <typename Settings>
  void add(Builder<Settings> builder) {
    builders_[typeOf<Settings>()] = {true,
                                     [builder = std::move(builder)](const void* settings, const auto& place, auto) {
                                       return builder(*static_cast<const Settings*>(settings), place);
                                     }};
  }
  // A filter that others follow.
  template <typename Settings>
  void addPassing(PassingBuilder<Settings> builder) {
    builders_[typeOf<Settings>()] = {
        false, [builder = std::move(builder)](const void* settings, const auto& place, auto next) {
          return builder(*static_cast<const Settings*>(settings), place, std::move(next));
        }};
  }

  // All filters of a chain, which has at least one, as one: that of the first.
  Built build(const std::vector<api::NetworkFilter>& chain, const NetworkFilterPlace& place) const;

 private:
  struct Entry {
    bool ends_chain = true;
    std::function<Built(const void*, const NetworkFilterPlace&, NetworkFilterFactoryPtr)> build;
  };

  template <typename Settings>
  static const api::MessageDescription* typeOf() {
    return &describe(static_cast<const Settings*>(nullptr));
  }

  std::unordered_map<const api::MessageDescription*, Entry> builders_;
};

}  // namespace baton::network
