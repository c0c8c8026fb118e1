// Accepts connections on one listening socket and owns them until they end. One per worker and socket; everything
// happens on that worker's loop. The socket was bound by the server or came from another process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "source/base/intrusive_list.h"
#include "source/event/loop.h"
#include "source/network/fd.h"
#include "source/network/listener_config.h"

namespace baton::network {

class ActiveConnection;
class PendingConnection;

class Listener final : private event::Watch::Handler {
 public:
  struct Environment {
    event::Loop& loop;
    const DrainDecision& drain;
    proxy::WorkerContext* worker = nullptr;   // handed to sessions
    ConnectionLimit* global_limit = nullptr;  // of the process; null: none
    std::string worker_name = "worker_0";     // in stats
    // accept4(2), or what a test puts in its place.
    std::function<int(int fd, sockaddr* peer, socklen_t* length, int flags)> accept;
  };

  // `address_index`: which of the configuration's addresses the socket listens on.
  Listener(const Environment& environment, std::shared_ptr<const ListenerConfig> config, size_t address_index,
           Fd socket);
  ~Listener();  // Open connections are dropped.

  // Polls the socket, or stops doing so and keeps it: connections wait in the kernel's queue meanwhile. Both may be
  // called repeatedly.
  base::Result<void> startAccepting();
  void pauseAccepting();
  bool accepting() const { return wanted_; }
  // Stops for good and gives the socket away. Connections go on.
  Fd releaseSocket();

  // Runs a socket that was not accepted here (moved from another process) as though it
  // were. `already_read`: bytes of the stream that its previous owner took. Listener filters are not run again.
  void adopt(AcceptedSocket socket, std::string_view already_read = {});

  // Runs a socket that another worker's listener of the same address accepted: listener filters first.
  void take(AcceptedSocket socket);

  size_t connections() const { return connection_count_; }
  // `visit` may end the connection that it is given.
  void forEachConnection(const std::function<void(Connection& connection, Session& session)>& visit);
  // Tells all sessions of the state of the drain; to be repeated while it goes on.
  void announceDrain();
  bool draining() const { return drain_.draining(); }
  // Ends all connections.
  void terminateConnections();

  const ListenerConfig& config() const { return *config_; }
  std::shared_ptr<const ListenerConfig> sharedConfig() const { return config_; }
  size_t addressIndex() const { return address_index_; }
  int fd() const { return socket_.get(); }
  // Where it really listens: with the port that the kernel chose.
  const Address& localAddress() const { return local_address_; }

 private:
  friend class ActiveConnection;
  friend class PendingConnection;

  void onReady(uint32_t events) override;
  void acceptSome();
  void acceptFailed(int error);
  bool overLimits();
  void accepted(Fd fd, const sockaddr* peer, socklen_t length);
  void countBegin();
  void countEnd();
  void countActiveEnd();
  void filtersDone(AcceptedSocket socket);
  void dropped(AcceptedSocket socket);
  void run(AcceptedSocket socket, std::string_view already_read);
  void ended(ActiveConnection& connection);
  void forget(PendingConnection& pending);

  event::Loop& loop_;
  const DrainDecision& drain_;
  proxy::WorkerContext* const worker_;
  ConnectionLimit* const global_limit_;
  std::function<int(int, sockaddr*, socklen_t*, int)> accept_;
  std::shared_ptr<const ListenerConfig> config_;
  const size_t address_index_;
  ConnectionBalancer* const balancer_;  // null: connections stay where they were accepted
  Fd socket_;
  Address local_address_;
  event::Watch watch_;
  event::Timer retry_;  // after the process ran out of descriptors or memory
  std::chrono::milliseconds retry_delay_{0};
  bool wanted_ = false;
  uint64_t last_accept_turn_ = 0;
  bool exhaustion_logged_ = false;
  stats::Counter worker_cx_total_;
  stats::Gauge worker_cx_active_;
  base::IntrusiveList<ActiveConnection> connections_;
  base::IntrusiveList<PendingConnection> pending_;
  size_t connection_count_ = 0;
};

}  // namespace baton::network
