#include "source/admin/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

namespace baton::admin {
namespace {

using std::chrono::milliseconds;

// A client that is driven by hand while the server's loop turns.
class Client {
 public:
  Client(boost::asio::io_context& context, const network::Address& address)
      : context_(context), fd_(::socket(address.sockaddrPointer()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(::connect(fd_.get(), address.sockaddrPointer(), address.sockaddrLength()), 0);
  }

  void send(std::string_view bytes) {
    EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // Turns the loop until `wanted` has been received. False when the connection ended or nothing came for long before.
  bool receives(std::string_view wanted) {
    return until([&] { return received_.find(wanted) != std::string::npos; });
  }
  bool ends() {
    until([] { return false; });
    return ended_;
  }
  const std::string& received() const { return received_; }
  void forget() { received_.clear(); }

 private:
  template <typename Done>
  bool until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done() && !ended_ && std::chrono::steady_clock::now() < deadline) {
      context_.restart();
      context_.run_one_for(milliseconds(5));
      char buffer[4096];
      const ssize_t n = ::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n > 0) received_.append(buffer, static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN)) ended_ = true;
    }
    return done();
  }

  boost::asio::io_context& context_;
  network::Fd fd_;
  std::string received_;
  bool ended_ = false;
};

class AdminServer : public testing::Test {
 protected:
  AdminServer() {
    handlers_.add("/see", HandlerTable::Effect::kReads, "", [](const Request& request) {
      return Response::text("seen " + std::string(request.parameter("q").value_or("-")) + "\n");
    });
    handlers_.add("/do", HandlerTable::Effect::kChanges, "", [this](const Request& request) {
      body_ = request.body;
      return Response::ok();
    });
  }
  void start(Server::Settings settings = {}) {
    server_ = std::make_unique<Server>(context_, handlers_, *store_, std::move(settings));
    const auto listening = server_->listen(*network::Address::parse("127.0.0.1:0"));
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    server_->resumeAccepting();
  }
  Client connect() { return Client(context_, server_->localAddress()); }
  // What follows a response may come a turn after the client has it.
  template <typename Done>
  bool eventually(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      context_.restart();
      context_.run_one_for(milliseconds(5));
    }
    return done();
  }

  boost::asio::io_context context_{1};
  HandlerTable handlers_;
  std::unique_ptr<stats::Store> store_ = stats::Store::inMemory();
  std::unique_ptr<Server> server_;
  std::string body_;
};

