#include "source/admin/server.h"

#include <algorithm>
#include <array>
#include <fcntl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "source/base/log.h"
#include "source/network/connection_info.h"
#include "source/network/socket.h"

namespace baton::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

using base::Result;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kRetryAccept = std::chrono::milliseconds(100);

using BeastRequest = bhttp::request<bhttp::string_body>;
using BeastResponse = bhttp::response<bhttp::string_body>;

Method methodOf(bhttp::verb verb) {
  switch (verb) {
    case bhttp::verb::get:
      return Method::kGet;
    case bhttp::verb::head:
      return Method::kHead;
    case bhttp::verb::post:
      return Method::kPost;
    default:
      return Method::kOther;
  }
}

// A page of another site that makes the browser of an operator post to us. Programs don't send this header.
bool crossSite(const BeastRequest& request) {
  const auto site = request.find("Sec-Fetch-Site");
  return site != request.end() && site->value() != "same-origin" && site->value() != "none";
}

// What a peer has sent was read and is wrong, other than when the connection is.
bool deservesAnswer(boost::system::error_code error) {
  return error.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
         error != bhttp::error::end_of_stream && error != bhttp::error::partial_message;
}

BeastResponse toBeast(Response response, const BeastRequest& request) {
  BeastResponse answer(static_cast<bhttp::status>(response.status), request.version());
  answer.set(bhttp::field::content_type, response.content_type);
  answer.set(bhttp::field::cache_control, "no-cache, max-age=0");
  answer.set("X-Content-Type-Options", "nosniff");
  answer.set(bhttp::field::server, "envoy");
  for (const auto& [name, value] : response.headers) answer.set(name, value);
  answer.keep_alive(request.keep_alive());
  answer.content_length(response.body.size());
  if (request.method() != bhttp::verb::head) answer.body() = std::move(response.body);
  return answer;
}

}  // namespace

struct Server::Stats {
  explicit Stats(stats::Store& store)
      : cx_total(store.counter("http.admin.downstream_cx_total")),
        cx_overflow(store.counter("listener.admin.downstream_cx_overflow")),
        rq_total(store.counter("http.admin.downstream_rq_total")),
        cx_active(store.gauge("http.admin.downstream_cx_active")),
        rq_by_class{store.counter("http.admin.downstream_rq_1xx"), store.counter("http.admin.downstream_rq_2xx"),
                    store.counter("http.admin.downstream_rq_3xx"), store.counter("http.admin.downstream_rq_4xx"),
                    store.counter("http.admin.downstream_rq_5xx")} {}

  stats::Counter cx_total;
  stats::Counter cx_overflow;
  stats::Counter rq_total;
  stats::Gauge cx_active;
  std::array<stats::Counter, 5> rq_by_class;
};

// Kept alive by its coroutine, which may outlive the Server by one turn of the loop.
struct Server::Listener {
  Listener(asio::io_context& context, Server& owner) : server(&owner), acceptor(context), retry(context) {}

  static asio::awaitable<void> run(std::shared_ptr<Listener> self);

  Server* server;  // null: closed
  asio::basic_socket_acceptor<Protocol> acceptor;
  asio::steady_timer retry;
  bool accepting = false;
  // Counts the times that accepting began, so that a coroutine of an earlier time knows that it is over.
  unsigned round = 0;
};

asio::awaitable<void> Server::Listener::run(std::shared_ptr<Listener> self) {
  const unsigned round = self->round;
  const auto active = [&] { return self->server != nullptr && self->accepting && self->round == round; };
  while (active()) {
    auto [error, socket] = co_await self->acceptor.async_accept(kAwait);
    // A connection that was accepted is served, whatever has changed meanwhile.
    if (!error && self->server != nullptr) self->server->startSession(std::move(socket));
    if (!error || !active()) continue;
    BATON_LOG(kAdmin, warn, "admin: accepting a connection failed: {}; trying again", error.message());
    self->retry.expires_after(kRetryAccept);
    co_await self->retry.async_wait(kAwait);
  }
}

