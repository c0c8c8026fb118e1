// A client's byte stream, plain or TLS, as simple as a load generator can have it. Owned by a lane; one loop. A user
// may close the channel inside a callback, and destroys it by Loop::deleteLater().
#pragma once

#include <memory>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <string>
#include <string_view>

#include "source/event/loop.h"

namespace baton::restart_bench {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

enum class ChannelEnd {
  kRefused,  // connect(2) failed
  kReset,
  kEof,
  kTls,  // handshake or record layer
};

class Channel final : private event::Watch::Handler {
 public:
  class User {
   public:
    virtual void onOpen() {}
    virtual void onBytes(std::string_view bytes) = 0;
    // The channel is closed; nothing follows.
    virtual void onEnd(ChannelEnd end) = 0;

   protected:
    ~User() = default;
  };

  Channel(event::Loop& loop, User& user) : loop_(loop), user_(user), watch_(loop, *this) {}
  ~Channel() { close(); }

  // The outcome comes as onOpen() or onEnd(), never from inside this call.
  void connect(const sockaddr_in& to, SslPtr ssl = nullptr);
  // Takes an accepted socket.
  void adopt(int fd);
  void send(std::string_view bytes);
  size_t unsent() const { return unsent_.size(); }
  void close();
  bool open() const { return state_ == State::kOpen; }
  SSL* ssl() const { return ssl_.get(); }

 private:
  enum class State { kClosed, kConnecting, kHandshaking, kOpen };

  void onReady(uint32_t events) override;
  void finishConnect();
  void handshake();
  void readSome();
  void flush();
  void wait();
  void end(ChannelEnd end);

  event::Loop& loop_;
  User& user_;
  event::Watch watch_;
  SslPtr ssl_;
  std::string unsent_;
  int fd_ = -1;
  State state_ = State::kClosed;
  bool want_write_ = false;
};

}  // namespace baton::restart_bench