TEST_F(AdminServer, AnswersOnAConnectionThatStays) {
  start();
  Client client = connect();
  client.send("GET /see?q=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.receives("seen 1\n"));
  EXPECT_NE(client.received().find("HTTP/1.1 200 OK\r\n"), std::string::npos);
  EXPECT_NE(client.received().find("Content-Type: text/plain; charset=UTF-8\r\n"), std::string::npos);
  client.forget();
  client.send("GET /see?q=2 HTTP/1.1\r\nHost: x\r\n\r\nGET /see?q=3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.receives("seen 3\n"));
  EXPECT_NE(client.received().find("seen 2\n"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return store_->findCounter("http.admin.downstream_rq_2xx") == 3u; }));
  EXPECT_EQ(store_->findGauge("http.admin.downstream_cx_active"), 1);
}

TEST_F(AdminServer, HeadGivesTheHeaderOnly) {
  start();
  Client client = connect();
  client.send("HEAD /see HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.ends());
  EXPECT_NE(client.received().find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_EQ(client.received().find("seen"), std::string::npos);
}

TEST_F(AdminServer, PostWithABodyChangesSomething) {
  start();
  Client client = connect();
  client.send("POST /do HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b");
  ASSERT_TRUE(client.receives("OK\n"));
  EXPECT_EQ(body_, "a=b");
}

TEST_F(AdminServer, ChangingByGetIsRefusedWithTheRightMethod) {
  start();
  Client client = connect();
  client.send("GET /do HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.receives("needs POST"));
  EXPECT_NE(client.received().find("405 Method Not Allowed"), std::string::npos);
  EXPECT_NE(client.received().find("Allow: POST\r\n"), std::string::npos);
}

TEST_F(AdminServer, AnotherSitesPageCannotPost) {
  start();
  Client client = connect();
  client.send("POST /do HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_TRUE(client.receives("403 Forbidden"));
  EXPECT_EQ(body_, "");
}

TEST_F(AdminServer, RequestsThatAreTooLargeOrNoneAreRefused) {
  start();
  const std::pair<std::string, std::string_view> cases[] = {
      {"GET /" + std::string(20000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", " 431 "},
      {"POST /do HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", " 413 "},
      {"\x16\x03\x01 this is not HTTP\r\n\r\n", " 400 "},
  };
  for (const auto& [bytes, status] : cases) {
    Client client = connect();
    client.send(bytes);
    EXPECT_TRUE(client.receives(status)) << status << ": " << client.received();
    EXPECT_TRUE(client.ends());
  }
}

TEST_F(AdminServer, ConnectionsBeyondTheLimitAreClosed) {
  start({.max_connections = 2});
  Client first = connect();
  Client second = connect();
  first.send("GET /see HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(first.receives("seen"));
  second.send("GET /see HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(second.receives("seen"));
  Client third = connect();
  EXPECT_TRUE(third.ends());
  EXPECT_EQ(store_->findCounter("listener.admin.downstream_cx_overflow"), 1u);
  EXPECT_EQ(server_->connections(), 2u);
}

TEST_F(AdminServer, SlowAndIdleClientsAreLetGo) {
  start({.request_timeout = milliseconds(20), .idle_timeout = milliseconds(20)});
  Client idle = connect();
  EXPECT_TRUE(idle.ends());
  Client slow = connect();
  slow.send("GET /see HT");
  EXPECT_TRUE(slow.ends());
  EXPECT_EQ(slow.received(), "");
}

TEST_F(AdminServer, ALargeResponseArrivesWhole) {
  const std::string large(3'000'000, 'x');
  handlers_.add("/large", HandlerTable::Effect::kReads, "", [&](const Request&) { return Response::text(large); });
  start();
  Client client = connect();
  client.send("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.ends());
  EXPECT_GT(client.received().size(), large.size());
}

TEST_F(AdminServer, AfterwardsRunsWhenTheResponseIsSent) {
  bool quit = false;
  handlers_.add("/quit", HandlerTable::Effect::kChanges, "", [&](const Request&) {
    Response response = Response::ok();
    response.afterwards = [&] { quit = true; };
    return response;
  });
  start();
  Client client = connect();
  client.send("POST /quit HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.receives("OK\n"));
  EXPECT_TRUE(eventually([&] { return quit; }));
}

TEST_F(AdminServer, AnotherProcessGoesOnWithTheSocketAndCanGiveItBack) {
  start();
  const network::Address address = server_->localAddress();
  Server next(context_, handlers_, *store_, {});
  server_->stopAccepting();
  ASSERT_TRUE(next.adopt(network::Fd(::dup(server_->listenerFd()))).ok());
  next.resumeAccepting();
  Client client(context_, address);
  client.send("GET /see HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.receives("seen"));
  EXPECT_EQ(next.connections(), 1u);
  EXPECT_EQ(server_->connections(), 0u);

  next.close();
  server_->resumeAccepting();
  Client again(context_, address);
  again.send("GET /see HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(again.receives("seen"));
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(AdminServer, ClosingEndsEveryConnection) {
  start();
  Client client = connect();
  client.send("GET /see HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.receives("seen"));
  server_->close();
  EXPECT_TRUE(client.ends());
  EXPECT_EQ(server_->listenerFd(), -1);
  EXPECT_EQ(store_->findGauge("http.admin.downstream_cx_active"), 0);
}

class RecordingLogger final : public access_log::AccessLogger {
 public:
  void log(const access_log::FormatContext& context, const base::Runtime&) const override {
    line = std::string(context.request_headers->path()) + " " + std::string(context.request_headers->authority()) +
           " " + std::to_string(context.info.response_code);
  }
  mutable std::string line;
};

TEST_F(AdminServer, RequestsAreLogged) {
  const auto logger = std::make_shared<RecordingLogger>();
  start({.access_logs = {logger}});
  Client client = connect();
  client.send("GET /nothing HTTP/1.1\r\nHost: x.example\r\n\r\n");
  EXPECT_TRUE(client.receives("invalid path"));
  EXPECT_TRUE(eventually([&] { return logger->line == "/nothing x.example 404"; })) << logger->line;
}

TEST_F(AdminServer, UnixSocketsWorkToo) {
  // Not under TempDir(): a Unix socket's path has at most 107 bytes.
  std::string directory = "/tmp/admin_XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  server_ = std::make_unique<Server>(context_, handlers_, *store_, Server::Settings{});
  const auto address = network::Address::unixSocket(directory + "/admin.sock");
  ASSERT_TRUE(address.ok());
  ASSERT_TRUE(server_->listen(*address).ok());
  server_->resumeAccepting();
  Client client(context_, *address);
  client.send("GET /see HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.receives("seen"));
  server_.reset();
  unlink((directory + "/admin.sock").c_str());
  rmdir(directory.c_str());
}

}  // namespace
}  // namespace baton::admin
