#include "source/network/relay.h"

#include <gtest/gtest.h>
#include <optional>
#include <sys/socket.h>

#include "test/support/sockets.h"

namespace baton::network {
namespace {

using std::chrono::milliseconds;
using test::Peer;

class RelayTest : public testing::TestWithParam<bool>, public Relay::Owner {
 protected:
  void SetUp() override { open({}); }
  void open(Relay::State state) {
    auto [left_ours, left_theirs] = GetParam() ? test::unixPair() : test::tcpPair();
    auto [right_ours, right_theirs] = GetParam() ? test::unixPair() : test::tcpPair();
    state[Relay::kLeft].fd = std::move(left_ours);
    state[Relay::kRight].fd = std::move(right_ours);
    ending.reset();
    relay = std::make_unique<Relay>(loop, *this, std::move(state));
    left.emplace(std::move(left_theirs));
    right.emplace(std::move(right_theirs));
    relay->start();
  }
  void onRelayEnded(Relay::Ending how) override {
    ASSERT_FALSE(ending.has_value());
    ending = how;
  }
  bool untilEnded() {
    return loop.runUntil([&] { return ending.has_value(); });
  }
  bool isQuiet() {
    for (int i = 0; i < 5; ++i) loop.runOnce(milliseconds(1));
    const auto start = std::chrono::steady_clock::now();
    loop.runOnce(milliseconds(30));
    return std::chrono::steady_clock::now() - start >= milliseconds(25);
  }
  // Sends all of `bytes` from one peer to the other as quickly as they are taken.
  bool transfers(Peer& from, Peer& to, const std::string& bytes) {
    to.forget();
    size_t sent = 0;
    return loop.runUntil([&] {
      if (sent < bytes.size()) sent += from.send(std::string_view(bytes).substr(sent));
      return to.received().size() >= bytes.size();
    }) && to.received() == bytes;
  }
  static std::string pattern(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761u) >> 13);
    return bytes;
  }

  event::Loop loop;
  std::optional<Peer> left;
  std::optional<Peer> right;
  std::unique_ptr<Relay> relay;
  std::optional<Relay::Ending> ending;
};

