// The conversation between parent and child: a SOCK_SEQPACKET Unix socket, one message a packet, with descriptors
// (SCM_RIGHTS). Watched by the main thread's loop; sends block at most as long as the socket's buffer is full, which
// is bounded by acknowledgements, and a peer that does not read for kSendPatience counts as gone.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "source/base/result.h"
#include "source/event/loop.h"
#include "source/network/address.h"
#include "source/network/fd.h"
#include "source/server/hot_restart/message.h"

namespace baton::server::hot_restart {

struct PeerCredentials {
  int pid = 0;
  unsigned uid = 0;
};

class Channel final : private event::Watch::Handler {
 public:
  class Handler {
   public:
    virtual void onMessage(Message&& message) = 0;
    // The peer is gone or broke the protocol; nothing more comes. `why` is for the log.
    virtual void onChannelClosed(const std::string& why) = 0;

   protected:
    ~Handler() = default;
  };

  Channel(event::Loop& loop, network::Fd socket);
  ~Channel() = default;

  // Connects to the restart socket of a running process. kNotFound when nobody listens there.
  static base::Result<network::Fd> connect(const network::Address& address);

  // Messages are delivered from the loop from now on.
  void start(Handler& handler);
  // A failure to send is reported by onChannelClosed() from the loop, never from inside. Only a message of one packet
  // may have descriptors.
  void send(const Message& message);
  void send(MessageType type) { send(Message{type, {}, {}}); }
  // Delivers what has arrived without waiting for the loop to say so.
  void receivePending() { onReady(0); }
  // Blocks until something is there to receive. False after `timeout`.
  bool waitReadable(std::chrono::milliseconds timeout) const;
  PeerCredentials peer() const;
  bool open() const { return watch_.active(); }
  void close();

 private:
  void sendPacket(std::string packet, const std::vector<network::Fd>& descriptors);
  void onReady(uint32_t events) override;
  // Takes in a piece of a message. Delivers the message with its last one.
  void takePart(Message&& part);
  void deliver(Message&& message);
  // False when nothing more is to be read now.
  bool receiveOne();
  void fail(const std::string& why);

  event::Loop& loop_;
  network::Fd socket_;
  event::Watch watch_;
  Handler* handler_ = nullptr;
  std::unique_ptr<char[]> packet_;
  std::string parts_;  // of a message that has not come whole
  std::string send_failure_;
  bool reset_ = false;  // the peer closed with something unread
};

// The restart socket of this process: accepts children. Its descriptor goes to the child with the listeners, so that
// the name stays the same over all generations.
class ChannelListener final : private event::Watch::Handler {
 public:
  ChannelListener(event::Loop& loop, std::function<void(network::Fd)> on_child);
  ~ChannelListener() = default;

  // Binds the name anew. The caller holds the lineage's lock, so a path that exists belongs to a dead process.
  base::Result<void> bind(const network::Address& address, uint32_t mode);
  void adopt(network::Fd socket) { socket_ = std::move(socket); }
  base::Result<void> startAccepting();
  // Keeps the descriptor: the child accepts on it meanwhile.
  void stopAccepting() { watch_.stop(); }
  int fd() const { return socket_.get(); }
  void close();

 private:
  void onReady(uint32_t events) override;

  event::Watch watch_;
  network::Fd socket_;
  std::function<void(network::Fd)> on_child_;
};

}  // namespace baton::server::hot_restart
