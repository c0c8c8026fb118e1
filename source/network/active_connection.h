// The two lives of a connection in its listener: pending while listener filters look at it, active once its session
// runs. Both owned by the listener's lists, on its loop.
#pragma once

#include <forward_list>
#include <memory>

#include "source/base/intrusive_list.h"
#include "source/event/loop.h"
#include "source/network/connection.h"
#include "source/network/fd.h"
#include "source/network/listener_config.h"

namespace baton::network {

class Listener;

class PendingConnection final : public base::ListLink<PendingConnection>, private event::Watch::Handler {
 public:
  PendingConnection(Listener& listener, AcceptedSocket socket);
  ~PendingConnection();

  // Runs the filters as far as they get. The object may be gone afterwards.
  void proceed();
  void abandon() { finish(false); }

 private:
  void onReady(uint32_t events) override;
  void onTimeout();
  void finish(bool go_on);

  Listener& listener_;
  // Their own, because they may be destroyed later than the listener.
  const std::shared_ptr<const ListenerConfig> config_;
  AcceptedSocket socket_;
  event::Watch watch_;
  event::Timer timer_;
  size_t next_filter_ = 0;
  std::unique_ptr<ListenerFilter> filter_;
};

class ActiveConnection final : public base::ListLink<ActiveConnection>, private ConnectionOwner, private SessionOwner {
 public:
  ActiveConnection(Listener& listener, AcceptedSocket socket, const FilterChain& chain);
  ~ActiveConnection();

  // Makes the session and starts reading.
  void start(std::string_view already_read);

  Connection& connection() { return connection_; }
  Session& session() { return *session_; }

 private:
  friend class Listener;

  void connectionEnded(CloseReason reason) override;
  void sessionEnded() override;
  void replaceSession(std::unique_ptr<Session> next) override;
  void keep(std::shared_ptr<void> object) override { kept_.push_front(std::move(object)); }
  void log(std::chrono::nanoseconds lived) const;

  Listener& listener_;
  const std::shared_ptr<const ListenerConfig> config_;
  const FilterChain& chain_;
  // Declared first, destroyed last: sessions may look at their connection until they are gone.
  Connection connection_;
  std::unique_ptr<Session> session_;
  std::forward_list<std::shared_ptr<void>> kept_;
  CloseReason reason_ = CloseReason::kLocal;
  bool ended_ = false;
};

}  // namespace baton::network