// One connection.
class Server::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Server& server, Protocol::socket socket) : server_(&server), stream_(std::move(socket)) {
    auto info = std::make_shared<network::ConnectionInfo>();
    info->id = network::nextConnectionId();
    const int fd = stream_.socket().native_handle();
    if (auto peer = network::Address::peerOf(fd)) info->remote_address = *peer;
    info->direct_remote_address = info->remote_address;
    if (auto local = network::Address::localOf(fd)) info->local_address = *local;
    info_ = std::move(info);
  }

  void start() {
    asio::co_spawn(
        stream_.get_executor(), [self = shared_from_this()] { return self->run(); }, asio::detached);
  }
  void close() {
    server_ = nullptr;
    boost::system::error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  asio::awaitable<void> run() {
    bool more = true;
    while (more && server_ != nullptr) more = co_await serveOne();
    if (server_ != nullptr) {
      boost::system::error_code ignored;
      stream_.socket().shutdown(Protocol::socket::shutdown_send, ignored);
      server_->stats_->cx_active.sub();
      server_->sessions_.erase(shared_from_this());
    }
  }

  // False when the connection is over.
  asio::awaitable<bool> serveOne() {
    const Settings& settings = server_->settings_;
    bhttp::request_parser<bhttp::string_body> parser;
    parser.header_limit(static_cast<uint32_t>(settings.max_header_bytes));
    parser.body_limit(settings.max_body_bytes);
    // Idle until the first byte, then the whole request has one deadline.
    if (buffer_.size() == 0) {
      stream_.expires_after(settings.idle_timeout);
      auto [idle_error, first] = co_await stream_.async_read_some(buffer_.prepare(4096), kAwait);
      if (idle_error || server_ == nullptr) co_return false;
      buffer_.commit(first);
    }
    const auto start = base::RealClock::instance().monotonic();
    const auto start_wall = base::RealClock::instance().wall();
    stream_.expires_after(settings.request_timeout);
    auto [error, bytes] = co_await bhttp::async_read(stream_, buffer_, parser, kAwait);
    if (server_ == nullptr) co_return false;

    const bool readable = !error;
    if (!readable && !deservesAnswer(error)) co_return false;
    const BeastRequest& request = parser.get();
    Response response = readable ? respond(request) : refuse(error);
    if (!readable) response.headers.emplace_back("Connection", "close");
    const int status = response.status;
    const size_t body_bytes = response.body.size();
    const auto afterwards = std::move(response.afterwards);
    BeastResponse answer = toBeast(std::move(response), request);
    if (!readable) answer.keep_alive(false);
    const bool keep_alive = answer.keep_alive();

    stream_.expires_after(settings.write_timeout);
    bhttp::serializer<false, bhttp::string_body> serializer(answer);
    // Two statements: GCC 12 destroys the operands of "co_await (a ? b : c)" twice.
    boost::system::error_code write_error;
    if (request.method() == bhttp::verb::head) {
      auto [failure, bytes_written] = co_await bhttp::async_write_header(stream_, serializer, kAwait);
      write_error = failure;
    } else {
      auto [failure, bytes_written] = co_await bhttp::async_write(stream_, serializer, kAwait);
      write_error = failure;
    }
    if (server_ != nullptr) {
      server_->stats_->rq_total.add();
      server_->stats_->rq_by_class[static_cast<size_t>(std::clamp(status / 100, 1, 5) - 1)].add();
      log(request, status, body_bytes, start, start_wall);
    }
    if (afterwards) afterwards();
    co_return !write_error && keep_alive;
  }

  Response respond(const BeastRequest& request) {
    Request parsed =
        Request::parse(methodOf(request.method()), std::string_view(request.target().data(), request.target().size()));
    if (parsed.method == Method::kPost && crossSite(request)) {
      return Response::text("refused: this request comes from another site's page\n", 403);
    }
    const auto& allowed = server_->settings_.allowed_paths;
    const auto matches = [&](const ::baton::http::StringMatcher& matcher) { return matcher.matches(parsed.path); };
    if (!allowed.empty() && std::ranges::none_of(allowed, matches)) {
      return Response::text("request to path " + parsed.path + " not allowed\n", 403);
    }
    parsed.body = request.body();
    return server_->handlers_.dispatch(parsed);
  }

  static Response refuse(boost::system::error_code error) {
    if (error == bhttp::error::body_limit) return Response::text("the request's body is too large\n", 413);
    if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
      return Response::text("the request's header is too large\n", 431);
    }
    return Response::text("not a request that is understood here: " + error.message() + "\n", 400);
  }

  void log(const BeastRequest& request, int status, size_t body_bytes, base::MonotonicTime start,
           base::WallTime start_wall) {
    if (server_->settings_.access_logs.empty()) return;
    const auto view = [](auto text) { return std::string_view(text.data(), text.size()); };
    ::baton::http::HeaderMap headers;
    headers.add(::baton::http::HeaderName::kMethod, view(request.method_string()));
    headers.add(::baton::http::HeaderName::kPath, view(request.target()));
    for (const auto& field : request) {
      if (field.name() == bhttp::field::host) {
        headers.add(::baton::http::HeaderName::kAuthority, view(field.value()));
      } else {
        headers.addAnyCase(view(field.name_string()), view(field.value()));
      }
    }
    ::baton::http::StreamInfo info;
    info.connection = info_;
    info.remote_address = info_->remote_address;
    info.stream_id = server_->next_stream_id_++;
    info.start = start;
    info.start_wall = start_wall;
    info.end = base::RealClock::instance().monotonic();
    info.protocol = request.version() == 10 ? ::baton::http::Protocol::kHttp10 : ::baton::http::Protocol::kHttp11;
    info.response_code = status;
    info.response_code_details = "admin_filter_response";
    info.bytes_received = request.body().size();
    info.bytes_sent = request.method() == bhttp::verb::head ? 0 : body_bytes;
    const access_log::FormatContext context{.info = info, .request_headers = &headers, .log_type = "DownstreamEnd"};
    static const base::Runtime no_runtime;
    for (const auto& logger : server_->settings_.access_logs) logger->log(context, no_runtime);
  }

  Server* server_;  // null: closed by the server
  Stream stream_;
  beast::flat_buffer buffer_;
  std::shared_ptr<const network::ConnectionInfo> info_;
};

