#include "source/network/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "api/listener.h"

#include "test/support/sockets.h"

namespace baton::network {
namespace {

using testing::HasSubstr;

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  ::getsockopt(fd, level, name, &value, &length);
  return value;
}

ListenSettings loopback() {
  ListenSettings settings;
  settings.address = *Address::parse("127.0.0.1:0");
  return settings;
}

TEST(ListeningSocketTest, SocketsOfSeveralWorkersShareAPort) {
  auto first = openListeningSocket(loopback());
  ASSERT_TRUE(first) << first.error().message;
  ListenSettings settings = loopback();
  settings.address = *Address::localOf(first->get());
  EXPECT_NE(settings.address.port(), 0);
  EXPECT_TRUE(openListeningSocket(settings));
  settings.reuse_port = false;
  const auto refused = openListeningSocket(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "cannot listen on " + settings.address.text() + ": bind: Address already in use");
}

TEST(ListeningSocketTest, OptionsAreSet) {
  ListenSettings settings = loopback();
  settings.freebind = true;
  settings.fast_open_queue_length = 7;
  const int on = 1;
  settings.options.push_back(
      {SOL_SOCKET, SO_KEEPALIVE, {reinterpret_cast<const char*>(&on), sizeof(on)}, SocketOption::When::kListening});
  auto socket = openListeningSocket(settings);
  ASSERT_TRUE(socket) << socket.error().message;
  const int fd = socket->get();
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
  EXPECT_EQ(option(fd, IPPROTO_IP, IP_FREEBIND), 1);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_FASTOPEN), 7);
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
  const Fd client = test::connectTo(*Address::localOf(fd));
  int accepted = -1;
  for (int i = 0; i < 1000 && accepted < 0; ++i) accepted = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
  ASSERT_GE(accepted, 0);
  const Fd connection(accepted);
  EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1) << "inherited from the listening socket";
}

TEST(ListeningSocketTest, AnUnknownOptionIsAnErrorThatNamesIt) {
  ListenSettings settings = loopback();
  settings.options.push_back({SOL_SOCKET, 9999, std::string(4, '\0'), SocketOption::When::kPrebind});
  const auto socket = openListeningSocket(settings);
  ASSERT_FALSE(socket);
  EXPECT_THAT(socket.error().message, HasSubstr("socket option level 1 name 9999"));
}

TEST(ListeningSocketTest, AnIpv6WildcardTakesIpv4OnlyWhenToldSo) {
  ListenSettings settings;
  settings.address = *Address::parse("[::]:0");
  auto socket = openListeningSocket(settings);
  if (!socket) GTEST_SKIP() << "no IPv6 here: " << socket.error().message;
  EXPECT_EQ(option(socket->get(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
  settings.ipv4_compat = true;
  auto both = openListeningSocket(settings);
  ASSERT_TRUE(both);
  EXPECT_EQ(option(both->get(), IPPROTO_IPV6, IPV6_V6ONLY), 0);
}

TEST(ListeningSocketTest, AUnixSocketGetsItsModeAndReplacesALeftover) {
  // Not under TempDir(): a Unix socket's path has at most 107 bytes.
  std::string directory = "/tmp/baton-socket-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/s";
  ListenSettings settings;
  settings.address = *Address::unixSocket(path);
  settings.pipe_mode = 0600;
  {
    auto socket = openListeningSocket(settings);
    ASSERT_TRUE(socket) << socket.error().message;
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_FALSE(openListeningSocket(settings)) << "somebody listens";
  }
  EXPECT_TRUE(openListeningSocket(settings)) << "nobody listens any more";
  ::unlink(path.c_str());
  ::rmdir(directory.c_str());
}

TEST(ListeningSocketTest, AFileThatIsNoSocketIsNotReplaced) {
  std::string path = "/tmp/baton-file-XXXXXX";
  const Fd file(::mkstemp(path.data()));
  ListenSettings settings;
  settings.address = *Address::unixSocket(path);
  EXPECT_FALSE(openListeningSocket(settings));
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  ::unlink(path.c_str());
}

TEST(ListeningSocketTest, AnInheritedSocketGetsTheNewOptions) {
  auto socket = openListeningSocket(loopback());
  ASSERT_TRUE(socket);
  ListenSettings settings = loopback();
  settings.fast_open_queue_length = 9;
  settings.backlog = 5;
  ASSERT_TRUE(applyToInherited(socket->get(), settings));
  EXPECT_EQ(option(socket->get(), IPPROTO_TCP, TCP_FASTOPEN), 9);
}

TEST(ListenSettingsTest, AreReadFromTheListener) {
  api::Listener listener;
  listener.address = api::Address{api::SocketAddress{.address = "::", .port_value = 80, .ipv4_compat = true}, {}};
  listener.additional_addresses.push_back({api::Address{{}, api::Pipe{.path = "@x", .mode = 0640}}});
  listener.tcp_backlog_size = 77;
  listener.socket_options.push_back({.level = 1, .name = 9, .int_value = 1});
  const auto settings = ListenSettings::of(listener);
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->size(), 2u);
  EXPECT_EQ((*settings)[0].address.text(), "[::]:80");
  EXPECT_TRUE((*settings)[0].ipv4_compat);
  EXPECT_TRUE((*settings)[0].reuse_port);
  EXPECT_EQ((*settings)[0].backlog, 77u);
  EXPECT_EQ((*settings)[0].options[0].value, std::string("\x01\0\0\0", 4));
  EXPECT_EQ((*settings)[1].address.text(), "@x");
  EXPECT_FALSE((*settings)[1].reuse_port) << "Unix sockets can't share";
  listener.socket_options[0] = {.level = 1, .name = 9, .buf_value = std::string("raw\0", 4)};
  listener.additional_addresses[0].socket_options =
      api::SocketOptionsOverride{{{.level = 1, .name = 8, .int_value = 2}}};
  const auto own = ListenSettings::of(listener);
  ASSERT_TRUE(own);
  EXPECT_EQ((*own)[0].options[0].value, std::string("raw\0", 4));
  EXPECT_EQ((*own)[1].options[0].name, 8);
  listener.address->socket_address->address = "example.com";
  EXPECT_FALSE(ListenSettings::of(listener));
}

TEST(UpstreamSocketTest, KeepaliveAndSourceAddressAreSet) {
  api::BindConfig bind;
  bind.source_address = api::SocketAddress{.address = "127.0.0.2", .port_value = 0};
  api::TcpKeepalive keepalive{.keepalive_probes = 4, .keepalive_time = 30, .keepalive_interval = 6};
  const auto settings = UpstreamSocketSettings::of(&bind, &keepalive);
  ASSERT_TRUE(settings);
  EXPECT_FALSE(settings->empty());
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(prepareUpstreamSocket(fd.get(), *settings));
  EXPECT_EQ(option(fd.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPCNT), 4);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE), 30);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL), 6);
  EXPECT_EQ(Address::localOf(fd.get())->ip(), "127.0.0.2");
  EXPECT_TRUE(UpstreamSocketSettings::of(nullptr, nullptr)->empty());
}

}  // namespace
}  // namespace baton::network
