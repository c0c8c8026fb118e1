// The admin interface's HTTP server: Beast on the main thread's io_context, with a listening socket of its own that the
// next process can adopt. Few connections, small requests, everything with a deadline. Owned by the server; all of it
// runs on the main thread.
#pragma once

#include <chrono>
#include <memory>
#include <unordered_set>
#include <vector>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/basic_stream.hpp>

#include "source/access_log/access_logger.h"
#include "source/admin/handler_table.h"
#include "source/base/result.h"
#include "source/http/matchers.h"
#include "source/network/address.h"
#include "source/network/fd.h"
#include "source/stats/store.h"

namespace baton::admin {

class Server {
 public:
  struct Settings {
    size_t max_connections = 64;
    size_t max_header_bytes = 16 * 1024;
    size_t max_body_bytes = 64 * 1024;
    std::chrono::milliseconds request_timeout{10'000};
    std::chrono::milliseconds idle_timeout{60'000};
    std::chrono::milliseconds write_timeout{30'000};
    std::vector<access_log::AccessLoggerPtr> access_logs;
    std::vector<::baton::http::StringMatcher> allowed_paths;  // empty: all
  };

  Server(boost::asio::io_context& context, const HandlerTable& handlers, stats::Store& store, Settings settings);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Connections wait until resumeAccepting().
  base::Result<void> listen(const network::Address& address);
  // Goes on with a listening socket of another process; likewise.
  base::Result<void> adopt(network::Fd listener);
  // -1 while there is none.
  int listenerFd() const;
  network::Address localAddress() const;

  // The socket stays open while nobody accepts, so that no connection is lost when another process does.
  void stopAccepting();
  void resumeAccepting();
  // Closes the listening socket and all connections.
  void close();

  size_t connections() const { return sessions_.size(); }

 private:
  using Protocol = boost::asio::generic::stream_protocol;
  using Stream = boost::beast::basic_stream<Protocol>;
  class Session;
  struct Listener;
  struct Stats;

  void startSession(Protocol::socket socket);

  boost::asio::io_context& context_;
  const HandlerTable& handlers_;
  const Settings settings_;
  std::unique_ptr<Stats> stats_;
  std::shared_ptr<Listener> listener_;
  std::unordered_set<std::shared_ptr<Session>> sessions_;
  uint64_t next_stream_id_ = 1;
};

}  // namespace baton::admin