Server::Server(asio::io_context& context, const HandlerTable& handlers, stats::Store& store, Settings settings)
    : context_(context), handlers_(handlers), settings_(std::move(settings)), stats_(std::make_unique<Stats>(store)) {}

Server::~Server() {
  close();
}

Result<void> Server::listen(const network::Address& address) {
  network::ListenSettings settings{.address = address};
  settings.reuse_port = false;  // two processes on one admin port would answer by chance
  auto socket = network::openListeningSocket(settings);
  if (!socket) return socket.error();
  return adopt(std::move(*socket));
}

Result<void> Server::adopt(network::Fd listener) {
  close();
  auto local = network::Address::localOf(listener.get());
  if (!local) return local.error();
  listener_ = std::make_shared<Listener>(context_, *this);
  boost::system::error_code error;
  const Protocol protocol(local->sockaddrPointer()->sa_family, 0);
  listener_->acceptor.assign(protocol, listener.get(), error);
  if (error) {
    listener_.reset();
    return base::Error{base::ErrorCode::kSystem, "admin: " + error.message()};
  }
  listener.release();
  return {};
}

int Server::listenerFd() const {
  return listener_ == nullptr ? -1 : listener_->acceptor.native_handle();
}

network::Address Server::localAddress() const {
  if (listener_ == nullptr) return {};
  auto local = network::Address::localOf(listenerFd());
  return local ? *local : network::Address();
}

void Server::stopAccepting() {
  if (listener_ == nullptr) return;
  listener_->accepting = false;
  boost::system::error_code ignored;
  listener_->acceptor.cancel(ignored);
  listener_->retry.cancel();
}

void Server::resumeAccepting() {
  if (listener_ == nullptr || listener_->accepting) return;
  listener_->accepting = true;
  ++listener_->round;
  asio::co_spawn(context_, Listener::run(listener_), asio::detached);
}

void Server::close() {
  if (listener_ != nullptr) {
    stopAccepting();
    listener_->server = nullptr;
    // Released before it is closed: another process may hold the same socket, and then closing alone would leave it
    // in our epoll set.
    boost::system::error_code ignored;
    const network::Fd closer(listener_->acceptor.release(ignored));
    listener_.reset();
  }
  for (const auto& session : sessions_) {
    session->close();
    stats_->cx_active.sub();
  }
  sessions_.clear();
}

void Server::startSession(Protocol::socket socket) {
  if (sessions_.size() >= settings_.max_connections) {
    stats_->cx_overflow.add();
    return;
  }
  // Asio accepts without it.
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  stats_->cx_total.add();
  stats_->cx_active.add();
  const auto session = std::make_shared<Session>(*this, std::move(socket));
  sessions_.insert(session);
  session->start();
}

}  // namespace baton::admin
