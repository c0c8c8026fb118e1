#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/tls/tls_fixture.h"

namespace baton::tls {
namespace {

using network::IoStatus;

class TransportTest : public TlsTest {
 protected:
  std::unique_ptr<test::TlsPair> connected(const api::DownstreamTlsContext& server_settings = serverSettings(),
                                           const api::UpstreamTlsContext& client_settings = {}) {
    auto pair = std::make_unique<test::TlsPair>(server(server_settings)->create(), client(client_settings)->create());
    EXPECT_TRUE(pair->handshake()) << pair->server().failureReason() << pair->client().failureReason();
    return pair;
  }
};

TEST_F(TransportTest, HandshakeTellsBothSidesWhatWasAgreed) {
  api::DownstreamTlsContext down = serverSettings();
  down.common_tls_context.alpn_protocols = {"h2,http/1.1"};
  api::UpstreamTlsContext up;
  up.sni = "a.test";
  up.common_tls_context.alpn_protocols = {"http/1.1", "h2"};
  const auto pair = connected(down, up);
  const auto info = pair->server().tlsInfo();
  EXPECT_EQ(info->version, "TLSv1.3");
  EXPECT_EQ(info->cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(info->requested_server_name, "a.test");
  EXPECT_EQ(info->alpn, "h2");
  EXPECT_FALSE(info->session_reused);
  EXPECT_FALSE(info->peer_certificate_presented);
  EXPECT_EQ(info->local_subject, "CN=a.test");
  EXPECT_EQ(info->local_dns_sans, std::vector<std::string>{"a.test"});
  EXPECT_EQ(pair->client().applicationProtocol(), "h2");
  EXPECT_EQ(pair->client().tlsInfo()->peer_subject, "CN=a.test");
  EXPECT_FALSE(pair->client().tlsInfo()->peer_certificate_validated);
  EXPECT_FALSE(pair->server().isPlain());
}

TEST_F(TransportTest, HandshakeIsCounted) {
  connected();
  EXPECT_EQ(counter("listener.l.ssl.handshake"), 1);
  EXPECT_EQ(counter("listener.l.ssl.no_certificate"), 1);
  EXPECT_EQ(counter("listener.l.ssl.connection_error"), 0);
  EXPECT_EQ(counter("listener.l.ssl.versions.TLSv1.3"), 1);
  EXPECT_EQ(counter("listener.l.ssl.ciphers.TLS_AES_128_GCM_SHA256"), 1);
  EXPECT_EQ(counter("listener.l.ssl.curves.X25519"), 1);
  EXPECT_EQ(counter("cluster.c.ssl.handshake"), 1);
  EXPECT_EQ(counter("cluster.c.ssl.sigalgs.ecdsa_secp256r1_sha256"), 1);
  EXPECT_EQ(counter("cluster.c.ssl.no_certificate"), 0);
}

TEST_F(TransportTest, BytesArriveAsTheyWereSent) {
  const auto pair = connected();
  EXPECT_EQ(pair->sendToServer("hello"), "hello");
  EXPECT_EQ(pair->sendToClient("world"), "world");
}

TEST_F(TransportTest, ManySmallPiecesGoOutInOneRecord) {
  const auto pair = connected();
  std::string text = "abcdefghij";
  std::vector<iovec> pieces;
  for (char& c : text) pieces.push_back({&c, 1});
  pieces.insert(pieces.begin() + 3, {nullptr, 0});
  const auto written = pair->server().write(pieces);
  EXPECT_EQ(written.status, IoStatus::kOk);
  EXPECT_EQ(written.bytes, 10);
  char wire[256];
  // 5 bytes of record header, the text, 1 byte of inner type, 16 bytes of tag.
  EXPECT_EQ(::recv(pair->clientFd(), wire, sizeof wire, MSG_PEEK), 5 + 10 + 1 + 16);
  char buffer[64];
  EXPECT_EQ(pair->client().read(buffer).bytes, 10);
  EXPECT_EQ(std::string(buffer, 10), "abcdefghij");
}

TEST_F(TransportTest, HeadAndBodyFillRecordsToTheBrim) {
  const auto pair = connected();
  std::string head(100, 'h');
  std::string body(40'000, 'b');
  const iovec pieces[] = {{head.data(), head.size()}, {body.data(), body.size()}};
  const auto written = pair->server().write(pieces);
  EXPECT_EQ(written.bytes, 40'100);
  int waiting = 0;
  ::ioctl(pair->clientFd(), FIONREAD, &waiting);
  EXPECT_EQ(waiting, 40'100 + 3 * (5 + 1 + 16)) << "three records: two full ones and the rest";
  std::vector<char> buffer(64 * 1024);
  std::string received;
  for (;;) {
    const auto read = pair->client().read(buffer);
    if (read.status != IoStatus::kOk) break;
    received.append(buffer.data(), read.bytes);
  }
  EXPECT_EQ(received, head + body);
  EXPECT_FALSE(pair->client().hasBufferedInput());
}

TEST_F(TransportTest, ShortReadsLeaveBufferedInput) {
  const auto pair = connected();
  const iovec piece{const_cast<char*>("0123456789"), 10};
  pair->client().write({&piece, 1});
  char buffer[4];
  EXPECT_EQ(pair->server().read(buffer).bytes, 4);
  EXPECT_TRUE(pair->server().hasBufferedInput());
  EXPECT_EQ(pair->server().read(buffer).bytes, 4);
  EXPECT_EQ(pair->server().read(buffer).bytes, 2);
  EXPECT_FALSE(pair->server().hasBufferedInput());
  EXPECT_EQ(pair->server().read(buffer).status, IoStatus::kWouldBlock);
}

TEST_F(TransportTest, WriteIntoAFullSocketGoesOnWhereItStopped) {
  const auto pair = connected();
  std::string bytes(4 * 1024 * 1024, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 1000);
  std::string received;
  size_t sent = 0;
  size_t would_block = 0;
  std::vector<char> buffer(10'000);
  while (received.size() < bytes.size()) {
    // The pieces differ from call to call, as those of a caller's buffers do.
    const size_t first = std::min<size_t>(bytes.size() - sent, 1 + sent % 5000);
    const iovec pieces[] = {{bytes.data() + sent, first}, {bytes.data() + sent + first, bytes.size() - sent - first}};
    const auto written = pair->server().write(pieces);
    ASSERT_NE(written.status, IoStatus::kFailed) << pair->server().failureReason();
    sent += written.bytes;
    would_block += written.status == IoStatus::kWouldBlock;
    const auto read = pair->client().read(buffer);
    ASSERT_NE(read.status, IoStatus::kFailed) << pair->client().failureReason();
    received.append(buffer.data(), read.bytes);
  }
  EXPECT_GT(would_block, 10);
  EXPECT_EQ(received, bytes);
}

TEST_F(TransportTest, AHundredMegabytesArriveUnchanged) {
  const auto pair = connected();
  std::string chunk(1024 * 1024, '\0');
  for (size_t i = 0; i < chunk.size(); ++i) chunk[i] = static_cast<char>(i ^ (i >> 8));
  for (int i = 0; i < 100; ++i) {
    chunk[0] = static_cast<char>(i);
    ASSERT_EQ(pair->sendToClient(chunk), chunk) << "megabyte " << i;
  }
}

TEST_F(TransportTest, CloseNotifyIsAnOrderlyEnd) {
  const auto pair = connected();
  EXPECT_EQ(pair->server().shutdownWrite().status, IoStatus::kOk);
  EXPECT_EQ(pair->clientEnd(), IoStatus::kEnd);
  // The other direction is still open.
  EXPECT_EQ(pair->sendToServer("late"), "late");
}

TEST_F(TransportTest, BytesBeforeTheEndAreReadFirst) {
  const auto pair = connected();
  const iovec piece{const_cast<char*>("last words"), 10};
  pair->server().write({&piece, 1});
  pair->server().shutdownWrite();
  char buffer[64];
  const auto read = pair->client().read(buffer);
  EXPECT_EQ(read.status, IoStatus::kOk);
  EXPECT_EQ(read.bytes, 10);
  EXPECT_TRUE(pair->client().hasBufferedInput()) << "the end came in the same read and the socket won't announce it";
  EXPECT_EQ(pair->client().read(buffer).status, IoStatus::kEnd);
}

TEST_F(TransportTest, EndWithoutCloseNotifyIsATruncation) {
  const auto pair = connected();
  ::shutdown(pair->serverFd(), SHUT_WR);
  EXPECT_EQ(pair->clientEnd(), IoStatus::kFailed);
  EXPECT_NE(pair->client().failureReason().find("unexpected eof"), std::string::npos) << pair->client().failureReason();
  EXPECT_EQ(counter("cluster.c.ssl.connection_error"), 0);
}

TEST_F(TransportTest, ChangedBytesAreRefused) {
  const auto pair = connected();
  const iovec piece{const_cast<char*>("attack at dawn"), 14};
  pair->server().write({&piece, 1});
  char wire[256];
  const ssize_t size = ::recv(pair->clientFd(), wire, sizeof wire, 0);
  ASSERT_GT(size, 20);
  wire[size - 1] = static_cast<char>(wire[size - 1] ^ 1);
  ASSERT_EQ(::send(pair->serverFd(), wire, static_cast<size_t>(size), 0), size);
  EXPECT_EQ(pair->clientEnd(), IoStatus::kFailed);
  EXPECT_EQ(pair->client().failureReason(), "TLS_error:|SSL routines:decryption failed or bad record mac");
  EXPECT_EQ(counter("cluster.c.ssl.connection_error"), 1);
}

TEST_F(TransportTest, PlainHttpOnATlsPortFails) {
  test::TlsPair pair(server(serverSettings())->create(), client()->create());
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_GT(::send(pair.clientFd(), request.data(), request.size(), 0), 0);
  EXPECT_EQ(pair.server().handshake().status, IoStatus::kFailed);
  EXPECT_EQ(pair.server().failureReason(), "TLS_error:|SSL routines:http request");
  EXPECT_EQ(counter("listener.l.ssl.connection_error"), 1);
  EXPECT_EQ(pair.server().handshake().status, IoStatus::kFailed) << "a failure stays one";
}

TEST_F(TransportTest, PeerThatLeavesDuringTheHandshakeFailsIt) {
  test::TlsPair pair(server(serverSettings())->create(), client()->create());
  EXPECT_EQ(pair.server().handshake().status, IoStatus::kWouldBlock);
  ::shutdown(pair.clientFd(), SHUT_WR);
  EXPECT_EQ(pair.server().handshake().status, IoStatus::kFailed);
  EXPECT_EQ(counter("listener.l.ssl.connection_error"), 0);
  EXPECT_EQ(pair.server().tlsInfo(), nullptr);
}

TEST_F(TransportTest, WriteToAClosedSocketFailsWithoutASignal) {
  const auto pair = connected();
  ::shutdown(pair->clientFd(), SHUT_RDWR);
  const iovec piece{const_cast<char*>("x"), 1};
  EXPECT_EQ(pair->server().write({&piece, 1}).status, IoStatus::kFailed);
}

TEST_F(TransportTest, RequestSentWithTheFinishedMessageIsBuffered) {
  test::TlsPair pair(server(serverSettings())->create(), client()->create());
  EXPECT_EQ(pair.client().handshake().status, IoStatus::kWouldBlock);
  EXPECT_EQ(pair.server().handshake().status, IoStatus::kWouldBlock);
  EXPECT_EQ(pair.client().handshake().status, IoStatus::kOk);
  const iovec piece{const_cast<char*>("GET"), 3};
  pair.client().write({&piece, 1});
  EXPECT_EQ(pair.server().handshake().status, IoStatus::kOk);
  EXPECT_TRUE(pair.server().hasBufferedInput());
  char buffer[16];
  EXPECT_EQ(pair.server().read(buffer).bytes, 3);
}

// The client's side by hand: our own never renegotiates.
TEST_F(TransportTest, RenegotiationIsRefused) {
  api::DownstreamTlsContext settings = serverSettings();
  settings.common_tls_context.tls_params.tls_maximum_protocol_version = api::TlsParameters::TlsProtocol::kTlsv12;
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  const auto context = server(settings);
  const auto transport = context->create();
  transport->attach(fds[0]);
  const SslCtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  const SslPtr ssl(SSL_new(ctx.get()));
  SSL_set_fd(ssl.get(), fds[1]);
  SSL_set_connect_state(ssl.get());
  for (int turn = 0; turn < 10; ++turn) {
    SSL_do_handshake(ssl.get());
    transport->handshake();
  }
  ASSERT_EQ(SSL_is_init_finished(ssl.get()), 1);
  ASSERT_EQ(SSL_renegotiate(ssl.get()), 1);
  char buffer[64];
  int client_error = SSL_ERROR_WANT_READ;
  for (int turn = 0; turn < 10; ++turn) {
    const int result = SSL_do_handshake(ssl.get());
    client_error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl.get(), result);
    transport->read(buffer);
    if (client_error == SSL_ERROR_SSL) break;
  }
  EXPECT_EQ(client_error, SSL_ERROR_SSL);
  ERR_clear_error();
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_F(TransportTest, KeyUpdateByThePeerGoesUnnoticed) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  const auto context = server(serverSettings());
  const auto transport = context->create();
  transport->attach(fds[0]);
  const SslCtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  const SslPtr ssl(SSL_new(ctx.get()));
  SSL_set_fd(ssl.get(), fds[1]);
  SSL_set_connect_state(ssl.get());
  for (int turn = 0; turn < 10; ++turn) {
    SSL_do_handshake(ssl.get());
    transport->handshake();
  }
  ASSERT_EQ(SSL_key_update(ssl.get(), SSL_KEY_UPDATE_REQUESTED), 1);
  ASSERT_EQ(SSL_write(ssl.get(), "after", 5), 5);
  char buffer[64];
  EXPECT_EQ(transport->read(buffer).bytes, 5);
  const iovec piece{const_cast<char*>("answer"), 6};
  EXPECT_EQ(transport->write({&piece, 1}).bytes, 6);
  EXPECT_EQ(SSL_read(ssl.get(), buffer, sizeof buffer), 6);
  ::close(fds[0]);
  ::close(fds[1]);
}

struct VersionCase {
  const char* name;
  api::TlsParameters::TlsProtocol server_min, server_max, client_min, client_max;
  const char* agreed;  // null: no handshake
};

class VersionTest : public TransportTest, public testing::WithParamInterface<VersionCase> {};

TEST_P(VersionTest, HighestCommonVersionIsAgreed) {
  const VersionCase& c = GetParam();
  api::DownstreamTlsContext down = serverSettings();
  down.common_tls_context.tls_params.tls_minimum_protocol_version = c.server_min;
  down.common_tls_context.tls_params.tls_maximum_protocol_version = c.server_max;
  api::UpstreamTlsContext up;
  up.common_tls_context.tls_params.tls_minimum_protocol_version = c.client_min;
  up.common_tls_context.tls_params.tls_maximum_protocol_version = c.client_max;
  test::TlsPair pair(server(down)->create(), client(up)->create());
  ASSERT_EQ(pair.handshake(), c.agreed != nullptr) << pair.server().failureReason();
  if (c.agreed != nullptr) {
    EXPECT_EQ(pair.server().tlsInfo()->version, c.agreed);
  } else {
    EXPECT_EQ(pair.server().failureReason(), "TLS_error:|SSL routines:unsupported protocol");
  }
}

using Protocol = api::TlsParameters::TlsProtocol;
INSTANTIATE_TEST_SUITE_P(Versions, VersionTest,
                         testing::Values(VersionCase{"DefaultsAgreeOn13", Protocol::kTlsAuto, Protocol::kTlsAuto,
                                                     Protocol::kTlsAuto, Protocol::kTlsAuto, "TLSv1.3"},
                                         VersionCase{"ServerUpTo12", Protocol::kTlsAuto, Protocol::kTlsv12,
                                                     Protocol::kTlsAuto, Protocol::kTlsAuto, "TLSv1.2"},
                                         VersionCase{"ClientUpTo12", Protocol::kTlsAuto, Protocol::kTlsAuto,
                                                     Protocol::kTlsAuto, Protocol::kTlsv12, "TLSv1.2"},
                                         VersionCase{"Old11IsRefusedByDefault", Protocol::kTlsAuto, Protocol::kTlsAuto,
                                                     Protocol::kTlsv11, Protocol::kTlsv11, nullptr},
                                         VersionCase{"Old10IsRefusedByDefault", Protocol::kTlsAuto, Protocol::kTlsAuto,
                                                     Protocol::kTlsv10, Protocol::kTlsv10, nullptr},
                                         VersionCase{"Only13RefusesA12Client", Protocol::kTlsv13, Protocol::kTlsv13,
                                                     Protocol::kTlsv12, Protocol::kTlsv12, nullptr},
                                         VersionCase{"Old10WhenAskedFor", Protocol::kTlsv10, Protocol::kTlsv12,
                                                     Protocol::kTlsv10, Protocol::kTlsv10, "TLSv1"},
                                         VersionCase{"Old11WhenAskedFor", Protocol::kTlsv10, Protocol::kTlsv12,
                                                     Protocol::kTlsv10, Protocol::kTlsv11, "TLSv1.1"}),
                         [](const auto& info) { return info.param.name; });

struct CipherCase {
  const char* name;
  std::vector<std::string> server, client;
  bool prefer_client = false;
  const char* agreed = nullptr;
};

class CipherTest : public TransportTest, public testing::WithParamInterface<CipherCase> {};

TEST_P(CipherTest, CipherIsChosenByPreference) {
  const CipherCase& c = GetParam();
  api::DownstreamTlsContext down = serverSettings();
  down.common_tls_context.tls_params.tls_maximum_protocol_version = Protocol::kTlsv12;
  down.common_tls_context.tls_params.cipher_suites = c.server;
  down.prefer_client_ciphers = c.prefer_client;
  api::UpstreamTlsContext up;
  up.common_tls_context.tls_params.tls_maximum_protocol_version = Protocol::kTlsv12;
  up.common_tls_context.tls_params.cipher_suites = c.client;
  test::TlsPair pair(server(down)->create(), client(up)->create());
  ASSERT_EQ(pair.handshake(), c.agreed != nullptr) << pair.server().failureReason();
  if (c.agreed != nullptr) {
    EXPECT_EQ(pair.server().tlsInfo()->cipher, c.agreed);
  } else {
    EXPECT_EQ(pair.server().failureReason(), "TLS_error:|SSL routines:no shared cipher");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ciphers, CipherTest,
    testing::Values(CipherCase{"Default", {}, {}, false, "ECDHE-ECDSA-AES128-GCM-SHA256"},
                    CipherCase{"ServerDecides",
                               {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"},
                               {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"},
                               false,
                               "ECDHE-ECDSA-AES256-GCM-SHA384"},
                    CipherCase{"ClientDecidesWhenAskedFor",
                               {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"},
                               {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"},
                               true,
                               "ECDHE-ECDSA-AES128-GCM-SHA256"},
                    CipherCase{"ClientWithoutAesHardwareGetsChaCha",
                               {},
                               {"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"},
                               false,
                               "ECDHE-ECDSA-CHACHA20-POLY1305"},
                    CipherCase{"BoringSslGroupsAreRead",
                               {"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]"},
                               {"ECDHE-ECDSA-AES128-GCM-SHA256"},
                               false,
                               "ECDHE-ECDSA-AES128-GCM-SHA256"},
                    CipherCase{"CbcIsNotOfferedByDefault", {}, {"ECDHE-ECDSA-AES128-SHA"}, false, nullptr},
                    CipherCase{"PlainRsaIsNotOfferedByDefault", {}, {"AES128-GCM-SHA256"}, false, nullptr},
                    CipherCase{"CbcWhenAskedFor",
                               {"ECDHE-ECDSA-AES128-SHA"},
                               {"ECDHE-ECDSA-AES128-SHA"},
                               false,
                               "ECDHE-ECDSA-AES128-SHA"}),
    [](const auto& info) { return info.param.name; });

TEST_F(TransportTest, CurveIsTheOneThatBothHave) {
  api::DownstreamTlsContext down = serverSettings();
  down.common_tls_context.tls_params.ecdh_curves = {"P-384", "P-256"};
  api::UpstreamTlsContext up;
  up.common_tls_context.tls_params.ecdh_curves = {"X25519", "P-384"};
  connected(down, up);
  EXPECT_EQ(counter("listener.l.ssl.curves.P-384"), 1);
}

struct AlpnCase {
  const char* name;
  std::vector<std::string> server, client;
  const char* agreed;
};

class AlpnTest : public TransportTest, public testing::WithParamInterface<AlpnCase> {};

TEST_P(AlpnTest, ServersPreferenceDecides) {
  api::DownstreamTlsContext down = serverSettings();
  down.common_tls_context.alpn_protocols = GetParam().server;
  api::UpstreamTlsContext up;
  up.common_tls_context.alpn_protocols = GetParam().client;
  const auto pair = connected(down, up);
  EXPECT_EQ(pair->server().applicationProtocol(), GetParam().agreed);
  EXPECT_EQ(pair->client().applicationProtocol(), GetParam().agreed);
}

INSTANTIATE_TEST_SUITE_P(Protocols, AlpnTest,
                         testing::Values(AlpnCase{"H2First", {"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2"},
                                         AlpnCase{"OnlyH1", {"http/1.1"}, {"h2", "http/1.1"}, "http/1.1"},
                                         AlpnCase{"NothingInCommon", {"h2"}, {"http/1.1"}, ""},
                                         AlpnCase{"ServerHasNone", {}, {"h2"}, ""},
                                         AlpnCase{"ClientHasNone", {"h2"}, {}, ""}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace baton::tls