INSTANTIATE_TEST_SUITE_P(Sockets, RelayTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Unix" : "Tcp"; });

TEST_P(RelayTest, BytesGoBothWays) {
  left->send("question");
  EXPECT_TRUE(right->receives(loop, "question"));
  right->send("answer");
  EXPECT_TRUE(left->receives(loop, "answer"));
  EXPECT_EQ(relay->received(Relay::kLeft), 8u);
  EXPECT_EQ(relay->received(Relay::kRight), 6u);
  EXPECT_TRUE(isQuiet());
}

TEST_P(RelayTest, LargeTransfersArriveWholeInBothDirectionsAtOnce) {
  const std::string up = pattern(8u << 20);
  const std::string down = pattern(5u << 20);
  size_t sent_up = 0;
  size_t sent_down = 0;
  ASSERT_TRUE(loop.runUntil([&] {
    if (sent_up < up.size()) sent_up += left->send(std::string_view(up).substr(sent_up));
    if (sent_down < down.size()) sent_down += right->send(std::string_view(down).substr(sent_down));
    return right->received().size() >= up.size() && left->received().size() >= down.size();
  }));
  EXPECT_TRUE(right->received() == up);
  EXPECT_TRUE(left->received() == down);
  EXPECT_EQ(relay->received(Relay::kLeft), up.size());
  EXPECT_EQ(relay->received(Relay::kRight), down.size());
}

TEST_P(RelayTest, ASlowReaderStopsTheSenderAndNothingIsLost) {
  const std::string bytes = pattern(16u << 20);
  size_t sent = 0;
  for (int round = 0; round < 200; ++round) {
    sent += left->send(std::string_view(bytes).substr(sent, 1u << 20));
    loop.runOnce();
  }
  ASSERT_LT(sent, bytes.size()) << "the sockets' and the relay's buffers are bounded";
  EXPECT_TRUE(isQuiet()) << "a blocked relay must not spin";
  ASSERT_TRUE(loop.runUntil([&] {
    if (sent < bytes.size()) sent += left->send(std::string_view(bytes).substr(sent));
    return right->received().size() >= bytes.size();
  }));
  EXPECT_TRUE(right->received() == bytes);
}

TEST_P(RelayTest, AnEndGoesThroughWhileTheOtherDirectionLives) {
  left->send("all I have");
  left->endWrite();
  ASSERT_TRUE(right->endedWithin(loop));
  EXPECT_EQ(right->received(), "all I have");
  EXPECT_FALSE(ending.has_value());
  EXPECT_TRUE(isQuiet());
  right->send("late answer");
  EXPECT_TRUE(left->receives(loop, "late answer"));
  right->endWrite();
  ASSERT_TRUE(left->endedWithin(loop));
  ASSERT_TRUE(untilEnded());
  EXPECT_EQ(*ending, Relay::Ending::kDone);
  EXPECT_FALSE(left->wasReset());
}

TEST_P(RelayTest, TheRightSideMayEndFirst) {
  right->send("banner");
  right->endWrite();
  ASSERT_TRUE(left->endedWithin(loop));
  EXPECT_EQ(left->received(), "banner");
  const std::string upload = pattern(1u << 20);
  // The upload goes on towards a side that will say nothing more.
  ASSERT_TRUE(transfers(*left, *right, upload));
  left->endWrite();
  ASSERT_TRUE(right->endedWithin(loop));
  ASSERT_TRUE(untilEnded());
  EXPECT_EQ(*ending, Relay::Ending::kDone);
}

TEST_P(RelayTest, AnEndBehindUnreadBytesWaitsForThem) {
  const std::string bytes = pattern(300'000);
  size_t sent = 0;
  for (int i = 0; i < 100 && sent < bytes.size(); ++i) {
    sent += left->send(std::string_view(bytes).substr(sent));
    loop.runOnce();
  }
  if (sent < bytes.size()) {
    ASSERT_TRUE(loop.runUntil([&] {
      right->received();
      if (sent < bytes.size()) sent += left->send(std::string_view(bytes).substr(sent));
      return sent == bytes.size();
    }));
  }
  left->endWrite();
  ASSERT_TRUE(right->endedWithin(loop));
  EXPECT_TRUE(right->received() == bytes);
}

TEST_P(RelayTest, WhatWasUnsentAtTheStartGoesFirst) {
  Relay::State state;
  state[Relay::kRight].unsent = "first ";
  state[Relay::kLeft].unsent = "hello ";
  state[Relay::kLeft].received = 6;
  open(std::move(state));
  left->send("second");
  right->send("there");
  EXPECT_TRUE(right->receives(loop, "first second"));
  EXPECT_TRUE(left->receives(loop, "hello there"));
  EXPECT_EQ(relay->received(Relay::kLeft), 12u);
}

TEST_P(RelayTest, AnEndFromBeforeTheStartIsPassedOn) {
  Relay::State state;
  state[Relay::kRight].unsent = "tail";
  state[Relay::kLeft].ended = true;
  open(std::move(state));
  ASSERT_TRUE(right->endedWithin(loop));
  EXPECT_EQ(right->received(), "tail");
}

TEST_P(RelayTest, AResetEndsBothSides) {
  left->send("x");
  ASSERT_TRUE(right->receives(loop, "x"));
  right->send("unread by left, so that closing resets");
  ASSERT_TRUE(loop.runUntil([&] { return relay->received(Relay::kRight) > 0; }));
  loop.runOnce();
  left->reset();
  ASSERT_TRUE(untilEnded());
  EXPECT_EQ(*ending, Relay::Ending::kLeftBroke);
  EXPECT_TRUE(right->endedWithin(loop));
  if (!GetParam()) {
    EXPECT_TRUE(right->wasReset()) << "a truncated stream must not look complete";
  }
}

TEST_P(RelayTest, AResetIsNoticedWhileTheOtherSideIsBlocked) {
  const std::string bytes = pattern(16u << 20);
  size_t sent = 0;
  for (int round = 0; round < 100; ++round) {
    sent += left->send(std::string_view(bytes).substr(sent, 1u << 20));
    loop.runOnce();
  }
  left->reset();
  if (GetParam()) {
    // A Unix socket that closed just ends; its bytes still go through.
    ASSERT_TRUE(right->endedWithin(loop));
    return;
  }
  ASSERT_TRUE(untilEnded());
  EXPECT_EQ(*ending, Relay::Ending::kLeftBroke);
}

TEST_P(RelayTest, WritingToASideThatIsGoneEndsTheRelayWithoutASignal) {
  right->reset();
  left->send(std::string(200'000, 'x'));
  ASSERT_TRUE(loop.runUntil([&] {
    if (!ending) left->send("more");
    return ending.has_value();
  }));
  EXPECT_EQ(*ending, Relay::Ending::kRightBroke);
}

TEST_P(RelayTest, TakenApartAndPutTogetherNothingIsLost) {
  const std::string bytes = pattern(12u << 20);
  size_t sent = 0;
  for (int round = 0; round < 100; ++round) {
    sent += left->send(std::string_view(bytes).substr(sent, 1u << 20));
    loop.runOnce();
  }
  Relay::State state = relay->release();
  EXPECT_GT(state[Relay::kLeft].received, 0u);
  relay = std::make_unique<Relay>(loop, *this, std::move(state));
  relay->start();
  ASSERT_TRUE(loop.runUntil([&] {
    if (sent < bytes.size()) sent += left->send(std::string_view(bytes).substr(sent));
    return right->received().size() >= bytes.size();
  }));
  EXPECT_TRUE(right->received() == bytes);
}

TEST_P(RelayTest, StoppingClosesBothSidesWithoutACallback) {
  relay->stop(false);
  EXPECT_TRUE(left->endedWithin(loop));
  EXPECT_TRUE(right->endedWithin(loop));
  loop.runOnce();
  EXPECT_FALSE(ending.has_value());
}

TEST_P(RelayTest, AConnectionThatGoesFromBulkToChatterStillWorks) {
  ASSERT_TRUE(transfers(*left, *right, pattern(2u << 20)));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(transfers(*left, *right, "ping " + std::to_string(i)));
    ASSERT_TRUE(transfers(*right, *left, "pong " + std::to_string(i)));
  }
  ASSERT_TRUE(transfers(*right, *left, pattern(2u << 20)));
}

}  // namespace
}  // namespace baton::network
