#include "source/network/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <sys/socket.h>

#include "test/support/sockets.h"

namespace baton::network {
namespace {

using std::chrono::milliseconds;
using test::Peer;
using testing::ElementsAre;
using testing::IsEmpty;

// Consumes everything and remembers it, unless told otherwise.
class Recorder : public ConnectionHandler {
 public:
  void onConnected() override { connected = true; }
  size_t onData(std::string_view bytes, bool end) override {
    ++calls;
    if (end) ++ends;
    const size_t consumed = on_data ? on_data(bytes) : bytes.size();
    data += bytes.substr(0, consumed);
    return consumed;
  }
  void onAboveHighWatermark() override { watermarks.push_back("high"); }
  void onBelowLowWatermark() override { watermarks.push_back("low"); }
  void onFlushed() override { ++flushes; }
  void onClosed(CloseReason reason) override {
    ASSERT_FALSE(closed.has_value());
    closed = reason;
  }

  std::function<size_t(std::string_view)> on_data;
  std::string data;
  int calls = 0;
  int ends = 0;
  int flushes = 0;
  bool connected = false;
  std::vector<std::string> watermarks;
  std::optional<CloseReason> closed;
};

class ConnectionTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { open({}); }

  void open(const ConnectionSettings& settings) {
    auto [ours, theirs] = GetParam() ? test::unixPair() : test::tcpPair();
    handler = Recorder();
    connection = std::make_unique<Connection>(loop, ours.release(), makePlainTransport(), ConnectionInfo{}, settings);
    connection->setHandler(handler);
    peer.emplace(std::move(theirs));
    connection->start();
  }

  bool until(const std::function<bool()>& done) { return loop.runUntil(done); }
  bool untilClosed() {
    return until([&] { return handler.closed.has_value(); });
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) loop.runOnce(milliseconds(1));
  }
  // Turns of the loop in which it found something to do although nothing happened.
  bool isQuiet() {
    turns(5);
    const auto start = std::chrono::steady_clock::now();
    loop.runOnce(milliseconds(30));
    return std::chrono::steady_clock::now() - start >= milliseconds(25);
  }

  event::Loop loop;
  Recorder handler;
  std::optional<Peer> peer;
  std::unique_ptr<Connection> connection;
};

