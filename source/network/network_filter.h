// What runs on an accepted connection after its filter chain was chosen: the TCP proxy, the HTTP connection manager.
// Factories are built on the main thread from the configuration, immutable, and shared by all workers; sessions belong
// to one connection of one worker.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

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

// For sessions that took their socket out of the connection by release().
class SessionOwner {
 public:
  virtual void sessionEnded() = 0;

 protected:
  ~SessionOwner() = default;
};

struct SessionContext {
  event::Loop& loop;
  Connection& connection;
  SessionOwner& owner;
  const DrainDecision& drain;
  proxy::WorkerContext* worker = nullptr;
};

class NetworkFilterFactory {
 public:
  virtual ~NetworkFilterFactory() = default;
  // The connection is not started yet: the listener does so next, with the session as its handler. Null: the
  // connection is closed (and was counted by the factory).
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
  template <typename Settings>
  using Builder =
      std::function<base::Result<NetworkFilterFactoryPtr>(const Settings& settings, const NetworkFilterPlace& place)>;

  template <typename Settings>
  void add(Builder<Settings> builder) {
    const api::MessageDescription* const type = &describe(static_cast<const Settings*>(nullptr));
    builders_[type] = [builder = std::move(builder)](const void* settings, const NetworkFilterPlace& place) {
      return builder(*static_cast<const Settings*>(settings), place);
    };
  }

  base::Result<NetworkFilterFactoryPtr> build(const api::NetworkFilter& filter, const NetworkFilterPlace& place) const;

 private:
  using AnyBuilder = std::function<base::Result<NetworkFilterFactoryPtr>(const void*, const NetworkFilterPlace&)>;
  std::unordered_map<const api::MessageDescription*, AnyBuilder> builders_;
};

}  // namespace baton::network