INSTANTIATE_TEST_SUITE_P(Sockets, ConnectionTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Unix" : "Tcp"; });

TEST_P(ConnectionTest, BytesReachTheHandler) {
  peer->send("hello");
  ASSERT_TRUE(until([&] { return handler.data == "hello"; }));
  EXPECT_EQ(connection->bytesReceived(), 5u);
  EXPECT_EQ(handler.ends, 0);
}

TEST_P(ConnectionTest, WhatTheHandlerLeavesIsOfferedAgainWithWhatFollows) {
  std::vector<std::string> offers;
  handler.on_data = [&](std::string_view bytes) {
    offers.emplace_back(bytes);
    return bytes == "abc" ? 1 : bytes.size();
  };
  peer->send("abc");
  ASSERT_TRUE(until([&] { return offers.size() == 1; }));
  EXPECT_EQ(connection->unconsumedBytes(), 2u);
  peer->send("def");
  ASSERT_TRUE(until([&] { return offers.size() == 2; }));
  EXPECT_THAT(offers, ElementsAre("abc", "bcdef"));
  EXPECT_EQ(connection->unconsumedBytes(), 0u);
}

TEST_P(ConnectionTest, SmallWritesOfOneTurnLeaveTogether) {
  connection->write("one ");
  connection->write("two ");
  EXPECT_EQ(connection->bytesSent(), 0u);
  connection->write("three");
  EXPECT_TRUE(peer->receives(loop, "one two three"));
  EXPECT_EQ(connection->unsentBytes(), 0u);
}

TEST_P(ConnectionTest, ALargeWriteLeavesAtOnceAfterWhatWasBuffered) {
  connection->write("head:");
  const std::string body(20'000, 'x');
  connection->write(body);
  EXPECT_EQ(connection->bytesSent(), 20'005u);
  EXPECT_TRUE(peer->receives(loop, "head:" + body));
}

TEST_P(ConnectionTest, FlushSendsWhatIsBuffered) {
  connection->write("now");
  connection->flush();
  EXPECT_EQ(connection->bytesSent(), 3u);
}

TEST_P(ConnectionTest, ASlowReaderRaisesTheWatermarkOnceAndLowersItOnce) {
  open({.buffer_limit_bytes = 64 * 1024});
  std::string sent;
  const std::string piece(32 * 1024, 'p');
  while (!connection->aboveHighWatermark()) {
    connection->write(piece);
    sent += piece;
    ASSERT_LT(sent.size(), 100u << 20);
  }
  EXPECT_THAT(handler.watermarks, ElementsAre("high"));
  EXPECT_LE(connection->unsentBytes(), 64u * 1024 + piece.size());
  EXPECT_TRUE(isQuiet());
  EXPECT_TRUE(peer->receives(loop, sent));
  EXPECT_THAT(handler.watermarks, ElementsAre("high", "low"));
  EXPECT_EQ(connection->bytesSent(), sent.size());
}

TEST_P(ConnectionTest, AHandlerThatStopsAtTheHighWatermarkKeepsMemoryBounded) {
  open({.buffer_limit_bytes = 32 * 1024});
  const std::string piece(8 * 1024, 'p');
  constexpr size_t kTotal = 20u << 20;
  size_t written = 0;
  size_t most_unsent = 0;
  size_t received = 0;
  ASSERT_TRUE(until([&] {
    while (!connection->aboveHighWatermark() && written < kTotal) {
      connection->write(piece);
      written += piece.size();
      most_unsent = std::max(most_unsent, connection->unsentBytes());
    }
    received += peer->received().size();
    peer->forget();
    return received >= kTotal;
  }));
  EXPECT_LE(most_unsent, 32u * 1024 + piece.size());
}

TEST_P(ConnectionTest, TheHandlerIsToldWhenAllIsFlushed) {
  connection->notifyWhenFlushed();
  ASSERT_TRUE(until([&] { return handler.flushes == 1; }));
  connection->write("x");
  turns(3);
  EXPECT_EQ(handler.flushes, 1);
  connection->write("y");
  connection->notifyWhenFlushed();
  EXPECT_TRUE(until([&] { return handler.flushes == 2; }));
}

TEST_P(ConnectionTest, APausedConnectionReadsNothingAndIsQuiet) {
  connection->pauseReading();
  peer->send("later");
  EXPECT_TRUE(isQuiet());
  EXPECT_EQ(handler.calls, 0);
  connection->resumeReading();
  EXPECT_EQ(handler.calls, 0) << "not from inside resumeReading()";
  EXPECT_TRUE(until([&] { return handler.data == "later"; }));
}

TEST_P(ConnectionTest, PausesAreCounted) {
  connection->pauseReading();
  connection->pauseReading();
  peer->send("x");
  connection->resumeReading();
  turns(5);
  EXPECT_EQ(handler.calls, 0);
  EXPECT_TRUE(connection->readingPaused());
  connection->resumeReading();
  EXPECT_TRUE(until([&] { return handler.data == "x"; }));
}

TEST_P(ConnectionTest, KeptBytesAreOfferedAgainOnResume) {
  handler.on_data = [&](std::string_view bytes) {
    connection->pauseReading();
    return std::min<size_t>(bytes.size(), 2);
  };
  peer->send("aabbc");
  for (const std::string_view expected : {"aa", "aabb", "aabbc"}) {
    ASSERT_TRUE(until([&] { return handler.data == expected; }));
    turns(3);
    ASSERT_EQ(handler.data, expected);
    connection->resumeReading();
  }
}

TEST_P(ConnectionTest, AResumeInsideTheCallbackOffersTheRestToo) {
  handler.on_data = [&](std::string_view bytes) {
    connection->pauseReading();
    connection->resumeReading();
    return std::min<size_t>(bytes.size(), 1);
  };
  peer->send("abcdef");
  EXPECT_TRUE(until([&] { return handler.data == "abcdef"; }));
}

TEST_P(ConnectionTest, ANewHandlerIsOfferedWhatTheOldOneLeft) {
  handler.on_data = [](std::string_view) { return size_t{0}; };
  peer->send("tunnel");
  ASSERT_TRUE(until([&] { return handler.calls == 1; }));
  Recorder next;
  connection->setHandler(next);
  EXPECT_TRUE(until([&] { return next.data == "tunnel"; }));
}

TEST_P(ConnectionTest, AlreadyReadBytesComeFirst) {
  auto [ours, theirs] = test::tcpPair();
  Recorder other;
  Connection second(loop, ours.release(), makePlainTransport(), ConnectionInfo{}, {});
  second.setHandler(other);
  Peer client(std::move(theirs));
  client.send("world");
  second.start("hello ");
  EXPECT_EQ(other.calls, 0);
  EXPECT_TRUE(until([&] { return other.data == "hello world"; }));
}

TEST_P(ConnectionTest, OneFastPeerDoesNotStarveAnother) {
  auto [ours, theirs] = GetParam() ? test::unixPair() : test::tcpPair();
  Recorder other;
  Connection second(loop, ours.release(), makePlainTransport(), ConnectionInfo{}, {});
  second.setHandler(other);
  second.start();
  Peer quick(std::move(theirs));
  // The first peer sends more whenever its bytes are read: an unbounded read loop would never end.
  peer->send("x");
  handler.on_data = [&](std::string_view bytes) {
    peer->send(std::string(64 * 1024, 'x'));
    return bytes.size();
  };
  quick.send("me too");
  EXPECT_TRUE(until([&] { return other.data == "me too"; }));
}

TEST_P(ConnectionTest, TheEndOfThePeerIsSaidOnceAndWeMayStillWrite) {
  peer->send("question");
  peer->endWrite();
  ASSERT_TRUE(until([&] { return handler.ends == 1; }));
  EXPECT_TRUE(connection->remoteEnded());
  EXPECT_TRUE(isQuiet());
  EXPECT_EQ(handler.data, "question");
  EXPECT_EQ(handler.ends, 1);
  EXPECT_FALSE(handler.closed.has_value());
  connection->write("answer");
  connection->endWrite();
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(*handler.closed, CloseReason::kRemote);
  EXPECT_TRUE(peer->receives(loop, "answer"));
  EXPECT_TRUE(peer->ended());
  EXPECT_FALSE(peer->wasReset());
}

TEST_P(ConnectionTest, WeMayEndFirstAndStillRead) {
  connection->write("bye");
  connection->endWrite();
  connection->write("dropped");
  ASSERT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(peer->received(), "bye");
  peer->send("last words");
  ASSERT_TRUE(until([&] { return handler.data == "last words"; }));
  peer->endWrite();
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(*handler.closed, CloseReason::kRemote);
}

TEST_P(ConnectionTest, TheEndWaitsWhileReadingIsPaused) {
  connection->pauseReading();
  peer->send("tail");
  peer->endWrite();
  connection->endWrite();
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_TRUE(isQuiet()) << "a hang-up that is not acted upon must not spin";
  EXPECT_FALSE(handler.closed.has_value());
  connection->resumeReading();
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(handler.data, "tail");
  EXPECT_EQ(handler.ends, 1);
  EXPECT_EQ(*handler.closed, CloseReason::kRemote);
}

TEST_P(ConnectionTest, KeptBytesOutliveBothEnds) {
  handler.on_data = [&](std::string_view bytes) {
    if (handler.calls == 1) connection->pauseReading();
    return std::min<size_t>(bytes.size(), handler.calls == 1 ? 1 : 100);
  };
  peer->send("rest");
  ASSERT_TRUE(until([&] { return handler.data == "r"; }));
  connection->endWrite();
  peer->endWrite();
  EXPECT_TRUE(isQuiet());
  EXPECT_FALSE(handler.closed.has_value());
  connection->resumeReading();
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(handler.data, "rest");
  EXPECT_EQ(handler.ends, 1);
}

TEST_P(ConnectionTest, AbortEndsAtOnceAndDropsWhatIsUnsent) {
  connection->write("never sent");
  connection->close(CloseType::kAbort);
  EXPECT_EQ(handler.closed, CloseReason::kLocal);
  EXPECT_EQ(connection->state(), Connection::State::kClosed);
  EXPECT_TRUE(peer->endedWithin(loop));
  EXPECT_EQ(peer->received(), "");
  connection->close(CloseType::kAbort);
  connection->write("x");
  connection->endWrite();
  connection->flush();
}

TEST_P(ConnectionTest, FlushCloseSendsEverythingFirst) {
  const std::string body(5u << 20, 'b');
  connection->write(body);
  connection->close(CloseType::kFlush);
  EXPECT_EQ(connection->state(), Connection::State::kClosing);
  EXPECT_FALSE(handler.closed.has_value());
  ASSERT_TRUE(until([&] { return peer->ended(); }));
  EXPECT_EQ(peer->received().size(), body.size());
  EXPECT_FALSE(peer->wasReset());
  EXPECT_EQ(handler.closed, CloseReason::kLocal);
}

TEST_P(ConnectionTest, FlushCloseWithNothingUnsentEndsAtOnce) {
  connection->close(CloseType::kFlush);
  EXPECT_EQ(handler.closed, CloseReason::kLocal);
}

TEST_P(ConnectionTest, LingeringLetsAPeerThatIsStillSendingHaveTheAnswer) {
  const std::string request(1u << 20, 'r');
  size_t sent = peer->send(request);
  connection->write("413 too large");
  connection->close(CloseType::kFlushAndLinger);
  ASSERT_TRUE(until([&] {
    if (sent < request.size()) sent += peer->send(std::string_view(request).substr(sent));
    return sent == request.size() && peer->ended();
  }));
  EXPECT_EQ(peer->received(), "413 too large");
  EXPECT_FALSE(peer->wasReset());
  EXPECT_FALSE(handler.closed.has_value()) << "until the peer ends, too";
  peer->close();
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(*handler.closed, CloseReason::kLocal);
}

TEST_P(ConnectionTest, ABreakOfThePeerIsNoticedWhileReading) {
  peer->send("x");
  ASSERT_TRUE(until([&] { return handler.calls == 1; }));
  if (GetParam()) connection->write("unread, so that closing is a reset");
  turns(2);
  peer->reset();
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(*handler.closed, CloseReason::kRemoteReset);
}

TEST_P(ConnectionTest, ABreakOfThePeerIsNoticedWhilePaused) {
  connection->pauseReading();
  peer->send("x");
  turns(3);
  connection->write("unread");
  turns(2);
  peer->reset();
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(*handler.closed, CloseReason::kRemoteReset);
}

TEST_P(ConnectionTest, WritingToAPeerThatIsGoneEndsTheConnectionWithoutASignal) {
  peer->reset();
  connection->write(std::string(100'000, 'x'));
  ASSERT_TRUE(untilClosed());
  EXPECT_NE(*handler.closed, CloseReason::kLocal);
}

TEST_P(ConnectionTest, WhatThePeerSaidBeforeItWentAwayIsStillRead) {
  peer->send("early answer");
  peer->close();
  // The first write after the peer is gone fails, or provokes the reset.
  connection->write(std::string(64'000, 'x'));
  ASSERT_TRUE(until([&] { return handler.closed.has_value() || handler.ends > 0; }));
  EXPECT_EQ(handler.data, "early answer");
}

TEST_P(ConnectionTest, ClosingInsideTheCallbackIsSafe) {
  handler.on_data = [&](std::string_view bytes) {
    connection->close(CloseType::kAbort);
    return bytes.size();
  };
  peer->send("x");
  ASSERT_TRUE(untilClosed());
  EXPECT_EQ(handler.calls, 1);
}

TEST_P(ConnectionTest, TheViewOfKeptBytesStaysValidWhenTheHandlerCloses) {
  handler.on_data = [&](std::string_view bytes) {
    if (bytes.size() < 2) return size_t{0};
    connection->close(CloseType::kAbort);
    EXPECT_EQ(bytes, "ab");
    return bytes.size();
  };
  peer->send("a");
  ASSERT_TRUE(until([&] { return handler.calls == 1; }));
  peer->send("b");
  EXPECT_TRUE(untilClosed());
}

TEST_P(ConnectionTest, DestroyingInsideTheCallbackByDeleteLaterIsSafe) {
  handler.on_data = [&](std::string_view bytes) {
    loop.deleteLater(std::move(connection));
    return bytes.size();
  };
  peer->send("x");
  ASSERT_TRUE(until([&] { return handler.calls == 1; }));
  EXPECT_TRUE(peer->endedWithin(loop));
}

TEST_P(ConnectionTest, ReleaseGivesTheSocketAndTheBytesInBetween) {
  handler.on_data = [](std::string_view) { return size_t{0}; };
  peer->send("half a request");
  ASSERT_TRUE(until([&] { return handler.calls == 1; }));
  connection->write("unsent");
  const auto released = connection->release();
  const Fd fd(released.fd);
  EXPECT_EQ(released.unconsumed, "half a request");
  EXPECT_EQ(released.unsent, "unsent");
  EXPECT_EQ(connection->state(), Connection::State::kClosed);
  peer->send("more");
  turns(3);
  EXPECT_EQ(handler.calls, 1);
  EXPECT_FALSE(handler.closed.has_value());
  connection.reset();
  EXPECT_FALSE(peer->ended()) << "the socket is still open";
}

TEST_P(ConnectionTest, AnIdleConnectionLooksAliveUntilThePeerEndsOrSpeaks) {
  EXPECT_TRUE(connection->looksAlive());
  peer->send("unasked");
  EXPECT_FALSE(connection->looksAlive());
  ASSERT_TRUE(until([&] { return handler.data == "unasked"; }));
  EXPECT_TRUE(connection->looksAlive());
  peer->close();
  EXPECT_FALSE(connection->looksAlive());
}

TEST_P(ConnectionTest, AHandlerThatConsumesNothingCannotFillTheMemory) {
  handler.on_data = [](std::string_view) { return size_t{0}; };
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 200; ++i) {
    peer->send(piece);
    turns(1);
  }
  EXPECT_LE(connection->unconsumedBytes(), 1024u * 1024 + event::Loop::kReadBufferBytes);
  EXPECT_TRUE(isQuiet());
}

TEST_P(ConnectionTest, OwnerHearsOfTheEndAfterTheHandler) {
  struct Owner : ConnectionOwner {
    void connectionEnded(CloseReason) override { handler_knew = handler->closed.has_value(); }
    Recorder* handler = nullptr;
    bool handler_knew = false;
  } owner;
  owner.handler = &handler;
  connection->setOwner(owner);
  connection->close(CloseType::kAbort);
  EXPECT_TRUE(owner.handler_knew);
}

TEST_P(ConnectionTest, PausedAndResumedWithinATurnCostsNoEvents) {
  handler.on_data = [&](std::string_view bytes) {
    connection->pauseReading();
    connection->resumeReading();
    return bytes.size();
  };
  for (int i = 0; i < 10; ++i) {
    peer->send("x");
    ASSERT_TRUE(until([&] { return handler.data.size() == static_cast<size_t>(i) + 1; }));
  }
  EXPECT_TRUE(isQuiet());
}

// --- simulated time ---

class TimedConnectionTest : public testing::Test {
 protected:
  void pass(milliseconds time) {
    clock.advance(time);
    loop.runOnce();
  }

  base::SimulatedClock clock;
  event::Loop loop{clock};
  Recorder handler;
};

TEST_F(TimedConnectionTest, APeerThatNeverReadsCannotHoldAFlushCloseForever) {
  auto [ours, theirs] = test::tcpPair();
  Connection connection(loop, ours.release(), makePlainTransport(), ConnectionInfo{}, {});
  connection.setHandler(handler);
  connection.start();
  connection.write(std::string(20u << 20, 'x'));
  connection.close(CloseType::kFlush);
  pass(milliseconds(900));
  EXPECT_FALSE(handler.closed.has_value());
  pass(milliseconds(1200));
  EXPECT_EQ(handler.closed, CloseReason::kLocal);
}

TEST_F(TimedConnectionTest, LingeringEndsWithTheDelayedCloseTimeout) {
  auto [ours, theirs] = test::tcpPair();
  Connection connection(loop, ours.release(), makePlainTransport(), ConnectionInfo{},
                        {.delayed_close_timeout = milliseconds(300)});
  connection.setHandler(handler);
  connection.start();
  connection.write("bye");
  connection.close(CloseType::kFlushAndLinger);
  pass(milliseconds(200));
  EXPECT_FALSE(handler.closed.has_value());
  pass(milliseconds(200));
  EXPECT_EQ(handler.closed, CloseReason::kLocal);
}

TEST_F(TimedConnectionTest, WithoutADelayedCloseTimeoutThereIsNoLingering) {
  auto [ours, theirs] = test::tcpPair();
  Connection connection(loop, ours.release(), makePlainTransport(), ConnectionInfo{},
                        {.delayed_close_timeout = milliseconds(0)});
  connection.setHandler(handler);
  connection.start();
  connection.write("bye");
  connection.close(CloseType::kFlushAndLinger);
  EXPECT_EQ(handler.closed, CloseReason::kLocal);
  Peer peer(std::move(theirs));
  EXPECT_TRUE(peer.endedWithin(loop));
  EXPECT_EQ(peer.received(), "bye");
}

TEST_F(TimedConnectionTest, ConnectingSucceedsAndSendsWhatWasWrittenBefore) {
  const Fd listener = test::listenOnLoopback();
  Connection connection(loop, makePlainTransport(), {});
  connection.setHandler(handler);
  bool prepared = false;
  connection.connect(*Address::localOf(listener.get()), milliseconds(1000), [&](int fd) -> base::Result<void> {
    prepared = fd >= 0;
    return {};
  });
  connection.write("early");
  EXPECT_EQ(connection.state(), Connection::State::kConnecting);
  EXPECT_FALSE(handler.connected);
  ASSERT_TRUE(loop.runUntil([&] { return handler.connected; }));
  EXPECT_TRUE(prepared);
  EXPECT_EQ(connection.info().local_address.ip(), "127.0.0.1");
  EXPECT_EQ(connection.info().remote_address, *Address::localOf(listener.get()));
  Peer peer(Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)));
  EXPECT_TRUE(peer.receives(loop, "early"));
  pass(milliseconds(5000));
  EXPECT_FALSE(handler.closed.has_value()) << "the deadline went with the connect";
}

TEST_F(TimedConnectionTest, ARefusedConnectIsTold) {
  Address address;
  {
    const Fd listener = test::listenOnLoopback();
    address = *Address::localOf(listener.get());
  }
  Connection connection(loop, makePlainTransport(), {});
  connection.setHandler(handler);
  connection.connect(address, milliseconds(1000));
  EXPECT_FALSE(handler.closed.has_value()) << "never from inside connect()";
  ASSERT_TRUE(loop.runUntil([&] { return handler.closed.has_value(); }));
  EXPECT_EQ(*handler.closed, CloseReason::kConnectFailed);
  EXPECT_FALSE(handler.connected);
  EXPECT_EQ(connection.info().transport_failure_reason, "delayed connect error: 111");
}

TEST_F(TimedConnectionTest, AFailureToPrepareTheSocketIsAFailedConnect) {
  const Fd listener = test::listenOnLoopback();
  Connection connection(loop, makePlainTransport(), {});
  connection.setHandler(handler);
  connection.connect(*Address::localOf(listener.get()), milliseconds(1000), [](int) -> base::Result<void> {
    return base::Error{base::ErrorCode::kSystem, "bind: no"};
  });
  EXPECT_FALSE(handler.closed.has_value());
  loop.runOnce();
  EXPECT_EQ(handler.closed, CloseReason::kConnectFailed);
}

TEST_F(TimedConnectionTest, AConnectToNowhereEndsWithItsDeadline) {
  // A full accept queue drops further SYNs: the connect neither succeeds nor fails.
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const Address any = *Address::parseIp("127.0.0.1", 0);
  ASSERT_EQ(::bind(listener.get(), any.sockaddrPointer(), any.sockaddrLength()), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const Address address = *Address::localOf(listener.get());
  const Fd first = test::connectTo(address);
  const Fd second = test::connectTo(address);
  Connection connection(loop, makePlainTransport(), {});
  connection.setHandler(handler);
  connection.connect(address, milliseconds(250));
  pass(milliseconds(100));
  ASSERT_FALSE(handler.closed.has_value());
  pass(milliseconds(300));
  EXPECT_EQ(handler.closed, CloseReason::kConnectTimeout);
}

TEST_F(TimedConnectionTest, ConnectingToAUnixSocketWorks) {
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const Address address = *Address::unixSocket("@baton-connection-test-" + std::to_string(::getpid()));
  ASSERT_EQ(::bind(listener.get(), address.sockaddrPointer(), address.sockaddrLength()), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  Connection connection(loop, makePlainTransport(), {});
  connection.setHandler(handler);
  connection.connect(address, milliseconds(1000));
  EXPECT_FALSE(handler.connected);
  EXPECT_TRUE(loop.runUntil([&] { return handler.connected; }));
}

// A transport whose handshake waits for a byte from the peer.
class SlowHandshake final : public Transport {
 public:
  void attach(int fd) override { fd_ = fd; }
  IoResult handshake() override {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, MSG_DONTWAIT);
    if (got < 0) return {IoStatus::kWouldBlock, 0};
    if (got == 0 || byte != '!') {
      reason_ = "TLS_error:|wrong byte";
      return {IoStatus::kFailed, 0};
    }
    inner_->attach(fd_);
    return {};
  }
  IoResult read(std::span<char> into) override { return inner_->read(into); }
  IoResult write(std::span<const iovec> pieces) override { return inner_->write(pieces); }
  IoResult shutdownWrite() override { return inner_->shutdownWrite(); }
  std::string failureReason() const override { return reason_; }
  bool isPlain() const override { return false; }

 private:
  int fd_ = -1;
  std::string reason_;
  std::unique_ptr<Transport> inner_ = makePlainTransport();
};

class HandshakeTest : public TimedConnectionTest {
 protected:
  void SetUp() override {
    auto [ours, theirs] = test::tcpPair();
    connection.emplace(loop, ours.release(), std::make_unique<SlowHandshake>(), ConnectionInfo{}, ConnectionSettings{});
    connection->setHandler(handler);
    connection->limitHandshake(milliseconds(500));
    connection->start();
    peer.emplace(std::move(theirs));
  }
  std::optional<Connection> connection;
  std::optional<Peer> peer;
};

TEST_F(HandshakeTest, TheHandlerIsToldOfTheHandshakeBeforeAnyData) {
  handler.on_data = [&](std::string_view bytes) {
    EXPECT_TRUE(handler.connected);
    return bytes.size();
  };
  EXPECT_EQ(connection->state(), Connection::State::kHandshaking);
  peer->send("!data");
  ASSERT_TRUE(loop.runUntil([&] { return handler.data == "data"; }));
  pass(milliseconds(5000));
  EXPECT_FALSE(handler.closed.has_value());
}

TEST_F(HandshakeTest, WhatIsWrittenBeforeTheHandshakeWaitsForIt) {
  connection->write(std::string(20'000, 'w'));
  loop.runOnce();
  EXPECT_EQ(connection->bytesSent(), 0u);
  peer->send("!");
  EXPECT_TRUE(peer->receives(loop, std::string(20'000, 'w')));
}

TEST_F(HandshakeTest, AFailedHandshakeSaysWhy) {
  peer->send("?");
  ASSERT_TRUE(loop.runUntil([&] { return handler.closed.has_value(); }));
  EXPECT_EQ(*handler.closed, CloseReason::kTransportFailed);
  EXPECT_EQ(connection->info().transport_failure_reason, "TLS_error:|wrong byte");
}

TEST_F(HandshakeTest, AHandshakeThatTakesTooLongIsEnded) {
  pass(milliseconds(400));
  EXPECT_FALSE(handler.closed.has_value());
  pass(milliseconds(250));
  EXPECT_EQ(handler.closed, CloseReason::kConnectTimeout);
}

TEST_F(HandshakeTest, ClosingDuringTheHandshakeEndsAtOnce) {
  connection->close(CloseType::kFlushAndLinger);
  EXPECT_EQ(handler.closed, CloseReason::kLocal);
}

}  // namespace
}  // namespace baton::network
